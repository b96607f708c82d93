//! The commands of an operator, beside a running server, and the files that commands and servers create.

mod common;
mod trouble;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{Data, EMAIL, PASSWORD, Server, rest, run, wait};
use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
use serde_json::{Value, json};
use tempfile::TempDir;
use trouble::{Fixture, database_file, number, sqlite, status};

/// Number of keys in CI: one more than a statement stores. README has the time for a million.
fn imported_keys() -> usize {
    std::env::var("CTX_KEY_TEST_IMPORT").map_or(20_001, |keys| keys.parse().expect("a number of keys"))
}

#[track_caller]
fn assert_succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_backup_under_writes_has_every_key_that_was_shown() {
    let fixture = Fixture::new();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ctx-key.sqlite");
    let path = file.to_str().unwrap();
    if fixture.data.is_postgres() {
        let output = fixture.data.run(&["backup", path]);
        let message =
            "error: backup copies an SQLite database: use pg_dump or pg_basebackup for PostgreSQL\n";
        assert_eq!((output.status.code(), output.stderr), (Some(1), message.into()));
        return assert!(!file.exists());
    }
    let (shown, is_over) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let before = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // the test does not end before this thread
                let key = fixture.key();
                shown.lock().unwrap().push(key);
            }
        });
        wait(|| shown.lock().unwrap().len() > 5);
        let before = shown.lock().unwrap().clone();
        let output = fixture.data.run(&["backup", path]);
        is_over.store(true, Ordering::Relaxed);
        assert_succeeds(&output);
        before
    });
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = fixture.data.run(&["backup", path]);
    let message = format!("error: the file {path} exists: choose another name\n");
    assert_eq!((again.status.code(), String::from_utf8(again.stderr).unwrap()), (Some(1), message));

    fs::write(folder.path().join("has-accounts"), "").unwrap();
    let copy = Data { folder, database_url: None };
    let check: String = sqlite(&copy).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let server = Server::start(&copy);
    for key in &before {
        assert_eq!(status(&server, key), 200);
    }
}

/// The reason for `backup`.
#[test]
fn a_copy_of_the_one_file_lacks_recent_keys() {
    const NAME: &str = "a_copy_of_the_one_file_lacks_recent_keys";
    let fixture = Fixture::new();
    if fixture.data.is_postgres() {
        return trouble::skip_because(NAME, "only SQLite has the file");
    }
    trouble::execute(&fixture.data, "PRAGMA wal_checkpoint(FULL)");
    let stored = format!("SELECT count(*) FROM api_keys WHERE id = '{}'", trouble::id(&fixture.key()));
    let copy = Data { folder: TempDir::new().unwrap(), database_url: None };
    fs::copy(database_file(&fixture.data), database_file(&copy)).unwrap();
    assert_eq!((number(&fixture.data, &stored), number(&copy, &stored)), (Some(1), Some(0)));
}

#[test]
fn a_backup_that_can_t_be_made_leaves_no_file() {
    let mut data = Data::new();
    data.database_url = None;
    let file = data.folder.path().join("copy");
    let path = file.to_str().unwrap();
    let output = data.run(&["backup", path]);
    assert_no_database(&output, data.folder.path());
    fs::write(database_file(&data), "no database, and longer than the header of one".repeat(100)).unwrap();
    let output = data.run(&["backup", path]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!file.exists());
}

fn line(record: &KeyRecord<String>, name: &str) -> String {
    let mut line = serde_json::to_value(record).unwrap();
    line["name"] = json!(name);
    format!("{line}\n")
}

#[test]
fn imported_keys_work_at_once_and_keep_their_times() {
    let fixture = Fixture::new();
    let file = fixture.data.folder.path().join("keys");
    let mut lines = String::new();
    let now = UnixTime::now();
    let keys: Vec<_> = (0..imported_keys()).map(|_| ApiKey::generate()).collect();
    let hour = now.saturating_add(3600);
    for (index, key) in keys.iter().enumerate() {
        let mut record = KeyRecord::new(key, fixture.project.clone(), Scope::MEMORIES_READ);
        match index {
            1 => record.revoke(now),
            2 => record.expires_at = Some(UnixTime::from_secs(1)),
            3 => record.retires_at = Some(UnixTime::from_secs(1)),
            4 => record.not_before = Some(hour),
            5 => record.expires_at = Some(hour),
            _ => {}
        }
        lines.push_str(&line(&record, "ein Schlüssel"));
    }
    fs::write(&file, lines).unwrap();
    // a server that knows that there is no such key
    assert_eq!(status(&fixture.server, keys[0].expose_secret()), 401);
    // a million take longer than `run` waits
    let output = fixture.data.command(&["import", file.to_str().unwrap()]).output().unwrap();
    assert_succeeds(&output);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("imported {} keys\n", keys.len()));
    wait(|| status(&fixture.server, keys[0].expose_secret()) == 200);
    let expected = [200, 401, 401, 401, 401, 200, 200];
    let found: Vec<_> = keys[..7].iter().map(|key| status(&fixture.server, key.expose_secret())).collect();
    assert_eq!(found, expected);
    assert_eq!(status(&fixture.server, keys.last().unwrap().expose_secret()), 200);
    let all = i64::try_from(keys.len()).unwrap();
    let named = "SELECT count(*) FROM api_keys WHERE name = 'ein Schlüssel'";
    assert_eq!(number(&fixture.data, named), Some(all));
    let logged = format!(
        "SELECT count(*) FROM audit_log WHERE actor = 'import' AND action = 'imported' AND company = '{}' \
         AND detail = '{all} keys'",
        fixture.company
    );
    assert_eq!(number(&fixture.data, &logged), Some(1));
}

#[test]
fn each_company_reads_how_many_of_its_keys_were_imported() {
    let fixture = Fixture::new();
    let add = ["account", "add", "--email", "eve@example.com", "--company", "Eve"];
    assert_succeeds(&fixture.data.run_with(&add, PASSWORD));
    let project = "INSERT INTO projects (id, company, name, created_at) \
                   SELECT 'proj_of_eve', id, 'Second', 0 FROM companies WHERE name = 'Eve'";
    trouble::execute(&fixture.data, project);
    let projects = [&fixture.project, "proj_of_eve", &fixture.project];
    let lines = projects.map(|project| {
        line(&KeyRecord::new(&ApiKey::generate(), project.to_owned(), Scope::MEMORIES_READ), "imported")
    });
    let file = fixture.data.folder.path().join("keys");
    fs::write(&file, lines.concat()).unwrap();
    assert_succeeds(&fixture.data.run(&["import", file.to_str().unwrap()]));
    let company = |is: &str| format!("company {is} '{}'", fixture.company);
    for (company, detail) in [(company("="), "2 keys"), (company("<>"), "1 keys")] {
        let lines = format!("SELECT count(*) FROM audit_log WHERE action = 'imported' AND {company}");
        let expected = format!("{lines} AND detail = '{detail}'");
        let found = [lines, expected].map(|sql| number(&fixture.data, &sql));
        assert_eq!(found, [Some(1), Some(1)], "{company}");
    }
}

#[test]
fn a_file_with_a_mistake_imports_nothing_and_names_the_line() {
    let fixture = Fixture::new();
    let file = fixture.data.folder.path().join("keys");
    let record =
        |project: &str| KeyRecord::new(&ApiKey::generate(), project.to_owned(), Scope::MEMORIES_READ);
    let first = record(&fixture.project);
    let good = line(&first, "good");
    let with = |field: &str, value: Value| {
        let mut line = serde_json::to_value(record(&fixture.project)).unwrap();
        line["name"] = json!("a name");
        line[field] = value;
        format!("{line}\n")
    };
    let stored = trouble::id(&fixture.key());
    let secret = ApiKey::generate();
    let taken = "a key with this id is stored already, or stands on an earlier line";
    let name = "not a name: ";
    let project = "there is no such project: create it first";
    for (second, mistake) in [
        ("no JSON\n".to_owned(), "expected"),
        ("\n".to_owned(), "EOF while parsing a value"),
        (good.clone(), taken),
        (with("id", json!(stored)), taken),
        (with("project", json!("proj_other")), project),
        (with("project", json!("a\0")), "NUL"),
        (with("name", json!("")), name),
        (with("name", json!("a\nb")), name),
        (with("name", json!("x".repeat(101))), name),
        (with("name", Value::Null), name),
        (with("name", json!("a\u{202e}b")), "remove character 2"),
        (with("name", json!(secret.expose_secret())), "Revoke that key"),
        (with("id", json!(secret.expose_secret())), ""),
        (with("digest", json!("00")), ""),
        (with("scopes", json!(["nothing"])), ""),
        (with("expires_at", json!(-1)), "expected whole seconds since the Unix epoch, as an integer"),
        (with("owner", json!(secret.expose_secret())), "unknown field"),
        (with(secret.expose_secret(), json!(1)), ""),
    ] {
        fs::write(&file, format!("{good}{second}{}", line(&record(&fixture.project), "third"))).unwrap();
        let output = fixture.data.run(&["import", file.to_str().unwrap()]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{second}");
        assert!(message.starts_with("error: nothing was imported: line 2: "), "{message}");
        assert!(message.contains(mistake), "{message}");
        assert!(!message.contains(&secret.expose_secret()[16..]), "{message}");
    }
    // more lines than one statement stores
    let many = (0..20_001).map(|number| good.replace(first.id.as_str(), &format!("{number:012}")));
    fs::write(&file, format!("{}no JSON\n", many.collect::<String>())).unwrap();
    let output = fixture.data.run(&["import", file.to_str().unwrap()]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("error: nothing was imported: line 20002: "), "{message}");
    assert_eq!(number(&fixture.data, "SELECT count(*) FROM api_keys WHERE name = 'good'"), Some(0));

    let bytes = [good.as_bytes(), b"\xff\n"].concat();
    fs::write(&file, bytes).unwrap();
    let output = fixture.data.run(&["import", file.to_str().unwrap()]);
    let message = "error: nothing was imported: line 2: it is not UTF-8\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), message);
    let stored = format!("SELECT count(*) FROM api_keys WHERE id = '{}'", first.id);
    assert_eq!(number(&fixture.data, &stored), Some(0));
    assert_eq!(number(&fixture.data, "SELECT count(*) FROM audit_log WHERE action = 'imported'"), Some(0));
}

#[track_caller]
fn assert_no_database(output: &Output, folder: &Path) {
    let message = format!(
        "error: there is no database in the folder {}: name the data folder of the server with --data or CTX_KEY_DATA, or \
         start the server there first\n",
        folder.display()
    );
    let found = (output.status.code(), output.stdout.as_slice(), str::from_utf8(&output.stderr).unwrap());
    assert_eq!(found, (Some(1), &b""[..], message.as_str()));
}

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
    // of a server that was killed as it started
    fs::write(parent.path().join("other/ctx-key.sqlite"), "").unwrap();
    for arguments in COMMANDS {
        for folder in ["missing", "empty", "other", "keys"] {
            assert_no_database(&run(folder, arguments), &parent.path().join(folder));
        }
        assert_eq!(names(parent.path()), ["empty", "keys", "other"], "{arguments:?}");
        assert_eq!(names(&parent.path().join("empty")), [""; 0], "{arguments:?}");
        assert_eq!(names(&parent.path().join("other")), ["ctx-key.sqlite"], "{arguments:?}");
    }
    assert_succeeds(&run("missing", &["migrate"]));
    assert_eq!(mode(&parent.path().join("missing")), 0o700);
    assert_eq!(mode(&parent.path().join("missing/ctx-key.sqlite")), 0o600);
    assert_succeeds(&run("missing", &["invite"]));
}

#[test]
fn an_invitation_leads_to_the_running_server() {
    let data = Data::new();
    let server = Server::start(&data);
    let invite = |arguments: &[&str]| {
        let output = data.run(&[arguments, &["invite"]].concat());
        assert_succeeds(&output);
        let link = String::from_utf8(output.stdout).unwrap();
        let (url, secret) = link.split_once("/set-up?link=").expect("a link");
        assert!(secret.trim_end().len() == 64 && secret.ends_with('\n'), "{link}");
        url.to_owned()
    };
    assert_eq!(invite(&[]), server.url);
    assert_eq!(invite(&["--public-url", "https://keys.example.com/"]), "https://keys.example.com");
    assert_eq!(invite(&[]), server.url, "the URL of a command is not that of the server");
    drop(server);
    let server = Server::start_with(&data, &["--public-url", "https://keys.example.org"]);
    assert_eq!(server.url, "https://keys.example.org");
    assert_eq!(invite(&[]), server.url);
    drop(server);
    trouble::execute(&data, "DELETE FROM settings");
    assert_eq!(invite(&[]), "http://127.0.0.1:0");
}

#[test]
fn the_operator_makes_an_account_beside_a_server() {
    let data = Data::new();
    let server = Server::start(&data);
    let add = |email: &str, company: &str, input: &str| {
        let output = data.run_with(&["account", "add", "--email", email, "--company", company], input);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let failed = |message: &str| (Some(1), String::new(), format!("error: {message}\n"));
    for (email, company, input, message) in [
        ("ada", "Example, Inc.", PASSWORD, "--email: not an email address: send one such as ada@example.com"),
        (
            EMAIL,
            " ",
            PASSWORD,
            "--company: not a name: send 1 to 100 characters on one line, and not only spaces",
        ),
        (EMAIL, "Example, Inc.", "", "there is no password on standard input: write it there as one line"),
        (
            EMAIL,
            "Example, Inc.",
            "\n",
            "the password needs at least 15 characters: choose a longer one, such as several words",
        ),
    ] {
        assert_eq!(add(email, company, input), failed(message));
    }
    let (code, made, error) = add(" Ada@Example.com", "Example, Inc.", &format!("{PASSWORD}\r\n"));
    let (token, company) = server.log_in();
    let expected = format!("made the account ada@example.com of the company Example, Inc. ({company})\n");
    assert_eq!((code, made, error), (Some(0), expected, String::new()));
    server.key(&token, &company, &["memories:read"]);
    let log = "SELECT count(*) FROM audit_log WHERE actor = 'the operator' AND action = 'created project'";
    assert_eq!(number(&data, log), Some(1));
    assert_eq!(
        add("ADA@example.com", "Other", PASSWORD),
        failed("there is an account with this email address: use another address")
    );
    assert_eq!(
        add("eve@example.com", "example, inc.", PASSWORD),
        failed("there is a company of this name, with an account of its own: use another name")
    );
    assert_eq!(number(&data, "SELECT count(*) FROM companies"), Some(1));

    // nobody finds a password among the arguments
    let help = String::from_utf8(data.run(&["account", "add", "--help"]).stdout).unwrap();
    assert!(!help.contains("--password"), "{help}");
}

#[test]
fn a_password_without_an_end_is_not_waited_for() {
    let data = Data::new();
    let _server = Server::start(&data);
    let mut command = data.command(&["account", "add", "--email", EMAIL, "--company", "Example, Inc."]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    input.write_all(&[b'a'; 64 * 1024]).unwrap();
    // while the input stays open
    wait(|| process.try_wait().unwrap().is_some());
    let message = rest(process.stderr.take().unwrap());
    assert!(
        message.starts_with("error: the password ") && process.wait().unwrap().code() == Some(1),
        "{message}"
    );
    drop(input);
}

#[test]
fn a_password_that_is_typed_at_a_terminal_is_not_shown() {
    let data = Data::new();
    let server = Server::start(&data);
    let add = data.command(&["account", "add", "--email", EMAIL, "--company", "Example, Inc."]);
    let words = [add.get_program()].into_iter().chain(add.get_args());
    let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let terminal = data.folder.path().join("terminal");
    let line = format!("tty > '{}' && {}", terminal.display(), words.join(" "));
    // gives the program a terminal of its own
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.env_remove("DATABASE_URL").envs(data.server_url().map(|url| ("DATABASE_URL", url)));
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keyboard, mut screen) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
    let mut shown = Vec::new();
    while !shown.ends_with(b"Password: ") {
        let mut byte = [0];
        screen.read_exact(&mut byte).expect("a prompt");
        shown.extend(byte);
    }
    let terminal = fs::read_to_string(terminal).unwrap();
    wait(|| {
        let state = Command::new("stty").args(["-a", "-F", terminal.trim()]).output().unwrap();
        String::from_utf8(state.stdout).unwrap().contains(" -echo ")
    });
    keyboard.write_all(format!("{PASSWORD}\r").as_bytes()).unwrap();
    let shown = rest(screen);
    assert!(shown.contains("made the account ada@example.com") && !shown.contains(PASSWORD), "{shown}");
    assert!(process.wait().unwrap().success());
    server.log_in();
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

/// On SQLite, with a mask of permissions, in a working directory.
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
fn older_wider_files_are_closed() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("data");
    let mut server = start_on_sqlite("077", parent.path(), "data");
    // what is killed leaves its files
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
fn a_database_that_is_a_link_is_closed_where_it_is() {
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
fn a_folder_of_everybody_stays_open() {
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
    // everybody may read the program there
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
