//! `ctx-key scan --staged` and `--history` find keys in a repository.

mod common;

use std::fs;
use std::path::Path;

use common::{command, finish, git, masked, run_in};
use ctx_key::ApiKey;
use tempfile::TempDir;

fn repository() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    git(directory.path(), &["init", "-q"]);
    directory
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).unwrap();
}

fn commit(directory: &Path, message: &str) -> String {
    git(directory, &["add", "-A"]);
    git(directory, &["commit", "-q", "--allow-empty", "-m", message]);
    git(directory, &["rev-parse", "HEAD"])
}

#[test]
fn staged_searches_the_index_and_not_the_worktree() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    // This runs before the first commit, in a subdirectory, and with a name that git quotes.
    fs::create_dir(path.join("below")).unwrap();
    write(path, "below/ä \"b\".txt", &format!("\n{}", key.expose_secret()));
    git(path, &["add", "-A"]);
    write(path, "below/ä \"b\".txt", "clean again");
    let scan = run_in(&path.join("below"), &["scan", "--staged"]).exits(1).hides(&key);
    assert_eq!(scan.stdout, format!("below/ä \"b\".txt:2:1: {}\n", masked(&key)));

    git(path, &["add", "-A"]);
    write(path, "unstaged.txt", key.expose_secret());
    run_in(path, &["scan", "--staged"]).exits(0);
    finish(command(&["scan", "--staged"]).arg(path), b"").exits(0);

    // A committed file is no longer staged, and the removal of a file adds no key.
    commit(path, "with a key");
    run_in(path, &["scan", "--staged"]).exits(0);
    git(path, &["rm", "-q", "unstaged.txt"]);
    run_in(path, &["scan", "--staged"]).exits(0);
}

#[test]
fn a_hook_stops_the_commit() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    let hook = path.join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, format!("#!/bin/sh\nexec '{}' scan --staged\n", env!("CARGO_BIN_EXE_ctx-key"))).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    write(path, "clean.txt", "clean");
    commit(path, "clean");
    write(path, "leak.txt", key.expose_secret());
    write(path, "clean.txt", "clean still");
    git(path, &["add", "-A"]);
    // For this commit, git gives the hook a separate index without the leak.
    git(path, &["commit", "-q", "-m", "a part", "clean.txt"]);
    let refused = std::process::Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "all"])
        .current_dir(path)
        .output()
        .unwrap();
    assert!(!refused.status.success());
    let said =
        String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
    assert!(said.contains(&format!("leak.txt:1:1: {}", masked(&key))), "{said}");
}

#[test]
fn history_finds_keys_that_were_removed() {
    let (repository, keys) = (repository(), [(); 3].map(|()| ApiKey::generate()));
    let path = repository.path();
    let [gone, branch, message] = &keys;
    commit(path, "first");
    write(path, "a.txt", &format!("x\n y {}", gone.expose_secret()));
    let brought = commit(path, "second");
    fs::remove_file(path.join("a.txt")).unwrap();
    commit(path, "third");
    write(path, "a.txt", &format!("x\n y {}", gone.expose_secret()));
    commit(path, "again");
    fs::remove_file(path.join("a.txt")).unwrap();
    let with_message = commit(path, &format!("fourth\n\nwith {}", message.expose_secret()));
    git(path, &["checkout", "-q", "-b", "other", &format!("{brought}~")]);
    write(path, "b c.txt", branch.expose_secret());
    let on_branch = commit(path, "fifth");
    git(path, &["checkout", "-q", "-"]);

    let scan = run_in(path, &["scan", "--history"]).exits(1);
    let scan = keys.iter().fold(scan, |scan, key| scan.hides(key));
    let lines: Vec<_> = scan.stdout.lines().collect();
    assert_eq!(lines[0], format!("a.txt:2:4: {} (commit {brought})", masked(gone)));
    assert_eq!(lines[1], format!("b c.txt:1:1: {} (commit {on_branch})", masked(branch)));
    assert!(lines[2].starts_with(&format!("commit {with_message}:")) && lines[2].contains(&masked(message)));
    assert_eq!(lines.len(), 3);

    let json = run_in(path, &["scan", "--history", "--format", "json"]).exits(1).json();
    assert_eq!(json["findings"][0]["commit"], brought);
}

/// A search of nothing does not show that there are no keys. But a commit that only deletes files must pass a hook.
#[test]
fn a_run_that_searches_nothing_reports_it() {
    let repository = repository();
    let path = repository.path();
    for options in [&["scan", "--history"][..], &["scan"], &["scan", "--no-ignore", "."]] {
        let scan = run_in(path, options).exits(2);
        assert!(scan.stderr.contains("nothing was searched"), "{scan:?}");
    }
    let scan = run_in(path, &["scan", "--staged"]).exits(0);
    assert_eq!(scan.stderr, "note: nothing is staged, so nothing was searched\n");
    write(path, "a", "clean");
    commit(path, "first");
    let scan = run_in(path, &["scan", "--history", "--range", "HEAD..HEAD"]).exits(0);
    assert!(scan.stderr.contains("no commit is in this range, so nothing was searched"), "{scan:?}");
    let scan = run_in(path, &["scan", "--exclude", "a"]).exits(2);
    assert!(scan.stderr.contains("nothing was searched"), "{scan:?}");
}

#[test]
fn outside_of_a_repository_or_without_git_it_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    for option in ["--staged", "--history"] {
        let mut command = command(&["scan", option]);
        let scan = finish(command.current_dir(&directory).env("GIT_CEILING_DIRECTORIES", "/"), b"").exits(2);
        let error = "ctx-key: git can't read a repository at . and says: fatal: not a git repository";
        assert!(scan.stderr.starts_with(error), "{}", scan.stderr);
        assert!(scan.stderr.ends_with("; run this in a repository, or name one\n"), "{}", scan.stderr);
        let json = run_in(Path::new("/"), &["scan", option, "--format", "json"]).exits(2).json();
        assert_eq!(json["errors"].as_array().unwrap().len(), 1);
        let scan = finish(command.env("PATH", ""), b"").exits(2);
        assert!(
            scan.stderr.contains("can't run git") && scan.stderr.contains("install it"),
            "{}",
            scan.stderr
        );
    }
}

/// A folder for repositories is often called `git`.
#[test]
fn a_folder_with_the_name_of_git_is_not_run() {
    let (repository, folder) = (repository(), tempfile::tempdir().unwrap());
    fs::create_dir(folder.path().join("git")).unwrap();
    write(repository.path(), "a", "clean");
    git(repository.path(), &["add", "-A"]);
    let mut folders = vec![folder.path().to_owned()];
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let mut command = command(&["scan", "--staged"]);
    command.env("PATH", std::env::join_paths(folders).unwrap()).current_dir(repository.path());
    assert_eq!(finish(&mut command, b"").exits(0).stderr, "");
}

#[test]
fn a_shallow_clone_is_an_error_unless_an_option_allows_it() {
    let (repository, directory, key) = (repository(), tempfile::tempdir().unwrap(), ApiKey::generate());
    commit(repository.path(), "first");
    write(repository.path(), "a", key.expose_secret());
    commit(repository.path(), "second");
    let url = format!("file://{}", repository.path().display());
    git(directory.path(), &["clone", "-q", "--depth=1", &url, "clone"]);
    let clone = directory.path().join("clone");
    let head = git(&clone, &["rev-parse", "HEAD"]);
    let found = format!("a:1:1: {} (commit {head})\n", masked(&key));
    for options in [&[][..], &["--range", "HEAD"], &["--since", "2000-01-01"]] {
        let scan = run_in(&clone, &[&["scan", "--history"], options].concat()).exits(2);
        let error = "ctx-key: this clone is shallow, and older commits are not searched; `git fetch --unshallow` \
                     gets them, and `--shallow-ok` does without them\n";
        assert!(scan.stderr.starts_with(error), "{scan:?}");
        assert_eq!(scan.stdout, found);
        let scan = run_in(&clone, &[&["scan", "--history", "--shallow-ok"], options].concat()).exits(1);
        assert_eq!(scan.stdout, found);
        assert!(!scan.stderr.contains("missing"), "{scan:?}");
    }
    git(&clone, &["worktree", "add", "-q", "../linked"]);
    let scan = run_in(&directory.path().join("linked"), &["scan", "--history"]).exits(2);
    assert!(scan.stderr.contains("this clone is shallow"), "{scan:?}");
}

#[test]
fn a_missing_object_is_reported() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "a", "lost");
    write(path, "a copy", "lost");
    write(path, "b", key.expose_secret());
    git(path, &["add", "-A"]);
    let lost = git(path, &["rev-parse", ":a"]);
    fs::remove_file(path.join(".git/objects").join(&lost[..2]).join(&lost[2..])).unwrap();
    let scan = run_in(path, &["scan", "--staged"]).exits(2);
    assert_eq!(scan.stdout, format!("b:1:1: {}\n", masked(&key)));
    for name in ["a", "a copy"] {
        let error = format!(
            "ctx-key: can't read {name}: its object {lost} is missing; fetch it, or run `git fsck`\n"
        );
        assert!(scan.stderr.contains(&error), "{}", scan.stderr);
    }
}

/// If git can't compare with a broken commit, the whole index is searched.
#[test]
fn a_broken_commit_does_not_hide_a_staged_key() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    fs::create_dir(path.join("d")).unwrap();
    write(path, "d/a", "clean");
    commit(path, "first");
    write(path, "d/b", key.expose_secret());
    git(path, &["add", "-A"]);
    for object in ["HEAD:d", "HEAD^{tree}"] {
        let tree = git(path, &["rev-parse", object]);
        fs::remove_file(path.join(".git/objects").join(&tree[..2]).join(&tree[2..])).unwrap();
        let scan = run_in(path, &["scan", "--staged"]);
        assert_eq!(scan.stdout, format!("d/b:1:1: {}\n", masked(&key)));
        assert_eq!(scan.code, Some(2), "{scan:?}");
    }
}

/// A missing tree does not keep the other objects from being searched.
#[test]
fn a_broken_history_does_not_hide_a_key() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "a", "clean");
    commit(path, "first");
    let tree = git(path, &["rev-parse", "HEAD^{tree}"]);
    write(path, "b", key.expose_secret());
    commit(path, "second");
    fs::remove_file(path.join(".git/objects").join(&tree[..2]).join(&tree[2..])).unwrap();
    let scan = run_in(path, &["scan", "--history"]).exits(2).hides(&key);
    let missing = format!("ctx-key: object {tree} is missing and was not searched");
    assert!(scan.stderr.contains(&missing), "{}", scan.stderr);
    assert!(scan.stdout.contains(&format!("b:1:1: {}", masked(&key))), "{scan:?}");
}
