//! Generated keys are valid, and nothing remains of a key that was erased or replaced.

use super::*;
use crate::Outcome::*;

fn words(key: &Key) -> [u64; 12] {
    // SAFETY: a `Key` is twelve numbers.
    unsafe { core::mem::transmute_copy(key) }
}

#[test]
fn generated_keys_are_valid_and_differ() {
    let make = || {
        let mut key = zeros();
        // SAFETY: the pointer is that of a variable.
        assert_eq!(unsafe { ctx_key_generate(&mut key) }, CtxKeyOk);
        exposed(&key).unwrap()
    };
    let (one, other) = (make(), make());
    assert_ne!(one, other);
    let (_, key, _) = parse(&one);
    assert_eq!(exposed(&key), Ok(one));
}

#[test]
fn an_erased_key_is_zeros() {
    let mut key = valid(KEY);
    assert_eq!(exposed(&key).as_deref(), Ok(KEY));
    // SAFETY: the pointer is that of a variable.
    unsafe { ctx_key_erase(&mut key) };
    assert_eq!(words(&key), [0; 12]);
    let mut text = *b"a secret and more";
    // SAFETY: the length is that of the secret.
    assert_eq!(unsafe { ctx_key_erase_bytes(text.as_mut_ptr().cast(), 8) }, CtxKeyOk);
    assert_eq!(text, *b"\0\0\0\0\0\0\0\0 and more");
}

/// An error erases the key that the memory held before.
#[test]
fn a_refused_text_erases_the_key() {
    for refused in ["", "x", "ctx_", &KEY.replace('9', "8"), &KEY.replace('8', "-")] {
        for parse in [ctx_key_parse, ctx_key_parse_pasted] {
            let ((text, len), mut key) = (raw(refused.as_bytes()), valid(KEY));
            // SAFETY: the pointers are those of slices and variables.
            assert_ne!(unsafe { parse(text, len, &mut key, ptr::null_mut()) }, CtxKeyOk);
            assert_eq!(words(&key), [0; 12], "{refused}");
        }
        let (outcome, key) = bearer(&[refused.as_bytes()]);
        assert_ne!(outcome, CtxKeyOk);
        assert_eq!(words(&key), [0; 12], "{refused}");
    }
    for values in [[].as_slice(), &[KEY.as_bytes(), KEY.as_bytes()]] {
        assert_eq!(words(&bearer(values).1), [0; 12]);
    }
}

#[test]
fn a_copy_is_a_key() {
    let key = valid(KEY);
    // SAFETY: C copies a structure in this way.
    let mut copy: Key = unsafe { core::mem::transmute_copy(&key) };
    assert_eq!(exposed(&copy).as_deref(), Ok(KEY));
    // SAFETY: the pointer is that of a variable.
    unsafe { ctx_key_erase(&mut copy) };
    assert_eq!(exposed(&key).as_deref(), Ok(KEY));
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?}", valid(KEY));
    assert_eq!(shown, "Key(..)");
}
