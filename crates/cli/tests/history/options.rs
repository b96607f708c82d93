//! Options for files apply to a history, too.

use ctx_key::ApiKey;

use crate::common::{git, masked, run_in};
use crate::{commit, repository, text, write};

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

/// The copies are in a commit that no ref reaches, and in the index.
#[test]
fn a_copy_of_an_excluded_file_is_found() {
    let (repository, keys) = (repository(), [(); 2].map(|()| ApiKey::generate()));
    let path = repository.path();
    write(path, "out/a", text(&keys[0]));
    write(path, "out/b", text(&keys[1]));
    commit(path, "first");
    git(path, &["checkout", "-q", "-b", "gone"]);
    write(path, "src/a", text(&keys[0]));
    commit(path, "second");
    git(path, &["checkout", "-q", "main"]);
    git(path, &["branch", "-q", "-D", "gone"]);
    write(path, "src/b", text(&keys[1]));
    git(path, &["add", "src/b"]);
    let scan = run_in(path, &["scan", "--history", "--exclude", "/out/"]).exits(1);
    let found: Vec<_> = scan.stdout.lines().map(|line| line.split_once(':').unwrap().0).collect();
    assert_eq!(found, ["src/a", "src/b"]);
}
