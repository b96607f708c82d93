//! Each missing or broken object is reported, and the rest is searched.

use std::fs;

use ctx_key::ApiKey;

use crate::common::{git, masked, run_in};
use crate::{commit, repository, text, write};

#[test]
fn the_missing_object_of_a_ref_is_reported() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "a", text(&key));
    commit(path, "first");
    write(path, ".git/refs/heads/lost", format!("{}\n", "1".repeat(40)));
    let scan = run_in(path, &["scan", "--history"]).exits(2);
    assert!(scan.stdout.starts_with("a:1:1: "), "{scan:?}");
    let (lost, advice) = ("1".repeat(40), "fetch it, or run `git fsck`");
    let error = format!("ctx-key: object {lost} is missing and was not searched; {advice}\n");
    assert!(scan.stderr.contains(&error), "{scan:?}");
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
        let reason = "it is missing or broken; fetch it, or run `git fsck`";
        let error = format!("ctx-key: can't read object {broken}: {reason}\n");
        assert!(scan.stderr.contains(&error), "{scan:?}");
    }
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
