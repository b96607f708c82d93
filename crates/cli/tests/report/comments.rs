//! A comment on the line of a key allows it.

use ctx_key::ApiKey;
use tempfile::tempdir;

use crate::common::{git, masked, run_in};
use crate::{text, write};

/// A comment must be on the line of the key, and at most 1,024 bytes away.
#[test]
fn a_comment_must_be_near_its_key() {
    let (tree, key) = (tempdir().unwrap(), ApiKey::generate());
    let comment = "ctx-key:allow";
    let gap = |count: usize| ".".repeat(count);
    let near = 1024 - comment.len();
    for (content, is_allowed) in [
        (format!("{comment}{}{}", gap(near), text(&key)), true),
        (format!("{comment}{}{}", gap(near + 1), text(&key)), false),
        (format!("{}{}{comment}", text(&key), gap(near)), true),
        (format!("{}{}{comment}", text(&key), gap(near + 1)), false),
        (format!("{comment}\n{}", text(&key)), false),
        (format!("{}\n{comment}", text(&key)), false),
        (format!("{comment}\r\n{}", text(&key)), false),
    ] {
        write(tree.path(), "a", &content);
        run_in(tree.path(), &["scan"]).exits(i32::from(!is_allowed));
        let wide: Vec<u8> = content.encode_utf16().flat_map(u16::to_le_bytes).collect();
        write(tree.path(), "a", &wide);
        // In UTF-16, 1,024 bytes hold only half as many characters.
        let is_allowed = is_allowed && !content.contains("....");
        run_in(tree.path(), &["scan"]).exits(i32::from(!is_allowed));
    }
}

#[test]
fn a_comment_allows_a_key() {
    let (key, other) = (ApiKey::generate(), ApiKey::generate());
    let tree = tempdir().unwrap();
    write(tree.path(), "a", format!("{} # ctx-key:allow\n{}\n", text(&key), text(&other)));
    let scan = run_in(tree.path(), &["scan"]).exits(1);
    assert_eq!(scan.stdout, format!("a:2:1: {}\n", masked(&other)));
    assert!(scan.stderr.contains("note: 1 key is allowed by a comment on its line"), "{scan:?}");
    write(tree.path(), "a", format!("{} # ctx-key:allow\n", text(&key)));
    run_in(tree.path(), &["scan"]).exits(0);
    git(tree.path(), &["init", "-q"]);
    git(tree.path(), &["add", "-A"]);
    run_in(tree.path(), &["scan", "--staged"]).exits(0);
    git(tree.path(), &["commit", "-q", "-m", "x"]);
    run_in(tree.path(), &["scan", "--history"]).exits(0);
}

/// A large file is read in pieces, so some borders of pieces lie between a comment and its key.
#[test]
fn a_comment_in_another_piece_allows_a_key() {
    let (tree, key) = (tempdir().unwrap(), ApiKey::generate());
    let line = format!("ctx-key:allow{} {}\n", ".".repeat(900), text(&key));
    write(tree.path(), "large", line.repeat(2_000));
    let scan = run_in(tree.path(), &["scan", "large"]).exits(0);
    assert_eq!(scan.stderr, "note: 2000 keys are allowed by comments on their lines\n");
}

/// A key may be allowed on one line or in an old commit, and not on another line or in a new commit of the same file.
#[test]
fn a_comment_in_a_history_allows_only_the_finds_on_its_line() {
    let (key, tree) = (ApiKey::generate(), tempdir().unwrap());
    let path = tree.path();
    let allowed = format!("{} # ctx-key:allow\n", text(&key));
    git(path, &["init", "-q"]);
    git(path, &["commit", "-q", "--allow-empty", "-m", "empty"]);
    let commit = || {
        git(path, &["add", "-A"]);
        git(path, &["commit", "-q", "-m", "x"]);
        git(path, &["rev-parse", "HEAD"])
    };
    write(path, "new-commit", &allowed);
    let old = commit();
    run_in(path, &["scan", "--history"]).exits(0);
    write(path, "new-commit", text(&key));
    write(path, "other-line", format!("{allowed}{}\n{allowed}{0}", text(&key)));
    let new = commit();
    let places = ["new-commit:1:1:", "other-line:2:1:"];
    let remarks = [format!("(commit {new})"), format!("(commit {new}, 2 times)")];
    let expected: String = places
        .iter()
        .zip(remarks)
        .map(|(place, remark)| format!("{place} {} {remark}\n", masked(&key)))
        .collect();
    for (options, note) in [
        (&[][..], "note: 2 keys are allowed by comments on their lines\n"),
        (&["--since", "2 days"], "note: 2 keys are allowed by comments on their lines\n"),
        (&["--range", &format!("{old}..{new}")], "note: 1 key is allowed by a comment on its line\n"),
    ] {
        let scan = run_in(path, &[&["scan", "--history"], options].concat()).exits(1);
        assert_eq!(scan.stdout, expected, "{options:?}");
        assert!(scan.stderr.starts_with(note), "{options:?} {scan:?}");
    }
}

/// A comment in the name of a file does not allow the content of the file.
#[cfg(unix)]
#[test]
fn a_comment_in_a_name_does_not_allow_a_content_in_a_history() {
    let (key, tree) = (ApiKey::generate(), tempdir().unwrap());
    write(tree.path(), &format!("{} ctx-key:allow", text(&key)), text(&key));
    git(tree.path(), &["init", "-q"]);
    git(tree.path(), &["add", "-A"]);
    git(tree.path(), &["commit", "-q", "-m", "x"]);
    for options in [&["scan"][..], &["scan", "--history"]] {
        let scan = run_in(tree.path(), options).exits(1);
        assert!(scan.stdout.starts_with(&format!("{} ctx-key:allow:1:1: ", masked(&key))), "{scan:?}");
        assert!(scan.stderr.starts_with("note: 1 key is allowed by a comment on its line\n"), "{scan:?}");
    }
}
