//! Reads and writes the caller's memory. Other files follow a pointer of the caller only where they give a reason.

use core::ffi::c_char;
use core::{ptr, slice};

use zeroize::Zeroize;

use crate::outcome::Outcome::{self, *};

/// Returns the bytes of a text. The pointer is not used if the length is 0.
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

/// Returns a reference to what an argument points to.
///
/// # Safety
///
/// If the pointer is neither NULL nor misaligned, a `T` must be readable there, and must not change while the result
/// is used. Every bit pattern must be a valid `T`.
pub(crate) unsafe fn reference<'a, T>(argument: *const T) -> Result<&'a T, Outcome> {
    if !argument.is_aligned() {
        return Err(CtxKeyErrorPointer);
    }
    // SAFETY: the pointer is aligned, and the caller promises the rest.
    unsafe { argument.as_ref() }.ok_or(CtxKeyErrorPointer)
}

/// Checks that the pointer to an output is neither NULL nor misaligned.
pub(crate) fn check<T>(argument: *mut T) -> Result<*mut T, Outcome> {
    if argument.is_null() || !argument.is_aligned() { Err(CtxKeyErrorPointer) } else { Ok(argument) }
}

/// Writes an output, or returns an error if the pointer is NULL or misaligned.
///
/// # Safety
///
/// If the pointer is neither NULL nor misaligned, a `T` must be writable there.
pub(crate) unsafe fn write<T: Copy>(argument: *mut T, value: T) -> Result<(), Outcome> {
    let place = check(argument)?;
    // SAFETY: the pointer is not NULL and is aligned, and the caller promises the rest.
    unsafe { place.write(value) };
    Ok(())
}

/// Writes an optional output. NULL is allowed.
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

/// A text for the caller's buffer, which ends in NUL. It is erased on drop, because it may be the text of a key.
pub(crate) struct Text<const SIZE: usize> {
    bytes: [u8; SIZE],
    len: usize,
}

impl<const SIZE: usize> Text<SIZE> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; SIZE], len: 0 }
    }

    /// Appends characters as far as there is room. The last byte stays NUL.
    pub(crate) fn push(&mut self, characters: impl IntoIterator<Item = u8>) {
        let [free @ .., _] = self.bytes.get_mut(self.len..).unwrap_or_default() else { return };
        for (place, character) in free.iter_mut().zip(characters) {
            *place = character;
            self.len = self.len.saturating_add(1);
        }
    }

    /// Copies the text and its NUL to a buffer, which must have at least `SIZE` bytes.
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
        // SAFETY: the caller promises that `SIZE` bytes are writable. They are not in `self`, which C never sees.
        unsafe { ptr::copy_nonoverlapping(self.bytes.as_ptr(), buffer.cast(), SIZE) };
        Ok(())
    }
}

impl<const SIZE: usize> Drop for Text<SIZE> {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}
