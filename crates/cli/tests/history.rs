//! `ctx-key scan --history` and `--staged` find keys wherever a repository holds them.

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

#[test]
fn keys_in_tags_stashes_notes_and_remotes_are_found() {
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
    let found = findings(path, &[]);
    for key in &keys {
        of(&found, key);
    }
    let reference = of(&found, &keys[4]);
    assert_eq!(reference["place"], "ref");
    assert_eq!(reference["path"], format!("refs/heads/{}", masked(&keys[4])));
    assert_eq!(of(&found, &keys[3])["path"], "b");
}

#[test]
fn keys_in_objects_that_no_ref_reaches_are_found() {
    let (repository, keys) = (repository(), [(); 5].map(|()| ApiKey::generate()));
    let path = repository.path();
    commit(path, "first");
    // The keys are in an amended commit, a deleted branch, a dropped stash, a dangling blob and the index.
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
        let found = findings(path, &[]);
        let [first, gone, _, dangling, staged] = keys.each_ref().map(|key| of(&found, key));
        assert_eq!(
            (&first["path"], &first["commit"]),
            (&"amended".into(), &amended.as_str().into()),
            "{pass}"
        );
        assert_eq!(first["tracked"], false);
        assert_eq!(gone["path"], "branch");
        assert_eq!((&dangling["path"], &dangling["commit"]), (&format!("blob {blob}").into(), &Value::Null));
        assert_eq!(staged["path"], "staged");
        match pass {
            "with logs" => fs::remove_dir_all(path.join(".git/logs")).unwrap(),
            _ => drop(git(path, &["repack", "-q", "-a", "-d", "-k"])),
        }
    }
}

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

#[test]
fn the_missing_object_of_a_ref_is_reported() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "a", text(&key));
    commit(path, "first");
    write(path, ".git/refs/heads/lost", format!("{}\n", "1".repeat(40)));
    let scan = run_in(path, &["scan", "--history"]).exits(2);
    assert!(scan.stdout.starts_with("a:1:1: "), "{scan:?}");
    assert!(scan.stderr.contains(&format!("object {} is missing", "1".repeat(40))), "{scan:?}");
}

/// git may have deleted an object to which only unreachable objects refer.
#[test]
fn an_object_that_no_ref_reaches_may_be_missing() {
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
fn keys_in_the_names_of_deleted_files_are_found() {
    let (repository, key, other) = (repository(), ApiKey::generate(), ApiKey::generate());
    let path = repository.path();
    write(path, &format!("a/{}.txt", text(&key)), "clean");
    let brought = commit(path, "first");
    git(path, &["rm", "-q", "-r", "a"]);
    commit(path, "second");
    // No commit has this tree.
    write(path, text(&other), "clean");
    git(path, &["add", "-A"]);
    let tree = git(path, &["write-tree"]);
    git(path, &["rm", "-q", "-f", "--cached", text(&other)]);
    fs::remove_file(path.join(text(&other))).unwrap();
    let all = findings(path, &[]);
    let found = of(&all, &key);
    assert_eq!(found["path"], format!("a/{}.txt", masked(&key)));
    assert_eq!((&found["place"], &found["commit"]), (&"name".into(), &brought.as_str().into()));
    assert_eq!(of(&all, &other)["path"], format!("tree {tree}"));
}

#[test]
fn replace_refs_grafts_and_shallow_boundaries_hide_nothing() {
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
    // The lost tree can't show that the blobs are needed, but the tree of the first commit refers to them.
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

/// Each key has one line for each place, with the oldest commit and the number of versions.
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
    let found = findings(path, &[]);
    assert_eq!(found.len(), 4);
    assert_eq!(of(&found, &keys[2])["commit"], merge.as_str());
    let places: Vec<_> = found.into_iter().filter(|found| found["id"] == keys[0].id().as_str()).collect();
    assert_eq!(places[1]["path"], "side");
    assert_eq!(places[1]["commit"], side.as_str());
    assert_eq!(places[0]["path"], "renamed");
}

#[test]
fn ranges_and_dates_select_commits() {
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
    // A deletion in a range does not cause an error.
    for range in ["HEAD", "HEAD~..HEAD", &format!("{zero}..{head}"), &format!("{}..{head}", "0".repeat(64))] {
        let scan = run_in(path, &["scan", "--history", "--range", range]).exits(1);
        assert_eq!(scan.stderr, "revoke these keys in the dashboard under API Keys, and create new ones\n");
    }
    assert_eq!(ids(&["--range", "HEAD", "--since", "2021-01-01"]), [false, true, true, true]);
    assert_eq!(ids(&["--range", "HEAD~", "--since", "2021-01-01"]), [false, true, false, false]);
    for date in [
        "1 day",
        "2.weeks",
        "3 months ago",
        "1 second ago",
        "40 years",
        "1.hour.ago",
        "5 minutes",
        "1970-01-01",
        "2026-12-31 23:59",
        "2026-12-31T23:59:60Z",
    ] {
        let scan = run_in(path, &["scan", "--history", "--since", date]);
        assert!(!scan.stderr.contains("is not a date"), "{date} {scan:?}");
    }
    // Only a full name of zeros stands for no commit.
    let almost = format!("{}g", "0".repeat(39));
    for name in ["0", "000", &almost] {
        git(path, &["tag", name]);
        run_in(path, &["scan", "--history", "--range", &format!("{name}..HEAD")]).exits(0);
        assert_eq!(ids(&["--range", &format!("HEAD~..{name}")]), [false, false, true, true]);
        git(path, &["tag", "-d", name]);
    }
    run_in(path, &["scan", "--history", "--range", "..HEAD"]).exits(0);
    assert_eq!(ids(&["--range", "HEAD~.."]), [false, false, true, true]);
    assert_eq!(ids(&["--range", "HEAD...HEAD~"]), [false, false, true, true]);
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
    for date in [
        "yesterdayish",
        "garbage",
        "",
        "2026-13-01",
        "2026-01-32",
        "--all",
        "26-01-01",
        "2026-00-01",
        "2026-01-00",
        "2026-1-01",
        "1969-01-01",
        "2026-01-01T24:00",
        "2026-01-01T12",
        "2026-01-01T12:60",
        "2026-01-01T12:00:61",
        "2026-01-01T",
        "2026-01-01 noon",
        "2026-01-01T12:00ZZ",
        "2 weeks agoago",
        "2 fortnights",
        "days",
        "two days",
        "-1 day",
        "1day",
    ] {
        let scan = run_in(path, &["scan", "--history", &format!("--since={date}")]).exits(2);
        assert!(scan.stderr.contains("--since is not a date"), "{scan:?}");
    }
    run_in(path, &["scan", "--range", "HEAD"]).exits(2);
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

/// A day begins at midnight. Only the date of the commit itself counts, not the dates of its children or the refs
/// that reach it.
#[test]
fn commits_since_a_day_are_selected() {
    let (repository, keys) = (repository(), [(); 3].map(|()| ApiKey::generate()));
    let path = repository.path();
    commit_at(path, "2020-01-01T00:00:00Z", "first");
    write(path, "a", text(&keys[0]));
    commit_at(path, "2024-05-05T00:00:01Z", "at midnight");
    write(path, "amended", text(&keys[1]));
    commit_at(path, "2024-05-06T00:00:00Z", "amended");
    git(path, &["reset", "-q", "--hard", "HEAD~"]);
    write(path, "late", text(&keys[2]));
    commit_at(path, "2020-02-02T00:00:00Z", "a clock that is late");
    let found = |date: &str| {
        let mut command = command(&["scan", "--history", "--format", "json", "--since", date]);
        let report = finish(command.current_dir(path).env("TZ", "UTC"), b"").json();
        let found = report["findings"].as_array().unwrap().iter();
        found.map(|found| found["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("2024-05-05"), ["a", "amended"]);
    assert_eq!(found("2024-05-05T00:00:02"), ["amended"]);
    assert_eq!(found("2024-05-07"), [] as [&str; 0]);
    let none = run_in(path, &["scan", "--history", "--since", "2024-05-07"]).exits(0);
    assert_eq!(none.stderr, "note: no commit is in this range, so nothing was searched\n");
    assert_eq!(found("2020-02-02"), ["a", "amended", "late"]);
}

/// The oldest commit is the first in the order of parents and children, whatever the dates.
#[test]
fn the_oldest_commit_does_not_depend_on_clocks() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    commit_at(path, "2020-01-01T00:00:00Z", "first");
    write(path, "a", text(&key));
    let oldest = commit_at(path, "2020-01-02T00:00:00Z", "leak");
    git(path, &["rm", "-q", "a"]);
    commit_at(path, "2020-01-03T00:00:00Z", "removed");
    git(path, &["checkout", "-q", "-b", "side"]);
    write(path, "a", text(&key));
    commit_at(path, "2010-01-01T00:00:00Z", "again, with a clock that is late");
    git(path, &["checkout", "-q", "main"]);
    commit_at(path, "2020-01-04T00:00:00Z", "last");
    for options in [&[][..], &["--since", "2000-01-01"]] {
        let found = findings(path, options);
        assert_eq!((found.len(), found[0]["commit"].as_str()), (1, Some(&*oldest)), "{options:?}");
    }
}

/// If the beginning of a history is lost, the dates decide which commit is the oldest, and all commits count as
/// reached.
#[test]
fn dates_show_the_oldest_commit_of_a_broken_history() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    let lost = commit_at(path, "2020-01-01T00:00:00Z", "lost");
    commit_at(path, "2020-01-02T00:00:00Z", "second");
    let mut commits = Vec::new();
    for day in 3..9 {
        write(path, "a", text(&key));
        commits.push(commit_at(path, &format!("2020-01-{day:02}T00:00:00Z"), "leak"));
        git(path, &["rm", "-q", "a"]);
        commit_at(path, &format!("2020-01-{day:02}T12:00:00Z"), "removed");
    }
    fs::remove_file(path.join(".git/objects").join(&lost[..2]).join(&lost[2..])).unwrap();
    let scan = run_in(path, &["scan", "--history", "--format", "json"]).exits(2).json();
    let found = &scan["findings"];
    assert_eq!((&found[0]["path"], found[0]["commit"].as_str()), (&"a".into(), Some(&*commits[0])));
    assert_eq!((found.as_array().unwrap().len(), &found[0]["tracked"]), (1, &true.into()));
}

/// Exactly those commits whose files can't be read are reported.
#[test]
fn a_broken_commit_in_a_range_is_reported_and_the_rest_searched() {
    let (repository, keys) = (repository(), [(); 2].map(|()| ApiKey::generate()));
    let path = repository.path();
    write(path, "a", "clean");
    commit(path, &format!("first {}", text(&keys[0])));
    commit(path, "empty");
    write(path, "b", "clean");
    let broken = commit(path, "broken");
    let tree = git(path, &["rev-parse", "HEAD^{tree}"]);
    write(path, "b", text(&keys[1]));
    let after = commit(path, "after");
    commit(path, "empty again");
    fs::remove_file(path.join(".git/objects").join(&tree[..2]).join(&tree[2..])).unwrap();
    let scan =
        run_in(path, &["scan", "--history", "--range", "HEAD"]).exits(2).hides(&keys[0]).hides(&keys[1]);
    let errors: Vec<_> = scan.stderr.lines().filter(|line| line.starts_with("ctx-key: ")).collect();
    // The next commit can't be compared with a commit whose tree is missing.
    let error =
        |commit| format!("ctx-key: can't read the files of commit {commit}; fetch them, or run `git fsck`");
    assert_eq!(errors, [error(&broken), error(&after)]);
    assert!(scan.stdout.contains(&masked(&keys[0])), "{scan:?}");
    write(path, "c", text(&keys[1]));
    let last = commit(path, "last");
    let scan = run_in(path, &["scan", "--history", "--range", "HEAD"]).exits(2);
    assert!(scan.stdout.contains(&format!("c:1:1: {} (commit {last})\n", masked(&keys[1]))), "{scan:?}");
}

/// Compares all fields of a find at each kind of place. Each key is reported once.
#[test]
fn a_find_at_each_kind_of_place_has_every_field() {
    let (repository, keys) = (repository(), [(); 6].map(|()| ApiKey::generate()));
    let path = repository.path();
    let [subject, reference, reached, unreached, tag, _] = &keys;
    write(path, text(reached), "clean");
    let first = commit(path, &format!("with {}", text(subject)));
    write(path, text(reached), "clean again");
    let second = commit(path, "second");
    git(path, &["update-ref", &format!("refs/heads/{}", text(reference)), &second]);
    git(path, &["tag", "-a", "-m", text(tag), "v1"]);
    let tag_object = git(path, &["rev-parse", "v1"]);
    git(path, &["checkout", "-q", "-b", "gone"]);
    write(path, &format!("{}/x", text(unreached)), "clean");
    let gone = commit(path, "third");
    let amended = {
        git(path, &["commit", "-q", "--amend", "-m", &format!("more {}", text(&keys[5]))]);
        git(path, &["rev-parse", "HEAD"])
    };
    git(path, &["checkout", "-q", "main"]);
    git(path, &["branch", "-q", "-D", "gone"]);
    let blob = |name: String| git(path, &["rev-parse", &name]);
    let find = |key: &ApiKey,
                shown: &str,
                place: &str,
                object: &str,
                commit: Option<&str>,
                tracked: bool,
                count: u64| {
        serde_json::json!({
            "path": shown, "place": place, "id": key.id().as_str(), "object": object, "commit": commit,
            "tracked": tracked, "ignored": false, "count": count,
        })
    };
    let mut expected = [
        find(subject, &format!("commit {first}"), "message", &first, Some(&first), true, 1),
        find(&keys[5], &format!("commit {amended}"), "message", &amended, Some(&amended), false, 1),
        find(reference, &format!("refs/heads/{}", masked(reference)), "ref", &second, None, true, 1),
        find(tag, &format!("tag {tag_object}"), "message", &tag_object, None, true, 1),
        find(
            reached,
            &masked(reached),
            "name",
            &blob(format!("{first}:{}", text(reached))),
            Some(&first),
            true,
            2,
        ),
        find(
            unreached,
            &format!("{}/x", masked(unreached)),
            "name",
            &blob(format!("{gone}:{}/x", text(unreached))),
            Some(&gone),
            false,
            2,
        ),
    ];
    let mut found = findings(path, &[]);
    for find in &mut found {
        let find = find.as_object_mut().unwrap();
        for field in ["line", "column", "offset", "key"] {
            find.remove(field).unwrap();
        }
        // The two commits have the same time, so their ids decide which one counts as older.
        if find["id"] == unreached.id().as_str() {
            assert!([&*gone, &*amended].contains(&find["commit"].as_str().unwrap()));
            find["commit"] = gone.as_str().into();
        }
    }
    let by_id = |find: &Value| find["id"].as_str().unwrap().to_owned();
    found.sort_by_key(by_id);
    expected.sort_by_key(by_id);
    assert_eq!(found, expected);
}

/// A key in a name is reported once, even if several trees without a commit have the name.
#[test]
fn a_key_in_the_name_of_trees_without_a_commit_is_reported_once() {
    let (repository, keys) = (repository(), [(); 2].map(|()| ApiKey::generate()));
    let path = repository.path();
    commit(path, "first");
    write(path, text(&keys[0]), "clean");
    for name in ["a", "b", "c"] {
        write(path, name, "clean");
        git(path, &["add", "-A"]);
        git(path, &["write-tree"]);
    }
    // This name is also in a commit.
    write(path, text(&keys[1]), "clean");
    fs::remove_file(path.join(text(&keys[0]))).unwrap();
    let brought = commit(path, "second");
    let found = findings(path, &[]);
    let place = |key: &ApiKey| {
        let found: Vec<_> = found.iter().filter(|found| found["id"] == key.id().as_str()).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0]["path"].as_str().unwrap().split(' ').next().unwrap().to_owned(), found[0]["commit"].clone())
    };
    assert_eq!(place(&keys[0]), ("tree".to_owned(), Value::Null));
    assert_eq!(place(&keys[1]), (masked(&keys[1]), brought.into()));
}

#[test]
fn exclusion_and_decoding_apply_to_a_history() {
    let (repository, keys) = (repository(), [(); 4].map(|()| ApiKey::generate()));
    let path = repository.path();
    write(path, &format!("out/{}", text(&keys[0])), "clean");
    write(path, "out/a", text(&keys[1]));
    write(path, "in/a", text(&keys[1]));
    let hex = |key: &ApiKey| text(key).bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    write(path, &hex(&keys[2]), "clean");
    commit(path, "first");
    git(path, &["update-ref", &format!("refs/heads/{}", hex(&keys[3])), "HEAD"]);
    let found = |options: &[&str]| {
        let scan = run_in(path, &[&["scan", "--history"], options].concat());
        let mut found: Vec<_> =
            scan.stdout.lines().map(|line| line.split_once(": ").unwrap().0.to_owned()).collect();
        found.sort();
        found
    };
    let name = format!("out/{}", masked(&keys[0]));
    assert_eq!(
        found(&[]),
        ["***:1:1", "in/a:1:1", "out/a:1:1", &format!("{name}:1:5"), "refs/heads/***:1:12"]
    );
    assert_eq!(found(&["--no-decode"]), ["in/a:1:1", "out/a:1:1", &format!("{name}:1:5")]);
    assert_eq!(found(&["--exclude", "/out/", "--no-decode"]), ["in/a:1:1"]);
    assert_eq!(found(&["--exclude", "a", "--no-decode"]), [format!("{name}:1:5")]);
    let range = found(&["--range", "HEAD", "--exclude", "out", "--no-decode"]);
    assert_eq!(range, ["in/a:1:1"]);
}

#[test]
fn an_excluded_file_that_was_deleted_is_not_reported_as_an_object() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "out/a", text(&key));
    commit(path, "first");
    git(path, &["rm", "--quiet", "out/a"]);
    commit(path, "second");
    let found =
        |options: &[&str]| run_in(path, &[&["scan", "--history"], options].concat()).stdout.lines().count();
    assert_eq!([found(&[]), found(&["--exclude", "out"])], [1, 0]);
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
    // A log that exists but can't be read is an error.
    fs::create_dir_all(path.join(".git/worktrees/broken/HEAD")).unwrap();
    let scan = run_in(path, &["scan", "--history"]).exits(2);
    assert!(scan.stderr.contains("ctx-key: can't read .git/worktrees/broken/HEAD: "), "{scan:?}");
}

#[test]
fn missing_objects_of_tags_and_heads_are_reported() {
    let repository = repository();
    let path = repository.path();
    let lose = |id: &str| {
        let file = path.join(".git/objects").join(&id[..2]).join(&id[2..]);
        let content = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        (file, content)
    };
    let errors = || {
        let scan = run_in(path, &["scan", "--history"]);
        let errors: Vec<_> =
            scan.stderr.lines().filter(|line| line.starts_with("ctx-key: object ")).collect();
        let ids = errors.iter().map(|line| line.split(' ').nth(2).unwrap().to_owned()).collect::<Vec<_>>();
        (scan.code, ids)
    };
    write(path, "a", "clean");
    // The message contains lines that look like those of a header.
    commit(path, &format!("first\n\ntree {0}\nparent {0}\n", "1".repeat(40)));
    assert_eq!(errors(), (Some(0), vec![]));
    let blob = git(path, &["rev-parse", "HEAD:a"]);
    let (file, content) = lose(&blob);
    assert_eq!(errors(), (Some(2), vec![blob]));
    fs::write(file, content).unwrap();
    // Only a tag refers to this object.
    write(path, "b", "tagged");
    let tagged = git(path, &["hash-object", "-w", "b"]);
    fs::remove_file(path.join("b")).unwrap();
    git(path, &["tag", "-a", "-m", "x", "of-a-blob", &tagged]);
    let (file, content) = lose(&tagged);
    assert_eq!(errors(), (Some(2), vec![tagged]));
    fs::write(file, content).unwrap();
    // Only HEAD refers to this commit.
    git(path, &["checkout", "-q", "--detach"]);
    let detached = commit(path, "detached");
    let (file, content) = lose(&detached);
    assert_eq!(errors(), (Some(2), vec![detached]));
    fs::write(file, content).unwrap();
    assert_eq!(errors(), (Some(0), vec![]));
    // An empty list of commits does not make a clone shallow.
    write(path, ".git/shallow", "");
    assert_eq!(errors(), (Some(0), vec![]));
}

/// If git can't follow a history to its end, every missing object counts as needed.
#[test]
fn a_missing_object_is_reported_beside_a_broken_commit() {
    let repository = repository();
    let path = repository.path();
    let broken = commit(path, "broken");
    write(path, "a", "lost");
    commit(path, "second");
    let lost = git(path, &["rev-parse", "HEAD:a"]);
    let file = |id: &str| path.join(".git/objects").join(&id[..2]).join(&id[2..]);
    fs::remove_file(file(&lost)).unwrap();
    fs::remove_file(file(&broken)).unwrap();
    fs::write(file(&broken), "garbage").unwrap();
    let scan = run_in(path, &["scan", "--history"]).exits(2);
    for error in
        [format!("can't read object {broken}: "), format!("object {lost} is missing and was not searched; ")]
    {
        assert!(scan.stderr.contains(&format!("ctx-key: {error}")), "{scan:?}");
    }
}

/// A blob in a commit keeps the path from the commit, even if another blob makes the search read the index.
#[test]
fn the_index_gives_paths_only_to_blobs_without_one() {
    let (repository, keys) = (repository(), [(); 3].map(|()| ApiKey::generate()));
    let path = repository.path();
    write(path, "a", text(&keys[0]));
    let brought = commit(path, "first");
    write(path, "dangling", text(&keys[1]));
    git(path, &["hash-object", "-w", "dangling"]);
    fs::remove_file(path.join("dangling")).unwrap();
    git(path, &["mv", "a", "moved"]);
    write(path, "staged", text(&keys[2]));
    git(path, &["add", "staged"]);
    let found = findings(path, &[]);
    assert_eq!(found.len(), 3, "{found:?}");
    let found = |key: &ApiKey| found.iter().find(|found| found["id"] == key.id().as_str()).unwrap();
    assert_eq!((&found(&keys[0])["path"], &found(&keys[0])["commit"]), (&"a".into(), &brought.into()));
    assert_eq!(found(&keys[1])["tracked"], false);
    let staged = found(&keys[2]);
    assert_eq!(
        (&staged["path"], &staged["commit"], &staged["tracked"]),
        (&"staged".into(), &Value::Null, &true.into())
    );
}

/// For a merge, only the changes that the merge itself makes count.
#[test]
fn a_range_does_not_include_changes_that_were_merged_into_it() {
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
fn linked_worktrees_with_sha_256_are_searched() {
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
        let found = findings(worktree, &[]);
        assert_eq!(found.len(), 2);
        assert_eq!(of(&found, &keys[0])["commit"].as_str().unwrap().len(), 64);
    }
}

#[test]
fn a_bare_repository_with_packs_is_searched() {
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
fn borrowed_objects_are_reported_and_not_read() {
    let (repository, directory, key) = (repository(), tempfile::tempdir().unwrap(), ApiKey::generate());
    write(repository.path(), "a", text(&key));
    commit(repository.path(), "first");
    let clone = directory.path().join("clone");
    git(repository.path(), &["clone", "-q", "--shared", ".", clone.to_str().unwrap()]);
    let store = repository.path().join(".git/objects").canonicalize().unwrap();
    let list = clone.join(".git/objects/info/alternates");
    fs::write(&list, format!("# a comment\n\n{}", fs::read_to_string(&list).unwrap())).unwrap();
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
    // The command removes its temporary folders.
    let temporary = tempfile::tempdir().unwrap();
    let mut command = command(&["scan", "--history"]);
    finish(command.current_dir(&clone).env("TMPDIR", temporary.path()), b"").exits(2);
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    // The clone's own objects are read, packed or not.
    let own = ApiKey::generate();
    write(&clone, "own", text(&own));
    let brought = commit(&clone, "second");
    for pass in ["loose", "packed"] {
        let scan = run_in(&clone, &["scan", "--history"]).exits(2);
        assert!(
            scan.stdout.contains(&masked(&own)) && !scan.stdout.contains(&masked(&key)),
            "{pass} {scan:?}"
        );
        let scan = run_in(&clone, &["scan", "--history", "--alternates"]).exits(1);
        assert!(
            scan.stdout.contains(&format!("own:1:1: {} (commit {brought})", masked(&own))),
            "{pass} {scan:?}"
        );
        git(&clone, &["repack", "-q", "-a", "-d", "-l"]);
    }
    // A worktree in the configuration does not make the borrowed folder a part of the repository.
    git(&clone, &["config", "core.worktree", "/"]);
    let scan = run_in(&clone, &["scan", "--history"]).exits(2);
    assert!(!scan.stdout.contains(&masked(&key)), "{scan:?}");
    // A folder inside the repository belongs to it.
    let inside = tempfile::tempdir().unwrap();
    git(inside.path(), &["init", "-q"]);
    git(repository.path(), &["repack", "-q", "-a", "-d"]);
    fs::create_dir(inside.path().join(".git/more")).unwrap();
    fs::rename(store.join("pack"), inside.path().join(".git/more/pack")).unwrap();
    write(inside.path(), ".git/objects/info/alternates", "../more\n");
    assert!(run_in(inside.path(), &["scan", "--history"]).exits(1).stdout.contains(&masked(&key)));
    // It may itself borrow from a folder outside.
    let (outside, other) = (crate::repository(), ApiKey::generate());
    write(outside.path(), "b", text(&other));
    commit(outside.path(), "first");
    let borrowed = outside.path().join(".git/objects").canonicalize().unwrap();
    write(inside.path(), ".git/more/info/alternates", format!("{}\n", borrowed.display()));
    let scan = run_in(inside.path(), &["scan", "--history"]).exits(1);
    assert!(scan.stderr.contains(&format!("borrows objects from {}", borrowed.display())), "{scan:?}");
    assert!(scan.stdout.contains(&masked(&key)) && !scan.stdout.contains(&masked(&other)), "{scan:?}");
}

#[test]
fn objects_that_a_partial_clone_lacks_are_not_fetched() {
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
fn a_note_names_each_submodule() {
    let (repository, module, key) = (repository(), repository(), ApiKey::generate());
    write(module.path(), "a", text(&key));
    commit(module.path(), "first");
    let url = module.path().to_str().unwrap();
    git(repository.path(), &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "sub"]);
    // A setting of the repository does not hide the submodule.
    for ignored in ["none", "all"] {
        git(repository.path(), &["config", "submodule.sub.ignore", ignored]);
        let staged = run_in(repository.path(), &["scan", "--staged"]).exits(0);
        assert!(staged.stderr.contains("the submodule sub was not searched"), "{ignored} {staged:?}");
    }
    git(repository.path(), &["config", "--unset", "submodule.sub.ignore"]);
    let named = run_in(repository.path(), &["scan", "--staged", "sub", ".gitmodules"]).exits(0);
    assert_eq!(named.stderr, "note: the submodule sub was not searched; run this in it, too\n");
    commit(repository.path(), "first");
    let history = run_in(repository.path(), &["scan", "--history"]).exits(0);
    assert!(history.stderr.contains("the history of the submodule sub was not searched"), "{history:?}");
    let range = run_in(repository.path(), &["scan", "--history", "--range", "HEAD"]).exits(0);
    assert_eq!(range.stderr, history.stderr);
    let files = run_in(repository.path(), &["scan", "--format", "json"]).exits(1).json();
    assert_eq!(files["notes"], serde_json::json!([]));
    assert_eq!(
        (&files["findings"][0]["path"], &files["findings"][0]["tracked"]),
        (&"sub/a".into(), &true.into())
    );
    // The submodule's commits are not objects of this repository, so they don't count as missing, even if another
    // object is.
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

/// Returns the first shell script in the README that contains this text.
#[cfg(unix)]
fn documented(first: &str) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks = readme.split("```").filter_map(|block| block.strip_prefix("sh\n"));
    let mut blocks = blocks.filter(|block| block.contains(first));
    blocks.next().unwrap_or_else(|| panic!("README has no {first}")).to_owned()
}

/// The documented hook of a server refuses a push while the objects of the push are in quarantine.
#[cfg(unix)]
#[test]
fn a_push_with_a_key_is_refused() {
    let (local, directory) = (repository(), tempfile::tempdir().unwrap());
    let path = local.path();
    let bare = directory.path().join("bare: \"ser\\ver\"");
    git(directory.path(), &["init", "-q", "--bare", bare.to_str().unwrap()]);
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
    for script in [documented("pre-receive"), "exec ctx-key scan --history\n".to_owned()] {
        let fresh = ApiKey::generate();
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
    // Commits on the server were accepted before. Of a new branch, only its own commits are searched.
    write(path, "leak", text(&ApiKey::generate()));
    commit(path, "leak");
    assert!(push("HEAD:known").0);
    hook(&bare, "pre-receive", &documented("pre-receive"));
    commit(path, "clean");
    let (accepted, said) = push("HEAD:another");
    assert!(accepted, "{said}");
}

#[test]
fn variables_do_not_choose_another_repository() {
    let (leaking, clean, key) = (repository(), repository(), ApiKey::generate());
    commit(leaking.path(), "first");
    commit(clean.path(), "first");
    write(leaking.path(), "a", text(&key));
    git(leaking.path(), &["add", "-A"]);
    let other = clean.path().join(".git");
    // An object of the other repository must not be searched.
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

/// The repository's own folder of objects is not a quarantine, so all commits of a new branch are searched.
#[test]
fn a_variable_that_names_the_own_objects_hides_nothing() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "a", text(&key));
    let head = commit(path, "first");
    let range = format!("{}..{head}", "0".repeat(40));
    let mut command = command(&["scan", "--history", "--range", &range]);
    finish(command.env("GIT_OBJECT_DIRECTORY", path.join(".git/objects")).current_dir(path), b"").exits(1);
    let two = run_in(path, &["scan", "--history", ".", "a"]).exits(2);
    assert_eq!(two.stderr, "ctx-key: name one repository, not more: . and others were named\n");
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
    let merge = ["-c", "user.name=t", "-c", "user.email=t@example.com", "merge", "-q", "side"];
    assert!(!Command::new("git").args(merge).current_dir(path).output().unwrap().status.success());
    let scan = run_in(&path.join("sub"), &["scan", "--staged"]).exits(1);
    assert_eq!(scan.stdout, format!("conflict:1:8: {}\n", masked(&key)));
}

/// For `git commit FILE` and `git commit -a`, git gives the hook a separate index, also in linked worktrees.
#[cfg(unix)]
#[test]
fn a_hook_searches_the_index_of_its_commit() {
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
