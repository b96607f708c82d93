//! A damaged archive is reported, and what can be unpacked is searched.

use std::fs;

use ctx_key::ApiKey;
use rawzip::CompressionMethod;

use crate::common::{command, finish, git, masked, run_in};
use crate::{Members, env, gzip, scan, tar, zip, zip_with};

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

/// The names in a tar archive belong to no member. Those before the damage are searched, and the error is reported.
#[test]
fn a_key_in_a_name_of_a_damaged_compressed_tar_archive_is_found() {
    let key = ApiKey::generate();
    let noise: Vec<u8> =
        (0..40_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let archive = gzip(&tar(&[(key.expose_secret(), b"text"), ("b", &noise)]));
    let mut corrupt = archive.clone();
    // This changes the checksum.
    corrupt[archive.len() - 8] ^= 1;
    // What lies beyond the limit is not searched.
    let beyond = ApiKey::generate().expose_secret().as_bytes().to_vec();
    let bomb = gzip(&[tar(&[(key.expose_secret(), b"text")]), vec![0; 17 << 20], beyond].concat());
    for (damaged, reason) in [
        (&archive[..archive.len() / 2], ""),
        (&corrupt, ""),
        (&bomb, "it holds more than 100 times its size"),
    ] {
        let run = scan("x", damaged).exits(2).hides(&key);
        assert_eq!(run.stdout, format!("x:1:1: {}\n", masked(&key)), "{run:?}");
        assert!(run.stderr.contains(&format!("ctx-key: can't unpack x: {reason}")), "{run:?}");
    }
}

/// The reason for a failure may repeat the name of a member.
#[test]
fn a_name_in_a_reason_is_escaped_and_hides_keys() {
    let key = ApiKey::generate();
    let name = format!("{}\u{202e}", key.expose_secret().replacen('_', "%5F", 1));
    let mut archive = tar(&[(&name, b"text")]);
    // The checksum of the header is not a number.
    archive[148..156].fill(b'z');
    let run = scan("x", &archive).exits(2).hides(&key);
    assert!(run.stderr.contains("ctx-key: can't unpack x: ") && run.stderr.contains("***"), "{run:?}");
    assert!(run.stderr.contains("\\u{202e}") && !run.stderr.contains('\u{202e}'), "{run:?}");
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

/// A large archive that is not a plain file needs a temporary file. The objects after it are searched, too.
#[cfg(unix)]
#[test]
fn a_missing_temporary_folder_is_reported_as_the_cause() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let archive = zip_with(CompressionMethod::STORE, &[("a", &vec![b'a'; 2 << 20])]);
    fs::write(tree.path().join("a.zip"), &archive).unwrap();
    fs::write(tree.path().join("leak"), key.expose_secret()).unwrap();
    git(tree.path(), &["init", "-q"]);
    git(tree.path(), &["add", "-A"]);
    for (options, stdin, found) in [
        (&["scan", "--staged"][..], &[][..], true),
        (&["scan", "--history"], &[], true),
        (&["scan", "-"], &archive, false),
    ] {
        let mut command = command(options);
        let scan = finish(command.current_dir(&tree).env("TMPDIR", "/nonexistent"), stdin).exits(2);
        assert_eq!(scan.stdout.contains(&masked(&key)), found, "{scan:?}");
        let errors: Vec<_> = scan.stderr.lines().filter(|line| line.starts_with("ctx-key:")).collect();
        assert!(errors.len() == 1 && errors[0].contains(": can't use a temporary file: "), "{scan:?}");
        assert!(!errors[0].contains("git fsck"), "{scan:?}");
        let advice = "; free disk space, or name another folder in TMPDIR";
        assert_eq!(errors[0].ends_with(advice), found, "{scan:?}");
    }
}
