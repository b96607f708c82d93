//! Leaked keys: finding them in bytes, and redacting them.
//!
//! [`find_iter`] finds whole keys. The checksum decides, not the characters around a key, so `…%3Dctx_…` is a leak too.
//! A random string of the right shape passes once in 4.6 billion. The search does not allocate.
//!
//! `redact` and `RedactingWriter` hide more, because a key with a changed character or a lost tail still leaks. If
//! `ctx_` is followed by a run of 30 or more base-62 digits, they keep the first 12 digits, which are the id, and
//! replace the rest of the run with `***`. A shorter run is kept, because it leaves at least 77 bits of the secret
//! unknown. [`redacted_ranges`] returns the ranges that they replace, without an allocator.
//!
//! A key is not recognised if other bytes interrupt it: a line break, an escape sequence, or a Markdown escape
//! (`ctx\_…`). Redact text before it is wrapped, escaped or coloured.
//!
//! ```
//! use ctx_key::scan;
//!
//! let log = b"sent %3Dctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9&page=2";
//! let leak = scan::find_iter(log).next().unwrap();
//! assert_eq!((leak.range(), leak.id().as_str()), (8..60, "8aspm4G7VmSU"));
//! ```
//!
//! Everything here takes time linear in its input, on any input. Nothing here is constant-time, because the text is
//! already exposed.

use core::fmt;
use core::iter::FusedIterator;
use core::ops::Range;

use crate::id::KeyId;
use crate::key::ApiKey;
use crate::layout::{HASHED_LEN, ID_LEN, LEN, PREFIX};
use prefixes::{Prefixes, prefixes};

mod prefixes;
mod redact;
#[cfg(feature = "std")]
mod writer;

pub use redact::redacted_ranges;
#[cfg(feature = "alloc")]
pub use redact::{redact, redact_str};
#[cfg(feature = "std")]
pub use writer::RedactingWriter;

/// Finds all keys in `haystack`, in order. Two keys can share three bytes: if a key ends in `ctx` and
/// `_…` follows, the next key begins with that `ctx`.
///
/// ```
/// use ctx_key::scan;
///
/// let text = b"KEY=ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9 # not ctx_your_api_key_here";
/// let ranges: Vec<_> = scan::find_iter(text).map(|found| found.range()).collect();
/// assert_eq!(ranges, [4..56]);
/// ```
#[must_use]
pub fn find_iter(haystack: &[u8]) -> Finds<'_> {
    Finds { haystack, prefixes: prefixes(haystack) }
}

/// Iterator over the keys in a text, returned by [`find_iter`].
///
/// ```
/// use ctx_key::scan::{self, Finds};
///
/// let finds: Finds<'_> = scan::find_iter(b"nothing here");
/// assert_eq!(finds.count(), 0);
/// ```
#[derive(Clone)]
pub struct Finds<'h> {
    haystack: &'h [u8],
    prefixes: Prefixes<'h>,
}

impl<'h> Iterator for Finds<'h> {
    type Item = Match<'h>;

    fn next(&mut self) -> Option<Match<'h>> {
        let haystack = self.haystack;
        self.prefixes.find_map(|start| {
            let bytes: &[u8; LEN] = haystack.get(start..)?.first_chunk()?;
            // Every checksum begins with one of these digits. Identifiers such as `ctx_switch_count` hardly ever have
            // one at this position, so they are not parsed.
            if !matches!(bytes[HASHED_LEN], b'0'..=b'4') {
                return None;
            }
            let key = ApiKey::parse(bytes).ok()?;
            Some(Match { start, bytes, key })
        })
    }
}

impl FusedIterator for Finds<'_> {}

/// Does not show the text.
impl fmt::Debug for Finds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finds").finish_non_exhaustive()
    }
}

/// A key in a text.
///
/// ```
/// use ctx_key::scan;
///
/// let text = b"ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
/// let found = scan::find_iter(text).next().unwrap();
/// assert_eq!(format!("{found:?}"), "Match(0..52, ctx_8aspm4G7VmSU***)");
/// ```
#[derive(Clone)]
pub struct Match<'h> {
    start: usize,
    bytes: &'h [u8; LEN],
    key: ApiKey,
}

impl<'h> Match<'h> {
    /// Returns the byte range of the key in the text.
    ///
    /// ```
    /// # use ctx_key::scan;
    /// let text = b"= ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
    /// assert_eq!(scan::find_iter(text).next().unwrap().range(), 2..54);
    /// ```
    #[must_use]
    pub const fn range(&self) -> Range<usize> {
        self.start..self.start.saturating_add(LEN)
    }

    /// Returns the 52 bytes of the key, including the secret.
    ///
    /// ```
    /// # use ctx_key::scan;
    /// let text = b"= ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
    /// assert_eq!(scan::find_iter(text).next().unwrap().as_bytes(), &text[2..]);
    /// ```
    #[must_use]
    pub const fn as_bytes(&self) -> &'h [u8] {
        self.bytes
    }

    /// Returns the id of the key, to revoke it by.
    ///
    /// ```
    /// # use ctx_key::scan;
    /// # let text = b"= ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
    /// let found = scan::find_iter(text).next().unwrap();
    /// assert_eq!(found.id().masked().to_string(), "ctx_8aspm4G7VmSU***");
    /// ```
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.key.id()
    }

    /// Returns the key, to verify it against a record.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, scan};
    /// # let text = b"= ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
    /// let key: ApiKey = scan::find_iter(text).next().unwrap().key();
    /// ```
    #[must_use]
    pub fn key(&self) -> ApiKey {
        self.key.clone()
    }
}

impl fmt::Debug for Match<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Match({:?}, {})", self.range(), self.id().masked())
    }
}

/// Minimum number of digits after the prefix of a run that is redacted: 12 of the id and 18 of the secret.
const MIN_RUN: usize = 30;

/// Number of bytes that redaction keeps: the prefix and the id.
const SHOWN: usize = PREFIX.len() + ID_LEN;

/// Replacement for the rest of the run.
#[cfg(feature = "alloc")]
const MASK: &[u8; 3] = b"***";
