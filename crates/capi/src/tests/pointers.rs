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
