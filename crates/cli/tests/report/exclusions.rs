//! Only what an option excludes is left out, and a verbose run lists it.

use std::fs;

use ctx_key::ApiKey;
use tempfile::tempdir;

use crate::common::{command, finish, git, masked, run_in};
use crate::{text, tree, write};

#[test]
fn a_verbose_run_lists_what_it_skips() {
    let key = ApiKey::generate();
    let tree = tempdir().unwrap();
    git(tree.path(), &["init", "-q"]);
    write(tree.path(), ".gitignore", "whole/\nmore/\n");
    for name in ["a", "b.log", "c/d", "whole/e", "more/f"] {
        write(tree.path(), name, text(&key));
    }
    let lines = |options: &[&str]| {
        let scan =
            run_in(tree.path(), &[&["scan", "--exclude", "*.log", "--exclude", "c/"], options].concat());
        let mut lines: Vec<_> = scan.stderr.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let advice = "revoke these keys in the dashboard under API Keys, and create new ones";
    let note = "note: 2 directories that git ignores were not searched; `--no-ignore` searches them";
    assert_eq!(lines(&[]), [note, advice]);
    let bytes = fs::metadata(tree.path().join(".gitignore")).unwrap().len() + 52;
    assert_eq!(
        lines(&["-v"]),
        [
            "2 files and directories were excluded",
            "excluded: b.log",
            "excluded: c",
            note,
            advice,
            &format!("searched 2 files or objects, {bytes} bytes"),
            "skipped: more",
            "skipped: whole",
        ]
    );
    // Even a named file is excluded.
    assert_eq!(
        lines(&["-v", "a", "b.log"]),
        ["excluded: b.log", advice, "searched 1 files or objects, 52 bytes"]
    );
    assert_eq!(
        lines(&["-v", "a", "c/d"]),
        ["excluded: c/d", advice, "searched 1 files or objects, 52 bytes"]
    );
}

#[test]
fn patterns_exclude_paths_as_in_gitignore() {
    let key = ApiKey::generate();
    let tree = tempdir().unwrap();
    for name in ["a/b", "a/keep", "build", "c/build/d", "e.log"] {
        write(tree.path(), name, text(&key));
    }
    let found = |exclude: &[&str], path: &str| {
        let options = exclude.iter().flat_map(|pattern| ["--exclude", pattern]).collect::<Vec<_>>();
        let scan = run_in(tree.path(), &[&["scan", path], &options[..]].concat());
        scan.stdout.lines().map(|line| line.split_once(':').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    // A pattern with a slash at the end matches only directories.
    assert_eq!(found(&["build/"], "."), ["a/b", "a/keep", "build", "e.log"]);
    assert_eq!(found(&["build"], "."), ["a/b", "a/keep", "e.log"]);
    assert_eq!(found(&["a/*", "!a/keep"], "."), ["a/keep", "build", "c/build/d", "e.log"]);
    assert_eq!(found(&["/b"], "a"), ["a/b", "a/keep"]);
    let absolute = tree.path().to_str().unwrap();
    let shown = ["a/b", "a/keep", "e.log"].map(|name| format!("{absolute}/{name}"));
    assert_eq!(found(&["build"], absolute), shown);
    assert_eq!(found(&[absolute], absolute), [] as [&str; 0]);
}

#[test]
fn options_set_the_exit_code_the_exclusions_and_the_threads() {
    let key = ApiKey::generate();
    let tree = tree(&key);
    write(tree.path(), "a/b.log", text(&key));
    write(tree.path(), "clean", "");
    let code = |arguments: &[&str], code| run_in(tree.path(), &[&["scan"], arguments].concat()).exits(code);
    code(&["--exit-code", "0"], 0);
    code(&["--exit-code", "7"], 7);
    code(&["--exit-code", "7", "clean"], 0);
    code(&["--exit-code", "7", "missing", "leak"], 2);
    code(&["--exit-code", "256"], 2);
    let scan = code(&["--exclude", "leak", "--exclude", "*.log"], 0);
    assert_eq!((scan.stdout, scan.stderr), Default::default());
    let scan = code(&["--exclude", "/a", "-v"], 1);
    assert_eq!(scan.stdout, format!("leak:1:1: {}\n", masked(&key)));
    for detail in ["excluded: a\n", "1 file or directory was excluded\n", "searched 2 files"] {
        assert!(scan.stderr.contains(detail), "{scan:?}");
    }
    let scan = code(&["--exclude", "{a"], 2);
    assert!(scan.stderr.starts_with("ctx-key: --exclude {a is not a pattern: "), "{scan:?}");
    assert!(scan.stderr.ends_with("; write it as a line of .gitignore\n"), "{scan:?}");
    for threads in ["0", "1", "3", "64", "65", "100000", "18446744073709551615"] {
        assert_eq!(code(&["--threads", threads], 1).stdout.lines().count(), 2);
    }
    git(tree.path(), &["init", "-q"]);
    git(tree.path(), &["add", "-A"]);
    assert_eq!(code(&["--staged", "--exclude", "leak"], 1).stdout.lines().count(), 1);
    git(tree.path(), &["commit", "-q", "-m", "x"]);
    let scan = code(&["--history", "--exclude", "leak", "--exclude", "a/"], 0);
    assert_eq!(scan.stdout, "");
    write(tree.path(), ".gitignore", "*.log\n");
    git(tree.path(), &["rm", "-q", "--cached", "a/b.log"]);
    code(&["--exclude", "leak"], 3);
    code(&["--exclude", "leak", "--exit-code", "9"], 9);
    code(&[], 1);
}

#[test]
fn what_git_tracks_is_never_hidden() {
    let (tree, home, key) = (tempdir().unwrap(), tempdir().unwrap(), ApiKey::generate());
    let path = tree.path();
    git(path, &["init", "-q"]);
    for name in [".env", "build/kept", "deep/node_modules/a", "excluded", "global", "dot-ignore", "rg"] {
        write(path, name, text(&key));
    }
    git(path, &["add", "-A"]);
    write(path, ".gitignore", ".env\n/build\nnode_modules\n*\n");
    write(path, ".git/info/exclude", "excluded\n");
    write(home.path(), ".gitconfig", "[core]\n\texcludesFile = ~/ignored\n");
    write(home.path(), "ignored", "global\nonly-global\n");
    write(path, ".ignore", "dot-ignore\n");
    write(path, ".rgignore", "rg\n");
    let scan = |directory: &str| {
        let mut command = command(&["scan"]);
        finish(command.current_dir(path.join(directory)).env("HOME", home.path()), b"")
    };
    let found = scan("").exits(1);
    let key_text = masked(&key);
    let names = [".env", "build/kept", "deep/node_modules/a", "dot-ignore", "excluded", "global", "rg"];
    assert_eq!(found.stdout, names.map(|name| format!("{name}:1:1: {key_text}\n")).concat());
    assert_eq!(scan("build").exits(1).stdout, format!("kept:1:1: {key_text}\n"));
    assert_eq!(scan("deep/node_modules").exits(1).stdout, format!("a:1:1: {key_text}\n"));

    // Untracked files are searched, too, unless a whole directory is ignored.
    write(path, ".gitignore", "*.env\nwhole/\n");
    for name in ["build/b.env", "whole/a", "whole/b/c", "all/a.env", "all/b.env", "only-global"] {
        write(path, name, text(&key));
    }
    let found = scan("").exits(1);
    let ignored: Vec<_> = found.stdout.lines().filter(|line| line.ends_with(" (ignored by git)")).collect();
    let expected = ["all/a.env", "all/b.env", "build/b.env", "only-global"];
    assert_eq!(ignored, expected.map(|name| format!("{name}:1:1: {key_text} (ignored by git)")));
    assert!(found.stderr.contains("note: 1 directory that git ignores was not searched"), "{found:?}");
    assert_eq!(scan("all").exits(3).stdout.lines().count(), 2);
    assert_eq!(scan("whole").exits(1).stdout.lines().count(), 2);
    assert_eq!(scan("whole/b").exits(1).stdout.lines().count(), 1);
}
