//! Verifies MemoryKit API keys in a server, with a cache that a revocation never gets lost in.

mod cache;
mod error;
mod lease;
mod options;
mod source;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod stats;
mod uses;
mod verifier;

pub use error::VerifyError;
pub use options::Options;
pub use source::{Changed, Changes, LookedUp, Source, SourceError};
pub use stats::Stats;
pub use verifier::Verifier;
