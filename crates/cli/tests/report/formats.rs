//! A report in each format is sorted, follows its schema and counts columns in bytes.

use ctx_key::ApiKey;
use serde_json::json;
use tempfile::tempdir;

use crate::common::{git, masked, run_in};
use crate::{text, tree, write};

const SCHEMA: &str = include_str!("../../report.schema.json");

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
