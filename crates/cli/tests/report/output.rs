//! `--output` replaces a file only by a complete report.

use std::fs;
use std::process::Stdio;

use ctx_key::ApiKey;
use serde_json::Value;
use tempfile::tempdir;

use crate::common::{command, finish, masked, run_in};
use crate::{text, tree, write};

/// The target of a link is replaced, the umask decides who may read a report, and a pipe is written directly.
#[cfg(unix)]
#[test]
fn a_report_can_go_to_a_link_a_new_file_or_a_pipe() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let (key, outside) = (ApiKey::generate(), tempdir().unwrap());
    let tree = tree(&key);
    let expected = format!("leak:1:1: {}\n", masked(&key));
    let path = |name: &str| outside.path().join(name);
    let scan = |name: &str| {
        let run = finish(command(&["scan", "--output"]).arg(path(name)).current_dir(&tree), b"");
        assert_eq!(run.exits(1).stdout, "", "{name}");
    };
    write(&path("folder"), "file", "old");
    std::os::unix::fs::symlink("folder/file", path("link")).unwrap();
    scan("link");
    assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(path("folder/file")).unwrap(), expected);

    scan("new");
    // The umask applies as it does to any new file.
    fs::File::create(path("usual")).unwrap();
    let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("new"), mode("usual"));

    let made = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
    assert!(made.success());
    let reader = std::thread::spawn({
        let pipe = path("pipe");
        move || fs::read_to_string(pipe).unwrap()
    });
    scan("pipe");
    assert!(fs::symlink_metadata(path("pipe")).unwrap().file_type().is_fifo());
    assert_eq!(reader.join().unwrap(), expected);
    let folder = finish(command(&["scan", "--output"]).arg(path("folder")).current_dir(&tree), b"").exits(2);
    let message = format!("can't write the report to {}: is a directory", path("folder").display());
    assert_eq!(folder.stderr, format!("ctx-key: {message}; name another file\n"));
}

/// `--baseline B … > B` empties the file before it is read. `--output B` does not.
#[test]
fn output_replaces_a_file_when_it_is_complete() {
    let (old, new, outside) = (ApiKey::generate(), ApiKey::generate(), tempdir().unwrap());
    let tree = tree(&old);
    let baseline = outside.path().join("baseline.json");
    let write_baseline = |arguments: &[&str]| {
        let mut command = command(&["scan", "--format", "json", "--output"]);
        finish(command.arg(&baseline).args(arguments).arg(tree.path()), b"")
    };
    assert_eq!(write_baseline(&[]).exits(1).stdout, "");
    write(tree.path(), "new", text(&new));
    let same = baseline.to_str().unwrap().to_owned();
    write_baseline(&["--baseline", &same]).exits(1);
    let report: Value = serde_json::from_slice(&fs::read(&baseline).unwrap()).unwrap();
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    assert_eq!(report["findings"][0]["id"], new.id().as_str());
    // An error before the search leaves the file as it is.
    write_baseline(&["--baseline", "/nonexistent"]).exits(2);
    assert_eq!(serde_json::from_slice::<Value>(&fs::read(&baseline).unwrap()).unwrap(), report);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);

    let truncated = fs::File::create(&baseline).unwrap();
    let mut command = command(&["scan", "--format", "json", "--baseline", &same]);
    let output = command.arg(tree.path()).stdin(Stdio::null()).stdout(truncated).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--output"));
    let nowhere = run_in(tree.path(), &["scan", "--output", "/nonexistent/report"]).exits(2);
    assert!(nowhere.stderr.contains("can't write the report to /nonexistent/report"), "{nowhere:?}");
}

/// The report is written to a temporary file in the folder that is searched.
#[test]
fn a_report_does_not_search_itself() {
    let (tree, options) = (tempdir().unwrap(), ["scan", "--format", "json", "--output", "report"]);
    let scan = run_in(tree.path(), &options).exits(2);
    assert!(scan.stderr.contains("nothing was searched"), "{scan:?}");
    fs::remove_file(tree.path().join("report")).unwrap();
    write(tree.path(), "a", "clean");
    run_in(tree.path(), &options).exits(0);
    let report: Value = serde_json::from_slice(&fs::read(tree.path().join("report")).unwrap()).unwrap();
    assert_eq!((&report["files"], &report["bytes"]), (&1.into(), &5.into()));
    // A file that the report will replace may hold a key, and git may track it.
    let key = ApiKey::generate();
    write(tree.path(), "report", text(&key));
    run_in(tree.path(), &options).exits(1);
}
