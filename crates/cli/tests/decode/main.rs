//! `ctx-key scan` finds encoded keys.

#[path = "../common/mod.rs"]
mod common;

mod digits;
mod escapes;
mod finds;
mod limits;
mod unicode;

use common::run_with;
use ctx_key::ApiKey;
use serde_json::{Value, json};

type Encode = fn(&[u8]) -> Vec<u8>;

/// The encodings, each with its name in reports.
const ENCODINGS: [(&str, Encode); 24] = [
    ("base64", |text| base64(text, STANDARD, true)),
    ("base64", |text| base64(text, STANDARD, false)),
    ("base64", |text| base64(text, URL_SAFE, true)),
    ("base64", |text| base64(text, URL_SAFE, false)),
    ("hex", |text| each(text, |byte| format!("{byte:02x}"))),
    ("hex", |text| each(text, |byte| format!("{byte:02X}"))),
    ("hex", |text| each(text, |byte| format!("{:x}{:X}", byte >> 4, byte & 15))),
    ("percent", |text| each(text, |byte| format!("%{byte:02X}"))),
    ("percent", |text| each(text, |byte| format!("%{byte:02x}"))),
    ("percent", |text| each(text, |byte| format!("%u{byte:04x}"))),
    ("javascript", |text| each(text, |byte| format!("\\u{byte:04x}"))),
    ("javascript", |text| each(text, |byte| format!("\\u{byte:04X}"))),
    ("javascript", |text| each(text, |byte| format!("\\u{{{byte:x}}}"))),
    ("javascript", |text| each(text, |byte| format!("\\x{byte:02x}"))),
    ("javascript", |text| each(text, |byte| format!("\\{byte:03o}"))),
    ("javascript", |text| each(text, |byte| format!("\\U{byte:08x}"))),
    ("html", |text| each(text, |byte| format!("&#{byte};"))),
    ("html", |text| each(text, |byte| format!("&#{byte:05};"))),
    ("html", |text| each(text, |byte| format!("&#x{byte:x};"))),
    ("html", |text| each(text, |byte| format!("&#X{byte:04X};"))),
    ("quoted-printable", |text| each(text, |byte| format!("={byte:02X}"))),
    ("quoted-printable", |text| each(text, |byte| format!("={byte:02x}"))),
    ("utf-32", |text| text.iter().flat_map(|byte| u32::from(*byte).to_le_bytes()).collect()),
    ("utf-32", |text| text.iter().flat_map(|byte| u32::from(*byte).to_be_bytes()).collect()),
];

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Encodes bit by bit, and so independently of how the command decodes.
fn base64(text: &[u8], alphabet: &[u8; 64], is_padded: bool) -> Vec<u8> {
    let bits: Vec<u8> = text.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let digit = |bits: &[u8]| {
        alphabet[(0..6).fold(0, |value, bit| value << 1 | usize::from(*bits.get(bit).unwrap_or(&0)))]
    };
    let mut encoded: Vec<u8> = bits.chunks(6).map(digit).collect();
    while is_padded && !encoded.len().is_multiple_of(4) {
        encoded.push(b'=');
    }
    encoded
}

fn each(text: &[u8], encode: fn(u8) -> String) -> Vec<u8> {
    text.iter().flat_map(|byte| encode(*byte).into_bytes()).collect()
}

fn text_of(key: &ApiKey) -> &[u8] {
    key.expose_secret().as_bytes()
}

/// The offset, the line, the column and the encodings of a find.
type Find = (u64, u64, u64, Vec<String>);

fn find(finding: &Value, key: &ApiKey) -> Find {
    assert_eq!(finding["id"], key.id().as_str());
    let number = |value: &Value| value.as_u64().unwrap();
    let encodings = finding["encodings"].as_array().cloned().unwrap_or_default();
    let encodings = encodings.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    (number(&finding["offset"]), number(&finding["line"]), number(&finding["column"]), encodings)
}

fn search(text: &[u8], key: &ApiKey) -> Vec<Find> {
    let report = run_with(text, &["scan", "-", "--format", "json"]).hides(key).json();
    report["findings"].as_array().unwrap().iter().map(|finding| find(finding, key)).collect()
}

/// Searches many texts in one run, as members of an archive. Writing that many files would take longer.
fn search_all<'t>(texts: impl ExactSizeIterator<Item = &'t Vec<u8>>, key: &ApiKey) -> Vec<Vec<Find>> {
    let (mut archive, mut found) = (tar::Builder::new(Vec::new()), vec![Vec::new(); texts.len()]);
    for (index, text) in texts.enumerate() {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, index.to_string(), &text[..]).unwrap();
    }
    let run = run_with(&archive.into_inner().unwrap(), &["scan", "-", "--format", "json"]).hides(key);
    let report = run.json();
    assert_eq!(report["errors"], json!([]));
    for finding in report["findings"].as_array().unwrap() {
        let index = finding["path"].as_str().unwrap().strip_prefix("stdin!").unwrap();
        found[index.parse::<usize>().unwrap()].push(find(finding, key));
    }
    found
}

/// Asserts the finds in each text.
#[track_caller]
fn assert_finds(key: &ApiKey, cases: &[(String, Vec<u8>, Vec<Find>)]) {
    let found = search_all(cases.iter().map(|(_, text, _)| text), key);
    for ((case, _, expected), found) in cases.iter().zip(&found) {
        assert_eq!(found, expected, "{case}");
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
