//! Connections to SQLite. A statement blocks its thread, so it runs on a thread of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, QueueMode, RecycleError, RecycleResult};
use rusqlite::{ErrorCode, InterruptHandle};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::value::{Row, Value};
use super::{ACQUIRE_TIMEOUT, DatabaseError, PoolStatus, from_pool, joined};

/// Connections to one file.
#[derive(Clone)]
pub(super) struct Pool {
    connections: managed::Pool<Manager>,
    /// The lock of the one writer that SQLite allows at a time. Others wait for it here, where they occupy no thread.
    writer: Arc<Mutex<()>>,
}

impl Pool {
    pub(super) fn new(path: PathBuf, size: usize) -> Self {
        let connections = managed::Pool::builder(Manager(path))
            .max_size(size)
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(ACQUIRE_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .build()
            .expect("the pool has a runtime");
        Self { connections, writer: Arc::default() }
    }

    pub(super) fn status(&self) -> PoolStatus {
        let status = self.connections.status();
        PoolStatus {
            max: status.max_size,
            open: status.size,
            in_use: status.size.saturating_sub(status.available),
            waiting: status.waiting,
        }
    }

    pub(super) async fn acquire(&self) -> Result<Connection, DatabaseError> {
        let client = self.connections.get().await.map_err(|error| from_pool(error, from_sqlite))?;
        Ok(Connection(Some(Session { client, _writer: None, _permit: None })))
    }

    /// Begins a transaction that sees one snapshot and only reads.
    pub(super) async fn begin_reading(
        &self,
        permit: OwnedSemaphorePermit,
    ) -> Result<Connection, DatabaseError> {
        let mut connection = self.acquire().await?;
        if let Some(session) = &mut connection.0 {
            session._permit = Some(permit);
        }
        connection.execute_batch("BEGIN").await?;
        Ok(connection)
    }

    /// Begins a transaction as a writer, because SQLite may refuse a reader that becomes a writer. Without a limit,
    /// this waits as long as another process holds the lock.
    pub(super) async fn begin(&self, is_limited: bool) -> Result<Connection, DatabaseError> {
        loop {
            match self.try_begin().await {
                // while a new file is switched to the WAL mode, SQLite does not wait
                Err(DatabaseError::Busy) if !is_limited => sleep(Duration::from_millis(20)).await,
                result => return result,
            }
        }
    }

    async fn try_begin(&self) -> Result<Connection, DatabaseError> {
        let writer = timeout(ACQUIRE_TIMEOUT, self.writer.clone().lock_owned());
        let writer = writer.await.map_err(|_| DatabaseError::Busy)?;
        let mut connection = self.acquire().await?;
        if let Some(session) = &mut connection.0 {
            session._writer = Some(writer);
        }
        connection.execute_batch("BEGIN IMMEDIATE").await?;
        Ok(connection)
    }
}

struct Manager(PathBuf);

impl managed::Manager for Manager {
    type Type = rusqlite::Connection;
    type Error = rusqlite::Error;

    async fn create(&self) -> rusqlite::Result<rusqlite::Connection> {
        let path = self.0.clone();
        let opened = spawn_blocking(move || open(&path));
        opened.await.unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()))
    }

    async fn recycle(
        &self,
        client: &mut rusqlite::Connection,
        _: &Metrics,
    ) -> RecycleResult<rusqlite::Error> {
        let is_clean = client.is_autocommit();
        is_clean.then_some(()).ok_or(RecycleError::message("a transaction is open"))
    }
}

fn open(path: &PathBuf) -> rusqlite::Result<rusqlite::Connection> {
    let client = rusqlite::Connection::open(path)?;
    client.busy_timeout(ACQUIRE_TIMEOUT)?;
    client.pragma_update(None, "journal_mode", "WAL")?;
    // so that a key that was shown survives a power failure
    client.pragma_update(None, "synchronous", "FULL")?;
    client.pragma_update(None, "foreign_keys", true)?;
    client.set_prepared_statement_cache_capacity(64);
    Ok(client)
}

/// A connection of the pool. It is empty while a statement runs, and stays empty if the statement is abandoned.
pub(super) struct Connection(Option<Session>);

/// The part of a connection that moves to the thread of a statement and back.
struct Session {
    client: Object<Manager>,
    /// Held from the beginning to the end of a transaction.
    _writer: Option<OwnedMutexGuard<()>>,
    /// Held until the end of a long read.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Session {
    /// Rolls back an open transaction, before the connection returns to the pool. That takes microseconds.
    fn drop(&mut self) {
        if !self.client.is_autocommit() {
            // if this fails, the pool closes the connection instead of handing it out
            let _ = self.client.execute_batch("ROLLBACK");
        }
    }
}

/// A statement on its thread.
struct Running<T: Send + 'static>(Option<(JoinHandle<T>, InterruptHandle)>);

impl<T: Send + 'static> Drop for Running<T> {
    /// Interrupts an abandoned statement. SQLite ignores an interrupt that comes before the thread has started the
    /// statement, so the interrupt is repeated. Until the task is dropped, nobody else can get the connection.
    fn drop(&mut self) {
        let Some((task, interrupt)) = self.0.take() else { return };
        interrupt.interrupt();
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            while !task.is_finished() {
                interrupt.interrupt();
                sleep(Duration::from_millis(20)).await;
            }
        });
    }
}

impl Connection {
    pub(super) async fn query(
        &mut self,
        sql: &'static str,
        values: &[Value],
    ) -> Result<Vec<Row>, DatabaseError> {
        let values = values.to_vec();
        self.run(move |client| query(client, sql, &values)).await
    }

    pub(super) async fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value],
    ) -> Result<u64, DatabaseError> {
        let values = values.to_vec();
        self.run(move |client| execute(client, sql, &values)).await
    }

    pub(super) async fn execute_batch(&mut self, sql: &'static str) -> Result<(), DatabaseError> {
        self.run(move |client| client.execute_batch(sql)).await
    }

    /// Copies the database into an empty file. `VACUUM INTO` reads in one transaction, so a writer does not make it
    /// start again.
    pub(super) async fn copy_to(&mut self, path: String) -> Result<(), DatabaseError> {
        self.run(move |client| client.execute("VACUUM INTO ?1", [path]).map(drop)).await
    }

    /// Commits, however long the disk takes.
    pub(super) async fn commit(mut self) -> Result<(), DatabaseError> {
        let session = self.0.take().ok_or(DatabaseError::Busy)?;
        let task = spawn_blocking(move || session.client.execute_batch("COMMIT").map_err(from_sqlite));
        joined(task.await)?
    }

    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let session = self.0.take().ok_or(DatabaseError::Busy)?;
        let interrupt = session.client.get_interrupt_handle();
        let task = spawn_blocking(move || {
            let result = work(&session.client);
            (session, result)
        });
        let mut running = Running(Some((task, interrupt)));
        let Some((task, _)) = &mut running.0 else { return Err(DatabaseError::Busy) };
        let ended = task.await;
        running.0 = None;
        let (session, result) = joined(ended)?;
        self.0 = Some(session);
        result.map_err(from_sqlite)
    }
}

/// Replaces `$1` by `?1`, because `$1` is a named parameter in SQLite.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

fn query(client: &rusqlite::Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = client.prepare_cached(&numbered(sql))?;
    let names: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| {
        let values = (0..names.len()).map(|index| row.get_ref(index).map(Value::from));
        Ok(Row::new(names.clone(), values.collect::<rusqlite::Result<_>>()?))
    })?;
    rows.collect()
}

fn execute(client: &rusqlite::Connection, sql: &str, values: &[Value]) -> rusqlite::Result<u64> {
    let changed = client.prepare_cached(&numbered(sql))?.execute(rusqlite::params_from_iter(values))?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

/// Converts an error. Messages of SQLite name tables and columns and contain no data. Messages of rusqlite may contain
/// data, so they are left out.
fn from_sqlite(error: rusqlite::Error) -> DatabaseError {
    if let rusqlite::Error::SqlInputError { msg, .. } = &error {
        return DatabaseError::Unexpected(format!("SQLite: {msg}"));
    }
    let Some(failure) = error.sqlite_error() else {
        return DatabaseError::Unexpected("SQLite: the statement does not fit its parameters or rows".into());
    };
    let text = format!("SQLite: {failure}");
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted => {
            DatabaseError::Busy
        }
        ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::OutOfMemory => DatabaseError::Unavailable(text),
        _ => DatabaseError::Unexpected(text),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    /// The kind of an error decides whether the client may try again.
    #[test]
    fn each_error_of_sqlite_has_its_kind() {
        let error = |code| from_sqlite(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_INTERRUPT] {
            assert_eq!(error(code), DatabaseError::Busy, "{code}");
        }
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_PERM,
            ffi::SQLITE_NOMEM,
        ] {
            assert!(matches!(error(code), DatabaseError::Unavailable(_)), "{code}: {:?}", error(code));
        }
        for code in [ffi::SQLITE_CONSTRAINT, ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_ERROR] {
            assert!(matches!(error(code), DatabaseError::Unexpected(_)), "{code}: {:?}", error(code));
        }
    }
}
