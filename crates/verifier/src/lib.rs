//! Verifies MemoryKit API keys in a server, with a cache that never misses a revocation.
//!
//! A [`Verifier`] reads key records from a [`Source`], caches them, and grants requests. It makes one promise,
//! within the [limits](#limits): no grant begins later than the *lease* (default 500 ms) after the commit of a revocation,
//! no matter who revoked the key, and even if connections break, processes stop or system clocks jump. The process that
//! revoked a key refuses it at once, if it calls [`Verifier::invalidate`].
//!
//! ```
//! use ctx_key::{ApiKey, KeyId, KeyRecord, Scope, UnixTime};
//! use ctx_key_verifier::{Changed, Changes, LookedUp, Options, Source, SourceError, Verifier};
//!
//! /// A list of records that never changes.
//! struct Fixed(Vec<KeyRecord<&'static str>>);
//!
//! impl Source for Fixed {
//!     type Project = &'static str;
//!     type Cursor = u64;
//!
//!     async fn look_up(&self, ids: &[KeyId]) -> Result<LookedUp<&'static str, u64>, SourceError> {
//!         let records = self.0.iter().filter(|record| ids.contains(&record.id)).cloned().collect();
//!         Ok(LookedUp { records, corrupt: Vec::new(), cursor: 0 })
//!     }
//!
//!     async fn changes_since(&self, _: Option<&u64>) -> Result<Changes<u64>, SourceError> {
//!         Ok(Changes { changed: Changed::Keys(Vec::new()), cursor: 0 })
//!     }
//!
//!     async fn record_uses(&self, _: &[(KeyId, UnixTime)]) -> Result<Vec<KeyId>, SourceError> {
//!         Ok(Vec::new())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let key = ApiKey::generate();
//! let source = Fixed(vec![KeyRecord::new(&key, "project", Scope::READ)]);
//! let verifier = Verifier::new(source, Options::default());
//!
//! let grant = verifier.verify(&key, Scope::MEMORIES_READ).await.unwrap();
//! assert_eq!(*grant.project(), "project");
//! let refused = verifier.verify(&key, Scope::MEMORIES_WRITE).await.unwrap_err();
//! assert_eq!(refused.status(), 403);
//! # }
//! ```
//!
//! # How the promise is kept
//!
//! * The verifier reads a log of changes every 100 ms. Each successful read renews the lease: the cache counts as current
//!   for 500 ms, by a monotonic clock, counted from just before the read was sent. When the lease has ended, each request
//!   reads the database.
//! * If the verifier notices the change of a record while it looks the record up, the answer never enters the cache.
//! * The cache is dropped if the database's history changed (failover, crash recovery, restore), and never because a
//!   connection was lost.
//! * If the lease has ended and the database can't be read, the answer is an error (503), and never a grant.
//!
//! # Limits
//!
//! * A failover to an asynchronous replica can undo any commit, and so a revocation that was already confirmed. A
//!   synchronous standby prevents that (PostgreSQL: `synchronous_standby_names`, with `synchronous_commit = on`).
//! * An old primary that was not fenced off still answers. A suspended virtual machine can stand still longer than its
//!   monotonic clock says.
//! * [`Options::outage_grace`] suspends the promise during an outage. It is off by default, and [`Stats::grace_grants`]
//!   counts its use.
//! * The promise does not hold if someone deletes rows of the log by hand.
//! * Expiry follows the system's clock.
//!
//! The package stores no keys, and has no rate limits and no sessions.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
pub mod axum;
mod cache;
mod error;
mod lease;
mod options;
#[cfg(feature = "postgres")]
pub mod postgres;
mod record;
#[cfg(any(feature = "axum", feature = "tower"))]
mod request;
mod source;
pub mod sqlite;
mod stats;
#[cfg(feature = "tower")]
pub mod tower;
mod uses;
mod verifier;

pub use error::VerifyError;
pub use options::Options;
pub use record::record_from_columns;
pub use source::{Changed, Changes, LookedUp, Source, SourceError};
pub use stats::Stats;
pub use verifier::Verifier;
