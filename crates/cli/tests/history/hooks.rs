//! A hook refuses a push or a commit that has a key.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use ctx_key::ApiKey;

use crate::common::{git, masked};
use crate::{commit, repository, text, write};

fn hook(repository: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let hook = repository.join("hooks").join(name);
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let path = Path::new(env!("CARGO_BIN_EXE_ctx-key")).parent().unwrap();
    fs::write(&hook, format!("#!/bin/sh\nPATH='{}':$PATH\n{script}", path.display())).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Returns the first shell script in the README that contains this text.
fn documented(first: &str) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks = readme.split("```").filter_map(|block| block.strip_prefix("sh\n"));
    let mut blocks = blocks.filter(|block| block.contains(first));
    blocks.next().unwrap_or_else(|| panic!("README has no {first}")).to_owned()
}

/// Pushes a ref, and returns whether the server accepted it, and its messages.
fn push(local: &Path, bare: &Path, refspec: &str) -> (bool, String) {
    let mut command = Command::new("git");
    let output = command.args(["push", "-q"]).arg(bare).arg(refspec).current_dir(local).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The documented hook of a server refuses a push while the objects of the push are in quarantine.
#[test]
fn a_push_with_a_key_is_refused() {
    let (local, directory) = (repository(), tempfile::tempdir().unwrap());
    let path = local.path();
    let bare = directory.path().join("bare: \"ser\\ver\"");
    git(directory.path(), &["init", "-q", "--bare", bare.to_str().unwrap()]);
    let push = |branch: &str| push(path, &bare, branch);
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

/// During the hook, no ref of the server names the pushed object. If it is not a commit, no commit leads to it.
#[test]
fn a_push_of_a_tag_a_tree_or_a_blob_with_a_key_is_refused() {
    let (local, directory) = (repository(), tempfile::tempdir().unwrap());
    let (path, bare) = (local.path(), directory.path().join("bare"));
    git(directory.path(), &["init", "-q", "--bare", bare.to_str().unwrap()]);
    hook(&bare, "pre-receive", &documented("pre-receive"));
    write(path, "clean", "clean");
    commit(path, "clean");
    assert!(push(path, &bare, "main").0);
    let tree = |name: &str, content: &str| {
        write(path, name, content);
        git(path, &["add", "-A"]);
        let tree = git(path, &["write-tree"]);
        git(path, &["rm", "-q", "--cached", name]);
        fs::remove_file(path.join(name)).unwrap();
        tree
    };
    let [tag, inner, blob, content, name, tagged] = [(); 6].map(|()| ApiKey::generate());
    git(path, &["tag", "-a", "-m", text(&tag), "v1"]);
    git(path, &["tag", "-a", "-m", text(&inner), "inner"]);
    git(path, &["tag", "-a", "-m", "clean", "outer", "inner"]);
    write(path, "staged", text(&blob));
    git(path, &["tag", "blob", &git(path, &["hash-object", "-w", "staged"])]);
    fs::remove_file(path.join("staged")).unwrap();
    git(path, &["tag", "content", &tree("folder/a", text(&content))]);
    git(path, &["tag", "name", &tree(&format!("folder/{}", text(&name)), "clean")]);
    git(path, &["tag", "-a", "-m", "clean", "tagged", &tree("folder/b", text(&tagged))]);
    for (pushed, key) in [
        ("v1", &tag),
        ("outer", &inner),
        ("blob", &blob),
        ("content", &content),
        ("name", &name),
        ("tagged", &tagged),
    ] {
        let (accepted, said) = push(path, &bare, pushed);
        assert!(!accepted && said.contains(&masked(key)), "{pushed} {said}");
    }
    git(path, &["tag", "-a", "-m", "clean", "clean"]);
    git(path, &["tag", "clean-tree", &tree("folder/c", "clean")]);
    for pushed in ["clean", "clean-tree", "main:refs/heads/other"] {
        let (accepted, said) = push(path, &bare, pushed);
        assert!(accepted, "{pushed} {said}");
    }
    let (accepted, said) = push(path, &bare, "+v1:clean");
    assert!(!accepted && said.contains(&masked(&tag)), "{said}");
    // What the server has was accepted before.
    hook(&bare, "pre-receive", "exit 0\n");
    assert!(push(path, &bare, "outer").0);
    hook(&bare, "pre-receive", &documented("pre-receive"));
    let (accepted, said) = push(path, &bare, "outer:refs/tags/copy");
    assert!(accepted, "{said}");
    assert!(push(path, &bare, ":refs/tags/copy").0);
}

/// For `git commit FILE` and `git commit -a`, git gives the hook a separate index, also in linked worktrees.
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
