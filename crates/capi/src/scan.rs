//! Finds and redacts leaked keys in a text.

use core::ffi::c_char;
use core::{mem, slice};

use ctx_key::scan;

use crate::memory;
use crate::outcome::Outcome::{self, *};

/// Range of bytes from `start` up to, but not including, `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Range {
    /// Index of the first byte.
    pub start: usize,
    /// Index after the last byte.
    pub end: usize,
}

impl From<core::ops::Range<usize>> for Range {
    fn from(range: core::ops::Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// Finds keys in any bytes. Only the checksum decides, not the characters around a key. The running time is linear in
/// the length, and not constant in the content.
///
/// `text` has `text_len` bytes. `found` has room for `capacity` ranges, and receives the first keys, in order; it may
/// be NULL if `capacity` is 0. `count` receives the number of all keys in the text, or 0 on an error. If it is larger
/// than `capacity`, call the function again with more room. The id of a key is the 12 bytes from
/// `text + found[i].start + 4`.
///
/// Errors: `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_find(
    text: *const c_char,
    text_len: usize,
    found: *mut Range,
    capacity: usize,
    count: *mut usize,
) -> Outcome {
    // SAFETY: the caller promises it.
    let number = memory::check(count).and_then(|_| unsafe { find(text, text_len, found, capacity) });
    // SAFETY: the caller promises it.
    let written = unsafe { memory::write(count, number.unwrap_or(0)) };
    written.and(number.map(drop)).into()
}

/// # Safety
///
/// Those of [`memory::bytes`], and `found` is as [`ctx_key_find`] describes it.
unsafe fn find(
    text: *const c_char,
    text_len: usize,
    found: *mut Range,
    capacity: usize,
) -> Result<usize, Outcome> {
    if capacity != 0 {
        memory::check(found)?;
    }
    let mut number = 0_usize;
    // SAFETY: the caller promises it.
    for key in scan::find_iter(unsafe { memory::bytes(text, text_len) }?) {
        if number < capacity {
            // SAFETY: the pointer was checked, and the caller promises room for `capacity` ranges.
            unsafe { found.add(number).write(key.range().into()) };
        }
        number = number.saturating_add(1);
    }
    Ok(number)
}

/// Copies bytes without the secrets of keys: if 30 or more letters and digits follow `ctx_`, the first 12 of them are
/// kept, and `***` replaces the others. This also hides a key with a changed character or without its end.
///
/// `text` has `text_len` bytes. `redacted` has `capacity` bytes, at least `text_len`, because the result is never
/// longer than the text. It must not overlap `text`. `redacted_len` receives the number of bytes written, or 0 on an
/// error. No NUL is written.
///
/// Errors: `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_OVERLAP`, `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_redact(
    text: *const c_char,
    text_len: usize,
    redacted: *mut c_char,
    capacity: usize,
    redacted_len: *mut usize,
) -> Outcome {
    // SAFETY: the caller promises it.
    let result =
        memory::check(redacted_len).and_then(|_| unsafe { redact(text, text_len, redacted, capacity) });
    // SAFETY: the caller promises it.
    let written = unsafe { memory::write(redacted_len, result.unwrap_or(0)) };
    written.and(result.map(drop)).into()
}

/// # Safety
///
/// That of [`ctx_key_redact`].
unsafe fn redact(
    text: *const c_char,
    text_len: usize,
    redacted: *mut c_char,
    capacity: usize,
) -> Result<usize, Outcome> {
    // SAFETY: the caller promises it.
    let bytes = unsafe { memory::bytes(text, text_len) }?;
    if capacity < text_len {
        return Err(CtxKeyErrorBuffer);
    }
    if bytes.is_empty() {
        return Ok(0);
    }
    let buffer: *mut u8 = memory::check(redacted)?.cast();
    let range = bytes.as_ptr_range();
    if range.start < buffer.wrapping_add(text_len) && buffer.cast_const() < range.end {
        return Err(CtxKeyErrorOverlap);
    }
    // SAFETY: the pointer was checked, the length is that of a slice, nothing overlaps, and the caller promises that
    // `capacity` bytes are writable. They may be uninitialised, so they are set to zero first.
    let mut free = unsafe {
        buffer.write_bytes(0, text_len);
        slice::from_raw_parts_mut(buffer, text_len)
    };
    let mut rest = 0;
    for secret in scan::redacted_ranges(bytes) {
        append(&mut free, bytes.get(rest..secret.start));
        append(&mut free, Some(b"***"));
        rest = secret.end;
    }
    append(&mut free, bytes.get(rest..));
    Ok(text_len.saturating_sub(free.len()))
}

/// Copies a part to the start of the free buffer, and shortens the buffer by it.
fn append(free: &mut &mut [u8], part: Option<&[u8]>) {
    let part = part.unwrap_or_default();
    // The result is never longer than the text, so there is always room.
    if let Some((start, rest)) = mem::take(free).split_at_mut_checked(part.len()) {
        start.copy_from_slice(part);
        *free = rest;
    }
}
