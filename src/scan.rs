//! Keys where they should not be: found, and hidden.
//!
//! [`find_iter`] finds whole keys. The checksum decides, not what stands beside: `…%3Dctx_…` is a leak too, and of
//! random text of the right shape one in 4.6 billion passes. Nothing is allocated.
//!
//! `redact` and `RedactingWriter` hide more than that, as a key with a changed character or a lost tail still
//! leaks: of each `ctx_` with a run of 30 or more base-62 digits behind it, the first 12 of the run stay, which
//! are the id, and `***` stands for the rest. With fewer than 30 digits, 77 bits or more are unknown. A key that is
//! broken by another byte, a line break say, is not recognised: redact before text is wrapped, escaped or coloured.
//!
//! ```
//! use ctx_key::scan;
//!
//! let log = b"sent %3Dctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9&page=2";
//! let leak = scan::find_iter(log).next().unwrap();
//! assert_eq!((leak.range(), leak.id().as_str()), (8..60, "8aspm4G7VmSU"));
//! ```
//!
//! All of this takes time linear in its input, whatever that is, and none of it is in constant time: the text is
//! out already.

use core::fmt;
use core::iter::FusedIterator;
use core::ops::Range;

use memchr::memmem;

use crate::id::KeyId;
use crate::key::{ApiKey, LEN, PREFIX};

#[cfg(feature = "alloc")]
mod redact;
#[cfg(feature = "std")]
mod writer;

#[cfg(feature = "alloc")]
pub use redact::{redact, redact_str};
#[cfg(feature = "std")]
pub use writer::RedactingWriter;

/// All keys in `haystack`, in their order. Two can share three bytes: one ends in `ctx`, and `_…` follows.
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
    Finds { haystack, prefixes: memmem::find_iter(haystack, PREFIX) }
}

/// The keys in a text: what [`find_iter`] returns.
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
    prefixes: memmem::FindIter<'h, 'static>,
}

impl<'h> Iterator for Finds<'h> {
    type Item = Match<'h>;

    fn next(&mut self) -> Option<Match<'h>> {
        let haystack = self.haystack;
        self.prefixes.find_map(|start| {
            let bytes: &[u8; LEN] = haystack.get(start..)?.first_chunk()?;
            // a checksum's first character: identifiers (`ctx_switch_count`) hardly ever have one there
            if !matches!(bytes[46], b'0'..=b'4') {
                return None;
            }
            let key = ApiKey::parse(bytes).ok()?;
            Some(Match { start, bytes, key })
        })
    }
}

impl FusedIterator for Finds<'_> {}

/// Shows nothing of the text.
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
    /// Where it stands, in bytes.
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

    /// The 52 bytes of the text that are the key, secret included.
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

    /// By which to revoke it.
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

    /// The key, to verify it against a record.
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

/// From this many digits behind the prefix on, they are hidden: 12 of the id, 18 of the secret.
#[cfg(feature = "alloc")]
const HIDDEN_FROM: usize = 30;

/// Prefix and id: what stays of a hidden run.
#[cfg(feature = "alloc")]
const SHOWN: usize = PREFIX.len() + 12;

/// What stands for the rest.
#[cfg(feature = "alloc")]
const MASK: &[u8; 3] = b"***";
