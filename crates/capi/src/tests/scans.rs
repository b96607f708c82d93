//! Leaked keys are found and redacted as by the library.

use ctx_key::scan;

use super::*;
use crate::Outcome::*;

/// Returns texts with keys, with parts of keys, and without keys.
fn texts() -> Vec<String> {
    let run = |length: usize| format!("={}{}", "ctx_", &KEY[4..][..length.min(48)]);
    let mut texts: Vec<String> = (0..=48).map(run).collect();
    texts.push(String::new());
    texts.push(format!("{KEY}{OTHER} {KEY}\n{OTHER}"));
    texts.push(format!("ctx_{}ctx_{}", "a".repeat(40), &KEY[4..]));
    texts.push(format!("ctx_ctx_{KEY}"));
    texts.push("xctx_".repeat(50));
    texts.push(format!("ctx_{}", "z".repeat(5000)));
    texts.push(format!("ctx{KEY}_{}", &KEY[3..]));
    texts
}

#[test]
fn redaction_agrees_with_the_library() {
    for text in texts() {
        let text = text.as_bytes();
        let (mut expected, mut rest) = (Vec::new(), 0);
        for secret in scan::redacted_ranges(text) {
            expected.extend_from_slice(&text[rest..secret.start]);
            expected.extend_from_slice(b"***");
            rest = secret.end;
        }
        expected.extend_from_slice(&text[rest..]);
        assert_eq!(redacted(text), expected);
        assert!(expected.len() <= text.len());
    }
}

#[test]
fn all_finds_are_counted_and_as_many_as_fit_are_written() {
    for text in texts() {
        let text = text.as_bytes();
        let expected: Vec<Range> = scan::find_iter(text).map(|key| key.range().into()).collect();
        for capacity in 0..6 {
            let (count, ranges) = found(text, capacity);
            assert_eq!(count, expected.len());
            let written = count.min(capacity);
            assert_eq!(ranges[..written], expected[..written]);
            assert!(ranges[written..].iter().all(|range| *range == Range { start: 7, end: 7 }));
        }
    }
}

#[test]
fn overlapping_buffers_are_refused() {
    let text = format!("key={KEY}");
    let (length, mut written) = (text.len(), 9);
    for distance in 0..=2 * length {
        let mut buffer = vec![0x55_u8; 3 * length];
        buffer[length..2 * length].copy_from_slice(text.as_bytes());
        let before = buffer.clone();
        let start: *mut c_char = buffer.as_mut_ptr().cast();
        // SAFETY: both texts lie in the buffer, and overlapping memory is not written.
        let outcome =
            unsafe { ctx_key_redact(start.add(length), length, start.add(distance), length, &mut written) };
        if distance == 0 || distance == 2 * length {
            assert_eq!((outcome, written), (CtxKeyOk, 23));
            assert_eq!(buffer[distance..][..23], *b"key=ctx_8aspm4G7VmSU***");
        } else {
            assert_eq!((outcome, written), (CtxKeyErrorOverlap, 0), "{distance}");
            assert_eq!(buffer, before);
        }
    }
    // No more bytes are written than the text has, so a larger capacity may extend into the text.
    let mut buffer = [vec![0x55_u8; length], text.clone().into_bytes()].concat();
    let start: *mut c_char = buffer.as_mut_ptr().cast();
    // SAFETY: both texts lie in the buffer, and the memory that is written does not overlap.
    let outcome = unsafe { ctx_key_redact(start.add(length), length, start, 2 * length, &mut written) };
    assert_eq!((outcome, written), (CtxKeyOk, 23));
    assert_eq!(buffer[length..], *text.as_bytes());
}
