//! A find names the oldest commit that has it.

use std::fs;

use ctx_key::ApiKey;

use crate::common::{git, masked, run_in};
use crate::{commit, commit_at, findings, of, repository, text, write};

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
