//! Marks for memcheck: a secret byte is marked as undefined, and a public one as defined. The values do not change.

use std::ptr::from_mut;

unsafe extern "C" {
    fn mark_undefined(start: *const u8, len: usize);
    fn mark_defined(start: *const u8, len: usize);
    fn get_undefined_bits(start: *const u8, bits: *mut u8, len: usize) -> u32;
    safe fn count_reports() -> usize;
}

/// Returns how many branches and addresses memcheck has reported so far.
pub fn reports() -> usize {
    count_reports()
}

/// Marks bytes as secret. Memcheck then reports branches on them, and on values computed from them.
pub fn mark_secret(bytes: &[u8]) {
    // SAFETY: memcheck changes only its own notes about these bytes, and no byte of the program.
    unsafe { mark_undefined(bytes.as_ptr(), bytes.len()) }
}

/// Marks a result as public, so that a case can examine it.
pub fn mark_public(bytes: &[u8]) {
    // SAFETY: as above.
    unsafe { mark_defined(bytes.as_ptr(), bytes.len()) }
}

/// Marks a value as public and returns it. Memory that it points to is not marked.
pub fn public<T>(mut value: T) -> T {
    // SAFETY: as above. The range is that of the value.
    unsafe { mark_defined(from_mut(&mut value).cast(), size_of::<T>()) }
    value
}

/// Returns whether each of these bytes has a bit that is marked as secret.
pub fn is_secret(bytes: &[u8]) -> bool {
    const DONE: u32 = 1;
    let mut bits = vec![0; bytes.len()];
    // SAFETY: `bits` is as long as `bytes`.
    let answer = unsafe { get_undefined_bits(bytes.as_ptr(), bits.as_mut_ptr(), bytes.len()) };
    assert_eq!(answer, DONE, "this program runs under valgrind");
    bits.iter().all(|&bits| bits != 0)
}
