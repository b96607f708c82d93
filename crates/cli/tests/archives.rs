//! `ctx-key scan` searches the members of archives.

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;

use common::{Run, git, masked, run_in, run_with};
use ctx_key::ApiKey;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use rawzip::{CompressionMethod, ZipArchiveWriter};

type Members<'m> = &'m [(&'m str, &'m [u8])];

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn named_gzip(name: &str, text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new().filename(name).write(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zip_with(method: CompressionMethod, members: Members<'_>) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (name, text) in members {
        let (mut entry, config) = archive.new_file(name).compression_method(method).start().unwrap();
        let descriptor = if method == CompressionMethod::DEFLATE {
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::best()));
            writer.write_all(text).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        } else {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(text).unwrap();
            writer.finish().unwrap().1
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap()
}

fn zip(members: Members<'_>) -> Vec<u8> {
    zip_with(CompressionMethod::DEFLATE, members)
}

fn tar(members: Members<'_>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        builder.append_data(&mut header, name, *text).unwrap();
    }
    builder.into_inner().unwrap()
}

fn scan(name: &str, content: &[u8]) -> Run {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join(name), content).unwrap();
    run_in(tree.path(), &["scan", "--threads", "1"])
}

fn env(key: &ApiKey) -> Vec<u8> {
    format!("# ä\nKEY={}\n", key.expose_secret()).into_bytes()
}

/// Asserts that the only find in `content` is at `place`.
#[track_caller]
fn assert_found_at(key: &ApiKey, name: &str, content: &[u8], place: &str) {
    let run = scan(name, content).exits(1).hides(key);
    assert_eq!(run.stdout, format!("{name}{place}:2:5: {}\n", masked(key)), "{}", run.stderr);
}

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
fn a_name_in_a_header_of_pax_is_shown() {
    let key = ApiKey::generate();
    let mut builder = tar::Builder::new(Vec::new());
    let name = format!("{}ä.env", "é/".repeat(80));
    builder.append_pax_extensions([("mtime", &b"1.5"[..]), ("path", name.as_bytes())]).unwrap();
    let (text, mut header) = (env(&key), tar::Header::new_ustar());
    header.set_path("short").unwrap();
    header.set_size(text.len() as u64);
    header.set_cksum();
    builder.append(&header, &text[..]).unwrap();
    assert_found_at(&key, "a.tar", &builder.into_inner().unwrap(), &format!("!{name}"));
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

/// A key that is in no member is found. A key in a member is reported only for the member.
#[test]
fn the_archive_itself_is_searched() {
    let (key, other) = (ApiKey::generate(), ApiKey::generate());
    for archive in [
        [zip_with(CompressionMethod::STORE, &[("a", &env(&key))])].concat(),
        [tar(&[("a", &env(&key))]), other.expose_secret().as_bytes().to_vec()].concat(),
        gzip(&[tar(&[("a", &env(&key))]), other.expose_secret().as_bytes().to_vec()].concat()),
    ] {
        let run = scan("x", &archive).hides(&key).hides(&other);
        assert_eq!(run.stdout.matches(&masked(&key)).count(), 1, "{run:?}");
        assert!(run.stdout.contains("x!a:2:5: "), "{run:?}");
        let has_other = archive[..2] != *b"PK";
        assert_eq!(run.stdout.contains(&format!("{}\n", masked(&other))), has_other, "{run:?}");
    }
    let name = format!("{}.txt", key.expose_secret());
    let run = scan("x", &gzip(&tar(&[(&name, b"text")]))).exits(1).hides(&key);
    assert_eq!(run.stdout, format!("x:1:1: {}\n", masked(&key)));
}

/// This holds for an archive from a stream, and for an archive in another one.
#[test]
fn each_key_is_reported_for_its_member_alone() {
    let (key, other) = (ApiKey::generate(), ApiKey::generate());
    // The archive contains the text of a stored member as it is.
    let stored = |members: Members<'_>| zip_with(CompressionMethod::STORE, members);
    let inner = stored(&[("a", &env(&key))]);
    let comment = [&inner[..], other.expose_secret().as_bytes()].concat();
    let find = |place: &str| format!("{place}:2:5: {}\n", masked(&key));
    assert_eq!(run_with(&inner, &["scan", "-"]).exits(1).stdout, find("stdin!a"));
    assert_eq!(scan("x", &tar(&[("i", &inner)])).exits(1).stdout, find("x!i!a"));
    for outer in [tar(&[("i", &comment)]), stored(&[("i", &comment)]), named_gzip("i", &comment)] {
        let run = scan("x", &outer).exits(1).hides(&key).hides(&other);
        let mut lines: Vec<_> = run.stdout.lines().map(|line| line.split_once(':').unwrap().0).collect();
        lines.sort();
        // A text after the inner archive belongs to that archive.
        assert_eq!(lines, ["x!i", "x!i!a"], "{run:?}");
    }
}

/// The first 256 KiB are read into a buffer before the text is recognised as an archive.
#[test]
fn a_text_after_a_large_archive_is_searched() {
    let (key, other) = (ApiKey::generate(), ApiKey::generate());
    let noise = vec![b'.'; 300_000];
    let archive = tar(&[("a", &noise), ("b", &env(&key))]);
    let archive = [&archive[..], b"\n", other.expose_secret().as_bytes()].concat();
    let (at, expected) = (archive.len() - 52, [masked(&other), masked(&key)]);
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("x"), &archive).unwrap();
    for report in [
        run_in(tree.path(), &["scan", "x", "--format", "json"]).exits(1).json(),
        run_with(&archive, &["scan", "-", "--format", "json"]).exits(1).json(),
    ] {
        let found = report["findings"].as_array().unwrap();
        let keys: Vec<_> = found.iter().map(|found| found["key"].as_str().unwrap()).collect();
        assert_eq!(
            (keys, found[0]["offset"].as_u64()),
            (expected.iter().map(|key| &**key).collect(), Some(at as u64))
        );
    }
}

/// A member without a long name does not get an earlier one. A header of pax without a path has no effect.
#[test]
fn a_long_name_belongs_to_one_member() {
    let key = ApiKey::generate();
    let (long, other) = (format!("{}a", "long/".repeat(60)), "b".repeat(150));
    let text = env(&key);
    let places = |archive: &[u8]| {
        let run = scan("x", archive).exits(1);
        run.stdout.lines().map(|line| line.split_once(":2:5: ").unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    let archive = tar(&[(&long, &text), ("short", &text), (&other, &text), ("z", &text)]);
    assert_eq!(places(&archive), [&other, &long, "short", "z"].map(|name| format!("x!{name}")));
    // A long name of GNU is followed by a header of pax with other fields.
    let mut builder = tar::Builder::new(Vec::new());
    let mut name = tar::Header::new_gnu();
    name.set_entry_type(tar::EntryType::GNULongName);
    name.set_size(long.len() as u64 + 1);
    name.set_cksum();
    builder.append(&name, format!("{long}\0").as_bytes()).unwrap();
    builder.append_pax_extensions([("mtime", &b"1.5"[..])]).unwrap();
    for path in ["first", "second"] {
        let mut header = tar::Header::new_gnu();
        header.set_path(path).unwrap();
        header.set_size(text.len() as u64);
        header.set_cksum();
        builder.append(&header, &text[..]).unwrap();
    }
    assert_eq!(places(&builder.into_inner().unwrap()), [format!("x!{long}"), "x!second".to_owned()]);
}

/// The smallest member with a key consists of the key. Even a folder may have content.
#[test]
fn members_of_each_size_and_kind_are_searched() {
    let key = ApiKey::generate();
    let text = key.expose_secret().as_bytes();
    for archive in [
        tar(&[("a", text)]),
        gzip(&tar(&[("a", text)])),
        zip(&[("a", text)]),
        zip_with(CompressionMethod::STORE, &[("a", text)]),
        named_gzip("a", text),
    ] {
        assert_eq!(scan("x", &archive).exits(1).stdout, format!("x!a:1:1: {}\n", masked(&key)));
    }
    for member in ["folder", "folder/"] {
        let mut archive = zip_with(CompressionMethod::DEFLATE, &[("folder|", text), ("b", b"")]);
        let end = member.as_bytes().get(6).copied().unwrap_or(b'|');
        for at in 0..archive.len() - 7 {
            if &archive[at..at + 7] == b"folder|" {
                archive[at + 6] = end;
            }
        }
        let run = scan("x", &archive).exits(1);
        assert_eq!(run.stdout, format!("x!folder{}:1:1: {}\n", char::from(end), masked(&key)));
    }
}

/// A member of gzip without a name gets the name of its archive, even if the archive is itself a member.
#[test]
fn a_member_without_a_name_gets_that_of_its_archive() {
    let key = ApiKey::generate();
    let inner = gzip(&env(&key));
    for (name, member) in
        [("a/app.log.gz", "app.log"), ("app.gz", "app"), ("plain", "plain"), ("a\\b.gz", "b")]
    {
        let shown = name.replace('\\', r"\\");
        assert_found_at(&key, "x.tar", &tar(&[(name, &inner)]), &format!("!{shown}!{member}"));
    }
    assert_found_at(&key, "b.gz.gz", &gzip(&inner), "!b.gz!b");
}

/// The checksum of each member is verified, compressed or not.
#[test]
fn a_member_with_a_wrong_checksum_is_reported() {
    let key = ApiKey::generate();
    for method in [CompressionMethod::STORE, CompressionMethod::DEFLATE] {
        let mut archive = zip_with(method, &[("a", b"text"), ("b", &env(&key))]);
        let central = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        // This changes the checksum of the first member in the central directory.
        archive[central + 16] ^= 1;
        let run = scan("x", &archive).exits(2);
        assert!(run.stderr.contains("ctx-key: can't unpack x!a: "), "{run:?}");
        assert_eq!(run.stdout, format!("x!b:2:5: {}\n", masked(&key)));
    }
}

/// The part of an inner archive that exists is searched, and the error names the archive.
#[test]
fn an_inner_archive_that_is_cut_off_is_searched_and_reported() {
    let key = ApiKey::generate();
    let noise: Vec<u8> =
        (0..40_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let inner = tar(&[("a", &env(&key)), ("b", &noise)]);
    let outer = tar(&[("i", &inner)]);
    // The cut is within or after the second member. After it, only the outer archive shows that something is missing.
    for (length, error) in [(20_000, "x!i!b: it is cut off"), (512 + inner.len() - 600, "x!i: it is cut off")]
    {
        let run = scan("x", &outer[..length]).exits(2).hides(&key);
        assert_eq!(run.stdout, format!("x!i!a:2:5: {}\n", masked(&key)));
        assert!(run.stderr.contains(&format!("ctx-key: can't unpack {error};")), "{run:?}");
    }
}

#[test]
fn an_encoded_key_in_an_archive_is_found() {
    let key = ApiKey::generate();
    let digits: String = key.expose_secret().bytes().map(|byte| format!("{byte:02x}")).collect();
    let run = scan("app.jar", &zip(&[("config", format!("\nk {digits}").as_bytes())])).exits(1);
    assert_eq!(run.stdout, format!("app.jar!config:2:3: {} (encoded as hex)\n", masked(&key)));
    // The option holds for members, and for what is in no member.
    let outside = gzip(&[tar(&[("a", b"text")]), digits.clone().into_bytes()].concat());
    for archive in [zip(&[("config", digits.as_bytes())]), outside] {
        run_with(&archive, &["scan", "-"]).exits(1);
        run_with(&archive, &["scan", "-", "--no-decode"]).exits(0);
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
    let blob = git(path, &["rev-parse", "HEAD:bad.gz"]);
    fs::write(path.join("app.jar"), zip(&[(".env", &env(&key)), ("b", b"y")])).unwrap();
    git(path, &["commit", "-qam", "b"]);
    git(path, &["rm", "-q", "app.jar"]);
    git(path, &["commit", "-qm", "c"]);
    let history = run_in(path, &["scan", "--history"]).exits(2).hides(&key);
    let find = format!("app.jar!.env:2:5: {} (commit {commit}, 2 times)\n", masked(&key));
    assert_eq!(history.stdout, find);
    assert_eq!(
        history.stderr.matches(&format!("can't unpack blob {blob}!blob {blob}: ")).count(),
        1,
        "{history:?}"
    );
}

/// The rest is searched, and an error names what is not.
#[test]
fn a_truncated_or_corrupt_archive_is_reported_and_the_rest_searched() {
    let key = ApiKey::generate();
    let noise: Vec<u8> =
        (0..40_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let members: Members<'_> = &[("a", &env(&key)), ("b", &noise), ("c", &env(&key))];
    let cases: [(&str, Vec<u8>, &str); 4] = [
        ("zip", zip(members), "x: "),
        ("gzip", gzip(&noise), "x!x: "),
        ("tar", tar(members), "x!b: "),
        ("tar.gz", gzip(&tar(members)), "x!b: "),
    ];
    for (name, archive, place) in cases {
        let run = scan("x", &archive[..archive.len() / 2]).exits(2);
        assert!(run.stderr.contains(&format!("can't unpack {place}")), "{name}: {run:?}");
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("x"), &archive[..archive.len() / 2]).unwrap();
        fs::write(tree.path().join("y"), key.expose_secret()).unwrap();
        let run = run_in(tree.path(), &["scan"]).exits(2);
        assert!(run.stdout.contains("y:1:1: "), "{name}: {run:?}");
    }
    // This changes one byte of the second member.
    let mut archive = zip(members);
    let middle = archive.len() / 2;
    archive[middle] ^= 1;
    let run = scan("x", &archive).exits(2).hides(&key);
    assert!(run.stderr.contains("can't unpack x!b: "), "{run:?}");
    assert_eq!(run.stdout, format!("x!a:2:5: {0}\nx!c:2:5: {0}\n", masked(&key)));
}

#[test]
fn a_member_that_cannot_be_unpacked_is_reported() {
    let key = ApiKey::generate();
    let mut archive = zip(&[("a", b"text"), ("b", &env(&key))]);
    let entry = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    archive[entry + 8] |= 1;
    let fails = |archive: &[u8], reason: &str| {
        let run = scan("x", archive).exits(2);
        let rest = "it was not searched to its end: unpack it, and search what it holds";
        let error = format!("ctx-key: can't unpack x!a: {reason}; {rest}");
        let errors: Vec<_> = run.stderr.lines().filter(|line| line.starts_with("ctx-key: ")).collect();
        assert_eq!(errors, [error]);
        assert_eq!(run.stdout, format!("x!b:2:5: {}\n", masked(&key)));
    };
    fails(&archive, "it is encrypted");
    archive[entry + 8] &= !1;
    archive[entry + 10] = 12;
    fails(&archive, "its compression, 12 (BZIP2), is not known");
}

#[cfg(target_os = "linux")]
fn run_in_little_memory(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let script = "\"$@\" 2>err";
    let mut command = std::process::Command::new("/usr/bin/env");
    command.args(["sh", "-c", &format!("ulimit -d 40000; {script}"), "sh", env!("CARGO_BIN_EXE_ctx-key")]);
    let status = command.args(arguments).current_dir(directory).status().unwrap();
    (status.code(), fs::read_to_string(directory.join("err")).unwrap())
}

/// The command gets less memory than the unpacked contents need.
#[cfg(target_os = "linux")]
#[test]
fn a_zip_bomb_ends_in_an_error_and_takes_little_memory() {
    let zeros = vec![0; 48 << 20];
    // Members of an inner archive count as members of the file. With the two archives, there are 100,001.
    let many = |count| zip_with(CompressionMethod::STORE, &vec![("x", &b""[..]); count]);
    let (first, second) = (many(50_000), many(49_999));
    let fast = |text: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let inner = fast(&zeros);
    let mut header = tar::Header::new_gnu();
    header.set_path("x").unwrap();
    header.set_size(1 << 40);
    header.set_cksum();
    let mut long_name = tar::Header::new_gnu();
    long_name.set_entry_type(tar::EntryType::GNULongName);
    long_name.set_size(zeros.len() as u64);
    long_name.set_cksum();
    let ratio = "it holds more than 100 times its size";
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("zeros.gz", inner.clone(), ratio),
        ("nested.zip", zip(&[("a", &inner), ("b", &inner)]), ratio),
        ("name.tar.gz", fast(&[long_name.as_bytes(), &zeros[..]].concat()), ratio),
        ("after.tar.gz", fast(&[&tar(&[("a", b"text")])[..], &zeros].concat()), ratio),
        ("many.tar", tar(&[("a", &first), ("b", &second)]), "it has more than 100,000 members"),
        ("declared.tar", [header.as_bytes(), &[1; 1024][..]].concat(), "it is cut off"),
    ];
    for (name, archive, reason) in cases {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join(name), archive).unwrap();
        let options = ["scan", "--threads", "1", "--no-decode", name];
        let (code, errors) = run_in_little_memory(tree.path(), &options);
        assert_eq!(code, Some(2), "{name}: {errors}");
        assert!(
            errors.contains(&format!("ctx-key: can't unpack {name}")) && errors.contains(reason),
            "{name}: {errors}"
        );
        assert!(reason == "it is cut off" || errors.lines().count() == 1, "{name}: {errors}");
    }
}

/// An archive may reach each limit: 16 MiB from a small file, 100 times the size of a larger one, 100,000 members.
#[test]
fn an_archive_may_reach_each_limit() {
    let zeros = vec![0; (16 << 20) + 1];
    let scan = |archive: &[u8]| run_with(archive, &["scan", "-", "--no-decode"]);
    for (text, code) in [(&zeros[1..], 0), (&zeros, 2)] {
        scan(&named_gzip("a", text)).exits(code);
    }
    let noise: Vec<u8> =
        (0..300_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    scan(&tar(&[("noise", &noise), ("a.gz", &gzip(&zeros))])).exits(0);
    scan(&zip_with(CompressionMethod::STORE, &vec![("x", &b""[..]); 100_000])).exits(0);
}

/// Each member is read to its end, whatever size is declared, and its checksum is verified.
#[test]
fn declared_sizes_and_counts_are_not_trusted() {
    let key = ApiKey::generate();
    let archive = zip(&[("a", &env(&key))]);
    let find = format!("x!a:2:5: {}\n", masked(&key));
    let central = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let end = archive.windows(4).position(|bytes| bytes == b"PK\x05\x06").unwrap();
    for (place, value, code) in
        [(central + 24, 0xffff_fff0_u32, 2), (central + 20, 0xffff_fff0, 1), (end + 8, 0xfffe_fffe, 1)]
    {
        let mut archive = archive.clone();
        archive[place..place + 4].copy_from_slice(&value.to_le_bytes());
        let run = scan("x", &archive).exits(code);
        assert_eq!(run.stderr.contains("can't unpack x!a: "), code == 2, "{place}: {run:?}");
        assert!(run.stdout == find || code == 2, "{place}: {run:?}");
    }
}
