//! One small interface to SQLite and PostgreSQL.
//!
//! Each statement is written once, in the SQL that both understand: `$1` for a parameter, integers of 64 bits,
//! `ON CONFLICT` and `RETURNING`. Rows are read by the names of their columns.

mod database_error;
mod postgres;
mod sqlite;
mod value;

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool::managed::PoolError;
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::timeout;

pub use database_error::DatabaseError;
pub use value::{FromValue, Row, Value};

/// Maximum time that a request waits for a connection, or for a lock of another transaction.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum time that a request waits for the result of a statement.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// Default maximum number of connections. Verification has connections of its own, so that a search can't delay it.
pub const CONNECTIONS: usize = 8;

/// The location of a database. Its URL may contain a password, so there is no `Debug`.
#[derive(Clone)]
pub enum Location {
    /// The file of an SQLite database.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL database, `postgres://user:password@host/name`.
    Postgres(String),
}

/// A connection pool. Clones share it.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    /// Permits of [`Database::begin_reading`].
    readers: Arc<Semaphore>,
    on_commit: Arc<OnceLock<OnCommit>>,
}

/// Sizes of a connection pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Maximum number of connections.
    pub max: usize,
    pub open: usize,
    pub in_use: usize,
    /// Number of requests that wait for a connection.
    pub waiting: usize,
}

type OnCommit = Box<dyn Fn(&str) + Send + Sync>;

#[derive(Clone)]
enum Pool {
    Sqlite(sqlite::Pool),
    Postgres(postgres::Pool),
}

impl Pool {
    async fn acquire(&self) -> Result<Connection, DatabaseError> {
        let kind = match self {
            Self::Sqlite(pool) => Kind::Sqlite(pool.acquire().await?),
            Self::Postgres(pool) => Kind::Postgres(pool.acquire().await?),
        };
        Ok(Connection { kind, statement_timeout: Some(STATEMENT_TIMEOUT), has_failed: false })
    }

    async fn begin(&self, statement_timeout: Option<Duration>) -> Result<Connection, DatabaseError> {
        let is_limited = statement_timeout.is_some();
        let kind = match self {
            Self::Sqlite(pool) => Kind::Sqlite(pool.begin(is_limited).await?),
            Self::Postgres(pool) => Kind::Postgres(pool.begin(is_limited).await?),
        };
        Ok(Connection { kind, statement_timeout, has_failed: false })
    }
}

impl Database {
    /// Creates the pool. It opens connections when they are needed.
    ///
    /// # Errors
    ///
    /// - The URL is malformed.
    /// - The root certificates that the URL names can't be read.
    pub fn open(location: Location) -> Result<Self, DatabaseError> {
        Self::open_with(location, CONNECTIONS)
    }

    /// Does the same as [`open`](Self::open), with another maximum number of connections.
    pub fn open_with(location: Location, connections: usize) -> Result<Self, DatabaseError> {
        let pool = match location {
            Location::Sqlite(path) => Pool::Sqlite(sqlite::Pool::new(path, connections)),
            Location::Postgres(url) => Pool::Postgres(postgres::Pool::new(&url, connections)?),
        };
        let readers = Arc::new(Semaphore::new((connections / 4).max(1)));
        Ok(Self { pool, readers, on_commit: Arc::default() })
    }

    /// Calls `hook` with each text that a transaction announced, after its commit and before [`Transaction::commit`]
    /// returns. Only the first hook is kept.
    pub fn on_commit(&self, hook: impl Fn(&str) + Send + Sync + 'static) {
        self.on_commit.get_or_init(|| Box::new(hook));
    }

    /// Copies an SQLite database into an empty file. The copy is a snapshot, even while others write. PostgreSQL has
    /// programs of its own for that.
    pub async fn copy_to(&self, path: String) -> Result<(), DatabaseError> {
        match &self.pool {
            Pool::Sqlite(pool) => pool.acquire().await?.copy_to(path).await,
            Pool::Postgres(_) => Err(DatabaseError::Unexpected(
                "only an SQLite database can be copied: use pg_dump or pg_basebackup for PostgreSQL".into(),
            )),
        }
    }

    /// Returns the sizes of the pool.
    pub fn pool_status(&self) -> PoolStatus {
        match &self.pool {
            Pool::Sqlite(pool) => pool.status(),
            Pool::Postgres(pool) => pool.status(),
        }
    }

    /// Acquires a connection for reading. Each statement is a transaction of its own.
    pub async fn acquire(&self) -> Result<Connection, DatabaseError> {
        self.pool.acquire().await
    }

    /// Begins a long read. All its statements see the same snapshot, and each is ended after `limit`. At most a
    /// quarter of the connections can be in a long read at once, so that the others are free for everything else. A
    /// read counts until its last statement has ended, even if nobody waits for the statement any more.
    pub async fn begin_reading(&self, limit: Duration) -> Result<Connection, DatabaseError> {
        let permit = timeout(ACQUIRE_TIMEOUT, self.readers.clone().acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(DatabaseError::Busy)?;
        let kind = match &self.pool {
            Pool::Sqlite(pool) => Kind::Sqlite(pool.begin_reading(permit).await?),
            Pool::Postgres(pool) => Kind::Postgres(pool.begin_reading(limit, permit).await?),
        };
        Ok(Connection { kind, statement_timeout: Some(limit), has_failed: false })
    }

    /// Begins a transaction. It is rolled back when it is dropped.
    pub async fn begin(&self) -> Result<Transaction, DatabaseError> {
        self.begin_with(Some(STATEMENT_TIMEOUT)).await
    }

    /// Begins a transaction without time limits for locks and statements, for the operator's commands.
    pub async fn begin_without_limits(&self) -> Result<Transaction, DatabaseError> {
        self.begin_with(None).await
    }

    async fn begin_with(&self, statement_timeout: Option<Duration>) -> Result<Transaction, DatabaseError> {
        let connection = self.pool.begin(statement_timeout).await?;
        Ok(Transaction { connection, announced: Vec::new(), on_commit: self.on_commit.clone() })
    }
}

fn from_pool<E>(error: PoolError<E>, from_backend: impl FnOnce(E) -> DatabaseError) -> DatabaseError {
    match error {
        PoolError::Backend(error) => from_backend(error),
        _ => DatabaseError::Busy,
    }
}

/// A connection. It returns to the pool when it is dropped, unless it is still running a statement.
pub struct Connection {
    kind: Kind,
    statement_timeout: Option<Duration>,
    /// True if a statement failed. PostgreSQL would then roll back at a COMMIT, without an error.
    has_failed: bool,
}

enum Kind {
    Sqlite(sqlite::Connection),
    Postgres(postgres::Connection),
}

impl Connection {
    /// Returns whether the database is PostgreSQL, for the few statements that have to differ.
    pub fn is_postgres(&self) -> bool {
        matches!(self.kind, Kind::Postgres(_))
    }

    /// Returns all rows of a statement.
    pub async fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, DatabaseError> {
        let limit = self.statement_timeout;
        let result = match &mut self.kind {
            Kind::Sqlite(connection) => within(limit, connection.query(sql, values)).await,
            Kind::Postgres(connection) => within(limit, connection.query(sql, values)).await,
        };
        self.has_failed |= result.is_err();
        result
    }

    /// Returns the one row of a statement that always has one.
    pub async fn query_one(&mut self, sql: &'static str, values: &[Value]) -> Result<Row, DatabaseError> {
        let row = self.query_opt(sql, values).await?;
        row.ok_or_else(|| DatabaseError::Unexpected("a statement that returns a row returned none".into()))
    }

    /// Returns the first row of a statement, if there is one.
    pub async fn query_opt(
        &mut self,
        sql: &'static str,
        values: &[Value],
    ) -> Result<Option<Row>, DatabaseError> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// Returns the number of rows that a statement changed.
    pub async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, DatabaseError> {
        let limit = self.statement_timeout;
        let result = match &mut self.kind {
            Kind::Sqlite(connection) => within(limit, connection.execute(sql, values)).await,
            Kind::Postgres(connection) => within(limit, connection.execute(sql, values)).await,
        };
        self.has_failed |= result.is_err();
        result
    }

    /// Runs several statements without parameters.
    pub async fn execute_batch(&mut self, sql: &'static str) -> Result<(), DatabaseError> {
        let limit = self.statement_timeout;
        let result = match &mut self.kind {
            Kind::Sqlite(connection) => within(limit, connection.execute_batch(sql)).await,
            Kind::Postgres(connection) => within(limit, connection.execute_batch(sql)).await,
        };
        self.has_failed |= result.is_err();
        result
    }

    async fn commit(self) -> Result<(), DatabaseError> {
        if self.has_failed {
            return Err(DatabaseError::Unexpected("a statement failed before the commit".into()));
        }
        match self.kind {
            // no time limit, because the thread that waits for the disk can't be stopped
            Kind::Sqlite(connection) => connection.commit().await,
            Kind::Postgres(connection) => within(self.statement_timeout, connection.commit()).await,
        }
    }
}

/// Returns the result of a task. A runtime that is shutting down does not run the task, which counts as busy.
fn joined<T>(ended: Result<T, JoinError>) -> Result<T, DatabaseError> {
    ended.map_err(|failure| match failure.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => DatabaseError::Busy,
    })
}

/// Waits for a result, for at most `limit` if there is one. A statement whose future is dropped ends soon: SQLite is
/// interrupted, and PostgreSQL has time limits of its own.
async fn within<T>(
    limit: Option<Duration>,
    answer: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    match limit {
        Some(limit) => timeout(limit, answer).await.unwrap_or(Err(DatabaseError::Busy)),
        None => answer.await,
    }
}

/// A connection in a transaction, which is rolled back if it is dropped.
pub struct Transaction {
    connection: Connection,
    announced: Vec<String>,
    on_commit: Arc<OnceLock<OnCommit>>,
}

impl Transaction {
    /// Limits the time of each later statement, and of each wait for a lock.
    pub async fn limit_statements(&mut self, limit: Duration) -> Result<(), DatabaseError> {
        if self.is_postgres() {
            let milliseconds = limit.as_millis().to_string();
            let sql =
                "SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true)";
            self.query(sql, &[milliseconds.into()]).await?;
        }
        self.connection.statement_timeout = Some(limit);
        Ok(())
    }

    /// Adds a text that the hook of [`Database::on_commit`] gets after the commit.
    pub fn announce(&mut self, text: impl Into<String>) {
        self.announced.push(text.into());
    }

    /// Commits in a task of its own, which goes on if the caller gives up. The hook runs even after a failed commit,
    /// because the database may have committed although its response was lost.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        let Self { connection, announced, on_commit } = self;
        let limit = connection.statement_timeout;
        let task = tokio::spawn(async move {
            let result = connection.commit().await;
            if let Some(hook) = on_commit.get() {
                announced.iter().for_each(|text| hook(text));
            }
            result
        });
        within(limit, async { joined(task.await)? }).await
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
