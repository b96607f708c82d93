//! Keys are found in every object, whether a ref reaches it or not.

use std::fs;

use ctx_key::ApiKey;
use serde_json::Value;

use crate::common::{command, finish, git, masked, run_in};
use crate::{assert_found, commit, findings, of, repository, text, write};

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

/// git prints the path of the folder and a line feed.
#[cfg(unix)]
#[test]
fn the_name_of_a_bare_repository_may_end_with_white_space() {
    let (repository, directory, key) = (repository(), tempfile::tempdir().unwrap(), ApiKey::generate());
    write(repository.path(), "a", text(&key));
    commit(repository.path(), "first");
    for name in ["bare ", "bare\t", "bare\n"] {
        let bare = directory.path().join(name);
        git(repository.path(), &["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
        assert_eq!(assert_found(&bare, &key)["path"], "a", "{name:?}");
    }
}

/// git may write a file with the parents of all commits. Here, this file contradicts the last commit, and git itself
/// believes the file.
#[test]
fn a_commit_graph_hides_nothing() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "a", text(&key));
    let first = commit(path, "first");
    git(path, &["rm", "-q", "a"]);
    let last = commit(path, "last");
    git(path, &["commit-graph", "write", "--reachable"]);
    let file = path.join(".git/objects/info/commit-graph");
    let mut graph = fs::read(&file).unwrap();
    // A table after the first eight bytes says where each part is. Commits are sorted by their ids. The entry of each
    // one has the id of its tree, 20 bytes, and then the place of its parent.
    let entry = graph[8..].chunks_exact(12).find(|entry| entry.starts_with(b"CDAT")).unwrap();
    let commits = u64::from_be_bytes(entry[4..].try_into().unwrap()) as usize;
    let parent = commits + 36 * usize::from(last > first) + 20;
    // This number stands for no parent.
    graph[parent..parent + 4].copy_from_slice(&0x7000_0000_u32.to_be_bytes());
    fs::remove_file(&file).unwrap();
    fs::write(&file, graph).unwrap();
    assert_eq!(git(path, &["rev-list", "HEAD"]), last);
    for options in [&[][..], &["--range", "HEAD"]] {
        let found = findings(path, options);
        assert_eq!(found.len(), 1, "{options:?} {found:?}");
        assert_eq!((&found[0]["commit"], &found[0]["tracked"]), (&first.as_str().into(), &true.into()));
    }
}
