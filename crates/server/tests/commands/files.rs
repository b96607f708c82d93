//! The files that commands and servers create are their owner's alone.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::common::{Data, EMAIL, PASSWORD, Server, run};
use crate::{assert_no_database, assert_succeeds, trouble};

const COMMANDS: [&[&str]; 5] = [
    &["account", "add", "--email", EMAIL, "--company", "Example, Inc."],
    &["account", "reset-password", "--email", EMAIL],
    &["invite"],
    &["backup", "copy"],
    &["import", "keys"],
];

#[test]
fn a_command_in_the_wrong_folder_creates_nothing() {
    let parent = TempDir::new().unwrap();
    fs::write(parent.path().join("keys"), "").unwrap();
    let names = |folder: &Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let run = |folder: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ctx-key-server"));
        command
            .current_dir(parent.path())
            .env_remove("DATABASE_URL")
            .args(["--data", folder])
            .args(arguments);
        run(&mut command, &format!("{PASSWORD}\n"))
    };
    fs::create_dir(parent.path().join("empty")).unwrap();
    fs::create_dir(parent.path().join("other")).unwrap();
    // an empty file, as a server leaves it that is killed at its start
    fs::write(parent.path().join("other/ctx-key.sqlite"), "").unwrap();
    // a folder that has the name of a database
    fs::create_dir_all(parent.path().join("taken/ctx-key.sqlite/folder")).unwrap();
    for arguments in COMMANDS {
        for folder in ["missing", "empty", "other", "keys", "taken"] {
            assert_no_database(&run(folder, arguments), &parent.path().join(folder));
        }
        assert_eq!(names(parent.path()), ["empty", "keys", "other", "taken"], "{arguments:?}");
        assert_eq!(names(&parent.path().join("empty")), [""; 0], "{arguments:?}");
        assert_eq!(names(&parent.path().join("other")), ["ctx-key.sqlite"], "{arguments:?}");
        assert_eq!(names(&parent.path().join("taken")), ["ctx-key.sqlite"], "{arguments:?}");
    }
    assert_succeeds(&run("missing", &["migrate"]));
    assert_eq!(mode(&parent.path().join("missing")), 0o700);
    assert_eq!(mode(&parent.path().join("missing/ctx-key.sqlite")), 0o600);
    assert_succeeds(&run("missing", &["invite"]));
}

/// The permissions of a file or folder.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The modes of the folder and of the three files of a database that is in use.
fn modes(folder: &Path) -> [u32; 4] {
    ["", "ctx-key.sqlite", "ctx-key.sqlite-wal", "ctx-key.sqlite-shm"].map(|name| mode(&folder.join(name)))
}

const CLOSED: [u32; 4] = [0o700, 0o600, 0o600, 0o600];

/// Starts a server on SQLite with this umask in this working directory.
fn start_on_sqlite(mask: &str, current: &Path, data: &str) -> Server {
    let mut command = Command::new("sh");
    let script = "umask $0 && exec \"$@\"";
    command.args(["-c", script, mask, env!("CARGO_BIN_EXE_ctx-key-server"), "--listen", "127.0.0.1:0"]);
    command.args(["--data", data]).current_dir(current).env_remove("DATABASE_URL").env("RUST_LOG", "warn");
    Server::run(&Data { folder: TempDir::new().unwrap(), database_url: None }, command)
}

#[test]
fn only_the_owner_reads_the_data_folder() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("data");
    for mask in ["000", "022", "077", "002"] {
        let server = start_on_sqlite(mask, parent.path(), "data");
        assert_eq!(modes(&folder), CLOSED, "umask {mask}");
        server.stop();
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn permissions_of_older_files_are_restricted() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("data");
    let mut server = start_on_sqlite("077", parent.path(), "data");
    // a killed server leaves its files
    server.kill();
    let open = || {
        set_mode(&folder, 0o755);
        for name in ["ctx-key.sqlite", "ctx-key.sqlite-wal", "ctx-key.sqlite-shm"] {
            set_mode(&folder.join(name), 0o644);
        }
    };
    open();
    let mut server = start_on_sqlite("022", parent.path(), "data");
    assert_eq!(modes(&folder), CLOSED);
    server.kill();
    open();
    let link = parent.path().join("link");
    symlink(&folder, &link).unwrap();
    let mut server = start_on_sqlite("022", parent.path(), "link");
    assert_eq!((modes(&folder), link.is_symlink()), (CLOSED, true));
    server.kill();
    open();
    for data in [".", "../data", "./"] {
        start_on_sqlite("022", &folder, data).kill();
        assert_eq!(modes(&folder), CLOSED, "{data}");
        open();
    }
    // a command closes them as well, while a server runs
    let server = start_on_sqlite("022", parent.path(), "data");
    open();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctx-key-server"));
    command.arg("--data").arg(&folder).env_remove("DATABASE_URL").arg("invite");
    assert_succeeds(&run(&mut command, ""));
    assert_eq!(modes(&folder), CLOSED);
    server.stop();
}

#[test]
fn the_target_of_a_linked_database_is_restricted() {
    let parent = TempDir::new().unwrap();
    let [data, disk] = ["data", "disk"].map(|name| parent.path().join(name));
    fs::DirBuilder::new().mode(0o755).create(&disk).unwrap();
    fs::DirBuilder::new().mode(0o755).create(&data).unwrap();
    fs::write(disk.join("file"), "").unwrap();
    set_mode(&disk.join("file"), 0o644);
    symlink("../disk/file", data.join("ctx-key.sqlite")).unwrap();
    let names = ["file", "file-wal", "file-shm"];
    start_on_sqlite("022", parent.path(), "data").kill();
    names.iter().for_each(|name| set_mode(&disk.join(name), 0o644));
    let _server = start_on_sqlite("022", parent.path(), "data");
    let modes = names.map(|name| mode(&disk.join(name)));
    assert_eq!((mode(&data), modes), (0o700, [0o600; 3]));
}

#[test]
fn a_folder_that_everybody_may_use_keeps_its_permissions() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("data");
    fs::create_dir(&folder).unwrap();
    set_mode(&folder, 0o1777);
    let _server = start_on_sqlite("000", parent.path(), "data");
    assert_eq!(modes(&folder), [0o1777, 0o600, 0o600, 0o600]);
}

#[test]
fn files_of_another_owner_are_named_in_the_log_and_used() {
    const NAME: &str = "files_of_another_owner_are_named_in_the_log_and_used";
    const NOBODY: u32 = 65534;
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("data");
    fs::create_dir(&folder).unwrap();
    if chown(&folder, Some(0), Some(NOBODY)).is_err() {
        return trouble::skip_because(NAME, "only root makes files of another owner");
    }
    set_mode(parent.path(), 0o755);
    set_mode(&folder, 0o770);
    // the program is copied to a folder where every user may read and run it
    let program = parent.path().join("server");
    fs::copy(env!("CARGO_BIN_EXE_ctx-key-server"), &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&program);
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(&folder).env_remove("DATABASE_URL");
    let log = parent.path().join("log");
    command.stderr(fs::File::create(&log).unwrap()).stdin(Stdio::null());
    let data = Data { folder: TempDir::new().unwrap(), database_url: None };
    let server = Server::run(&data, command);
    server.set_up(&data);
    server.log_in();
    let log = fs::read_to_string(log).unwrap();
    let path = folder.display().to_string();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert!(lines.len() == 1 && lines[0].contains(&path) && lines[0].contains("mode 700"), "{log}");
    assert_eq!(modes(&folder), [0o770, 0o600, 0o600, 0o600]);
}

#[test]
fn an_error_shows_no_key_that_a_path_contains() {
    let data = Data::new();
    Server::start(&data).stop();
    let key = ctx_key::ApiKey::generate();
    let id = key.id();
    let output = data.run(&["import", &format!("/nowhere/{}", key.expose_secret())]);
    let message = format!("error: can't read /nowhere/ctx_{id}***: entity not found\n");
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), message));
}
