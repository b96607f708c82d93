//! Verifies MemoryKit API keys in a server, with a cache that a revocation never gets lost in.

#[cfg(feature = "postgres")]
pub mod postgres;
mod source;

pub use source::{Changed, Changes, LookedUp, Source, SourceError};
