//! Hiding keys in a text that is there as a whole.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use memchr::memmem;

use super::{HIDDEN_FROM, MASK, SHOWN};
use crate::alphabet::is_digit;
use crate::key::PREFIX;

/// `text` with its keys hidden, and what may be one: see the [module](super). Borrowed if there are none.
///
/// Each `ctx_` in the input is judged by itself. All other bytes stay as they are, and redacting twice is redacting once.
///
/// ```
/// use ctx_key::scan::redact;
///
/// let line = b"key=ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9;";
/// assert_eq!(*redact(line), *b"key=ctx_8aspm4G7VmSU***;");
/// ```
#[must_use]
pub fn redact(text: &[u8]) -> Cow<'_, [u8]> {
    let mut shown = Vec::new();
    let mut rest = 0;
    for hidden in hidden_ranges(text) {
        shown.extend_from_slice(text.get(rest..hidden.start).unwrap_or_default());
        shown.extend_from_slice(MASK);
        rest = hidden.end;
    }
    if rest == 0 {
        return Cow::Borrowed(text);
    }
    shown.extend_from_slice(text.get(rest..).unwrap_or_default());
    Cow::Owned(shown)
}

/// [`redact`] for text.
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
        // ASCII was replaced by ASCII: there is no other case than the first
        Cow::Owned(bytes) => Cow::Owned(
            String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        ),
    }
}

/// What is hidden: of each run that is long enough, all behind the id. The ranges don't overlap: where a run ends in
/// `ctx` and `_` follows, the next range begins 13 bytes behind the end of this one, or later.
fn hidden_ranges(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    memmem::find_iter(text, PREFIX).filter_map(|start| {
        let run = start.checked_add(PREFIX.len())?;
        let length = text.get(run..)?.iter().take_while(|&&byte| is_digit(byte)).count();
        let hidden = start.checked_add(SHOWN)?..run.checked_add(length)?;
        (length >= HIDDEN_FROM).then_some(hidden)
    })
}
