//! `ctx-key scan` writes reports, reads baselines and obeys its options.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{command, finish, git, masked, run_in, run_with};
use ctx_key::ApiKey;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

const SCHEMA: &str = include_str!("../report.schema.json");

fn write(directory: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn text(key: &ApiKey) -> &str {
    key.expose_secret()
}

/// Makes a directory with a leak.
fn tree(key: &ApiKey) -> TempDir {
    let tree = tempdir().unwrap();
    write(tree.path(), "leak", text(key));
    tree
}

#[test]
fn json_reports_follow_the_schema() {
    let key = ApiKey::generate();
    let tree = tree(&key);
    git(tree.path(), &["init", "-q"]);
    write(tree.path(), ".gitignore", "ignored\n");
    write(tree.path(), "ignored", text(&key));
    write(tree.path(), text(&key), "clean");
    git(tree.path(), &["add", "leak"]);
    let schema = jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let validate = |options: &[&str]| {
        let report =
            run_in(tree.path(), &[&["scan", "--format", "json"], options].concat()).hides(&key).json();
        let errors: Vec<_> = schema.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{options:?} {errors:#?}");
        report
    };
    let report = validate(&[]);
    let names = ["path", "tracked", "ignored", "place"];
    let found = report["findings"].as_array().unwrap().iter();
    let found: Vec<_> = found.map(|found| json!(names.map(|name| found[name].clone()))).collect();
    let expected = [
        json!([masked(&key), false, false, "name"]),
        json!(["leak", true, false, "content"]),
        json!(["ignored", false, true, "content"]),
    ];
    assert_eq!(found, expected);
    validate(&["--staged"]);
    git(tree.path(), &["commit", "-q", "-m", "first"]);
    validate(&["--history"]);
    validate(&["missing"]);
    for wrong in [
        json!({}),
        json!({ "version": 1, "findings": [{}], "errors": [], "notes": [], "files": 1, "bytes": 1 }),
    ] {
        assert!(!schema.is_valid(&wrong));
    }
}

/// Finds are sorted by path, then by kind and place. Finds in ignored files come last.
#[test]
fn a_report_is_sorted() {
    let key = ApiKey::generate();
    let tree = tempdir().unwrap();
    git(tree.path(), &["init", "-q"]);
    write(tree.path(), ".gitignore", "a-ignored\nz-ignored\n");
    for name in ["z", "b/c", "b", "a-ignored", "z-ignored"].iter().filter(|name| **name != "b") {
        write(tree.path(), name, format!("{0} {0}\n{0}", text(&key)));
    }
    write(tree.path(), text(&key), format!("\n{}", text(&key)));
    let name = masked(&key);
    let lines = |path: &str, remark: &str| {
        ["1:1", "1:54", "2:1"].map(|place| format!("{path}:{place}: {name}{remark}\n")).concat()
    };
    let expected = [
        lines("b/c", ""),
        format!("{name}:2:1: {name}\n{name}:1:1: {name} (in the name)\n"),
        lines("z", ""),
        lines("a-ignored", " (ignored by git)"),
        lines("z-ignored", " (ignored by git)"),
    ];
    for threads in ["1", "4"] {
        let scan = run_in(tree.path(), &["scan", "--threads", threads]).exits(1);
        assert_eq!(scan.stdout, expected.concat());
    }
}

/// Finds in ignored files also need action. A report in JSON or SARIF has no advice beside it.
#[test]
fn only_a_text_report_ends_with_advice() {
    let key = ApiKey::generate();
    let tree = tempdir().unwrap();
    git(tree.path(), &["init", "-q"]);
    write(tree.path(), ".gitignore", "leak\n");
    write(tree.path(), "leak", text(&key));
    let advice = "revoke these keys in the dashboard under API Keys, and create new ones\n";
    for (format, expected) in [("text", advice), ("json", ""), ("sarif", "")] {
        assert_eq!(run_in(tree.path(), &["scan", "--format", format]).exits(3).stderr, expected, "{format}");
    }
}

/// If a comment and the baseline both apply to a key, only the comment counts.
#[test]
fn allowed_and_known_finds_are_counted() {
    let (key, other, outside) = (ApiKey::generate(), ApiKey::generate(), tempdir().unwrap());
    let tree = tempdir().unwrap();
    write(tree.path(), "a", format!("{}\n{}\n", text(&key), text(&other)));
    let baseline = outside.path().join("known");
    let baseline = baseline.to_str().unwrap();
    run_in(tree.path(), &["scan", "--format", "json", "--output", baseline]).exits(1);
    let stderr = |content: String| {
        write(tree.path(), "a", content);
        run_in(tree.path(), &["scan", "--baseline", baseline]).exits(0).stderr
    };
    assert_eq!(stderr(format!("{}\n", text(&key))), "note: 1 find is known from the baseline\n");
    assert_eq!(stderr(format!("{0}\n{0}\n", text(&key))), "note: 2 finds are known from the baseline\n");
    assert_eq!(
        stderr(format!("{} ctx-key:allow\n{}\n", text(&key), text(&other))),
        "note: 1 key is allowed by a comment on its line\nnote: 1 find is known from the baseline\n"
    );
}

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

/// The target of a link is replaced, the umask decides who may read a report, and a pipe is written directly.
#[cfg(unix)]
#[test]
fn a_report_can_go_to_a_link_a_new_file_or_a_pipe() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let (key, outside) = (ApiKey::generate(), tempdir().unwrap());
    let tree = tree(&key);
    let expected = format!("leak:1:1: {}\n", masked(&key));
    let path = |name: &str| outside.path().join(name);
    let scan = |name: &str| {
        let run = finish(command(&["scan", "--output"]).arg(path(name)).current_dir(&tree), b"");
        assert_eq!(run.exits(1).stdout, "", "{name}");
    };
    write(&path("folder"), "file", "old");
    std::os::unix::fs::symlink("folder/file", path("link")).unwrap();
    scan("link");
    assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(path("folder/file")).unwrap(), expected);

    scan("new");
    // The umask applies as it does to any new file.
    fs::File::create(path("usual")).unwrap();
    let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("new"), mode("usual"));

    let made = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
    assert!(made.success());
    let reader = std::thread::spawn({
        let pipe = path("pipe");
        move || fs::read_to_string(pipe).unwrap()
    });
    scan("pipe");
    assert!(fs::symlink_metadata(path("pipe")).unwrap().file_type().is_fifo());
    assert_eq!(reader.join().unwrap(), expected);
    let folder = finish(command(&["scan", "--output"]).arg(path("folder")).current_dir(&tree), b"").exits(2);
    let message = format!("ctx-key: can't write the report to {}: is a directory", path("folder").display());
    assert!(folder.stderr.starts_with(&message), "{folder:?}");
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

/// PowerShell writes files in these encodings, with and without byte order marks.
#[test]
fn a_baseline_may_have_any_encoding_of_windows() {
    let (key, outside) = (ApiKey::generate(), tempdir().unwrap());
    let tree = tree(&key);
    let report = run_in(tree.path(), &["scan", "--format", "json"]).exits(1).stdout.replace('\n', "\r\n");
    let marked = format!("\u{feff}{report}");
    let encode = |to_bytes: fn(u16) -> [u8; 2]| marked.encode_utf16().flat_map(to_bytes).collect::<Vec<_>>();
    let baseline = outside.path().join("baseline");
    for bytes in [
        report.clone().into_bytes(),
        marked.clone().into_bytes(),
        encode(u16::to_le_bytes),
        encode(u16::to_be_bytes),
    ] {
        fs::write(&baseline, bytes).unwrap();
        finish(command(&["scan", "--baseline"]).arg(&baseline).arg(tree.path()), b"").exits(0);
    }
    // These end with half a code unit, or contain half a surrogate pair.
    let lone = |text: &str| {
        marked.replace(text, "\u{10000}").encode_utf16().filter(|unit| *unit != 0xdc00).collect()
    };
    let broken: Vec<u16> = lone("notes");
    for bytes in [
        [encode(u16::to_le_bytes), vec![0]].concat(),
        [encode(u16::to_be_bytes), vec![0]].concat(),
        broken.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
    ] {
        fs::write(&baseline, bytes).unwrap();
        let scan = finish(command(&["scan", "--baseline"]).arg(&baseline).arg(tree.path()), b"").exits(2);
        assert!(scan.stderr.contains("is not a baseline"), "{scan:?}");
    }
}

#[test]
fn a_baseline_must_be_complete_and_list_whole_ids() {
    let (key, outside) = (ApiKey::generate(), tempdir().unwrap());
    let tree = tree(&key);
    let baseline = outside.path().join("baseline");
    let scan = |text: &str| {
        fs::write(&baseline, text).unwrap();
        finish(command(&["scan", "--baseline"]).arg(&baseline).arg(tree.path()), b"")
    };
    let id = key.id();
    let id = id.as_str();
    let list = |id: &str| json!({ "findings": [{ "id": id }] }).to_string();
    scan(&list(id)).exits(0);
    for part in
        [&id[..11], &id[1..], "", &format!("{id}x"), &masked(&key), &format!(" {id}"), "????????????", "*"]
    {
        assert!(scan(&list(part)).exits(2).stderr.contains("is not a baseline"), "{part}");
    }
    let other: String = id.chars().rev().collect();
    let swapped: String = id
        .chars()
        .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let digit = |digit: &str| if digit == "0" { "1" } else { "0" };
    let (first, last) = (digit(&id[..1]).to_owned() + &id[1..], id[..11].to_owned() + digit(&id[11..]));
    for near in [other, swapped, first, last, format!("{}{}", &id[1..], &id[..1])] {
        scan(&list(&near)).exits(if near == id { 0 } else { 1 });
    }
    let whole = run_in(tree.path(), &["scan", "--format", "json"]).stdout;
    for cut in [1, whole.len() / 2, whole.len() - 3] {
        assert!(scan(&whole[..cut]).exits(2).stderr.contains("is not a baseline"));
    }
    let empty = scan("").exits(2).stderr;
    assert!(empty.contains("is empty; `> ") && empty.contains("write reports with `--output`"), "{empty}");
    assert!(scan("{\"findings\":{}}").exits(2).stderr.contains("is not a baseline"));
}

/// `--baseline B … > B` empties the file before it is read. `--output B` does not.
#[test]
fn output_replaces_a_file_when_it_is_complete() {
    let (old, new, outside) = (ApiKey::generate(), ApiKey::generate(), tempdir().unwrap());
    let tree = tree(&old);
    let baseline = outside.path().join("baseline.json");
    let write_baseline = |arguments: &[&str]| {
        let mut command = command(&["scan", "--format", "json", "--output"]);
        finish(command.arg(&baseline).args(arguments).arg(tree.path()), b"")
    };
    assert_eq!(write_baseline(&[]).exits(1).stdout, "");
    write(tree.path(), "new", text(&new));
    let same = baseline.to_str().unwrap().to_owned();
    write_baseline(&["--baseline", &same]).exits(1);
    let report: Value = serde_json::from_slice(&fs::read(&baseline).unwrap()).unwrap();
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    assert_eq!(report["findings"][0]["id"], new.id().as_str());
    // An error before the search leaves the file as it is.
    write_baseline(&["--baseline", "/nonexistent"]).exits(2);
    assert_eq!(serde_json::from_slice::<Value>(&fs::read(&baseline).unwrap()).unwrap(), report);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);

    let truncated = fs::File::create(&baseline).unwrap();
    let mut command = command(&["scan", "--format", "json", "--baseline", &same]);
    let output = command.arg(tree.path()).stdin(Stdio::null()).stdout(truncated).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--output"));
    let nowhere = run_in(tree.path(), &["scan", "--output", "/nonexistent/report"]).exits(2);
    assert!(nowhere.stderr.contains("can't write the report to /nonexistent/report"), "{nowhere:?}");
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
    assert!(code(&["--exclude", "{a"], 2).stderr.contains("is not a pattern"));
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

/// A file that begins with the mark of UTF-16 may still contain a key in plain bytes.
#[test]
fn a_mark_of_utf_16_counts_in_the_column_of_a_plain_key() {
    let (tree, key) = (tempdir().unwrap(), ApiKey::generate());
    for mark in [b"\xff\xfe", b"\xfe\xff"] {
        write(tree.path(), "marked", [&mark[..], b"key=", text(&key).as_bytes()].concat());
        let scan = run_in(tree.path(), &["scan", "marked"]).exits(1);
        assert_eq!(scan.stdout, format!("marked:1:7: {}\n", masked(&key)));
    }
}

#[test]
fn a_pipe_without_a_path_is_searched() {
    let (key, other) = (ApiKey::generate(), ApiKey::generate());
    let tree = tree(&other);
    let piped = |input: &[u8], arguments: &[&str]| {
        finish(command(&[&["scan"], arguments].concat()).current_dir(tree.path()), input)
    };
    let input = format!("{}{}", "x\n".repeat(100_000), text(&key));
    assert_eq!(piped(input.as_bytes(), &[]).exits(1).stdout, format!("stdin:100001:1: {}\n", masked(&key)));
    piped(b"clean", &[]).exits(0);
    assert_eq!(piped(b"", &[]).exits(1).stdout, format!("leak:1:1: {}\n", masked(&other)));
    assert!(piped(text(&key).as_bytes(), &["leak"]).exits(1).stdout.starts_with("leak"));
    assert_eq!(piped(text(&key).as_bytes(), &["leak", "-"]).exits(1).stdout.lines().count(), 2);
    run_with(b"", &["scan", "-"]).exits(0);
    let file = fs::File::open(tree.path().join("leak")).unwrap();
    let output = command(&["scan"]).current_dir("/").stdin(file).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("stdin:1:1: "));
    // a directory can be opened, but not read
    for arguments in [&["scan"][..], &["scan", "-"]] {
        let directory = fs::File::open(tree.path()).unwrap();
        let output = command(arguments).current_dir(tree.path()).stdin(directory).output().unwrap();
        let message = "ctx-key: can't read stdin: Is a directory (os error 21); it was not searched to its end: correct \
                       the path or the permissions\n";
        assert_eq!(String::from_utf8(output.stderr).unwrap(), message, "{arguments:?}");
        assert_eq!((output.status.code(), output.stdout), (Some(2), Vec::new()), "{arguments:?}");
    }
}

/// Until an input comes, a note says what the command waits for.
#[test]
fn a_late_standard_input_is_searched() {
    let (key, other) = (ApiKey::generate(), ApiKey::generate());
    let tree = tree(&other);
    let mut child = command(&["scan"])
        .current_dir(tree.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, stderr) = child.stdin.take().zip(child.stderr.take()).unwrap();
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(stderr).lines().try_for_each(|line| sender.send(line.unwrap()))
    });
    // The limit only keeps a failing test from waiting forever.
    let note = lines.recv_timeout(Duration::from_secs(60));
    assert_eq!(note.as_deref(), Ok("note: waiting for standard input; to search files, name a path"));
    stdin.write_all(text(&key).as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("stdin:1:1: {}\n", masked(&key)));
    assert_eq!(output.status.code(), Some(1));
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

/// The command holds 10,000 finds. More finds take no more memory.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_finds() {
    let keys = |count: usize| (0..count).map(|_| ApiKey::generate().expose_secret().to_owned() + "\n");
    let trees = [10_000, 20_000].map(|count| {
        let tree = tempdir().unwrap();
        write(tree.path(), "keys", keys(count).collect::<String>());
        git(tree.path(), &["init", "-q"]);
        git(tree.path(), &["add", "-A"]);
        git(tree.path(), &["commit", "-q", "-m", "x"]);
        (count, tree)
    });
    // Decoding takes most of the time and is the same for all options, so only one run decodes.
    for options in [
        &["--format", "text"][..],
        &["--format", "json", "--no-decode"],
        &["--format", "sarif", "--no-decode"],
        &["--staged", "keys", "--no-decode"],
        &["--history", "--no-decode"],
    ] {
        let [held, more] = [0, 1].map(|index| {
            let (count, tree) = &trees[index];
            peak_memory(tree.path(), options, *count)
        });
        assert!(more < held + 2 * 1024, "{options:?}: {held} KiB, then {more} KiB");
    }
}

/// Returns the peak memory of a run in KiB. Asserts that the run writes at least `count` lines.
#[cfg(target_os = "linux")]
fn peak_memory(directory: &Path, options: &[&str], count: usize) -> u64 {
    let mut child = command(&[&["scan", "--threads", "2"], options].concat())
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut peak, mut piece, mut lines) = (0, vec![0; 64 * 1024], 0);
    let status = format!("/proc/{}/status", child.id());
    loop {
        let read = stdout.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        lines += memchr::memchr_iter(b'\n', &piece[..read]).count();
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.map_or(peak, |line| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
    }
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(lines >= count && peak > 0, "{options:?} {lines}");
    peak
}

/// An interrupt ends the search. The report has the finds so far, and an error says that it is incomplete.
#[cfg(unix)]
#[test]
fn an_interrupt_reports_what_was_found() {
    let key = ApiKey::generate();
    for format in ["text", "json", "sarif"] {
        let mut child = command(&["scan", "--format", format, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // This is more than two pieces and the pipe hold. So when all is written, the first piece has been searched.
        let input = format!("{}\n{}", text(&key), "x\n".repeat(400_000));
        stdin.write_all(input.as_bytes()).unwrap();
        let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let start = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert!(start.elapsed() < Duration::from_secs(60));
        drop(stdin);
        assert_eq!(output.status.code(), Some(2));
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.contains(&masked(&key)), "{format} {stdout}");
        assert!(
            String::from_utf8(output.stderr).unwrap().contains("interrupted: not everything was searched")
        );
        if format != "text" {
            serde_json::from_str::<Value>(&stdout).unwrap();
        }
    }
}
