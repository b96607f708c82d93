// Of two definitions of a link the first counts: here the page, in the README the file.
//! [key-format]: crate::key_format
//!
#![cfg_attr(all(feature = "std", feature = "getrandom"), doc = include_str!("../README.md"))]
#![cfg_attr(not(all(feature = "std", feature = "getrandom")), doc = "MemoryKit API keys.")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// A check of a key must not panic, whatever it reads: no operation that could.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used,
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test, ctx_key_memcheck))]
extern crate std;

// A key goes through these files in one direction: bearer, key, digest, record, grant, denied.
mod alphabet;
pub mod bearer;
mod challenge;
mod denied;
mod digest;
#[cfg(feature = "std")]
mod env;
mod grant;
#[cfg(feature = "http")]
mod http;
mod id;
mod key;
#[cfg(feature = "getrandom")]
mod os_rng;
mod pasted;
mod record;
pub mod scan;
mod scope;
#[cfg(feature = "serde")]
mod serde;
mod time;

pub use challenge::Challenge;
pub use denied::{Denied, Reason};
pub use digest::{KeyDigest, ParseDigestError};
#[cfg(feature = "std")]
pub use env::EnvKeyError;
pub use grant::Grant;
pub use id::{KeyId, MaskedId, ParseKeyIdError};
pub use key::{ApiKey, ParseKeyError};
#[cfg(feature = "getrandom")]
pub use os_rng::OsRngError;
pub use record::KeyRecord;
pub use scope::{ParseScopeError, Scope};
#[cfg(feature = "std")]
pub use time::BeforeUnixEpochError;
pub use time::UnixTime;

#[cfg(doc)]
#[doc = include_str!("../docs/key-format.md")]
pub mod key_format {}

/// Zeroes what held a secret. As a slice: `zeroize` writes an array byte by byte, and a slice in one go.
#[inline]
fn erase(secret: &mut [u8]) {
    zeroize::Zeroize::zeroize(secret);
}

/// Passes on a result that is public, although it was computed from a secret: what branches on a secret, branches on
/// one of these. There are three: the index of a foreign character, the checksum equal, the digests equal.
///
/// The identity, but for the check in `tests/constant_time`, which tells memcheck here what is no secret any more.
#[inline]
fn declassify(result: u8) -> u8 {
    #[cfg(ctx_key_memcheck)]
    if let Some(mark_defined) = MARK_DEFINED.get() {
        return mark_defined(result);
    }
    result
}

/// What the check in `tests/constant_time` does to a declassified result. No part of the library: see the `cfg`.
#[cfg(ctx_key_memcheck)]
#[doc(hidden)]
pub static MARK_DEFINED: std::sync::OnceLock<fn(u8) -> u8> = std::sync::OnceLock::new();

/// Characters that were checked or written by this crate. There is no other case, and `unsafe` is forbidden.
fn ascii(checked: &[u8]) -> &str {
    str::from_utf8(checked).unwrap_or_default()
}
