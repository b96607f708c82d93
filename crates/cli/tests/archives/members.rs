//! Each member is searched, and its finds have its name.

use std::fs;

use ctx_key::ApiKey;
use rawzip::CompressionMethod;

use crate::common::{masked, run_in, run_with};
use crate::{Members, assert_found_at, env, gzip, named_gzip, scan, tar, zip, zip_with};

#[test]
fn a_name_in_a_header_of_pax_is_shown() {
    let key = ApiKey::generate();
    let mut builder = tar::Builder::new(Vec::new());
    let name = format!("{}ä.env", "é/".repeat(80));
    // The name of another field ends with `path`.
    let fields = [("mtime", &b"1.5"[..]), ("linkpath", &b"elsewhere"[..]), ("path", name.as_bytes())];
    builder.append_pax_extensions(fields).unwrap();
    let (text, mut header) = (env(&key), tar::Header::new_ustar());
    header.set_path("short").unwrap();
    header.set_size(text.len() as u64);
    header.set_cksum();
    builder.append(&header, &text[..]).unwrap();
    assert_found_at(&key, "a.tar", &builder.into_inner().unwrap(), &format!("!{name}"));
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

/// The archive holds the key twice: in a member with a comment, and after its end without one.
#[test]
fn a_comment_in_a_member_does_not_allow_the_key_elsewhere_in_the_archive() {
    let key = ApiKey::generate();
    let allowed = format!("{} ctx-key:allow\n", key.expose_secret());
    let archive = zip_with(CompressionMethod::STORE, &[("a", allowed.as_bytes())]);
    let leaking = [&archive[..], b"\n", key.expose_secret().as_bytes()].concat();
    for (archive, code) in [(&archive, 0), (&leaking, 1)] {
        for run in [scan("x", archive), run_with(archive, &["scan", "-"]), scan("x", &tar(&[("i", archive)]))]
        {
            let run = run.exits(code);
            assert_eq!(run.stdout.lines().count(), code as usize, "{run:?}");
            assert!(run.stderr.starts_with("note: 1 key is allowed by a comment on its line\n"), "{run:?}");
        }
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
