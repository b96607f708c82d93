// The first definition of a link wins. In these docs it leads to the page; in the README, to the file.
//! [key-format]: crate::key_format
//!
#![cfg_attr(all(feature = "std", feature = "getrandom"), doc = include_str!("../README.md"))]
#![cfg_attr(not(all(feature = "std", feature = "getrandom")), doc = "MemoryKit API keys.")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// A check must not panic on any input, so operations that can panic are not used.
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

// The layers, lowest first. A file imports only from layers below its own.
mod layout;
mod secret;

mod alphabet;
mod pasted;
mod time;

mod digest;
mod id;
mod scope;
mod state;

mod key;

mod denied;
#[cfg(feature = "std")]
mod env;
#[cfg(feature = "getrandom")]
mod os_rng;
pub mod scan;

pub mod bearer;
mod challenge;
mod grant;

#[cfg(feature = "http")]
mod http;
mod record;

#[cfg(feature = "serde")]
mod serde;

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
/// Re-export of the crate that defines the trait bound of [`ApiKey::generate_from_rng`].
pub use rand_core;
pub use record::{KeyRecord, RotateError};
pub use scope::{ParseScopeError, Scope};
#[cfg(ctx_key_memcheck)]
#[doc(hidden)]
pub use secret::MARK_DEFINED;
pub use state::KeyState;
#[cfg(feature = "std")]
pub use time::BeforeUnixEpochError;
pub use time::UnixTime;

#[cfg(doc)]
#[doc = include_str!("../docs/key-format.md")]
pub mod key_format {}
