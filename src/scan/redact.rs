//! Redaction of a text that is in memory: [`redact`].

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::{MASK, redacted_ranges};

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
