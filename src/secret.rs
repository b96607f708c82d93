//! Two operations on secrets: erasing one, and marking a result computed from one as public.

/// Overwrites a secret with zeros.
///
/// It takes a slice because `zeroize` writes an array byte by byte, and a slice in one operation.
#[inline]
pub(crate) fn erase(secret: &mut [u8]) {
    zeroize::Zeroize::zeroize(secret);
}

/// Marks a result as public, although it was computed from a secret. Code branches on a secret only through one of
/// these results. There are three: the index of an invalid character, whether the checksum is equal, and whether two
/// digests are equal.
///
/// It returns `result` unchanged. In the check in `tests/constant_time` only, it also marks the result as public for
/// memcheck.
#[inline]
pub(crate) fn declassify(result: u8) -> u8 {
    #[cfg(ctx_key_memcheck)]
    if let Some(mark_defined) = MARK_DEFINED.get() {
        return mark_defined(result);
    }
    result
}

/// Function by which the check in `tests/constant_time` marks a declassified result. It exists in that check only.
#[cfg(ctx_key_memcheck)]
#[doc(hidden)]
pub static MARK_DEFINED: std::sync::OnceLock<fn(u8) -> u8> = std::sync::OnceLock::new();
