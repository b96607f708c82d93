//! `ctx-key scan --history` and `--staged` find keys wherever a repository holds them.

#[path = "../common/mod.rs"]
mod common;

mod commits;
mod elsewhere;
mod fields;
#[cfg(unix)]
mod hooks;
mod logs;
mod missing;
mod objects;
mod options;
mod ranges;
mod staged;
mod variables;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{git, run_in};
use ctx_key::ApiKey;
use serde_json::Value;
use tempfile::TempDir;

fn repository() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    git(directory.path(), &["init", "-q", "-b", "main"]);
    directory
}

fn write(directory: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn commit(directory: &Path, message: &str) -> String {
    git(directory, &["add", "-A"]);
    git(directory, &["commit", "-q", "--allow-empty", "-m", message]);
    git(directory, &["rev-parse", "HEAD"])
}

fn text(key: &ApiKey) -> &str {
    key.expose_secret()
}

/// Returns all findings. Asserts for each one in a file of a commit that `git show COMMIT:PATH` shows the key.
#[track_caller]
fn findings(directory: &Path, options: &[&str]) -> Vec<Value> {
    let scan = run_in(directory, &[&["scan", "--history", "--format", "json"], options].concat());
    assert_ne!(scan.code, Some(0), "{scan:?}");
    let report = scan.json();
    let findings = report["findings"].as_array().unwrap().clone();
    for finding in &findings {
        if let (Some(commit), "content") = (finding["commit"].as_str(), finding["place"].as_str().unwrap()) {
            let shown = git(
                directory,
                &["--no-replace-objects", "show", &format!("{commit}:{}", finding["path"].as_str().unwrap())],
            );
            assert!(shown.contains(finding["id"].as_str().unwrap()), "{finding}");
        }
    }
    findings
}

#[track_caller]
fn assert_found(directory: &Path, key: &ApiKey) -> Value {
    of(&findings(directory, &[]), key).clone()
}

/// Returns the first finding of a key.
#[track_caller]
fn of<'f>(findings: &'f [Value], key: &ApiKey) -> &'f Value {
    let mut found = findings.iter().filter(|finding| finding["id"] == key.id().as_str());
    found.next().unwrap_or_else(|| panic!("{:?} was not found", key.id()))
}

/// Merges the branch `side`, which causes a conflict.
fn merge_with_conflict(directory: &Path) {
    let merge = ["-c", "user.name=t", "-c", "user.email=t@example.com", "merge", "-q", "side"];
    assert!(!Command::new("git").args(merge).current_dir(directory).output().unwrap().status.success());
}

/// Makes a commit with this date, which may be that of a wrong clock.
fn commit_at(directory: &Path, date: &str, message: &str) -> String {
    git(directory, &["add", "-A"]);
    let mut command = Command::new("git");
    command.args([
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.com",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
    ]);
    let status = command.arg(message).env("GIT_COMMITTER_DATE", date).current_dir(directory).status();
    assert!(status.unwrap().success());
    git(directory, &["rev-parse", "HEAD"])
}
