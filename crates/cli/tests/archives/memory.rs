//! An archive that grows when it is unpacked takes little memory.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use rawzip::CompressionMethod;

use crate::{tar, zip, zip_with};

fn run_in_little_memory(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let script = "\"$@\" 2>err";
    let mut command = std::process::Command::new("/usr/bin/env");
    command.args(["sh", "-c", &format!("ulimit -d 40000; {script}"), "sh", env!("CARGO_BIN_EXE_ctx-key")]);
    let status = command.args(arguments).current_dir(directory).status().unwrap();
    (status.code(), fs::read_to_string(directory.join("err")).unwrap())
}

/// The command gets less memory than the unpacked contents need.
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
