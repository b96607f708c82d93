//! `ctx-key scan` finds keys in files and standard input.

mod common;

use std::fs;
use std::path::Path;

use common::{git, masked, run, run_in, run_with};
use ctx_key::ApiKey;
use serde_json::json;

fn write(directory: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn key_text(key: &ApiKey) -> &str {
    key.expose_secret()
}

#[test]
fn keys_in_hidden_binary_and_utf_16_files_are_found() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    write(tree.path(), ".env", format!("# ä\nKEY={}\n", key_text(&key)));
    write(tree.path(), "deep/er/program", [b"\x7fELF\0\0\n\xff", key_text(&key).as_bytes(), b"\0"].concat());
    let wide: Vec<u8> =
        format!("\u{feff}k={}", key_text(&key)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(tree.path(), "wide.txt", wide);
    write(tree.path(), "clean.txt", "ctx_your_api_key_here");
    write(tree.path(), ".git/config", key_text(&key));
    // In a linked worktree and in a submodule, this is a file.
    write(tree.path(), "linked/.git", key_text(&key));

    let scan = run_in(tree.path(), &["scan"]).exits(1).hides(&key);
    let key = masked(&key);
    assert_eq!(scan.stdout, format!(".env:2:5: {key}\ndeep/er/program:2:2: {key}\nwide.txt:1:3: {key}\n"));
    assert_eq!(scan.stderr, "revoke these keys in the dashboard under API Keys, and create new ones\n");
}

#[test]
fn a_clean_tree_is_silent() {
    let tree = tempfile::tempdir().unwrap();
    write(tree.path(), "clean.txt", "ctx_your_api_key_here");
    let scan = run_in(tree.path(), &["scan", "."]).exits(0);
    assert_eq!((scan.stdout, scan.stderr), Default::default());
}

#[test]
fn ignored_directories_are_skipped_and_ignored_files_are_marked() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    git(tree.path(), &["init", "-q"]);
    write(tree.path(), ".gitignore", "build/\nsecret.txt\n");
    write(tree.path(), "build/out.txt", key_text(&key));
    write(tree.path(), "secret.txt", key_text(&key));
    let scan = run_in(tree.path(), &["scan"]).exits(3);
    assert_eq!(scan.stdout, format!("secret.txt:1:1: {} (ignored by git)\n", masked(&key)));
    let note = "1 directory that git ignores was not searched; `--no-ignore` searches it";
    assert!(scan.stderr.starts_with(&format!("note: {note}\n")), "{scan:?}");
    let report = run_in(tree.path(), &["scan", "--format", "json"]).exits(3).json();
    assert_eq!((&report["notes"], &report["errors"]), (&json!([note]), &json!([])));
    let all = run_in(tree.path(), &["scan", "--no-ignore"]).exits(1);
    assert_eq!(all.stdout.lines().count(), 2);
    let named = run_in(tree.path(), &["scan", "secret.txt"]).exits(1);
    assert_eq!(named.stdout, format!("secret.txt:1:1: {}\n", masked(&key)));
}

#[test]
fn standard_input_is_searched() {
    let key = ApiKey::generate();
    let text = format!("x\n{}", key_text(&key));
    let scan = run_with(text.as_bytes(), &["scan", "-"]).exits(1).hides(&key);
    assert_eq!(scan.stdout, format!("stdin:2:1: {}\n", masked(&key)));
    run_with(b"nothing", &["scan", "-"]).exits(0);
}

/// A find does not hide an error elsewhere.
#[test]
fn a_file_that_cannot_be_read_sets_the_exit_code() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    write(tree.path(), "a", key_text(&key));
    let scan = run_in(tree.path(), &["scan", "a", "missing"]).exits(2);
    assert_eq!(scan.stdout, format!("a:1:1: {}\n", masked(&key)));
    assert!(scan.stderr.contains("ctx-key: can't read missing: "), "{}", scan.stderr);
    let json = run_in(tree.path(), &["scan", "missing", "--format", "json"]).exits(2).json();
    assert_eq!(json["errors"].as_array().unwrap().len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn an_error_in_the_middle_of_a_walk_is_reported() {
    // This file can be opened, but not even root can read it.
    let scan = run(&["scan", "/proc/self/mem"]).exits(2);
    assert!(scan.stderr.contains("can't read /proc/self/mem: "), "{}", scan.stderr);
}

/// Not even root can open a socket.
#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_opened_is_reported() {
    let tree = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.path().join("socket")).unwrap();
    for path in ["socket", "./socket"] {
        let scan = run_in(tree.path(), &["scan", path]).exits(2);
        assert!(scan.stderr.contains("can't read socket: "), "{scan:?}");
    }
    // In a folder, only files are opened.
    write(tree.path(), "clean", "");
    assert_eq!(run_in(tree.path(), &["scan"]).exits(0).stderr, "");
}

#[cfg(unix)]
#[test]
fn links_are_followed_only_if_they_are_named() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    write(tree.path(), "there/a", key_text(&key));
    fs::create_dir(tree.path().join("here")).unwrap();
    std::os::unix::fs::symlink("../there/a", tree.path().join("here/file")).unwrap();
    std::os::unix::fs::symlink("../there", tree.path().join("here/directory")).unwrap();
    write(tree.path(), "here/clean", "");
    let scan = run_in(tree.path(), &["scan", "here"]).exits(0);
    for link in ["here/file", "here/directory"] {
        let note = format!("note: the symbolic link {link} leads outside and was not followed\n");
        assert!(scan.stderr.contains(&note), "{scan:?}");
    }
    assert_eq!(run_in(tree.path(), &["scan", "."]).exits(1).stdout.lines().count(), 1);
    run_in(tree.path(), &["scan", "here/file"]).exits(1);
    run_in(tree.path(), &["scan", "here/directory"]).exits(1);
}

#[test]
fn json_is_one_document_without_a_key() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    write(tree.path(), "a b.txt", format!("\nä {}", key_text(&key)));
    let scan = run_in(tree.path(), &["scan", "--format", "json"]).exits(1).hides(&key);
    let finding = json!({
        "path": "a b.txt", "line": 2, "column": 4, "offset": 4,
        "id": key.id().as_str(), "key": masked(&key), "place": "content",
        "object": null, "commit": null, "tracked": false, "ignored": false, "count": 1,
    });
    let report =
        json!({ "version": 1, "findings": [finding], "errors": [], "notes": [], "files": 1, "bytes": 56 });
    assert_eq!(scan.json(), report);
    // Each find is on its own line, and the document ends with a line feed.
    let (head, tail) = (
        "{\"version\":1,\n\"findings\":[\n{",
        "}\n],\n\"errors\":[],\n\"notes\":[],\n\"files\":1,\"bytes\":56}\n",
    );
    assert!(scan.stdout.starts_with(head) && scan.stdout.ends_with(tail), "{}", scan.stdout);
    assert_eq!(scan.stdout.lines().count(), 7);
}

#[test]
fn a_baseline_hides_known_keys_wherever_they_are() {
    let (tree, known, new) = (tempfile::tempdir().unwrap(), ApiKey::generate(), ApiKey::generate());
    write(tree.path(), "old.txt", key_text(&known));
    let report = run_in(tree.path(), &["scan", "--format", "json"]).exits(1).stdout;
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "baseline.json", report);
    let baseline = outside.path().join("baseline.json");
    let arguments = ["scan", "--baseline", baseline.to_str().unwrap()];

    write(tree.path(), "clean.txt", "");
    fs::rename(tree.path().join("old.txt"), tree.path().join("moved.txt")).unwrap();
    run_in(tree.path(), &arguments).exits(0);
    write(tree.path(), "new.txt", key_text(&new));
    let scan = run_in(tree.path(), &arguments).exits(1);
    assert_eq!(scan.stdout, format!("new.txt:1:1: {}\n", masked(&new)));
    write(outside.path(), "baseline.json", "{}");
    let broken = run_in(tree.path(), &arguments).exits(2);
    assert!(broken.stderr.contains("is not a baseline; write one with"));
}

#[cfg(unix)]
#[test]
fn a_key_or_a_control_character_in_a_name_is_hidden() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    write(tree.path(), &format!("\x1b[31m-{}", key_text(&key)), key_text(&key));
    for format in ["text", "json", "sarif"] {
        let scan = run_in(tree.path(), &["scan", "--format", format]).exits(1).hides(&key);
        assert!(!scan.stdout.contains('\x1b'));
    }
    run_in(tree.path(), &["scan", key_text(&key)]).exits(2).hides(&key);
}

/// The file is longer than one piece. The tests in src/scan/searcher.rs try all borders between pieces.
#[test]
fn a_key_at_the_end_of_a_long_file_is_found() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let mut text = b"0123456789abcde\n".repeat(100_000);
    text.extend_from_slice(key_text(&key).as_bytes());
    write(tree.path(), "long", text);
    let scan = run_in(tree.path(), &["scan"]).exits(1);
    assert_eq!(scan.stdout, format!("long:100001:1: {}\n", masked(&key)));
}

/// The innermost worktree decides whether a file is tracked and ignored, for keys in the content and in the name.
#[test]
fn each_file_belongs_to_the_innermost_worktree() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let (outer, inner, linked) =
        (tree.path().join("outer"), tree.path().join("outer/inner"), tree.path().join("linked"));
    for path in [&outer, &inner] {
        fs::create_dir_all(path).unwrap();
        git(path, &["init", "-q"]);
        write(path, &format!("ignored-{}", key_text(&key)), "");
        write(path, &format!("tracked-{}", key_text(&key)), "");
        write(path, ".gitignore", "ignored*\nsecret\n");
        write(path, "secret", key_text(&key));
        write(path, "below/kept", key_text(&key));
        write(path, "new", key_text(&key));
        git(path, &["add", "tracked*", "below"]);
        git(path, &["commit", "-q", "-m", "first"]);
    }
    git(&outer, &["worktree", "add", "-q", "../linked"]);
    write(&linked, "below/secret", key_text(&key));
    write(&linked, ".gitignore", "secret\n");
    let scan = |directory: &Path, paths: &[&str]| {
        let options = ["scan", "--format", "json"];
        let report = run_in(directory, &[&options, paths].concat()).hides(&key).json();
        let found = report["findings"].as_array().unwrap().iter();
        let fields = ["path", "place", "tracked", "ignored"];
        found.map(|found| json!(fields.map(|field| found[field].clone()))).collect::<Vec<_>>()
    };
    let expected = |folder: &str| {
        let masked = masked(&key);
        [
            json!([format!("{folder}below/kept"), "content", true, false]),
            json!([format!("{folder}new"), "content", false, false]),
            json!([format!("{folder}tracked-{masked}"), "name", true, false]),
            json!([format!("{folder}ignored-{masked}"), "name", false, true]),
            json!([format!("{folder}secret"), "content", false, true]),
        ]
    };
    assert_eq!(scan(&inner, &[]), expected(""));
    assert_eq!(scan(&inner, &["below"]), [json!(["below/kept", "content", true, false])]);
    let (whole, [a, b, c, d, e]) = (scan(&outer, &[]), expected("inner/"));
    for find in [&a, &b, &c, &d, &e].into_iter().chain(&expected("")) {
        assert!(whole.contains(find), "{find} {whole:#?}");
    }
    assert_eq!(whole.len(), 10);
    // This folder lies in a linked worktree, in which `.git` is a file.
    let below = [json!(["kept", "content", true, false]), json!(["secret", "content", false, true])];
    assert_eq!(scan(&linked.join("below"), &[]), below);
    // A file that is named by itself never counts as ignored, and git knows whether it is tracked.
    for (directory, path, is_tracked) in
        [(&inner, "below/kept", true), (&inner, "new", false), (&inner.join("below"), "kept", true)]
    {
        assert_eq!(scan(directory, &[path]), [json!([path, "content", is_tracked, false])], "{path}");
    }
}

/// A file may have a name that is also a pattern for other files, or the name that reports use for standard input.
#[test]
fn a_name_is_never_read_as_a_pattern_or_as_standard_input() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let path = tree.path();
    git(path, &["init", "-q"]);
    for name in ["stdin", "ab"] {
        write(path, name, key_text(&key));
    }
    git(path, &["add", "."]);
    write(path, "a*", key_text(&key));
    let tracked = |stdin: &[u8], name: &str| {
        let mut command = common::command(&["scan", "--format", "json", name]);
        let report = common::finish(command.current_dir(path), stdin).exits(1).json();
        assert_eq!(report["findings"].as_array().unwrap().len(), 1);
        report["findings"][0]["tracked"].as_bool().unwrap()
    };
    assert!(tracked(b"", "stdin") && tracked(b"", "ab"));
    assert!(!tracked(b"", "a*"));
    assert!(!tracked(key_text(&key).as_bytes(), "-"));
    let named = run_in(path, &["scan", "--staged", "a*"]).exits(2);
    assert_eq!(named.stdout, "");
    assert!(named.stderr.contains("a* is not in the index"), "{named:?}");
}

/// All parts of a named path are searched. Below it, each name is searched once.
#[test]
fn keys_in_the_names_of_folders_are_found() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    write(tree.path(), &format!("{}/deep/a", key_text(&key)), "");
    let masked = masked(&key);
    let named = format!("{}/deep", key_text(&key));
    for (path, shown) in [
        (".", masked.clone()),
        (&named, format!("{masked}/deep")),
        (&format!("{named}/a"), format!("{masked}/deep/a")),
    ] {
        let scan = run_in(tree.path(), &["scan", path]).exits(1).hides(&key);
        assert_eq!(scan.stdout, format!("{shown}:1:1: {masked} (in the name)\n"));
    }
}

/// A named link is a root, as its target would be. `.git` lies outside of every root.
#[cfg(unix)]
#[test]
fn a_note_names_each_link_that_leads_outside() {
    use std::os::unix::fs::symlink;
    let tree = tempfile::tempdir().unwrap();
    write(tree.path(), "there/a", "");
    write(tree.path(), "there/.git/config", "");
    symlink("there", tree.path().join("here")).unwrap();
    symlink("a", tree.path().join("there/inside")).unwrap();
    symlink(".git/config", tree.path().join("there/git")).unwrap();
    symlink("missing", tree.path().join("there/nowhere")).unwrap();
    for root in ["there", "here", "here/."] {
        let scan = run_in(tree.path(), &["scan", root]).exits(0);
        let root = root.trim_end_matches("/.");
        let notes: Vec<_> = scan.stderr.lines().map(|line| line.replace("/./", "/")).collect();
        assert_eq!(notes, [format!("note: the symbolic link {root}/git leads outside and was not followed")]);
    }
    let note = "note: the symbolic link git leads outside and was not followed\n";
    for arguments in [&["scan"][..], &["scan", "."]] {
        assert_eq!(run_in(&tree.path().join("there"), arguments).exits(0).stderr, note);
    }
}

#[test]
fn an_empty_standard_input_does_not_replace_the_directory() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    write(tree.path(), "a", key_text(&key));
    let null = fs::File::open("/dev/null").unwrap();
    let output = common::command(&["scan"]).current_dir(&tree).stdin(null).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("a:1:1: {}\n", masked(&key)));
}

/// A sparse worktree lacks some of the tracked files.
#[test]
fn files_that_are_not_checked_out_are_counted() {
    let tree = tempfile::tempdir().unwrap();
    let path = tree.path();
    git(path, &["init", "-q"]);
    for name in ["kept/a", "left/b", "left/c"] {
        write(path, name, "clean");
    }
    git(path, &["add", "."]);
    git(path, &["commit", "-q", "-m", "first"]);
    assert_eq!(run_in(path, &["scan"]).exits(0).stderr, "");
    git(path, &["sparse-checkout", "set", "--no-cone", "/kept/"]);
    let note = "note: 2 tracked files are not in the sparse worktree and were not searched; `--history` searches them\n";
    assert_eq!(run_in(path, &["scan"]).exits(0).stderr, note);
    // The mark of the index alone does not mean that a file is missing.
    git(path, &["sparse-checkout", "disable"]);
    git(path, &["update-index", "--skip-worktree", "kept/a"]);
    assert_eq!(run_in(path, &["scan"]).exits(0).stderr, "");
    // A symbolic link is there even if it leads nowhere.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", path.join("link")).unwrap();
        git(path, &["add", "link"]);
        git(path, &["update-index", "--skip-worktree", "link"]);
        assert_eq!(run_in(path, &["scan"]).exits(0).stderr, "");
    }
}
