//! A [`Source`] over a file of SQLite.
//!
//! Every change of the table `api_keys` is noticed, by whatever program it is made: triggers write the ids of changed
//! keys into a log in the same transaction. [`SCHEMA`] is the table of keys, and [`CHANGE_LOG`] is the log with its
//! triggers. Apply both to the file, and both again whenever the program starts if you like: what exists is left alone.
//!
//! ```
//! use ctx_key::{ApiKey, KeyRecord, Scope};
//! use ctx_key_verifier::sqlite::{CHANGE_LOG, SCHEMA, SqliteOptions, SqliteSource};
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
//! let source = SqliteSource::open(&path, SqliteOptions::default()).await?;
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
//! the file that is open, by device and inode, and opens the other file if one was moved there. To do that, remove the
//! files `-wal` and `-shm` of the old one first. A copy that SQLite's backup API writes into the open file is noticed too
//! (`.restore` of the shell), as are changes of the schema: the cache is dropped. Other ways to overwrite an open file
//! are not allowed by SQLite.
//!
//! # Limits
//!
//! * `REPLACE` deletes rows without their triggers, unless `PRAGMA recursive_triggers` is on. A row that is replaced by a
//!   row with its own id is noticed. So this concerns a table with another unique column alone: there, turn the pragma on
//!   or do not use `REPLACE`.
//! * A connection that turns triggers off (`SQLITE_DBCONFIG_ENABLE_TRIGGER`) or edits the schema as a table
//!   (`PRAGMA writable_schema`) is not noticed. Insert a row without an id into `api_key_changes`: it drops the cache.
//! * Two SQLite libraries in one process take away each other's locks on a file. If your program links another one,
//!   implement [`Source`] over that, as `examples/own_source.rs` does.
//! * If a program commits with `PRAGMA synchronous = NORMAL` or `OFF`, a power failure can undo a revocation that was
//!   answered. The source uses `NORMAL` itself, for uses of keys and for pruning.

mod connection;
mod log;
mod records;
mod threads;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ctx_key::{KeyId, UnixTime};

use self::connection::Database;
use self::threads::Threads;
use crate::source::{Changes, LookedUp, Source, SourceError};

pub use self::log::Cursor;

/// Table of the keys, in the file that [`SqliteSource`] opens.
pub const SCHEMA: &str = include_str!("sqlite/schema.sql");

/// Change log of the keys and its triggers, to be applied after [`SCHEMA`].
///
/// The triggers work on any table `api_keys` that has the columns of [`SCHEMA`]. Changes of `last_used_at` and of columns
/// of your own are not logged.
pub const CHANGE_LOG: &str = include_str!("sqlite/change_log.sql");

/// Settings of a [`SqliteSource`].
///
/// ```
/// use ctx_key_verifier::sqlite::SqliteOptions;
///
/// let options = SqliteOptions { create: true, ..SqliteOptions::default() };
/// assert_eq!(options.readers, 4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Creates the file, [`SCHEMA`] and [`CHANGE_LOG`] when the source is opened, if they are missing. Default: `false`.
    pub create: bool,
    /// Number of connections that look up records, at least 1. Two more read the log and write uses. Default: 4.
    pub readers: usize,
    /// Maximum time to wait for a lock of the file. After it, a call is [`Busy`](SourceError::Busy). Default: 2 s.
    pub busy_timeout: Duration,
    /// Minimum time that changes stay in the log. A process that did not read it for longer drops its cache. Default: 5
    /// minutes.
    pub log_retention: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            create: false,
            readers: 4,
            busy_timeout: Duration::from_secs(2),
            log_retention: Duration::from_secs(5 * 60),
        }
    }
}

/// A [`Source`] over a file of SQLite, with connections and threads of its own.
///
/// The [module](self) has an example and the limits.
pub struct SqliteSource {
    readers: Threads,
    poller: Threads,
    writer: Threads,
    log_retention: Duration,
}

impl SqliteSource {
    /// Opens a file. Its connections are closed when the source is dropped.
    ///
    /// # Errors
    ///
    /// * [`SourceError::Busy`]: another program holds the file for longer than the time-out.
    /// * [`SourceError::Unavailable`]: there is no such file, or it can't be opened.
    /// * [`SourceError::Unexpected`]: a table, column or trigger is missing, or the file is not a database.
    pub async fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, SourceError> {
        let database = Database::new(path.as_ref(), options.busy_timeout)?;
        let writer = Threads::start("ctx-key-write", 1, &database)?;
        if options.create {
            writer.run(threads::Worker::create).await?;
        }
        // the first connection alone switches the file to the WAL mode
        writer.run(|worker| worker.session().map(drop)).await?;
        let poller = Threads::start("ctx-key-poll", 1, &database)?;
        let readers = Threads::start("ctx-key-read", options.readers.max(1), &database)?;
        Ok(Self { readers, poller, writer, log_retention: options.log_retention })
    }
}

impl Source for SqliteSource {
    type Project = Arc<str>;
    type Cursor = Cursor;

    async fn look_up(&self, ids: &[KeyId]) -> Result<LookedUp<Arc<str>, Cursor>, SourceError> {
        let ids = ids.to_vec();
        self.readers.run(move |worker| worker.session()?.look_up(&ids)).await
    }

    async fn changes_since(&self, cursor: Option<&Cursor>) -> Result<Changes<Cursor>, SourceError> {
        let (cursor, retention) = (cursor.copied(), self.log_retention);
        let work = move |worker: &mut threads::Worker| {
            let session = worker.session()?;
            let changes = session.changes_since(cursor)?;
            Ok((changes, session.prunable(retention)))
        };
        let (changes, prunable) = self.poller.run(work).await?;
        if let Some(mark) = prunable {
            self.writer.try_run(move |worker| worker.session()?.prune(mark));
        }
        Ok(changes)
    }

    async fn record_uses(&self, uses: &[(KeyId, UnixTime)]) -> Result<Vec<KeyId>, SourceError> {
        let uses = uses.to_vec();
        self.writer.run(move |worker| worker.session()?.record_uses(&uses)).await?;
        // SQLite locks the whole file, so there is no row to skip: all or none are written
        Ok(Vec::new())
    }
}

impl fmt::Debug for SqliteSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSource").finish_non_exhaustive()
    }
}
