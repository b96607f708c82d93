//! What a repository keeps elsewhere is reported, and not read or fetched.

use std::fs;

use ctx_key::ApiKey;

use crate::common::{command, finish, git, masked, run_in};
use crate::{commit, merge_with_conflict, repository, text, write};

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
        let note = format!(
            "note: the repository borrows objects from {}, which is outside it and was not searched; `--alternates` \
             searches them, too\n",
            store.display()
        );
        assert!(scan.stderr.contains(&note), "{scan:?}");
        assert!(!scan.stdout.contains(&masked(&key)), "{scan:?}");
    }
    let scan = run_in(&clone, &["scan", "--history"]).exits(2);
    let error = "ctx-key: 1 object of this repository is in the folders that it borrows from and was not searched; \
                 `--alternates` searches it\n";
    assert!(scan.stderr.contains(error), "{scan:?}");
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

/// git unquotes a path of the list, and skips one byte after it. A line with a broken quote is a path as it is.
#[cfg(unix)]
#[test]
fn quoted_folders_outside_are_reported_and_not_read() {
    let (directory, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let (outside, clone) = (directory.path().join("ä \"b\\"), directory.path().join("clone"));
    git(directory.path(), &["init", "-q", outside.to_str().unwrap()]);
    write(&outside, "a", text(&key));
    commit(&outside, "first");
    let object = git(&outside, &["rev-parse", "HEAD:a"]);
    git(&outside, &["clone", "-q", "--shared", ".", clone.to_str().unwrap()]);
    let store = outside.join(".git/objects").canonicalize().unwrap();
    // Without the line feed at its end, this name is that of a folder in the repository.
    let objects = clone.join(".git/objects");
    fs::create_dir(objects.join("more")).unwrap();
    std::os::unix::fs::symlink(&store, objects.join("more\n")).unwrap();
    std::os::unix::fs::symlink(directory.path(), objects.join("#comment")).unwrap();
    let plain = store.to_str().unwrap();
    let quoted = plain.replace('\\', "\\\\").replace('"', "\\\"");
    let octal: String = plain.bytes().map(|byte| format!("\\{byte:03o}")).collect();
    for list in [
        format!("\"{quoted}\""),
        format!("\"{octal}\"\n"),
        format!("\"{quoted}\\000/../../nowhere\"\n"),
        format!("\"\"x\"{quoted}\"\n"),
        format!("\"nowhere\"x{plain}\n"),
        format!("\"no\nwhere\"\n{plain}\n"),
        format!("#comment\n# \"comment\n\"{quoted}\"\n"),
        "\"#comment/ä \\\"b\\\\/.git/objects\"\n".to_owned(),
        format!("\"broken\\q\n\"broken\\400\n\"broken\\08\n{plain}\n"),
        format!("{plain}\n\"broken\n"),
        format!("{plain}\0/more\n"),
        "\"more\\n\"\n".to_owned(),
        format!("../nowhere\n../config\n{plain}\n"),
    ] {
        write(&clone, ".git/objects/info/alternates", &list);
        git(&clone, &["cat-file", "-e", &object]);
        let scan = run_in(&clone, &["scan", "--history"]).exits(2);
        let note = format!("borrows objects from {}, which is outside it", plain.replace('\\', "\\\\"));
        assert!(scan.stderr.contains(&note), "{list:?} {scan:?}");
        assert_eq!(scan.stderr.matches("borrows objects").count(), 1, "{list:?} {scan:?}");
        assert!(!scan.stdout.contains(&masked(&key)), "{list:?} {scan:?}");
        let scan = run_in(&clone, &["scan", "--history", "--alternates"]).exits(1);
        assert!(scan.stdout.starts_with("a:1:1: "), "{list:?} {scan:?}");
    }
    // Each letter stands for one character. The folder exists only with this character in its name.
    for (letter, character) in
        [('a', '\x07'), ('b', '\x08'), ('t', '\t'), ('v', '\x0b'), ('f', '\x0c'), ('r', '\r')]
    {
        let link = objects.join(format!("less{character}"));
        std::os::unix::fs::symlink(&store, &link).unwrap();
        write(&clone, ".git/objects/info/alternates", format!("\"less\\{letter}\"\n"));
        git(&clone, &["cat-file", "-e", &object]);
        let scan = run_in(&clone, &["scan", "--history"]).exits(2);
        assert_eq!(scan.stderr.matches("borrows objects").count(), 1, "{letter} {scan:?}");
        assert!(!scan.stdout.contains(&masked(&key)), "{letter} {scan:?}");
        fs::remove_file(link).unwrap();
    }
}

/// Without the objects that the link leads to, the repository has none.
#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_objects_is_followed() {
    let (repository, key) = (repository(), ApiKey::generate());
    write(repository.path(), "a", text(&key));
    commit(repository.path(), "first");
    let (objects, moved) = (repository.path().join(".git/objects"), tempfile::tempdir().unwrap());
    fs::rename(&objects, moved.path().join("objects")).unwrap();
    std::os::unix::fs::symlink(moved.path().join("objects"), &objects).unwrap();
    let scan = run_in(repository.path(), &["scan", "--history"]).exits(1);
    assert!(scan.stdout.starts_with("a:1:1: "), "{scan:?}");
}

#[test]
fn objects_that_a_partial_clone_lacks_are_not_fetched() {
    let (repository, directory, key) = (repository(), tempfile::tempdir().unwrap(), ApiKey::generate());
    write(repository.path(), "a", text(&key));
    commit(repository.path(), "first");
    git(repository.path(), &["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", repository.path().display());
    git(directory.path(), &["clone", "-q", "--filter=blob:none", "--no-checkout", &url, "clone"]);
    let clone = directory.path().join("clone");
    // Each of these settings is enough for git. The last one is that of old versions.
    for setting in ["all", "the filter", "the extension"] {
        match setting {
            "the filter" => drop(git(&clone, &["config", "--unset", "remote.origin.promisor"])),
            "the extension" => {
                git(&clone, &["config", "--unset", "remote.origin.partialCloneFilter"]);
                git(&clone, &["config", "extensions.partialClone", "origin"]);
            }
            _ => {}
        }
        let scan = run_in(&clone, &["scan", "--history"]).exits(2);
        let error = "ctx-key: 1 object of this partial clone is not here and was not searched; clone the repository \
                     without `--filter`\n";
        assert_eq!((scan.stdout.as_str(), scan.stderr.as_str()), ("", error), "{setting}");
    }
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
    fs::create_dir(repository.path().join("folder")).unwrap();
    let below = run_in(&repository.path().join("folder"), &["scan", "--history"]).exits(0);
    assert_eq!(below.stderr, history.stderr);
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

/// The index holds up to three commits of the submodule.
#[test]
fn a_submodule_with_a_conflict_is_named_once() {
    let (repository, mut ids) = (repository(), Vec::new());
    let path = repository.path();
    for message in ["base", "theirs", "ours"] {
        ids.push(commit(path, message));
    }
    fs::create_dir(path.join("sub")).unwrap();
    let set = |id: &str| {
        git(path, &["update-index", "--add", "--cacheinfo", &format!("160000,{id},sub")]);
        commit(path, "submodule");
    };
    set(&ids[0]);
    git(path, &["checkout", "-q", "-b", "side"]);
    set(&ids[1]);
    git(path, &["checkout", "-q", "main"]);
    set(&ids[2]);
    merge_with_conflict(path);
    for (options, note) in [
        (&["scan", "--staged"][..], "the submodule sub was not searched"),
        (&["scan", "--history"], "the history of the submodule sub was not searched"),
        (&["scan"], "the submodule sub is not checked out"),
    ] {
        let scan = run_in(path, options);
        assert_eq!(scan.stderr.matches(note).count(), 1, "{scan:?}");
    }
}
