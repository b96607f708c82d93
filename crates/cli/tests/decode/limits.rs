//! The command reports no false alarm, and misses what the README lists.

use std::fs;

use serde_json::json;

use crate::common::{run_in, run_with};
use crate::{STANDARD, base64};

/// Searches 10 MB of the sources that the build has downloaded. `crates/cli/README.md` describes how to try more.
#[test]
fn real_sources_cause_no_false_alarm() {
    const SIZE: u64 = 10_000_000;
    let home = std::env::var_os("CARGO_HOME").map_or_else(
        || std::path::PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo"),
        std::path::PathBuf::from,
    );
    let (tree, mut size, mut count) = (tempfile::tempdir().unwrap(), 0, 0);
    let mut folders = vec![home.join("registry/src")];
    while let Some(folder) = folders.pop().filter(|_| size < SIZE) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            // Published versions of this library contain keys in their examples.
            if kind.is_dir() && !entry.file_name().to_string_lossy().contains("ctx-key") {
                folders.push(entry.path());
            } else if kind.is_file() {
                size += fs::copy(entry.path(), tree.path().join(count.to_string())).unwrap();
                count += 1;
            }
        }
    }
    assert!(size >= SIZE, "the registry of cargo has only {size} bytes of sources");
    let report = run_in(tree.path(), &["scan", "--no-archives", "--format", "json"]).exits(0).json();
    assert_eq!((&report["findings"], &report["bytes"]), (&json!([]), &json!(size)));
}

/// Tries each row of the table in `crates/cli/README.md` that lists what is missed.
#[test]
fn encodings_that_the_readme_lists_as_missed_are_missed() {
    let key = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
    let (head, tail) = key.split_at(20);
    let bytes = |separator: &str, format: fn(u8) -> String| {
        key.bytes().map(format).collect::<Vec<_>>().join(separator).into_bytes()
    };
    let digits = String::from_utf8(base64(key.as_bytes(), STANDARD, true)).unwrap();
    let rows: [(&str, Vec<u8>); 15] = [
        ("strings that are joined", format!("key = \"{head}\" + \"{tail}\"").into()),
        ("markup in a key", format!("{head}<wbr>{tail}").into()),
        ("colours in a key", format!("{head}\x1b[0m{tail}").into()),
        ("a line break in a key", format!("{head}\n{tail}").into()),
        ("quoted lines of base64", format!("> {}\n> {}", &digits[..60], &digits[60..]).into()),
        ("short lines of base64", digits.as_bytes().chunks(12).collect::<Vec<_>>().join(&b'\n')),
        ("lists of numbers", bytes(", ", |byte| byte.to_string())),
        ("dumps of bytes", bytes(" ", |byte| format!("{byte:02x}"))),
        ("other letters for the same digits", key.bytes().map(|byte| byte ^ 1).collect()),
        (
            "four encodings in each other",
            (0..4).fold(key.into(), |text: Vec<u8>, _| base64(&text, STANDARD, true)),
        ),
        ("a stream of a PDF, zlib", PDF.to_vec()),
        ("bzip2", BZIP2.to_vec()),
        ("xz", XZ.to_vec()),
        ("a compressed text in base64", base64(GZIP, STANDARD, true)),
        ("a zip archive after a program", [b"MZ\x90\0", ZIP].concat()),
    ];
    for (row, text) in rows {
        let run = run_with(&text, &["scan", "-"]).exits(0);
        assert_eq!((run.stdout, run.stderr), Default::default(), "{row}");
    }
}

const PDF: &[u8] = b"%PDF-1.4\x0a1 0 obj\x0a<< /Length 84 /Filter /FlateDecode >>\x0astream\x0ax\xdaSVH\xce\xcf\xcdM\xcd+\xe1R\x1ee\x0d\x02\x96\xb7k\xa4mrIE\xbcEbqA\xae\x89\xbbyXnph\x9a\x7f\xbe\x8bY\x98aY\x91\x7fPrn\x9eAf\xb0Gv\x81kR\xa5Y\x99\xb7\xa1\xa1a\x9aIr\x95Q\x9e\xe5h\xe0\x0d2\x16\x00<\xe8\x16\xe9\x0aendstream\x0aendobj\x0a";

const BZIP2: &[u8] = b"BZh91AY&SY\x8b\x93Hw\x00\x00d\xdf\x80\x00\x10H\x00u\xe2\x06\xc8\x9b \xbb+\xddp \x00j\x12\x944\x98\x09\xa7\xa0\xd0\x08\xc8\xda\x9b \x95&\x80\x00\x00\x1a44\x02v\x80 \xa0\x04\x22\x00C\x8b%0\x7f\xdd\xed{6\x9fnim\xfe\xdc\xbe\xbc\xfc\xfe\xb94R\xfeZx\xd4\x01\x06\xf4D\x00\x81L\xdd\x96\xad\xe0\x04\x18\x00 \xed<\xf8\x00\x83\x14\x00\x83\x9f\xab\xb7\x00B<\x97\xd3\xd5\xd8\xbb\x92)\xc2\x84\x84\x5c\x9aC\xb8";

const XZ: &[u8] = b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00!\x01\x16\x00\x00\x00t/\xe5\xa3\xe0\x03X\x00R]\x00\x11\x88\x08\xe7\xd9\xe1)O\x01\xea\x82\x91\x83g\xaf\x05\xb6\xa0V\x84%Pu\x0b\x9aB\x22k\x90\x83e\xd2\xd8ae\xaf\x9d?\xb0\xfc\xb2\xb5\x04\x1569\xa2QP\xa1\x9fbp\xd3<\x01\xf39-\xef\xd6@-!\xcbG\xd8\x00.\xaay\xbe\xaaY/j\xefM\xef;\xa3\x00\x00\x00\x00\x83\xdd\x87L\x04\xb3\xffK\x00\x01n\xd9\x06\x00\x00\x00\x03\xf8%P\xb1\xc4g\xfb\x02\x00\x00\x00\x00\x04YZ";

const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03SVH\xce\xcf\xcdM\xcd+\xe1R\x1ee\x0d\x02\x96\xb7k\xa4mrIE\xbcEbqA\xae\x89\xbbyXnph\x9a\x7f\xbe\x8bY\x98aY\x91\x7fPrn\x9eAf\xb0Gv\x81kR\xa5Y\x99\xb7\xa1\xa1a\x9aIr\x95Q\x9e\xe5h\xe0\x0d2\x16\x00\xfd\xee\xfb&Y\x03\x00\x00";

const ZIP: &[u8] = b"PK\x03\x04\x14\x00\x00\x00\x08\x00\xdca|]\xfd\xee\xfb&P\x00\x00\x00Y\x03\x00\x00\x01\x00\x00\x00aSVH\xce\xcf\xcdM\xcd+\xe1R\x1ee\x0d\x02\x96\xb7k\xa4mrIE\xbcEbqA\xae\x89\xbbyXnph\x9a\x7f\xbe\x8bY\x98aY\x91\x7fPrn\x9eAf\xb0Gv\x81kR\xa5Y\x99\xb7\xa1\xa1a\x9aIr\x95Q\x9e\xe5 p\xfa(\x0b\x99\x05\x00PK\x01\x02\x14\x03\x14\x00\x00\x00\x08\x00\xdca|]\xfd\xee\xfb&P\x00\x00\x00Y\x03\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00aPK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00/\x00\x00\x00o\x00\x00\x00\x00\x00";
