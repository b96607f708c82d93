//! The logs of refs are searched, in every worktree.

use std::fs;

use ctx_key::ApiKey;

use crate::common::{git, masked, run_in};
use crate::{assert_found, commit, findings, repository, text};

/// A log contains the name of a deleted branch.
#[test]
fn a_key_in_the_log_of_a_ref_is_found() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    commit(path, "first");
    git(path, &["checkout", "-q", "-b", text(&key)]);
    git(path, &["checkout", "-q", "main"]);
    git(path, &["branch", "-q", "-D", text(&key)]);
    let found = assert_found(path, &key);
    assert_eq!((&found["path"], &found["place"]), (&".git/logs/HEAD".into(), &"ref".into()));
    // Before the first commit of a branch, only HEAD contains the name of the branch.
    fs::remove_dir_all(path.join(".git/logs")).unwrap();
    git(path, &["symbolic-ref", "HEAD", &format!("refs/heads/{}", text(&key))]);
    assert_eq!(assert_found(path, &key)["path"], ".git/HEAD");
}

/// Each worktree has its own HEAD and log.
#[test]
fn the_logs_of_all_worktrees_are_searched() {
    let (directory, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let (main, linked) = (directory.path().join("main"), directory.path().join("linked"));
    fs::create_dir(&main).unwrap();
    git(&main, &["init", "-q"]);
    commit(&main, "first");
    git(&main, &["worktree", "add", "-q", "../linked"]);
    git(&linked, &["checkout", "-q", "-b", text(&key)]);
    git(&linked, &["checkout", "-q", "--detach"]);
    git(&linked, &["branch", "-q", "-D", text(&key)]);
    for worktree in [&main, &linked] {
        let found = assert_found(worktree, &key);
        assert!(found["path"].as_str().unwrap().ends_with(".git/worktrees/linked/logs/HEAD"), "{found}");
    }
}

/// A key in a log is reported only if it was not found elsewhere.
#[test]
fn logs_of_branches_and_of_broken_worktrees_are_searched() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    commit(path, "first");
    git(path, &["checkout", "-q", "-b", "side/a"]);
    let empty = git(path, &["commit-tree", "-m", "x", "HEAD^{tree}", "-p", "HEAD"]);
    git(path, &["update-ref", "-m", text(&key), "refs/heads/side/a", &empty]);
    // If two logs contain the same key, either may be reported.
    let mut logs = Vec::new();
    for _ in 0..2 {
        let found = findings(path, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((&found[0]["place"], &found[0]["tracked"]), (&"ref".into(), &true.into()));
        logs.push(found[0]["path"].as_str().unwrap().to_owned());
        fs::remove_file(path.join(&logs[logs.len() - 1])).unwrap();
    }
    logs.sort();
    assert_eq!(logs, [".git/logs/HEAD", ".git/logs/refs/heads/side/a"]);
    // A worktree that was removed in the meantime holds no key.
    fs::create_dir_all(path.join(".git/worktrees/removed")).unwrap();
    assert_eq!(run_in(path, &["scan", "--history"]).exits(0).stderr, "");
    // A log that exists but can't be read is an error.
    fs::create_dir_all(path.join(".git/worktrees/broken/HEAD")).unwrap();
    let scan = run_in(path, &["scan", "--history"]).exits(2);
    assert!(scan.stderr.starts_with("ctx-key: can't read .git/worktrees/broken/HEAD: "), "{scan:?}");
    assert!(scan.stderr.ends_with("; correct the permissions\n"), "{scan:?}");
}

/// HEAD and its log name the branch, too.
#[test]
fn a_key_in_the_name_of_a_branch_is_reported_once() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    commit(path, "first");
    git(path, &["checkout", "-q", "-b", text(&key)]);
    let found = findings(path, &[]);
    let paths: Vec<_> = found.iter().map(|found| found["path"].as_str().unwrap()).collect();
    assert_eq!(paths, [format!("refs/heads/{}", masked(&key))]);
}

/// A log can hold an allowed key, and then the same key without a comment.
#[test]
fn an_allowed_key_does_not_hide_the_same_key_in_a_log() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    let allowed = format!("{} ctx-key:allow", text(&key));
    commit(path, &allowed);
    let scan = run_in(path, &["scan", "--history"]).exits(0);
    assert_eq!(scan.stderr, "note: 1 key is allowed by a comment on its line\n");
    git(path, &["commit", "-q", "--amend", "--allow-empty", "-m", "clean"]);
    for message in [&allowed, text(&key)] {
        let empty = git(path, &["commit-tree", "-m", "x", "HEAD^{tree}", "-p", "HEAD"]);
        git(path, &["update-ref", "-m", message, "refs/heads/main", &empty]);
    }
    let found = findings(path, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["place"], &found[0]["count"]), (&"ref".into(), &1.into()));
}
