//! One pointer is wrong, and all other arguments are valid. The other outputs are then as after any error.

use super::*;
use crate::Outcome::*;

/// Returns NULL, and an address that is not aligned.
fn wrong<T>() -> [*mut T; 2] {
    [ptr::null_mut(), misaligned()]
}

#[test]
fn a_text_is_not_redacted_without_a_place_for_the_length() {
    let (text, len) = raw(KEY.as_bytes());
    for wrong in wrong() {
        let mut buffer = [5_u8; 52];
        // SAFETY: the function follows no pointer that is NULL or misaligned.
        let outcome = unsafe { ctx_key_redact(text, len, buffer.as_mut_ptr().cast(), 52, wrong) };
        assert_eq!((outcome, buffer), (CtxKeyErrorPointer, [5; 52]));
    }
}

#[test]
fn finds_are_not_written_without_a_place_for_their_number() {
    let ((text, len), before) = (raw(KEY.as_bytes()), Range { start: 7, end: 7 });
    for wrong in wrong() {
        let mut found = before;
        // SAFETY: the function follows no pointer that is NULL or misaligned.
        let outcome = unsafe { ctx_key_find(text, len, &mut found, 1, wrong) };
        assert_eq!((outcome, found), (CtxKeyErrorPointer, before));
    }
}

#[test]
fn scopes_and_the_unknown_name_are_empty_if_the_other_has_no_place() {
    for (parse, input) in [
        (ctx_key_scopes_parse as ParseScopes, "users:read"),
        (ctx_key_scopes_parse, "user:read"),
        (ctx_key_scopes_parse_list, "users:read"),
        (ctx_key_scopes_parse_list, "user:read"),
    ] {
        let ((text, len), mut bits) = (raw(input.as_bytes()), 9);
        // SAFETY: the functions follow no pointer that is NULL or misaligned.
        unsafe {
            assert_eq!((parse(text, len, &mut bits, misaligned()), bits), (CtxKeyErrorPointer, 0), "{input}");
            for wrong in wrong() {
                let mut unknown = Range { start: 9, end: 9 };
                let outcome = parse(text, len, wrong, &mut unknown);
                assert_eq!((outcome, unknown), (CtxKeyErrorPointer, Range::default()), "{input}");
            }
        }
    }
}

#[test]
fn values_at_a_wrong_address_are_an_error_whatever_their_number() {
    for count in [1, 2, 3, usize::MAX] {
        for wrong in wrong() {
            let mut key = valid(KEY);
            // SAFETY: the function follows no pointer that is NULL or misaligned.
            let outcome = unsafe { ctx_key_bearer(wrong, count, &mut key) };
            assert_eq!((outcome, id(&key)), (CtxKeyErrorPointer, Err(CtxKeyErrorNoKey)), "{count}");
        }
    }
}

#[test]
fn the_detail_is_0_without_a_place_for_the_key() {
    for text in [KEY, "ctx_", &KEY.replace('8', "-")] {
        for parse in [ctx_key_parse, ctx_key_parse_pasted] {
            for wrong in wrong() {
                let ((start, len), mut detail) = (raw(text.as_bytes()), 9);
                // SAFETY: the functions follow no pointer that is NULL or misaligned.
                let outcome = unsafe { parse(start, len, wrong, &mut detail) };
                assert_eq!((outcome, detail), (CtxKeyErrorPointer, 0), "{text}");
            }
        }
    }
}

#[test]
fn an_input_at_a_wrong_address_empties_the_outputs() {
    let ((text, len), key, other) = (raw(KEY.as_bytes()), valid(KEY), valid(OTHER));
    let before = record(&key, CTX_KEY_READ);
    let full = Grant { expires_at: Time { secs: 5, is_set: 5 }, scopes: 63 };
    let made = |make: &dyn Fn(*mut Record) -> Outcome| {
        let mut new = before;
        (make(&mut new), new)
    };
    let granted = |verify: &dyn Fn(*mut Grant) -> Outcome| {
        let mut grant = full;
        (verify(&mut grant), grant)
    };
    for wrong in wrong::<u64>() {
        let (mut stored, mut number, mut missing) = (before, 9, 9);
        let old = &raw mut stored;
        // SAFETY: the functions follow no pointer that is NULL or misaligned.
        unsafe {
            let records = [
                made(&|new| ctx_key_record_new(wrong.cast(), 1, new)),
                made(&|new| ctx_key_rotate(wrong.cast(), &other, 1, 1, new)),
                made(&|new| ctx_key_rotate(old, wrong.cast(), 1, 1, new)),
            ];
            assert_eq!(records, [(CtxKeyErrorPointer, zeros()); 3]);
            let grants = [
                granted(&|grant| ctx_key_verify(wrong.cast(), &key, 1, grant)),
                granted(&|grant| ctx_key_verify(&before, wrong.cast(), 1, grant)),
            ];
            assert_eq!(grants, [(CtxKeyErrorPointer, Grant::default()); 2]);
            let outcome = ctx_key_find(text, len, wrong.cast(), 1, &mut number);
            assert_eq!((outcome, number), (CtxKeyErrorPointer, 0));
            // A missing grant lacks every scope.
            let outcome = ctx_key_require(wrong.cast(), CTX_KEY_READ, &mut missing);
            assert_eq!((outcome, missing), (CtxKeyErrorPointer, CTX_KEY_READ));
            let outcome = ctx_key_rotate(old, &other, 1, 1, wrong.cast());
            assert_eq!((outcome, stored), (CtxKeyErrorPointer, before));
        }
    }
    let mut length = 9;
    // SAFETY: the function follows no pointer that is NULL.
    let outcome = unsafe { ctx_key_redact(text, len, ptr::null_mut(), len, &mut length) };
    assert_eq!((outcome, length), (CtxKeyErrorPointer, 0));
}
