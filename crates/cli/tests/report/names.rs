//! Names in reports and messages are escaped, and hide keys.

use std::fs;

use ctx_key::ApiKey;
use tempfile::tempdir;

use crate::common::{git, masked, run_in};
use crate::{text, write};

/// Errors repeat paths, and messages of git that contain paths. No format of a report shows a key in these.
#[test]
fn a_key_in_a_message_is_hidden() {
    let (tree, key) = (tempdir().unwrap(), ApiKey::generate());
    let (missing, folder) = (format!("{}/missing", text(&key)), format!("no-{}", text(&key)));
    git(tree.path(), &["init", "-q"]);
    for format in ["text", "json", "sarif"] {
        for arguments in [&["leak", &missing][..], &["--history", &folder], &["--staged", &folder]] {
            let scan = run_in(tree.path(), &[&["scan", "--format", format], arguments].concat());
            let scan = scan.exits(2).hides(&key);
            let shown = if format == "text" { &scan.stderr } else { &scan.stdout };
            assert!(shown.contains(&masked(&key)), "{scan:?}");
        }
    }
}

/// Paths and patterns in messages hide a key in any encoding. Some messages repeat a path more than once.
#[test]
fn an_encoded_key_in_a_message_is_hidden() {
    let (tree, key) = (tempdir().unwrap(), ApiKey::generate());
    let path = tree.path();
    git(path, &["init", "-q"]);
    write(path, "clean", "");
    let hex: String = text(&key).bytes().map(|byte| format!("{byte:02x}")).collect();
    for encoded in [text(&key).replacen('_', "%5F", 1), hex] {
        let (below, pattern) = (format!("{encoded}/file"), format!("{{{encoded}"));
        let cases: [&[&str]; 10] = [
            &["scan", &encoded],
            &["scan", &below, "--format", "json"],
            &["scan", &encoded, "--format", "sarif"],
            &["scan", "clean", "--exclude", &pattern],
            &["scan", "clean", "--baseline", &encoded],
            &["scan", "clean", "--config", &encoded],
            &["scan", "clean", "--output", &below],
            &["scan", "--history", &encoded],
            &["scan", "--staged", &encoded],
            &["new", "--scopes", "users:read", "--record", &below],
        ];
        for arguments in cases {
            let run = run_in(path, arguments).exits(2).hides(&key);
            let all = run.stderr + &run.stdout;
            assert!(all.contains("***") && !all.contains(&encoded[40..50]), "{arguments:?} {all}");
        }
    }
}

/// Messages repeat names and values. A character that changes the direction of text could hide a part of them.
#[test]
fn characters_that_control_a_terminal_are_escaped_in_messages() {
    let tree = tempdir().unwrap();
    let path = tree.path();
    git(path, &["init", "-q"]);
    write(path, "clean", "");
    write(path, "excluded\u{202e}", "");
    git(path, &["add", "clean"]);
    git(path, &["commit", "-q", "-m", "first"]);
    let (missing, below) = ("no\u{202e}", "no\u{202e}/file");
    let cases: [(&[&str], i32); 9] = [
        (&["scan", missing], 2),
        (&["scan", "clean", "--exclude", "{no\u{202e}"], 2),
        (&["scan", "clean", "--baseline", missing], 2),
        (&["scan", "clean", "--config", missing], 2),
        (&["scan", "clean", "--output", below], 2),
        (&["scan", "--history", missing], 2),
        (&["scan", "--history", "--range", missing], 2),
        (&["new", "--scopes", "users:read", "--record", below], 2),
        (&["scan", "--verbose", "--exclude", "excluded*"], 0),
    ];
    for (arguments, code) in cases {
        let stderr = run_in(path, arguments).exits(code).stderr;
        assert!(stderr.contains("\\u{202e}") && !stderr.contains('\u{202e}'), "{arguments:?} {stderr:?}");
    }
}

/// The notes and the details name files, folders and submodules. A character in a name could hide a part of them.
#[cfg(unix)]
#[test]
fn names_in_notes_are_escaped() {
    let tree = tempdir().unwrap();
    let path = tree.path();
    git(path, &["init", "-q"]);
    write(path, "clean", "");
    write(path, ".gitignore", "whole*/\n");
    git(path, &["add", "-A"]);
    git(path, &["commit", "-q", "-m", "first"]);
    for name in ["whole\u{202e}/a", "bare\u{202e}/HEAD", "bare\u{202e}/refs/a", "bare\u{202e}/objects/a"] {
        write(path, name, "");
    }
    write(path, "broken\u{202e}.gz", b"\x1f\x8b\x08\0broken");
    std::os::unix::fs::symlink("/", path.join("link\u{202e}")).unwrap();
    write(path, "lost\u{202e}", "lost");
    git(path, &["add", "lost\u{202e}"]);
    let lost = git(path, &["rev-parse", ":lost\u{202e}"]);
    fs::remove_file(path.join(".git/objects").join(&lost[..2]).join(&lost[2..])).unwrap();
    let submodule = format!("160000,{},sub\u{202e}", "1".repeat(40));
    git(path, &["update-index", "--add", "--cacheinfo", &submodule]);
    write(path, ".git/objects/info/alternates", "/nowhere\u{202e}/objects\n");
    fs::create_dir_all(path.join(".git/worktrees/odd\u{202e}/HEAD")).unwrap();
    let cases: [(&[&str], i32, &[&str]); 5] = [
        (
            &["scan", "--verbose"],
            2,
            &[
                "can't unpack broken\\u{202e}.gz!broken\\u{202e}: ",
                "note: the submodule sub\\u{202e} is not checked out",
                "note: the symbolic link link\\u{202e} leads outside",
                "skipped: whole\\u{202e}\n",
            ],
        ),
        (&["scan", "bare\u{202e}"], 0, &["note: bare\\u{202e} is a git repository"]),
        (
            &["scan", "--staged"],
            2,
            &[
                "can't read lost\\u{202e}: ",
                "note: the submodule sub\\u{202e} was not searched",
                "note: the repository borrows objects from /nowhere\\u{202e}/objects, ",
            ],
        ),
        (&["scan", "--staged", "clean", "no\u{202e}"], 2, &["no\\u{202e} is not in the index"]),
        (
            &["scan", "--history"],
            2,
            &[
                "can't read .git/worktrees/odd\\u{202e}/HEAD: ",
                "note: the history of the submodule sub\\u{202e} was not searched",
            ],
        ),
    ];
    for (arguments, code, messages) in cases {
        let stderr = run_in(path, arguments).exits(code).stderr;
        for message in messages {
            assert!(stderr.contains(message), "{message:?} {stderr:?}");
        }
        assert!(!stderr.contains('\u{202e}'), "{arguments:?} {stderr:?}");
    }
}

#[cfg(unix)]
#[test]
fn names_are_escaped_and_distinct() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let (tree, key) = (tempdir().unwrap(), ApiKey::generate());
    let names: [&[u8]; 8] = [
        b"a\nb",
        b"a\\nb",
        b"x\xff",
        b"x\xfe",
        b"x\\xFF",
        "\u{202e}abc".as_bytes(),
        "abc\u{200b}".as_bytes(),
        b"100% \"q\"",
    ];
    for name in names {
        fs::write(tree.path().join(OsStr::from_bytes(name)), text(&key)).unwrap();
    }
    git(tree.path(), &["init", "-q"]);
    git(tree.path(), &["add", "-A"]);
    let check = |options: &[&str]| {
        let scan = run_in(tree.path(), &[&["scan"], options].concat()).exits(1).hides(&key);
        let mut lines: Vec<_> =
            scan.stdout.lines().map(|line| line.rsplit_once(":1:1: ").unwrap().0.to_owned()).collect();
        lines.sort();
        let shown = [
            "100% \"q\"",
            "\\u{202e}abc",
            "a\\\\nb",
            "a\\nb",
            "abc\\u{200b}",
            "x\\\\xFF",
            "x\\xFE",
            "x\\xFF",
        ];
        assert_eq!(lines, shown, "{options:?}");
        let scan = run_in(tree.path(), &[&["scan", "--format", "json"], options].concat()).exits(1);
        assert!(!scan.stdout.contains('\u{202e}') && !scan.stdout.contains('\u{200b}'));
        let mut paths: Vec<_> = scan.json()["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found["path"].as_str().unwrap().to_owned())
            .collect();
        paths.sort();
        let expected =
            ["100% \"q\"", "a\nb", "a\\nb", "abc\u{200b}", "x\\\\xFF", "x\\xFE", "x\\xFF", "\u{202e}abc"];
        assert_eq!(paths, expected);
        let scan = run_in(tree.path(), &[&["scan", "--format", "sarif"], options].concat()).exits(1).json();
        let mut uris: Vec<_> = scan["runs"][0]["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| {
                found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        uris.sort();
        let expected = [
            "%E2%80%AEabc",
            "100%25%20%22q%22",
            "a%0Ab",
            "a%5Cnb",
            "abc%E2%80%8B",
            "x%5CxFF",
            "x%FE",
            "x%FF",
        ];
        assert_eq!(uris, expected);
    };
    check(&[]);
    check(&["--staged"]);
    git(tree.path(), &["commit", "-q", "-m", "x"]);
    let scan = run_in(tree.path(), &["scan", "--history", "--format", "json"]).exits(1);
    let report = scan.json();
    assert_eq!(report["findings"].as_array().unwrap().len(), 8);
    for finding in report["findings"].as_array().unwrap() {
        let path = finding["path"].as_str().unwrap();
        if !path.starts_with('x') {
            git(tree.path(), &["show", &format!("{}:{path}", finding["commit"].as_str().unwrap())]);
        }
    }
}
