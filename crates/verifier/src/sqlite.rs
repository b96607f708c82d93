//! A source of records in a file of SQLite.
//!
//! The source notices every change of the table `api_keys`, whichever program makes it: triggers write the ids of changed
//! keys into a log, in the same transaction. [`SCHEMA`] is the table of keys, and [`CHANGE_LOG`] is the log with its
//! triggers. Apply both when the program starts: they create only what is missing. The rest of this module needs the
//! feature `sqlite`.
//!
#![cfg_attr(feature = "sqlite", doc = "```")]
#![cfg_attr(not(feature = "sqlite"), doc = "```ignore")]
//! use ctx_key::{ApiKey, KeyRecord, Scope};
//! use ctx_key_verifier::sqlite::{self, CHANGE_LOG, SCHEMA, SqliteSource};
//! use ctx_key_verifier::{Options, Verifier};
//! use rusqlite::Connection;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("keys.sqlite");
//! // the application's own connection, which writes keys
//! let db = Connection::open(&path)?;
//! db.execute_batch(SCHEMA)?;
//! db.execute_batch(CHANGE_LOG)?;
//! let key = ApiKey::generate();
//! let insert = "INSERT INTO api_keys (id, digest, project, scopes) VALUES (?1, ?2, 'demo', ?3)";
//! db.execute(insert, (key.id().as_str(), key.digest().as_bytes(), Scope::READ.bits()))?;
//!
//! let source = SqliteSource::open(&path, sqlite::Options::default()).await?;
//! let verifier = Verifier::new(source, Options::default());
//! let grant = verifier.verify(&key, Scope::MEMORIES_READ).await?;
//! assert_eq!(&**grant.project(), "demo");
//! # Ok(())
//! # }
//! ```
//!
//! # Files
//!
//! The source switches the file to the WAL mode, in which reads and writes don't wait for each other. All processes must
//! run on one machine, and the file must lie on a local file system.
//!
//! A read of the log costs a few microseconds if nothing was written to the file. It compares the file at the path with
//! the file that is open, by device and inode, and opens the new file if another one was moved there. Before you move a
//! file there, remove the files `-wal` and `-shm` of the old one. The source also notices a copy that SQLite's backup API
//! writes into the open file (`.restore` of the shell), and changes of the schema: it drops the cache. SQLite allows no
//! other way to overwrite an open file.
//!
//! # Limits
//!
//! * `REPLACE` deletes rows without firing their triggers, unless `PRAGMA recursive_triggers` is on. If the new row has the
//!   same id, the change is noticed nevertheless. So this matters only if the table has another unique column: then turn
//!   the pragma on, or do not use `REPLACE`.
//! * Changes by a connection that turns triggers off (`SQLITE_DBCONFIG_ENABLE_TRIGGER`) or edits the schema as a table
//!   (`PRAGMA writable_schema`) are not noticed. After such a change, insert a row without an id into `api_key_changes`,
//!   which drops the cache.
//! * Two SQLite libraries in one process release each other's locks on a file. If your program links another one,
//!   implement [`Source`](crate::Source) over it, as `examples/own_source.rs` does.
//! * If a program commits with `PRAGMA synchronous = NORMAL` or `OFF`, a power failure can undo a revocation that was
//!   answered. The source uses `NORMAL` itself, for uses of keys and for pruning.

#[cfg(feature = "sqlite")]
mod connection;
#[cfg(feature = "sqlite")]
mod cursor;
#[cfg(feature = "sqlite")]
mod log;
#[cfg(feature = "sqlite")]
mod records;
#[cfg(feature = "sqlite")]
mod source;
#[cfg(feature = "sqlite")]
mod threads;

#[cfg(feature = "sqlite")]
pub use self::cursor::Cursor;
#[cfg(feature = "sqlite")]
pub use self::source::{Options, SqliteSource};

/// Table of the keys.
pub const SCHEMA: &str = include_str!("sqlite/schema.sql");

/// Change log of the keys and its triggers. Apply it after [`SCHEMA`]. It does not replace triggers that exist: to
/// upgrade, delete those of an earlier version in the same transaction.
///
/// The triggers work on any table `api_keys` that has the columns of [`SCHEMA`], if none of them is generated. Changes of
/// `last_used_at` and of columns of your own are not logged.
pub const CHANGE_LOG: &str = include_str!("sqlite/change_log.sql");
