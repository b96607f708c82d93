// The first definition of a link wins. In these docs a link of the README leads to a page of the docs, or to the file in the
// repository that Cargo.toml names.
//! [contract]: crate::key_format
#![cfg_attr(doc, doc = concat!(
    "[Contributing]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/CONTRIBUTING.md\n",
    "[crates/cli]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/crates/cli/README.md\n",
    "[crates/server]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/crates/server/README.md\n",
    "[crates/verifier]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/crates/verifier/README.md\n",
    "[Decisions]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/docs/decisions/README.md\n",
    "[integrations]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/integrations/README.md\n",
    "[keep-keys-out]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/docs/keep-keys-out.md\n",
    "[Performance]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/docs/performance.md\n",
    "[Security]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/SECURITY.md\n",
    "[which-one]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/docs/which-one.md\n",
))]
//!
#![cfg_attr(all(feature = "std", feature = "getrandom"), doc = include_str!("../README.md"))]
#![cfg_attr(not(all(feature = "std", feature = "getrandom")), doc = "MemoryKit API keys.")]
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `std` | yes | `ApiKey::from_env`, `UnixTime::now`, conversion from `SystemTime`, `scan::RedactingWriter`; implies `alloc` |
//! | `getrandom` | yes | `ApiKey::generate` and `try_generate`, from the operating system; works without `std` |
//! | `alloc` | | `scan::redact` and `scan::redact_str` |
//! | `http` | | `bearer::parse_headers`, `ApiKey::to_header_value`, `Denied::to_header_value` for the `http` crate; implies `std` |
//! | `serde` | | `Serialize` and `Deserialize` for ids, digests, scopes, times and records; a key can only be read; works without `alloc` |
//!
//! Without features, the library needs no `std`, allocator, clock or operating system. The caller then brings a generator:
//! any [`CryptoRng`](rand_core::CryptoRng), for example the driver of a hardware generator.
//!
//! ```
//! use ctx_key::ApiKey;
//! use ctx_key::rand_core::{self, Infallible, TryCryptoRng, TryRng};
//!
//! struct HardwareRng {
//!     read_register: fn() -> u32,
//! }
//!
//! impl TryRng for HardwareRng {
//!     type Error = Infallible; // or the driver's: ApiKey::try_generate_from_rng
//!
//!     fn try_next_u32(&mut self) -> Result<u32, Infallible> {
//!         Ok((self.read_register)())
//!     }
//!     fn try_next_u64(&mut self) -> Result<u64, Infallible> {
//!         rand_core::utils::next_u64_via_u32(self)
//!     }
//!     fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
//!         rand_core::utils::fill_bytes_via_next_word(bytes, || self.try_next_u32())
//!     }
//! }
//!
//! impl TryCryptoRng for HardwareRng {}
//!
//! let mut rng = HardwareRng { read_register: || 4 }; // your device's, not this one
//! let key = ApiKey::generate_from_rng(&mut rng);
//! ```
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
