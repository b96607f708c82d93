//! Implements [`Source`] over a file of SQLite: [`SqliteSource`].

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ctx_key::{KeyId, UnixTime};

use crate::source::{Changes, LookedUp, Source, SourceError};
use crate::sqlite::connection::Database;
use crate::sqlite::cursor::Cursor;
use crate::sqlite::threads::{Threads, Worker};

/// Settings of a [`SqliteSource`].
///
/// ```
/// use ctx_key_verifier::sqlite::Options;
///
/// let options = Options { create: true, ..Options::default() };
/// assert_eq!(options.connections, 4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Creates the file, [`SCHEMA`](super::SCHEMA) and [`CHANGE_LOG`](super::CHANGE_LOG) when the source is opened, if they
    /// are missing. Default: `false`.
    pub create: bool,
    /// Number of connections that look up records, at least 1. Two more read the log and write uses. Default: 4.
    pub connections: usize,
    /// Maximum time to wait for a lock of the file. After it, a call returns [`Busy`](SourceError::Busy). Default: 2 s.
    pub busy_timeout: Duration,
    /// Minimum time that changes stay in the log. A process that did not read the log for longer drops its cache.
    /// Default: 5 minutes.
    pub retention: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: false,
            connections: 4,
            busy_timeout: Duration::from_secs(2),
            retention: Duration::from_secs(5 * 60),
        }
    }
}

/// A [`Source`] over a file of SQLite, with connections and threads of its own.
///
/// The [module](super) has an example and the limits.
pub struct SqliteSource {
    readers: Threads,
    poller: Threads,
    writer: Threads,
    retention: Duration,
}

impl SqliteSource {
    /// Opens a file. Its connections are closed when the source is dropped.
    ///
    /// # Errors
    ///
    /// * [`SourceError::Busy`]: another program locks the file for longer than the time-out.
    /// * [`SourceError::Unavailable`]: there is no such file, or it can't be opened.
    /// * [`SourceError::Unexpected`]: a table, column or trigger is missing, or the file is not a database.
    pub async fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, SourceError> {
        let database = Database::new(path.as_ref(), options.busy_timeout)?;
        let writer = Threads::start("ctx-key-write", 1, &database)?;
        if options.create {
            writer.run(Worker::create).await?;
        }
        // one connection switches the file to the WAL mode before the others open it
        writer.run(|worker| worker.session().map(drop)).await?;
        let poller = Threads::start("ctx-key-poll", 1, &database)?;
        let readers = Threads::start("ctx-key-read", options.connections.max(1), &database)?;
        Ok(Self { readers, poller, writer, retention: options.retention })
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
        let (cursor, retention) = (cursor.copied(), self.retention);
        let work = move |worker: &mut Worker| {
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
        // SQLite locks the whole file, so it skips no row: it writes all or none
        Ok(Vec::new())
    }
}

impl fmt::Debug for SqliteSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSource").finish_non_exhaustive()
    }
}
