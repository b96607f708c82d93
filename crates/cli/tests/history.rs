//! `ctx-key scan --history`: what hides in a repository

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{command, finish, git, masked, run_in};
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

/// All findings, each of which must satisfy `git show COMMIT:PATH` if it is in a file of a commit.
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
    let findings = findings(directory, &[]);
    let mut found = findings.into_iter().filter(|finding| finding["id"] == key.id().as_str());
    found.next().unwrap_or_else(|| panic!("{:?} was not found", key.id()))
}

#[test]
fn tags_stashes_notes_and_remotes() {
    let (repository, keys) = (repository(), [(); 5].map(|()| ApiKey::generate()));
    let path = repository.path();
    let first = commit(path, "first");
    git(path, &["tag", "-a", "-m", text(&keys[0]), "v1"]);
    write(path, "a", text(&keys[1]));
    git(path, &["add", "a"]);
    git(path, &["stash", "-q"]);
    git(path, &["notes", "add", "-m", text(&keys[2])]);
    write(path, "b", text(&keys[3]));
    let remote = commit(path, "second");
    git(path, &["update-ref", "refs/remotes/origin/x", &remote]);
    git(path, &["reset", "-q", "--hard", &first]);
    git(path, &["update-ref", &format!("refs/heads/{}", text(&keys[4])), &first]);
    for key in &keys {
        assert_found(path, key);
    }
    let reference = assert_found(path, &keys[4]);
    assert_eq!(reference["place"], "ref");
    assert_eq!(reference["path"], format!("refs/heads/{}", masked(&keys[4])));
    assert_eq!(assert_found(path, &keys[3])["path"], "b");
}

#[test]
fn objects_that_no_ref_reaches() {
    let (repository, keys) = (repository(), [(); 5].map(|()| ApiKey::generate()));
    let path = repository.path();
    commit(path, "first");
    // Amended, a deleted branch, a dropped stash, a dangling blob, staged once
    write(path, "amended", text(&keys[0]));
    let amended = commit(path, "second");
    write(path, "amended", "clean");
    git(path, &["commit", "-q", "-a", "--amend", "-m", "second"]);
    git(path, &["checkout", "-q", "-b", "gone"]);
    write(path, "branch", text(&keys[1]));
    commit(path, "third");
    git(path, &["checkout", "-q", "main"]);
    git(path, &["branch", "-q", "-D", "gone"]);
    write(path, "amended", text(&keys[2]));
    git(path, &["stash", "-q"]);
    git(path, &["stash", "drop", "-q"]);
    write(path, "blob", text(&keys[3]));
    let blob = git(path, &["hash-object", "-w", "blob"]);
    fs::remove_file(path.join("blob")).unwrap();
    write(path, "staged", text(&keys[4]));
    git(path, &["add", "staged"]);
    for pass in ["with logs", "without logs", "packed"] {
        let found = assert_found(path, &keys[0]);
        assert_eq!(
            (&found["path"], &found["commit"]),
            (&"amended".into(), &amended.as_str().into()),
            "{pass}"
        );
        assert_eq!(found["tracked"], false);
        assert_eq!(assert_found(path, &keys[1])["path"], "branch");
        assert_found(path, &keys[2]);
        let found = assert_found(path, &keys[3]);
        assert_eq!((&found["path"], &found["commit"]), (&format!("blob {blob}").into(), &Value::Null));
        assert_eq!(assert_found(path, &keys[4])["path"], "staged");
        match pass {
            "with logs" => fs::remove_dir_all(path.join(".git/logs")).unwrap(),
            _ => drop(git(path, &["repack", "-q", "-a", "-d", "-k"])),
        }
    }
}

/// A log keeps the name of a branch that is gone.
#[test]
fn logs_of_refs() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    commit(path, "first");
    git(path, &["checkout", "-q", "-b", text(&key)]);
    git(path, &["checkout", "-q", "main"]);
    git(path, &["branch", "-q", "-D", text(&key)]);
    let found = assert_found(path, &key);
    assert_eq!((&found["path"], &found["place"]), (&".git/logs/HEAD".into(), &"ref".into()));
    // Before its first commit, a branch is a name in HEAD alone.
    fs::remove_dir_all(path.join(".git/logs")).unwrap();
    git(path, &["symbolic-ref", "HEAD", &format!("refs/heads/{}", text(&key))]);
    assert_eq!(assert_found(path, &key)["path"], ".git/HEAD");
}

/// Each worktree has a log of its own, and a HEAD.
#[test]
fn logs_of_all_worktrees() {
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

#[test]
fn a_ref_whose_object_is_missing() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "a", text(&key));
    commit(path, "first");
    write(path, ".git/refs/heads/lost", format!("{}\n", "1".repeat(40)));
    let scan = run_in(path, &["scan", "--history"]).exits(2);
    assert!(scan.stdout.starts_with("a:1:1: "), "{scan:?}");
    assert!(scan.stderr.contains(&format!("object {} is missing", "1".repeat(40))), "{scan:?}");
}

/// Objects that nothing needs any more may be gone, and so may what they name.
#[test]
fn what_no_ref_reaches_may_be_incomplete() {
    let repository = repository();
    let path = repository.path();
    commit(path, "first");
    write(path, "a", "gone");
    git(path, &["add", "a"]);
    git(path, &["write-tree"]);
    let id = git(path, &["rev-parse", ":a"]);
    git(path, &["rm", "-q", "-f", "a"]);
    fs::remove_file(path.join(".git/objects").join(&id[..2]).join(&id[2..])).unwrap();
    run_in(path, &["scan", "--history"]).exits(0);
}

/// A file becomes a symbolic link, and the other way round.
#[cfg(unix)]
#[test]
fn staged_changes_of_the_type() {
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

#[test]
fn names_of_staged_files() {
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

/// All versions are in the index, and one of them will be committed.
#[test]
fn staged_versions_of_a_conflict() {
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
    let merge = ["-c", "user.name=t", "-c", "user.email=t@example.com", "merge", "-q", "side"];
    assert!(!Command::new("git").args(merge).current_dir(path).output().unwrap().status.success());
    write(path, "a", "clean");
    let scan = run_in(path, &["scan", "--staged"]).exits(1);
    let mut expected = keys.map(|key| format!("a:1:1: {}\n", masked(&key)));
    let mut found: Vec<_> = scan.stdout.split_inclusive('\n').collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn names_of_files_that_are_gone() {
    let (repository, key, other) = (repository(), ApiKey::generate(), ApiKey::generate());
    let path = repository.path();
    write(path, &format!("a/{}.txt", text(&key)), "clean");
    let brought = commit(path, "first");
    git(path, &["rm", "-q", "-r", "a"]);
    commit(path, "second");
    // A tree that no commit has
    write(path, text(&other), "clean");
    git(path, &["add", "-A"]);
    let tree = git(path, &["write-tree"]);
    git(path, &["rm", "-q", "-f", "--cached", text(&other)]);
    fs::remove_file(path.join(text(&other))).unwrap();
    let found = assert_found(path, &key);
    assert_eq!(found["path"], format!("a/{}.txt", masked(&key)));
    assert_eq!((&found["place"], &found["commit"]), (&"name".into(), &brought.as_str().into()));
    assert_eq!(assert_found(path, &other)["path"], format!("tree {tree}"));
}

#[test]
fn replace_refs_and_grafts_and_boundaries_hide_nothing() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    commit(path, "first");
    write(path, "a", text(&key));
    let leak = commit(path, "second");
    git(path, &["rm", "-q", "a"]);
    let last = commit(path, "third");
    let clean = git(path, &["commit-tree", "-m", "clean", "HEAD^{tree}"]);
    git(path, &["replace", &leak, &clean]);
    assert_eq!(assert_found(path, &key)["commit"], leak.as_str());
    assert_eq!(findings(path, &["--range", "HEAD"])[0]["commit"], leak.as_str());
    git(path, &["replace", "-d", &leak]);
    git(
        path,
        &[
            "replace",
            &git(path, &["rev-parse", &format!("{leak}:a")]),
            &git(path, &["hash-object", "-w", "-t", "blob", "--stdin"]),
        ],
    );
    assert_eq!(assert_found(path, &key)["commit"], leak.as_str());
    write(path, ".git/info/grafts", format!("{last}\n"));
    let found = assert_found(path, &key);
    assert_eq!((&found["commit"], &found["tracked"]), (&leak.as_str().into(), &true.into()));
    assert_eq!(findings(path, &["--range", "HEAD"])[0]["commit"], leak.as_str());
    fs::remove_file(path.join(".git/info/grafts")).unwrap();
    write(path, ".git/shallow", format!("{last}\n"));
    assert_eq!(assert_found(path, &key)["commit"], leak.as_str());
    run_in(path, &["scan", "--history"]).exits(2);
}

#[test]
fn each_missing_object_is_reported_and_the_rest_searched() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "a", "first");
    write(path, "b", "second");
    let first = commit(path, "first");
    write(path, "d/c", text(&key));
    commit(path, "second");
    let lost = ["HEAD:a", "HEAD:b", "HEAD~", "HEAD^{tree}"].map(|object| git(path, &["rev-parse", object]));
    for id in &lost {
        fs::remove_file(path.join(".git/objects").join(&id[..2]).join(&id[2..])).unwrap();
    }
    let scan = run_in(path, &["scan", "--history"]).exits(2).hides(&key);
    assert!(scan.stdout.contains(&masked(&key)), "{scan:?}");
    // The blobs of the lost tree can't be known to be needed, but the first commit's tree names them.
    for id in &lost {
        assert!(scan.stderr.contains(&format!("object {id} is missing")), "{id} {scan:?}");
    }
    assert!(scan.stderr.contains(&first));
}

#[test]
fn a_broken_object_is_reported_and_the_rest_searched() {
    let (repository, keys) = (repository(), [(); 40].map(|()| ApiKey::generate()));
    let path = repository.path();
    for (index, key) in keys.iter().enumerate() {
        write(path, &format!("file-{index}"), text(key));
    }
    write(path, "broken", "broken");
    commit(path, "first");
    let broken = git(path, &["rev-parse", "HEAD:broken"]);
    let object = path.join(".git/objects").join(&broken[..2]).join(&broken[2..]);
    let content = fs::read(&object).unwrap();
    for damaged in [b"garbage".to_vec(), content[..content.len() - 6].to_vec(), Vec::new()] {
        fs::remove_file(&object).unwrap();
        fs::write(&object, damaged).unwrap();
        let scan = run_in(path, &["scan", "--history"]).exits(2);
        assert_eq!(scan.stdout.lines().count(), 40, "{scan:?}");
        assert!(scan.stderr.contains(&format!("can't read object {broken}")), "{scan:?}");
    }
}

/// One line for each key and place, with its oldest commit and the number of versions.
#[test]
fn versions_of_a_file_are_counted() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    let mut first = String::new();
    for version in 0..5 {
        write(path, "a", format!("{}{}", "\n".repeat(version), text(&key)));
        let id = commit(path, "version");
        if version == 0 {
            first = id;
        }
    }
    write(path, "b/a", text(&key));
    let second = commit(path, "copied");
    let scan = run_in(path, &["scan", "--history"]).exits(1);
    let key_text = masked(&key);
    let expected =
        format!("a:1:1: {key_text} (commit {first}, 5 times)\nb/a:1:1: {key_text} (commit {second})\n");
    assert_eq!(scan.stdout, expected);
    let found = findings(path, &[]);
    assert_eq!((&found[0]["count"], &found[1]["count"]), (&5.into(), &1.into()));
    assert_eq!(found[0]["object"], git(path, &["rev-parse", &format!("{first}:a")]));
}

#[test]
fn a_merge_and_a_rename_name_commits_that_hold_the_path() {
    let (repository, keys) = (repository(), [(); 3].map(|()| ApiKey::generate()));
    let path = repository.path();
    write(path, "base", "base");
    commit(path, "first");
    git(path, &["checkout", "-q", "-b", "side"]);
    write(path, "side", text(&keys[0]));
    let side = commit(path, "side");
    git(path, &["checkout", "-q", "main"]);
    write(path, "main", text(&keys[1]));
    commit(path, "main");
    git(path, &["merge", "-q", "--no-commit", "side"]);
    write(path, "evil", text(&keys[2]));
    git(path, &["add", "evil"]);
    git(path, &["commit", "-q", "-m", "merged"]);
    let merge = git(path, &["rev-parse", "HEAD"]);
    git(path, &["mv", "side", "renamed"]);
    commit(path, "renamed");
    assert_eq!(findings(path, &[]).len(), 4);
    assert_eq!(assert_found(path, &keys[2])["commit"], merge.as_str());
    let places: Vec<_> =
        findings(path, &[]).into_iter().filter(|found| found["id"] == keys[0].id().as_str()).collect();
    assert_eq!(places[1]["path"], "side");
    assert_eq!(places[1]["commit"], side.as_str());
    assert_eq!(places[0]["path"], "renamed");
}

#[test]
fn ranges_and_dates() {
    let (repository, keys) = (repository(), [(); 4].map(|()| ApiKey::generate()));
    let path = repository.path();
    write(path, "old", text(&keys[0]));
    git(path, &["add", "-A"]);
    let old = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "old"])
        .env("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z")
        .current_dir(path)
        .status();
    assert!(old.unwrap().success());
    write(path, "new", text(&keys[1]));
    commit(path, "new");
    git(path, &["rm", "-q", "new"]);
    let message = format!("last\n\n{}", text(&keys[2]));
    commit(path, &message);
    git(path, &["tag", "-a", "-m", text(&keys[3]), "v1"]);
    let ids = |options: &[&str]| {
        let found = findings(path, options);
        keys.iter().map(|key| found.iter().any(|found| found["id"] == key.id().as_str())).collect::<Vec<_>>()
    };
    let head = git(path, &["rev-parse", "HEAD"]);
    let zero = "0".repeat(40);
    assert_eq!(ids(&["--range", "HEAD~2..HEAD"]), [false, true, true, true]);
    assert_eq!(ids(&["--range", "HEAD~..HEAD"]), [false, false, true, true]);
    assert_eq!(ids(&["--range", "HEAD~2..HEAD~"]), [false, true, false, false]);
    assert_eq!(ids(&["--range", "HEAD"]), [true; 4]);
    assert_eq!(ids(&["--range", &format!("{zero}..{head}")]), [true; 4]);
    assert_eq!(ids(&["--since", "2021-01-01"]), [false, true, true, true]);
    assert_eq!(ids(&["--since", "2 days"]), [false, true, true, true]);
    assert_eq!(ids(&["--since", "2019-12-31T12:00:00Z"]), [true; 4]);
    let scan = run_in(path, &["scan", "--history", "--range", &format!("{head}..{zero}")]).exits(0);
    assert!(scan.stderr.contains("nothing was searched"), "{scan:?}");
    for range in ["HEAD..nonsense", "nonsense", "", "HEAD~99..HEAD", "--all", "^HEAD"] {
        let scan = run_in(path, &["scan", "--history", &format!("--range={range}")]);
        assert!(scan.code == Some(2) || (range == "^HEAD" && scan.code == Some(0)), "{range} {scan:?}");
    }
    for date in ["yesterdayish", "garbage", "", "2026-13-01", "2026-01-32", "--all", "26-01-01"] {
        let scan = run_in(path, &["scan", "--history", &format!("--since={date}")]).exits(2);
        assert!(scan.stderr.contains("--since is not a date"), "{scan:?}");
    }
    run_in(path, &["scan", "--range", "HEAD"]).exits(2);
}

/// A merge brings only what it changes itself.
#[test]
fn a_range_does_not_hold_what_was_merged_into_it() {
    let (repository, keys) = (repository(), [(); 2].map(|()| ApiKey::generate()));
    let path = repository.path();
    commit(path, "first");
    git(path, &["checkout", "-q", "-b", "side"]);
    write(path, "side", "clean");
    commit(path, "side");
    git(path, &["checkout", "-q", "main"]);
    write(path, "main", text(&keys[0]));
    commit(path, "main");
    git(path, &["checkout", "-q", "side"]);
    git(path, &["merge", "-q", "--no-edit", "main"]);
    run_in(path, &["scan", "--history", "--range", "main..side"]).exits(0);
    write(path, "side", text(&keys[1]));
    commit(path, "leak");
    assert_eq!(findings(path, &["--range", "main..side"]).len(), 1);
}

#[test]
fn worktrees_and_sha_256() {
    let (directory, keys) = (tempfile::tempdir().unwrap(), [(); 2].map(|()| ApiKey::generate()));
    let main = directory.path().join("main");
    fs::create_dir(&main).unwrap();
    git(&main, &["init", "-q", "--object-format=sha256"]);
    write(&main, "a", text(&keys[0]));
    commit(&main, "first");
    git(&main, &["worktree", "add", "-q", "../linked"]);
    let linked = directory.path().join("linked");
    write(&linked, "b", text(&keys[1]));
    git(&linked, &["add", "-A"]);
    let scan = run_in(&linked, &["scan", "--staged"]).exits(1);
    assert_eq!(scan.stdout, format!("b:1:1: {}\n", masked(&keys[1])));
    run_in(&main, &["scan", "--staged"]).exits(0);
    for worktree in [&main, &linked] {
        assert_eq!(findings(worktree, &[]).len(), 2);
        assert_eq!(assert_found(worktree, &keys[0])["commit"].as_str().unwrap().len(), 64);
    }
}

#[test]
fn a_bare_repository_and_its_packs() {
    let (repository, directory, key) = (repository(), tempfile::tempdir().unwrap(), ApiKey::generate());
    write(repository.path(), "a", text(&key));
    commit(repository.path(), "first");
    let bare = directory.path().join("bare");
    git(repository.path(), &["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    assert_eq!(assert_found(&bare, &key)["path"], "a");
    let scan = finish(command(&["scan"]).arg(&bare), b"");
    assert!(scan.stderr.contains("is a git repository") && scan.stderr.contains("--history"), "{scan:?}");
}

#[test]
fn objects_of_others_are_named_and_not_read() {
    let (repository, directory, key) = (repository(), tempfile::tempdir().unwrap(), ApiKey::generate());
    write(repository.path(), "a", text(&key));
    commit(repository.path(), "first");
    let clone = directory.path().join("clone");
    git(repository.path(), &["clone", "-q", "--shared", ".", clone.to_str().unwrap()]);
    let store = repository.path().join(".git/objects").canonicalize().unwrap();
    for options in [&["scan", "--history"][..], &["scan", "--staged"]] {
        let scan = run_in(&clone, options);
        assert!(scan.stderr.contains(&format!("borrows objects from {}", store.display())), "{scan:?}");
        assert!(!scan.stdout.contains(&masked(&key)), "{scan:?}");
    }
    let scan = run_in(&clone, &["scan", "--history"]).exits(2);
    assert!(
        scan.stderr.contains("are in the folders that it borrows from and were not searched"),
        "{scan:?}"
    );
    let scan = run_in(&clone, &["scan", "--history", "--alternates"]).exits(1);
    assert!(scan.stdout.starts_with("a:1:1: "), "{scan:?}");
    // Whatever the repository calls its worktree
    git(&clone, &["config", "core.worktree", "/"]);
    let scan = run_in(&clone, &["scan", "--history"]).exits(2);
    assert!(!scan.stdout.contains(&masked(&key)), "{scan:?}");
    // A folder inside the repository is its own.
    let inside = tempfile::tempdir().unwrap();
    git(inside.path(), &["init", "-q"]);
    git(repository.path(), &["repack", "-q", "-a", "-d"]);
    fs::create_dir(inside.path().join(".git/more")).unwrap();
    fs::rename(store.join("pack"), inside.path().join(".git/more/pack")).unwrap();
    write(inside.path(), ".git/objects/info/alternates", "../more\n");
    assert!(run_in(inside.path(), &["scan", "--history"]).exits(1).stdout.contains(&masked(&key)));
}

#[test]
fn a_partial_clone_is_not_completed() {
    let (repository, directory, key) = (repository(), tempfile::tempdir().unwrap(), ApiKey::generate());
    write(repository.path(), "a", text(&key));
    commit(repository.path(), "first");
    git(repository.path(), &["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", repository.path().display());
    git(directory.path(), &["clone", "-q", "--filter=blob:none", "--no-checkout", &url, "clone"]);
    let scan = run_in(&directory.path().join("clone"), &["scan", "--history"]).exits(2);
    assert!(scan.stderr.contains("1 objects of this partial clone are not here"), "{scan:?}");
    assert_eq!(scan.stdout, "");
}

#[test]
fn submodules_are_named() {
    let (repository, module, key) = (repository(), repository(), ApiKey::generate());
    write(module.path(), "a", text(&key));
    commit(module.path(), "first");
    let url = module.path().to_str().unwrap();
    git(repository.path(), &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "sub"]);
    let staged = run_in(repository.path(), &["scan", "--staged"]).exits(0);
    assert!(staged.stderr.contains("the submodule sub was not searched"), "{staged:?}");
    commit(repository.path(), "first");
    let history = run_in(repository.path(), &["scan", "--history"]).exits(0);
    assert!(history.stderr.contains("the history of the submodule sub was not searched"), "{history:?}");
    let files = run_in(repository.path(), &["scan", "--format", "json"]).exits(1).json();
    assert_eq!(
        (&files["findings"][0]["path"], &files["findings"][0]["tracked"]),
        (&"sub/a".into(), &true.into())
    );
    // Its commits are not objects of this repository: they are not missing, even if another object is.
    let lost = git(repository.path(), &["rev-parse", "HEAD:.gitmodules"]);
    let lost_file = repository.path().join(".git/objects").join(&lost[..2]).join(&lost[2..]);
    let kept = fs::read(&lost_file).unwrap();
    fs::remove_file(&lost_file).unwrap();
    let history = run_in(repository.path(), &["scan", "--history"]).exits(2);
    let errors: Vec<_> = history.stderr.lines().filter(|line| line.starts_with("ctx-key: ")).collect();
    assert_eq!(errors.len(), 1, "{history:?}");
    assert!(errors[0].contains(&lost), "{history:?}");
    fs::write(&lost_file, kept).unwrap();
    git(repository.path(), &["submodule", "--quiet", "deinit", "-f", "sub"]);
    let files = run_in(repository.path(), &["scan"]).exits(0);
    assert!(files.stderr.contains("the submodule sub is not checked out"), "{files:?}");
}

#[cfg(unix)]
fn hook(repository: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let hook = repository.join("hooks").join(name);
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let path = Path::new(env!("CARGO_BIN_EXE_ctx-key")).parent().unwrap();
    fs::write(&hook, format!("#!/bin/sh\nPATH='{}':$PATH\n{script}", path.display())).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A block of the README that begins with this line.
#[cfg(unix)]
fn documented(first: &str) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks = readme.split("```").filter_map(|block| block.strip_prefix("sh\n"));
    let mut blocks = blocks.filter(|block| block.contains(first));
    blocks.next().unwrap_or_else(|| panic!("README has no {first}")).to_owned()
}

/// The documented hook of a server: a push is refused while its objects are in quarantine.
#[cfg(unix)]
#[test]
fn a_push_is_refused() {
    let (local, directory, keys) =
        (repository(), tempfile::tempdir().unwrap(), [(); 2].map(|()| ApiKey::generate()));
    let path = local.path();
    let bare = directory.path().join("bare: \"server\"");
    git(directory.path(), &["init", "-q", "--bare", bare.to_str().unwrap()]);
    for script in [documented("pre-receive"), "exec ctx-key scan --history\n".to_owned()] {
        let fresh = ApiKey::generate();
        let push = |branch: &str| {
            let output = Command::new("git")
                .args(["push", "-q"])
                .arg(&bare)
                .arg(branch)
                .current_dir(path)
                .output()
                .unwrap();
            (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        hook(&bare, "pre-receive", &script);
        write(path, "clean", masked(&fresh));
        commit(path, "clean");
        let pushed = push("HEAD:main");
        assert!(pushed.0, "{}", pushed.1);
        git(path, &["checkout", "-q", "-b", &masked(&fresh)[4..12]]);
        write(path, "leak", text(&fresh));
        commit(path, "leak");
        git(path, &["rm", "-q", "leak"]);
        commit(path, "no leak");
        for branch in ["HEAD:main", "HEAD:new"] {
            let (accepted, said) = push(branch);
            assert!(!accepted && said.contains(&masked(&fresh)), "{said}");
        }
        git(path, &["checkout", "-q", "main"]);
        assert!(push(":main").0 || script.contains("exec"), "deleting a branch");
        hook(&bare, "pre-receive", "exit 0\n");
        push("HEAD:main");
    }
    drop(keys);
}

#[test]
fn variables_of_another_repository_do_not_win() {
    let (leaking, clean, key) = (repository(), repository(), ApiKey::generate());
    commit(leaking.path(), "first");
    commit(clean.path(), "first");
    write(leaking.path(), "a", text(&key));
    git(leaking.path(), &["add", "-A"]);
    let other = clean.path().join(".git");
    // Objects of the other repository are not this one's.
    let foreign = ApiKey::generate();
    write(clean.path(), "foreign", text(&foreign));
    git(clean.path(), &["hash-object", "-w", "foreign"]);
    for options in [&["scan"][..], &["scan", "--staged"], &["scan", "--history"]] {
        let variables = [
            ("GIT_DIR", other.clone()),
            ("GIT_WORK_TREE", clean.path().into()),
            ("GIT_INDEX_FILE", other.join("index")),
            ("GIT_OBJECT_DIRECTORY", other.join("objects")),
            ("GIT_QUARANTINE_PATH", other.join("objects")),
            ("GIT_COMMON_DIR", other.clone()),
            ("GIT_CEILING_DIRECTORIES", "/".into()),
            ("GIT_NAMESPACE", "other".into()),
            ("GIT_SHALLOW_FILE", other.join("shallow")),
            ("GIT_TRACE", other.join("trace")),
            ("GIT_LITERAL_PATHSPECS", "1".into()),
        ];
        let mut all = command(options);
        for (variable, value) in &variables {
            all.env(variable, value);
            let mut one = command(options);
            let scan = finish(one.env(variable, value).current_dir(leaking.path()), b"").exits(1);
            assert!(scan.stdout.starts_with("a:1:1: "), "{variable} {scan:?}");
            assert!(!scan.stdout.contains(&masked(&foreign)), "{variable} {scan:?}");
        }
        finish(all.current_dir(leaking.path()), b"").exits(1);
        finish(all.current_dir("/").arg(leaking.path()), b"").exits(1);
        assert!(!other.join("trace").exists());
    }
    let other_index = command(&["scan", "--staged"])
        .env("GIT_INDEX_FILE", "/nonexistent")
        .current_dir(leaking.path())
        .output();
    assert_eq!(other_index.unwrap().status.code(), Some(1));
}

/// git gives a hook an index of its own for `git commit FILE` and `git commit -a`, in linked worktrees too.
#[cfg(unix)]
#[test]
fn a_hook_reads_the_index_of_the_commit_that_is_made() {
    let (repository, directory, key) = (repository(), tempfile::tempdir().unwrap(), ApiKey::generate());
    write(repository.path(), "tracked", "clean");
    write(repository.path(), "other", "clean");
    commit(repository.path(), "first");
    let linked = directory.path().join("linked");
    git(repository.path(), &["worktree", "add", "-q", linked.to_str().unwrap()]);
    hook(&repository.path().join(".git"), "pre-commit", "exec ctx-key scan --staged\n");
    for path in [repository.path(), &linked] {
        let commit = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.args(["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "x"]);
            command
                .args(arguments)
                .current_dir(path)
                .stderr(Stdio::piped())
                .output()
                .unwrap()
                .status
                .success()
        };
        write(path, "tracked", text(&key));
        assert!(!commit(&["-a"]));
        assert!(!commit(&["tracked"]));
        assert!(!commit(&["--include", "tracked"]));
        write(path, "other", format!("{}", path.display()));
        assert!(commit(&["other"]));
        git(path, &["add", "tracked"]);
        assert!(!commit(&[]));
        write(path, "other", "again");
        assert!(commit(&["other"]));
        git(path, &["reset", "-q", "--hard"]);
    }
}
