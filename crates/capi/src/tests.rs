//! Tests that call every function as C does.

mod pointers;
mod results;
mod safety;
mod scans;
mod secrets;
#[allow(dead_code, reason = "only the program, which the tests in C use, calls main")]
#[path = "../examples/vector_lines.rs"]
mod vector_lines;
mod vectors;

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use core::ptr;

use crate::*;

const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
const OTHER: &str = "ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW";

type ParseScopes = unsafe extern "C" fn(*const c_char, usize, *mut u32, *mut Range) -> Outcome;

/// Returns the pointer to a text, and its length.
fn raw(text: &[u8]) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

/// Returns an address that is not NULL and not aligned.
fn misaligned<T>() -> *mut T {
    ptr::without_provenance_mut(align_of::<T>() * 3 + 1)
}

/// Returns a structure of zeros.
fn zeros<T>() -> T {
    // SAFETY: zeros are valid for the structures of C.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn parse(text: impl AsRef<[u8]>) -> (Outcome, Key, usize) {
    let ((text, len), mut key, mut detail) = (raw(text.as_ref()), zeros(), 99);
    // SAFETY: the pointers are those of slices and variables.
    let outcome = unsafe { ctx_key_parse(text, len, &mut key, &mut detail) };
    (outcome, key, detail)
}

fn valid(text: &str) -> Key {
    let (outcome, key, _) = parse(text);
    assert_eq!(outcome, Outcome::CtxKeyOk);
    key
}

/// Calls a function that writes a text to a buffer of `SIZE` bytes. Asserts that the memory after it stays unchanged.
fn written<const SIZE: usize>(write: impl FnOnce(*mut c_char, usize) -> Outcome) -> Result<String, Outcome> {
    let mut buffer = [0x55_u8; 128];
    let outcome = write(buffer.as_mut_ptr().cast(), SIZE);
    assert!(buffer[SIZE..].iter().all(|&byte| byte == 0x55));
    match outcome {
        Outcome::CtxKeyOk => {
            Ok(CStr::from_bytes_until_nul(&buffer[..SIZE]).unwrap().to_str().unwrap().to_string())
        }
        error => {
            assert_eq!(buffer, [0x55; 128]);
            Err(error)
        }
    }
}

fn id(key: &Key) -> Result<String, Outcome> {
    // SAFETY: the pointers are those of slices and variables.
    written::<CTX_KEY_ID_SIZE>(|buffer, size| unsafe { ctx_key_id(key, buffer, size) })
}

fn digest_text(key: &Key) -> Result<String, Outcome> {
    // SAFETY: the pointers are those of slices and variables.
    written::<CTX_KEY_DIGEST_TEXT_SIZE>(|buffer, size| unsafe { ctx_key_digest_text(key, buffer, size) })
}

fn exposed(key: &Key) -> Result<String, Outcome> {
    // SAFETY: the pointers are those of slices and variables.
    written::<CTX_KEY_SIZE>(|buffer, size| unsafe { ctx_key_expose_secret(key, buffer, size) })
}

fn names(scopes: u32) -> String {
    // SAFETY: the pointers are those of slices and variables.
    written::<CTX_KEY_SCOPES_SIZE>(|buffer, size| unsafe { ctx_key_scopes_names(scopes, buffer, size) })
        .unwrap()
}

fn record(key: &Key, scopes: u32) -> Record {
    let mut record = zeros();
    // SAFETY: the pointers are those of slices and variables.
    assert_eq!(unsafe { ctx_key_record_new(key, scopes, &mut record) }, Outcome::CtxKeyOk);
    record
}

fn verify(record: &Record, key: &Key, now: u64) -> (Outcome, Grant) {
    let mut grant = Grant { expires_at: Time { secs: 5, is_set: 5 }, scopes: 63 };
    // SAFETY: the pointers are those of slices and variables.
    let outcome = unsafe { ctx_key_verify(record, key, now, &mut grant) };
    (outcome, grant)
}

fn bearer(values: &[&[u8]]) -> (Outcome, Key) {
    let values: Vec<_> =
        values.iter().map(|value| Value { text: value.as_ptr().cast(), len: value.len() }).collect();
    let mut key = valid(OTHER);
    let pointer = if values.is_empty() { ptr::null() } else { values.as_ptr() };
    // SAFETY: the pointers are those of slices and variables.
    let outcome = unsafe { ctx_key_bearer(pointer, values.len(), &mut key) };
    (outcome, key)
}

fn found(text: &[u8], capacity: usize) -> (usize, Vec<Range>) {
    let ((text, len), mut count) = (raw(text), 99);
    let mut ranges = vec![Range { start: 7, end: 7 }; capacity];
    // SAFETY: the pointers are those of slices and variables.
    let outcome = unsafe { ctx_key_find(text, len, ranges.as_mut_ptr(), capacity, &mut count) };
    assert_eq!(outcome, Outcome::CtxKeyOk);
    (count, ranges)
}

fn redacted(text: &[u8]) -> Vec<u8> {
    let ((start, len), mut written) = (raw(text), 99);
    // One byte after the buffer must stay unchanged.
    let mut buffer = vec![0x55; text.len() + 1];
    // SAFETY: the pointers are those of slices and variables.
    let outcome = unsafe { ctx_key_redact(start, len, buffer.as_mut_ptr().cast(), len, &mut written) };
    assert_eq!((outcome, buffer[len]), (Outcome::CtxKeyOk, 0x55));
    buffer.truncate(written);
    buffer
}

fn text(pointer: *const c_char) -> &'static str {
    // SAFETY: the functions return static texts that end in NUL.
    unsafe { CStr::from_ptr(pointer) }.to_str().unwrap()
}

fn label(outcome: Outcome) -> &'static str {
    text(ctx_key_label(outcome as i32))
}
