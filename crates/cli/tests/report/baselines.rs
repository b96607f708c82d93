//! A baseline lists the finds that are known.

use std::fs;

use ctx_key::ApiKey;
use serde_json::json;
use tempfile::tempdir;

use crate::common::{command, finish, masked, run_in};
use crate::{text, tree, write};

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
