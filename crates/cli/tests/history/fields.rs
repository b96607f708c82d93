//! The fields of a find say where it is.

use std::fs;

use ctx_key::ApiKey;
use serde_json::Value;

use crate::common::{git, masked};
use crate::{commit, findings, repository, text, write};

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

/// A blob in a commit keeps the path from the commit, even if another blob makes the search read the index.
#[test]
fn the_index_gives_paths_only_to_blobs_without_one() {
    let (repository, keys) = (repository(), [(); 3].map(|()| ApiKey::generate()));
    let path = repository.path();
    write(path, "a", text(&keys[0]));
    let brought = commit(path, "first");
    write(path, "dangling", text(&keys[1]));
    let dangling = git(path, &["hash-object", "-w", "dangling"]);
    fs::remove_file(path.join("dangling")).unwrap();
    git(path, &["mv", "a", "moved"]);
    write(path, "staged", text(&keys[2]));
    write(path, "copy", text(&keys[2]));
    git(path, &["add", "staged", "copy"]);
    let found = findings(path, &[]);
    let mut paths: Vec<_> = found.iter().map(|found| found["path"].as_str().unwrap()).collect();
    paths.sort();
    assert_eq!(paths, ["a", &format!("blob {dangling}"), "copy", "staged"]);
    let found = |key: &ApiKey| found.iter().find(|found| found["id"] == key.id().as_str()).unwrap();
    assert_eq!((&found(&keys[0])["path"], &found(&keys[0])["commit"]), (&"a".into(), &brought.into()));
    assert_eq!(found(&keys[1])["tracked"], false);
    let staged = found(&keys[2]);
    assert_eq!(
        (&staged["path"], &staged["commit"], &staged["tracked"]),
        (&"copy".into(), &Value::Null, &true.into())
    );
}

/// This holds for a file outside the current folder, too.
#[test]
fn the_whole_index_gives_paths() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "folder/a", "clean");
    commit(path, "first");
    write(path, "staged", text(&key));
    git(path, &["add", "staged"]);
    for directory in [path, &path.join("folder"), &path.join(".git")] {
        let found = findings(directory, &[]);
        assert_eq!((&found[0]["path"], &found[0]["tracked"]), (&"staged".into(), &true.into()));
    }
}
