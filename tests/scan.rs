//! Every key in a text is found and redacted, and so is text that is nearly a key. Nothing else is touched.
#![cfg(feature = "std")]

mod common;
#[path = "common/texts.rs"]
mod texts;

use core::fmt::Debug;
use std::borrow::Cow;
use std::io::Write;
use std::ops::Range;

use common::models;
use common::{KEY, filler_lengths, latin_1, lengths, vectors};
use ctx_key::ApiKey;
use ctx_key::scan::{self, RedactingWriter};
use proptest::prelude::*;
use texts::texts_with_parts_of_keys;

/// Returns the ranges of the keys that are found. Asserts that each match agrees with itself, and that the iterator
/// stays at its end.
fn found_ranges(text: &[u8]) -> Vec<Range<usize>> {
    let mut finds = scan::find_iter(text);
    let matches: Vec<_> = finds.by_ref().collect();
    assert!(finds.next().is_none() && finds.clone().next().is_none());
    for found in &matches {
        let bytes = &text[found.range()];
        assert_eq!((found.as_bytes(), found.id().as_str().as_bytes()), (bytes, &bytes[4..16]));
        assert_eq!((found.key().expose_secret().as_bytes(), Ok(found.key())), (bytes, ApiKey::parse(bytes)));
    }
    matches.iter().map(|found| found.range()).collect()
}

fn found_starts(text: &[u8]) -> Vec<usize> {
    found_ranges(text).into_iter().map(|range| range.start).collect()
}

/// A function that redacts a text: its line in `tests/contract/api.txt`, and a call of it, which returns `None` if the
/// argument's type cannot hold the text.
type Redactor = (&'static str, fn(&[u8]) -> Option<Vec<u8>>);

const REDACTORS: &[Redactor] = &[
    ("pub fn ctx_key::scan::redact(&[u8]) -> alloc::borrow::Cow<'_, [u8]>", |text| {
        Some(scan::redact(text).into_owned())
    }),
    (
        "pub fn ctx_key::scan::redacted_ranges(&[u8]) -> impl core::iter::traits::iterator::Iterator<Item = core::ops::range::Range<usize>>",
        |text| Some(with_ranges_masked(text)),
    ),
    ("pub fn ctx_key::scan::redact_str(&str) -> alloc::borrow::Cow<'_, str>", |text| {
        Some(scan::redact_str(str::from_utf8(text).ok()?).into_owned().into_bytes())
    }),
    (
        "pub fn ctx_key::scan::RedactingWriter<W>::write(&mut self, &[u8]) -> std::io::error::Result<usize>",
        |text| {
            let mut writer = RedactingWriter::new(Vec::new());
            writer.write_all(text).unwrap();
            writer.finish().ok()
        },
    ),
];

/// Replaces each of the `redacted_ranges` by `***`.
fn with_ranges_masked(text: &[u8]) -> Vec<u8> {
    let (mut masked, mut rest) = (Vec::new(), 0);
    for hidden in scan::redacted_ranges(text) {
        masked.extend([&text[rest..hidden.start], b"***"].concat());
        rest = hidden.end;
    }
    masked.extend(&text[rest..]);
    masked
}

fn assert_redacts(text: &[u8], expected: &[u8], case: &dyn Debug) {
    for (item, redact) in REDACTORS {
        assert!(redact(text).is_none_or(|redacted| redacted == expected), "{item}: {case:?}");
    }
}

#[test]
fn leaks_are_found_and_redacted_as_the_vectors_say() {
    let cases = vectors("leaks");
    for case in &cases {
        let (text, redacted) = (latin_1(&case["text"]), latin_1(&case["redacted"]));
        let expected: Vec<[usize; 2]> = serde_json::from_value(case["finds"].clone()).unwrap();
        let expected: Vec<_> = expected.into_iter().map(|[start, end]| start..end).collect();
        assert_eq!(found_ranges(&text), expected, "{case}");
        assert_redacts(&text, &redacted, case);
        assert_eq!(scan::redact(&redacted), redacted, "a second redaction changes nothing: {case}");
    }
    assert_eq!(cases.len(), 118);
}

proptest! {
    #[test]
    fn the_found_keys_are_those_of_the_model(text in texts_with_parts_of_keys()) {
        prop_assert_eq!(found_ranges(&text), models::key_ranges(&text));
    }

    #[test]
    fn redaction_follows_the_model_and_is_idempotent(text in texts_with_parts_of_keys()) {
        let redacted = scan::redact(&text);
        prop_assert_eq!(&*redacted, models::redact(&text));
        prop_assert_eq!(scan::redact(&redacted), &*redacted);
        prop_assert_eq!(found_ranges(&redacted), []);
    }

    #[test]
    fn a_str_is_redacted_as_its_bytes_are(text in "[ctx_a-z0-9\u{e9}\u{6f22} ]{0,80}", before in ".{0,10}", length in 0..52usize) {
        let text = format!("{before}{}{text}", &KEY[..length]);
        let (redacted, redacted_bytes) = (scan::redact_str(&text), scan::redact(text.as_bytes()));
        prop_assert_eq!(redacted.as_bytes(), &*redacted_bytes);
    }
}

#[test]
fn a_text_without_a_key_is_borrowed() {
    for text in ["", "ctx_", "ctx_your_api_key_here", "let ctx_switch_count = 3;", "ctx_8aspm4G7VmSU***"] {
        assert!(matches!(scan::redact(text.as_bytes()), Cow::Borrowed(_)), "{text}");
        assert!(matches!(scan::redact_str(text), Cow::Borrowed(_)), "{text}");
    }
    assert!(matches!(scan::redact_str(KEY), Cow::Owned(_)));
}

#[test]
fn debug_of_a_match_shows_the_id_and_hides_the_secret() {
    let text = format!("={KEY}");
    let mut finds = scan::find_iter(text.as_bytes());
    assert_eq!(format!("{finds:?} {finds:#?}"), "Finds { .. } Finds { .. }");
    let found = finds.next().unwrap();
    let shown = "Match(1..53, ctx_8aspm4G7VmSU***)";
    assert_eq!([format!("{found:?}"), format!("{found:#?}")], [shown, shown]);
}

#[test]
fn a_key_is_found_after_and_before_a_text_of_any_length() {
    for fill in ["x", " ", "ctx_"] {
        for length in filler_lengths(KEY.len()) {
            let filler: Vec<_> = fill.bytes().cycle().take(length).collect();
            for (start, text) in
                [(length, [&filler, KEY.as_bytes()].concat()), (0, [KEY.as_bytes(), &filler].concat())]
            {
                assert_eq!(found_starts(&text), [start], "{length} of {fill:?}");
                assert_redacts(&text, &models::redact(&text), &(fill, length));
            }
        }
    }
}

#[test]
fn a_run_is_redacted_from_30_digits_on_whatever_follows() {
    for (length, after) in filler_lengths(5).flat_map(|length| ["", "%"].map(|after| (length, after))) {
        let text = format!("=ctx_{}{after}", "a".repeat(length));
        let redacted = format!("=ctx_aaaaaaaaaaaa***{after}");
        let expected = if length < 30 { &text } else { &redacted };
        assert_redacts(text.as_bytes(), expected.as_bytes(), &(length, after));
    }
}

#[test]
fn any_number_of_keys_is_found() {
    for count in lengths(1).take_while(|count| *count <= 1025) {
        for between in ["", " ", "a", "_"] {
            let text = [KEY].repeat(count).join(between).into_bytes();
            let starts = (0..count).map(|index| index * (52 + between.len()));
            assert_eq!(found_starts(&text), starts.collect::<Vec<_>>());
            assert_redacts(&text, &models::redact(&text), &(count, between));
        }
    }
}

/// Tries each pair of bytes before a key, after it, and around it.
#[test]
fn a_key_is_found_whatever_bytes_are_around_it() {
    let (shown, hidden) = KEY.as_bytes().split_at(16);
    for (a, b) in (0..=u8::MAX).flat_map(|a| (0..=u8::MAX).map(move |b| (a, b))) {
        for (before, after) in [(&[a, b][..], &[][..]), (&[], &[a, b]), (&[a], &[b])] {
            let text = [before, shown, hidden, after].concat();
            assert_eq!(found_starts(&text), [before.len()], "{before:?}, {after:?}");
            let rest = after.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(after.len());
            let expected = [before, shown, b"***", &after[rest..]].concat();
            assert_redacts(&text, &expected, &(before, after));
        }
    }
}

/// The key keeps 30 characters after `ctx_`, which is the shortest run that is redacted.
#[test]
fn a_cut_off_key_is_redacted_whatever_characters_are_around_it() {
    for c in '\0'..='\u{2ffff}' {
        let text = format!("{c}{}{c}", &KEY[..34]);
        let rest = if c.is_ascii_alphanumeric() { String::new() } else { c.to_string() };
        assert_eq!(scan::redact_str(&text), format!("{c}{}***{rest}", &KEY[..16]));
    }
}

#[test]
fn a_key_with_a_changed_or_missing_byte_is_not_found() {
    for (index, original) in KEY.bytes().enumerate() {
        let (before, after) = KEY.as_bytes().split_at(index);
        for byte in 0..=u8::MAX {
            let text = [b"=", before, &[byte], &after[1..], b"="].concat();
            let expected = if byte == original { vec![1] } else { vec![] };
            assert_eq!(found_starts(&text), expected, "{index}, {byte:#x}");
            assert_redacts(&text, &models::redact(&text), &(index, byte));
        }
        assert!(found_starts(&[b"=", before, &after[1..], b"="].concat()).is_empty(), "{index}");
    }
}
