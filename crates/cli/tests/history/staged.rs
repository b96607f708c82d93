//! `--staged` searches what the next commit will have.

use std::fs;

use ctx_key::ApiKey;
use serde_json::Value;

use crate::common::{command, finish, git, masked, run_in};
use crate::{commit, findings, merge_with_conflict, repository, text, write};

/// A file becomes a symbolic link, and a symbolic link becomes a file.
#[cfg(unix)]
#[test]
fn a_staged_change_of_the_type_of_a_file_is_searched() {
    use std::os::unix::fs::symlink;
    let (repository, keys) = (repository(), [(); 2].map(|()| ApiKey::generate()));
    let path = repository.path();
    write(path, "file", "clean");
    symlink("file", path.join("link")).unwrap();
    commit(path, "first");
    fs::remove_file(path.join("file")).unwrap();
    fs::remove_file(path.join("link")).unwrap();
    symlink(text(&keys[0]), path.join("file")).unwrap();
    write(path, "link", text(&keys[1]));
    let scan = run_in(path, &["scan"]).exits(1);
    assert_eq!(scan.stdout.lines().count(), 2, "{scan:?}");
    git(path, &["add", "-A"]);
    let scan = run_in(path, &["scan", "--staged"]).exits(1);
    assert_eq!(scan.stdout, format!("file:1:1: {}\nlink:1:1: {}\n", masked(&keys[0]), masked(&keys[1])));
    commit(path, "second");
    assert_eq!(findings(path, &[]).len(), 2);
    let named = run_in(path, &["scan", "--staged", "link", "missing"]).exits(2);
    assert!(named.stdout.starts_with("link:1:1: ") && named.stderr.contains("missing is not in the index"));
    assert_eq!(run_in(path, &["scan", "--staged", "file", "link"]).exits(1).stdout.lines().count(), 2);
}

/// A link that git tracks is a file. A link elsewhere leads to a repository.
#[cfg(unix)]
#[test]
fn a_staged_link_to_a_folder_is_not_a_repository() {
    use std::os::unix::fs::symlink;
    let (repository, outside, key) = (repository(), tempfile::tempdir().unwrap(), ApiKey::generate());
    let path = repository.path();
    fs::create_dir(path.join(text(&key))).unwrap();
    symlink(text(&key), path.join("link")).unwrap();
    symlink(text(&key), path.join("other")).unwrap();
    git(path, &["add", "-A"]);
    commit(path, "first");
    run_in(path, &["scan", "--staged"]).exits(0);
    assert_eq!(
        run_in(path, &["scan", "--staged", "link"]).exits(1).stdout,
        format!("link:1:1: {}\n", masked(&key))
    );
    assert_eq!(run_in(path, &["scan", "--staged", "link", "other"]).exits(1).stdout.lines().count(), 2);
    write(path, "a", text(&key));
    git(path, &["add", "-A"]);
    symlink(path, outside.path().join("to-repository")).unwrap();
    let scan = run_in(outside.path(), &["scan", "--staged", "to-repository"]).exits(1);
    assert_eq!(scan.stdout, format!("a:1:1: {}\n", masked(&key)));
}

#[test]
fn keys_in_the_names_of_staged_files_are_found() {
    let (repository, keys) = (repository(), [(); 2].map(|()| ApiKey::generate()));
    let path = repository.path();
    write(path, text(&keys[0]), "clean");
    write(path, &format!("{}/a", text(&keys[1])), "clean");
    git(path, &["add", "-A"]);
    let scan = run_in(path, &["scan", "--staged"]).exits(1).hides(&keys[0]).hides(&keys[1]);
    let [file, folder] = keys.map(|key| masked(&key));
    let mut expected =
        [format!("{file}:1:1: {file} (in the name)"), format!("{folder}/a:1:1: {folder} (in the name)")];
    expected.sort();
    let mut found: Vec<_> = scan.stdout.lines().collect();
    found.sort();
    assert_eq!(found, expected);
}

/// The index holds all versions, and the next commit will have one of them.
#[test]
fn all_versions_of_a_conflict_are_searched() {
    let (repository, keys) = (repository(), [(); 2].map(|()| ApiKey::generate()));
    let path = repository.path();
    write(path, "a", "base");
    commit(path, "base");
    git(path, &["checkout", "-q", "-b", "side"]);
    write(path, "a", text(&keys[0]));
    commit(path, "theirs");
    git(path, &["checkout", "-q", "main"]);
    write(path, "a", text(&keys[1]));
    commit(path, "ours");
    merge_with_conflict(path);
    write(path, "a", "clean");
    let scan = run_in(path, &["scan", "--staged"]).exits(1);
    let mut expected = keys.map(|key| format!("a:1:1: {}\n", masked(&key)));
    let mut found: Vec<_> = scan.stdout.split_inclusive('\n').collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

/// The finds in one version come after those in the other, whatever their lines are.
#[test]
fn the_versions_of_a_conflict_are_reported_in_the_order_of_their_ids() {
    let (repository, files) = (repository(), tempfile::tempdir().unwrap());
    let path = repository.path();
    let id = |content: &str| {
        write(files.path(), "file", content);
        git(path, &["hash-object", files.path().join("file").to_str().unwrap()])
    };
    // In the version with the smaller id, the key stands further down.
    let (keys, theirs, ours) = loop {
        let keys = [(); 2].map(|()| ApiKey::generate());
        let (theirs, ours) = (format!("\n{}", text(&keys[0])), text(&keys[1]).to_owned());
        if id(&theirs) < id(&ours) {
            break (keys, theirs, ours);
        }
    };
    write(path, "a", "base");
    commit(path, "base");
    git(path, &["checkout", "-q", "-b", "side"]);
    write(path, "a", theirs);
    commit(path, "theirs");
    git(path, &["checkout", "-q", "main"]);
    write(path, "a", ours);
    commit(path, "ours");
    merge_with_conflict(path);
    let scan = run_in(path, &["scan", "--staged"]).exits(1);
    assert_eq!(scan.stdout, format!("a:2:1: {}\na:1:1: {}\n", masked(&keys[0]), masked(&keys[1])));
}

/// The versions share a name, and two of them a content.
#[test]
fn the_versions_of_a_conflict_do_not_repeat_finds() {
    let (repository, keys) = (repository(), [(); 2].map(|()| ApiKey::generate()));
    let path = repository.path();
    git(path, &["config", "core.fileMode", "false"]);
    write(path, text(&keys[0]), "base");
    commit(path, "base");
    git(path, &["checkout", "-q", "-b", "side"]);
    write(path, text(&keys[0]), "theirs");
    write(path, "mode", text(&keys[1]));
    commit(path, "theirs");
    git(path, &["checkout", "-q", "main"]);
    write(path, text(&keys[0]), "ours");
    write(path, "mode", text(&keys[1]));
    git(path, &["add", "mode"]);
    git(path, &["update-index", "--chmod=+x", "mode"]);
    commit(path, "ours");
    merge_with_conflict(path);
    assert_eq!(git(path, &["ls-files", "--unmerged"]).lines().count(), 5);
    let [name, content] = keys.each_ref().map(masked);
    let mut expected = [format!("{name}:1:1: {name} (in the name)"), format!("mode:1:1: {content}")];
    expected.sort();
    for options in [&["scan", "--staged"][..], &["scan", "--staged", text(&keys[0]), "mode"]] {
        let scan = run_in(path, options).exits(1);
        assert_eq!(scan.stdout.lines().collect::<Vec<_>>(), expected, "{options:?}");
    }
}

#[test]
fn a_file_that_is_named_twice_is_reported_once() {
    let (repository, keys) = (repository(), [(); 2].map(|()| ApiKey::generate()));
    let path = repository.path();
    let name = format!("folder/{}", text(&keys[0]));
    write(path, &name, text(&keys[1]));
    git(path, &["add", "-A"]);
    for names in [[&*name, &name], ["folder", &name]] {
        for others in [&[][..], &["missing"]] {
            let scan = run_in(path, &[&["scan", "--staged"], &names[..], others].concat());
            assert_eq!(scan.stdout.lines().count(), 2, "{others:?} {scan:?}");
            assert_eq!(scan.code, Some(if others.is_empty() { 1 } else { 2 }));
        }
    }
}

/// A path in the variable is relative to the current directory, or to the top of the worktree, where git runs hooks.
#[test]
fn the_index_of_a_hook_is_found_from_each_folder() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "sub/a", "clean");
    commit(path, "first");
    write(path, "sub/leak", text(&key));
    git(path, &["add", "sub/leak"]);
    fs::copy(path.join(".git/index"), path.join(".git/next-index")).unwrap();
    git(path, &["reset", "-q"]);
    let absolute = path.join(".git/next-index");
    for (directory, file, code) in [
        (path, ".git/next-index", 1),
        (&path.join("sub"), ".git/next-index", 1),
        (&path.join("sub"), "../.git/next-index", 1),
        (path, "../.git/next-index", 0),
        (path, absolute.to_str().unwrap(), 1),
    ] {
        let mut command = command(&["scan", "--staged"]);
        finish(command.env("GIT_INDEX_FILE", file).current_dir(directory), b"").exits(code);
    }
}

/// This holds in a subdirectory, too, and with `diff.relative`. Of several files with the same content, each is reported.
#[test]
fn staged_files_of_the_whole_worktree_are_searched() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    git(path, &["config", "diff.relative", "true"]);
    write(path, "sub/kept", "clean");
    write(path, "conflict", "base");
    commit(path, "first");
    for name in ["a", "b", "sub/c"] {
        write(path, name, text(&key));
    }
    git(path, &["add", "-A"]);
    let object = git(path, &["rev-parse", ":a"]);
    for directory in [path, &path.join("sub")] {
        let report = run_in(directory, &["scan", "--staged", "--format", "json"]).exits(1).json();
        let found: Vec<_> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| {
                (found["path"].as_str().unwrap(), found["object"].as_str().unwrap(), &found["tracked"])
            })
            .collect();
        assert_eq!(found, ["a", "b", "sub/c"].map(|path| (path, &*object, &Value::Bool(true))));
        assert_eq!((&report["files"], &report["bytes"]), (&1.into(), &52.into()));
    }
    // Files and folders may be named. A name that is not in the index does not hide the others.
    let scan = run_in(path, &["scan", "--staged", "missing", "sub", "a"]).exits(2);
    assert!(scan.stderr.contains("missing is not in the index, so it was not searched; add it"), "{scan:?}");
    assert_eq!(scan.stdout, format!("a:1:1: {0}\nsub/c:1:1: {0}\n", masked(&key)));
    git(path, &["commit", "-q", "-m", "second"]);

    // A conflict at the top is found from a subdirectory.
    git(path, &["checkout", "-q", "-b", "side"]);
    write(path, "conflict", format!("theirs {}", text(&key)));
    commit(path, "theirs");
    git(path, &["checkout", "-q", "main"]);
    write(path, "conflict", "ours");
    commit(path, "ours");
    merge_with_conflict(path);
    let scan = run_in(&path.join("sub"), &["scan", "--staged"]).exits(1);
    assert_eq!(scan.stdout, format!("conflict:1:8: {}\n", masked(&key)));
}
