//! An archive is recognised by its content, wherever it comes from.

use std::fs;

use ctx_key::ApiKey;
use rawzip::CompressionMethod;

use crate::common::{git, masked, run_in, run_with};
use crate::{Members, assert_found_at, env, gzip, named_gzip, scan, tar, zip, zip_with};

#[test]
fn an_archive_is_recognised_whatever_its_name() {
    let key = ApiKey::generate();
    let text = env(&key);
    let members: Members<'_> = &[("readme", b"nothing"), ("a/b/.env", &text), ("last", b"nothing")];
    for name in ["plain.txt", "app.jar", "report.docx", "x.whl", "app.apk", "no-extension", "x.gz"] {
        assert_found_at(&key, name, &zip(members), "!a/b/.env");
        assert_found_at(&key, name, &zip_with(CompressionMethod::STORE, members), "!a/b/.env");
        assert_found_at(&key, name, &tar(members), "!a/b/.env");
        assert_found_at(&key, name, &gzip(&tar(members)), "!a/b/.env");
        assert_found_at(&key, name, &named_gzip("app.log", &text), "!app.log");
    }
    assert_found_at(&key, "app.log.gz", &gzip(&text), "!app.log");
    assert_found_at(&key, "app.log", &gzip(&text), "!app.log");
    // Several members of gzip form one text, and padding may follow them.
    let (head, tail) = text.split_at(30);
    assert_found_at(&key, "a.gz", &[gzip(head), gzip(b""), gzip(tail), vec![0; 512]].concat(), "!a");
    let long = format!("{}/.env", "long/".repeat(60));
    assert_found_at(&key, "a.tar", &tar(&[(&long, &text)]), &format!("!{long}"));
    assert_found_at(&key, "a.tgz", &gzip(&tar(&[(&long, &text)])), &format!("!{long}"));
}

#[test]
fn a_text_that_only_begins_like_an_archive_is_not_one() {
    let key = ApiKey::generate();
    let starts: [&[u8]; 6] = [b"\x1f\x8b", b"\x1f\x8b\x07", b"PK", b"PK\x03", b"PK\x05\x07", b"#!PK"];
    let mut texts = Vec::from(starts.map(<[u8]>::to_vec));
    // In a header of tar, this word begins at byte 257.
    texts.extend([256, 258].map(|place| [&vec![b'.'; place][..], &b"ustar"[..], &[b'.'; 300][..]].concat()));
    for text in texts {
        let run = scan("x", &[&text[..], &b"\n"[..], key.expose_secret().as_bytes()].concat()).exits(1);
        assert_eq!(run.stdout, format!("x:2:1: {}\n", masked(&key)), "{run:?}");
    }
}

/// A pipe can be read only once.
#[cfg(unix)]
#[test]
fn an_archive_in_a_named_pipe_is_opened() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let pipe = tree.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let archive = zip(&[("a", &env(&key))]);
    // If nothing reads the pipe, this thread ends with the process.
    std::thread::spawn(move || fs::write(pipe, archive));
    let run = run_in(tree.path(), &["scan", "pipe"]).exits(1).hides(&key);
    assert_eq!(run.stdout, format!("pipe!a:2:5: {}\n", masked(&key)));
}

#[test]
fn a_zip_archive_after_a_script_is_opened() {
    let key = ApiKey::generate();
    let archive = zip(&[(".env", &env(&key))]);
    for program in
        [b"#!/usr/bin/env python3\n".to_vec(), [&b"#!/bin/sh\n"[..], &b"# comment\n".repeat(2000)].concat()]
    {
        assert_found_at(&key, "a", &[program, archive.clone()].concat(), "!.env");
    }
    // A script alone is not an archive.
    assert_eq!(scan("a", b"#!/bin/sh\n").exits(0).stderr, "");
}

#[test]
fn an_archive_in_an_archive_is_opened_and_a_third_is_an_error() {
    let key = ApiKey::generate();
    let text = env(&key);
    let member: Members<'_> = &[("m", &text)];
    let archives: [(&str, Vec<u8>); 4] =
        [("z", zip(member)), ("t", tar(member)), ("tgz", gzip(&tar(member))), ("g", named_gzip("m", &text))];
    for (name, inner) in &archives {
        assert_found_at(&key, "o", &zip(&[("x", b""), (name, inner)]), &format!("!{name}!m"));
        assert_found_at(&key, "o", &tar(&[("x", b""), (name, inner)]), &format!("!{name}!m"));
        assert_found_at(&key, "o", &gzip(&tar(&[("x", b""), (name, inner)])), &format!("!{name}!m"));
        if *name != "t" {
            assert_found_at(&key, "o", &named_gzip(name, inner), &format!("!{name}!m"));
        }
        // Here, the key is in an archive in an archive in an archive.
        let three = zip(&[("a", &tar(&[(name, inner)])), ("b", &text)]);
        let run = scan("o", &three).exits(2);
        let error = "ctx-key: can't unpack o!a!";
        assert!(
            run.stderr.contains(&format!("{error}{name}: it is an archive in an archive in an archive;")),
            "{run:?}"
        );
        assert!(run.stdout.contains(&format!("o!b:2:5: {}\n", masked(&key))), "{run:?}");
    }
}

#[test]
fn an_archive_on_standard_input_is_opened_unless_an_option_forbids_it() {
    let key = ApiKey::generate();
    let archive = zip(&[(".env", &[env(&key), b"# comment\n".repeat(100)].concat())]);
    let run = run_with(&archive, &["scan", "-"]).exits(1).hides(&key);
    assert_eq!(run.stdout, format!("stdin!.env:2:5: {}\n", masked(&key)));
    run_with(&archive, &["scan", "-", "--no-archives"]).exits(0);
    let sarif = run_with(&archive, &["scan", "-", "--format", "sarif"]).exits(1).json();
    let location = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "stdin!.env");
    let report = run_with(&archive, &["scan", "-", "--format", "json"]).exits(1).json();
    assert_eq!(report["findings"][0]["path"], "stdin!.env");
    assert_eq!((&report["files"], &report["bytes"]), (&1.into(), &archive.len().into()));
}

/// The two files have the same content, so they are one object of git.
#[test]
fn each_path_of_a_broken_archive_in_the_index_is_reported() {
    let tree = tempfile::tempdir().unwrap();
    let path = tree.path();
    git(path, &["init", "-q"]);
    for name in ["one.gz", "two.gz"] {
        fs::write(path.join(name), b"\x1f\x8b\x08\0broken").unwrap();
    }
    git(path, &["add", "."]);
    for options in [&["scan", "--staged"][..], &["scan", "--staged", "two.gz", "one.gz"]] {
        let staged = run_in(path, options).exits(2);
        let mut errors: Vec<_> =
            staged.stderr.lines().map(|line| line.split(": ").nth(1).unwrap_or_default()).collect();
        errors.sort();
        assert_eq!(errors, ["can't unpack one.gz!one", "can't unpack two.gz!two"], "{staged:?}");
    }
}

#[test]
fn archives_in_a_repository_are_opened() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let path = tree.path();
    git(path, &["init", "-q", "-b", "main"]);
    fs::write(path.join("app.jar"), zip(&[("a", b"x"), (".env", &env(&key))])).unwrap();
    fs::write(path.join("bad.gz"), b"\x1f\x8b\x08\0broken").unwrap();
    git(path, &["add", "."]);
    let staged = run_in(path, &["scan", "--staged"]).exits(2).hides(&key);
    assert_eq!(staged.stdout, format!("app.jar!.env:2:5: {}\n", masked(&key)));
    assert!(staged.stderr.contains("ctx-key: can't unpack bad.gz!bad: "), "{staged:?}");
    git(path, &["commit", "-qm", "a"]);
    let commit = git(path, &["rev-parse", "HEAD"]);
    fs::write(path.join("app.jar"), zip(&[(".env", &env(&key)), ("b", b"y")])).unwrap();
    git(path, &["commit", "-qam", "b"]);
    git(path, &["rm", "-q", "app.jar"]);
    git(path, &["commit", "-qm", "c"]);
    let history = run_in(path, &["scan", "--history"]).exits(2).hides(&key);
    let find = format!("app.jar!.env:2:5: {} (commit {commit}, 2 times)\n", masked(&key));
    assert_eq!(history.stdout, find);
    assert_eq!(history.stderr.matches(": can't unpack ").count(), 1, "{history:?}");
    let failure = format!("ctx-key: in commit {commit}: can't unpack bad.gz!bad: ");
    assert!(history.stderr.contains(&failure), "{history:?}");
    // What can't be unpacked counts only at a path that is not excluded.
    let excluded = |pattern: &str, more: &[&str]| {
        run_in(path, &[&["scan", "--history", "--exclude", pattern], more].concat()).hides(&key)
    };
    for more in [&[][..], &["--range", "HEAD"]] {
        assert_eq!(excluded("*.gz", more).exits(1).stdout, find, "{more:?}");
        excluded("*", more).exits(0);
        let other = excluded("app.jar", more).exits(2);
        assert_eq!(other.stdout, "");
        assert_eq!(other.stderr.matches("can't unpack bad.gz!bad: ").count(), 1, "{other:?}");
    }
    git(path, &["mv", "bad.gz", "copy.gz"]);
    git(path, &["commit", "-qm", "d"]);
    let copied = excluded("bad.gz", &[]).exits(2);
    assert_eq!(copied.stderr.matches("can't unpack ").count(), 1, "{copied:?}");
    assert!(copied.stderr.contains("can't unpack copy.gz!copy: "), "{copied:?}");
}

#[test]
fn a_failure_in_a_history_without_keys_is_reported() {
    let tree = tempfile::tempdir().unwrap();
    let path = tree.path();
    git(path, &["init", "-q"]);
    fs::write(path.join("bad.gz"), b"\x1f\x8b\x08\0broken").unwrap();
    git(path, &["add", "."]);
    git(path, &["commit", "-qm", "a"]);
    let failure =
        format!("ctx-key: in commit {}: can't unpack bad.gz!bad: ", git(path, &["rev-parse", "HEAD"]));
    for options in [&["scan", "--history"][..], &["scan", "--history", "--range", "HEAD"]] {
        let scan = run_in(path, options).exits(2);
        assert!(scan.stdout.is_empty() && scan.stderr.starts_with(&failure), "{scan:?}");
        assert_eq!(scan.stderr.lines().count(), 1, "{scan:?}");
    }
}
