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
