//! Redaction of a text that is in memory: [`redact`].

#[cfg(feature = "alloc")]
use alloc::{borrow::Cow, string::String, vec::Vec};
use core::ops::Range;

#[cfg(feature = "alloc")]
use super::MASK;
use super::prefixes::prefixes;
use super::{MIN_RUN, SHOWN};
use crate::alphabet::is_digit;
use crate::layout::PREFIX;

/// Redacts the keys in `text`, and text that may be a key, by the rule that the [module](super) describes. Returns
/// the input if there are none.
///
/// Each `ctx_` in the input is examined on its own. All other bytes stay as they are. Redacting the result again
/// changes nothing.
///
/// ```
/// use ctx_key::scan::redact;
///
/// let line = b"key=ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9;";
/// assert_eq!(*redact(line), *b"key=ctx_8aspm4G7VmSU***;");
/// ```
#[cfg(feature = "alloc")]
#[must_use]
pub fn redact(text: &[u8]) -> Cow<'_, [u8]> {
    let mut redacted = Vec::new();
    let mut rest = 0;
    for hidden in redacted_ranges(text) {
        redacted.extend_from_slice(text.get(rest..hidden.start).unwrap_or_default());
        redacted.extend_from_slice(MASK);
        rest = hidden.end;
    }
    if rest == 0 {
        return Cow::Borrowed(text);
    }
    redacted.extend_from_slice(text.get(rest..).unwrap_or_default());
    Cow::Owned(redacted)
}

/// Redacts a `str`, as [`redact`] does.
///
/// ```
/// use ctx_key::scan::redact_str;
///
/// let line = "key: ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4c…";
/// assert_eq!(redact_str(line), "key: ctx_8aspm4G7VmSU***…");
/// ```
#[cfg(feature = "alloc")]
#[must_use]
pub fn redact_str(text: &str) -> Cow<'_, str> {
    match redact(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        // The result is always UTF-8, because ASCII was replaced by ASCII.
        Cow::Owned(bytes) => Cow::Owned(
            String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        ),
    }
}

/// Returns the ranges of `text` that [`redact`](super) replaces by `***`, in order. It does not allocate. Use it to copy a
/// text without its keys.
///
/// The ranges are at least 18 bytes long and do not overlap. Where a run ends in `ctx` and `_` follows, the next range
/// begins at least 13 bytes after the end of this one.
///
/// ```
/// use ctx_key::scan;
///
/// let line = b"key=ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9;";
/// assert_eq!(scan::redacted_ranges(line).collect::<Vec<_>>(), [20..56]);
/// ```
pub fn redacted_ranges(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    prefixes(text).filter_map(|start| {
        let run = start.checked_add(PREFIX.len())?;
        let length = text.get(run..)?.iter().take_while(|&&byte| is_digit(byte)).count();
        let hidden = start.checked_add(SHOWN)?..run.checked_add(length)?;
        (length >= MIN_RUN).then_some(hidden)
    })
}
