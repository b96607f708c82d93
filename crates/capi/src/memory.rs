//! Reads from and writes to the caller's memory. Every pointer of C is used here, or where a file says why.

use core::ffi::c_char;
use core::{ptr, slice};

use zeroize::Zeroize;

use crate::outcome::Outcome::{self, *};

/// Returns the bytes of a text. If the length is 0, the pointer is not used.
///
/// # Safety
///
/// `len` bytes from `text` must be readable, and must not change while the result is used.
pub(crate) unsafe fn bytes<'a>(text: *const c_char, len: usize) -> Result<&'a [u8], Outcome> {
    if len == 0 {
        return Ok(&[]);
    }
    if text.is_null() || isize::try_from(len).is_err() {
        return Err(CtxKeyErrorPointer);
    }
    // SAFETY: the pointer is not NULL, bytes are always aligned, the length is at most `isize::MAX`, and the caller
    // promises the rest.
    Ok(unsafe { slice::from_raw_parts(text.cast(), len) })
}

/// Returns what an argument points to.
///
/// # Safety
///
/// If the pointer is neither NULL nor misaligned, a `T` must be readable there, of which every bit pattern is valid, and
/// it must not change while the result is used.
pub(crate) unsafe fn reference<'a, T>(argument: *const T) -> Result<&'a T, Outcome> {
    if !argument.is_aligned() {
        return Err(CtxKeyErrorPointer);
    }
    // SAFETY: the pointer is aligned, and the caller promises the rest.
    unsafe { argument.as_ref() }.ok_or(CtxKeyErrorPointer)
}

/// Checks that an argument can be written to.
pub(crate) fn check<T>(argument: *mut T) -> Result<*mut T, Outcome> {
    if argument.is_null() || !argument.is_aligned() { Err(CtxKeyErrorPointer) } else { Ok(argument) }
}

/// Writes to where an argument points, if it is neither NULL nor misaligned.
///
/// # Safety
///
/// If the pointer is neither, a `T` must be writable there.
pub(crate) unsafe fn write<T: Copy>(argument: *mut T, value: T) -> Result<(), Outcome> {
    let place = check(argument)?;
    // SAFETY: the pointer is not NULL and is aligned, and the caller promises the rest.
    unsafe { place.write(value) };
    Ok(())
}

/// Writes to where an optional argument points. NULL is allowed.
///
/// # Safety
///
/// That of [`write`].
pub(crate) unsafe fn write_optional<T: Copy>(argument: *mut T, value: T) -> Result<(), Outcome> {
    if argument.is_null() {
        return Ok(());
    }
    // SAFETY: the caller promises it.
    unsafe { write(argument, value) }
}

/// A text that is written to the caller's buffer and ends in NUL.
pub(crate) struct Text<const SIZE: usize> {
    bytes: [u8; SIZE],
    len: usize,
}

impl<const SIZE: usize> Text<SIZE> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; SIZE], len: 0 }
    }

    /// Appends characters. Those that have no room are left out, so that the last byte stays NUL.
    pub(crate) fn push(&mut self, characters: impl IntoIterator<Item = u8>) {
        let [free @ .., _] = self.bytes.get_mut(self.len..).unwrap_or_default() else { return };
        for (place, character) in free.iter_mut().zip(characters) {
            *place = character;
            self.len = self.len.saturating_add(1);
        }
    }

    /// Copies the text and the NUL after it to a buffer of at least `SIZE` bytes.
    ///
    /// # Safety
    ///
    /// `size` bytes from `buffer` must be writable.
    pub(crate) unsafe fn copy_to(&self, buffer: *mut c_char, size: usize) -> Result<(), Outcome> {
        if buffer.is_null() {
            return Err(CtxKeyErrorPointer);
        }
        if size < SIZE {
            return Err(CtxKeyErrorBuffer);
        }
        // SAFETY: `SIZE` bytes are writable, as the caller promises, and are not part of `self`, which is ours.
        unsafe { ptr::copy_nonoverlapping(self.bytes.as_ptr(), buffer.cast(), SIZE) };
        Ok(())
    }
}

/// The text may be a key's.
impl<const SIZE: usize> Drop for Text<SIZE> {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}
