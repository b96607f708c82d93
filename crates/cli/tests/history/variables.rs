//! Environment variables choose no other repository, and hide nothing.

use std::fs;

use ctx_key::ApiKey;

use crate::common::{command, finish, git, masked, run_in};
use crate::{commit, repository, text, write};

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
    let inside = leaking.path().join("sub");
    fs::create_dir(&inside).unwrap();
    let mut hidden = command(&["scan", "--staged"]);
    hidden.env("GIT_CEILING_DIRECTORIES", leaking.path().canonicalize().unwrap()).current_dir(inside);
    finish(&mut hidden, b"").exits(1);
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
