//! Finding and redacting keys in any text, compared with one-line models. The writer gets the text in any pieces.

#![no_main]

use std::io::Write;

use ctx_key::ApiKey;
use ctx_key::scan::{self, RedactingWriter};
use ctx_key_fuzz::{expand, hashed_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, &str)| {
    let (cuts, text) = input;
    // `%` stands for a run that is nearly long enough to be redacted, and `~` for one that is.
    let key = hashed_key(text.as_bytes());
    let pieces =
        [('#', &*key), ('@', "ctx_"), ('%', &*"a".repeat(26)), ('~', &*"0".repeat(30)), ('^', &key[..51])];
    let text = expand(text, &pieces);
    let redacted = expected_redaction(text.as_bytes());

    let finds: Vec<usize> = scan::find_iter(text.as_bytes()).map(|found| found.range().start).collect();
    let is_key =
        |start: &usize| text.as_bytes().get(*start..start + 52).is_some_and(|key| ApiKey::parse(key).is_ok());
    assert_eq!(finds, (0..text.len()).filter(is_key).collect::<Vec<_>>());

    assert_eq!(scan::redact(text.as_bytes()), redacted);
    assert_eq!(scan::redact(&redacted), redacted);
    assert_eq!(scan::redact_str(&text).as_bytes(), redacted);
    assert_eq!(written(text.as_bytes(), &cuts), redacted);
});

fn written(mut text: &[u8], cuts: &[u8]) -> Vec<u8> {
    let mut writer = RedactingWriter::new(Vec::new());
    for &cut in cuts {
        let (piece, later) = text.split_at(usize::from(cut / 2).min(text.len()));
        writer.write_all(piece).unwrap();
        if cut % 2 == 1 {
            writer.flush().unwrap();
        }
        text = later;
    }
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

/// Redacts a text by the specification: if a run of at least 30 digits follows a prefix, all digits after the twelfth are
/// hidden.
fn expected_redaction(text: &[u8]) -> Vec<u8> {
    let mut hidden = vec![false; text.len()];
    for start in (0..text.len()).filter(|&start| text[start..].starts_with(b"ctx_")) {
        let run = text[start + 4..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if run >= 30 {
            hidden[start + 16..start + 4 + run].fill(true);
        }
    }
    let mut shown = Vec::new();
    for (index, &byte) in text.iter().enumerate() {
        match (hidden[index], index > 0 && hidden[index - 1]) {
            (false, _) => shown.push(byte),
            (true, false) => shown.extend(b"***"),
            (true, true) => {}
        }
    }
    shown
}
