//! SQLite or PostgreSQL, behind the same few calls.
//!
//! Statements are written once, in what both understand: `$1` for a parameter, whole numbers of 64 bits, `ON CONFLICT`
//! and `RETURNING`. Work on the database blocks, so it runs on threads of its own.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use ctx_key::KeyId;
use postgres::NoTls;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use r2d2::{ManageConnection, Pool, PooledConnection};
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a request waits for a connection, or for another's lock.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long whoever asked waits for work that has begun. It ends on its own thread, done or not.
const LONGEST: Duration = Duration::from_secs(5);

/// How many connections are open at most.
const CONNECTIONS: u32 = 8;

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Location {
    /// The file of an SQLite database.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL database, `postgres://user:password@host/name`.
    Postgres(String),
}

/// A pool of connections. A clone shares it.
#[derive(Clone)]
pub struct Database {
    pool: Arc<Connections>,
    turns: Arc<Semaphore>,
    /// SQLite has one writer at a time: whoever waits for it here waits without a thread.
    writer: Option<Arc<Mutex<()>>>,
    on_change: Arc<OnceLock<OnChange>>,
}

/// The pool until it is closed, on a thread of its own: connections to PostgreSQL can't be closed where futures run.
struct Connections(Option<Pool<Location>>);

impl Connections {
    fn get(&self) -> Result<PooledConnection<Location>, DatabaseError> {
        let pool = self.0.as_ref().ok_or_else(DatabaseError::vanished)?;
        pool.get().map_err(|_| DatabaseError::vanished())
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        let pool = self.0.take();
        let _ = thread::spawn(|| drop(pool)).join();
    }
}

type OnChange = Box<dyn Fn(KeyId) + Send + Sync>;

impl Database {
    /// Opens the pool. Connections are made when they are needed.
    pub fn open(location: Location) -> Self {
        let writer = matches!(location, Location::Sqlite(_)).then(Arc::default);
        let pool = Pool::builder()
            .max_size(CONNECTIONS)
            .min_idle(Some(0))
            // the next first connection to an SQLite file needs room on the disk
            .idle_timeout(None)
            .max_lifetime(None)
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(location);
        let permits = usize::try_from(CONNECTIONS).unwrap_or(1);
        Self {
            pool: Arc::new(Connections(Some(pool))),
            turns: Arc::new(Semaphore::new(permits)),
            writer,
            on_change: Arc::default(),
        }
    }

    /// Calls `told` for each key that a transaction changed, behind its commit and before anybody hears of it: also if
    /// whoever asked for it has gone by then. What is set first stays.
    pub fn on_change(&self, told: impl Fn(KeyId) + Send + Sync + 'static) {
        self.on_change.get_or_init(|| Box::new(told));
    }

    /// Whether it is PostgreSQL, which other processes may change too.
    pub fn is_shared(&self) -> bool {
        self.writer.is_none()
    }

    /// Reads, with no transaction around.
    pub async fn read<T: Send + 'static, E: From<DatabaseError> + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        // both go along: whoever asked may give up before the work ends
        let (turn, pool) = (self.turns.clone().acquire_owned(), self.pool.clone());
        let turn = timeout(PATIENCE, turn).await.map_err(|_| DatabaseError::busy())?;
        let task = spawn_blocking(move || {
            let _turn = turn;
            work(&mut *pool.get()?)
        });
        match timeout(LONGEST, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(failure)) => std::panic::resume_unwind(failure.into_panic()),
            Err(_) => Err(DatabaseError::busy().into()),
        }
    }

    /// Works in a transaction, which is undone if the work fails.
    pub async fn write<T: Send + 'static, E: From<DatabaseError> + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let writer = match self.writer.clone() {
            Some(writer) => {
                Some(timeout(PATIENCE, writer.lock_owned()).await.map_err(|_| DatabaseError::busy())?)
            }
            None => None,
        };
        let on_change = self.on_change.clone();
        self.read(move |connection| {
            let _writer = writer;
            let result = connection.transaction(work);
            // also behind a failure: a commit may have been done and its answer lost
            let changed = connection.changed.drain(..);
            changed.for_each(|id| on_change.get().into_iter().for_each(|told| told(id)));
            result
        })
        .await
    }
}

/// One connection, with what was prepared on it.
pub struct Connection {
    kind: Kind,
    /// In a transaction that was neither committed nor undone.
    is_open: bool,
    /// A statement of this transaction failed.
    has_failed: bool,
    /// The keys that this transaction changed.
    changed: Vec<KeyId>,
}

enum Kind {
    Sqlite(rusqlite::Connection),
    Postgres(Box<postgres::Client>, Prepared),
}

impl Connection {
    /// Whether it is PostgreSQL: for the few statements that have to differ.
    pub fn is_postgres(&self) -> bool {
        matches!(self.kind, Kind::Postgres(..))
    }

    /// Notes that this transaction makes, changes or removes a key.
    pub fn changes(&mut self, id: KeyId) {
        self.changed.push(id);
    }

    /// All rows of a statement.
    pub fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, DatabaseError> {
        let result = match &mut self.kind {
            Kind::Sqlite(client) => query_sqlite(client, sql, values).map_err(DatabaseError::from),
            Kind::Postgres(client, prepared) => {
                query_postgres(client, prepared, sql, values).map_err(DatabaseError::from)
            }
        };
        self.has_failed |= result.is_err();
        result
    }

    /// The first row of a statement, if there is one.
    pub fn query_one(&mut self, sql: &'static str, values: &[Value]) -> Result<Option<Row>, DatabaseError> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// How many rows a statement changed.
    pub fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, DatabaseError> {
        let result = match &mut self.kind {
            Kind::Sqlite(client) => execute_sqlite(client, sql, values).map_err(DatabaseError::from),
            Kind::Postgres(client, prepared) => {
                execute_postgres(client, prepared, sql, values).map_err(DatabaseError::from)
            }
        };
        self.has_failed |= result.is_err();
        result
    }

    /// Several statements without parameters.
    pub fn execute_batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        let result = match &mut self.kind {
            Kind::Sqlite(client) => client.execute_batch(sql).map_err(DatabaseError::from),
            Kind::Postgres(client, _) => client.batch_execute(sql).map_err(DatabaseError::from),
        };
        self.has_failed |= result.is_err();
        result
    }

    /// SQLite itself undoes a transaction for which the disk is full.
    fn is_undone(&self) -> bool {
        matches!(&self.kind, Kind::Sqlite(client) if client.is_autocommit())
    }

    fn transaction<T, E: From<DatabaseError>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        // as a writer from the start: a reader that becomes one may be refused
        self.execute_batch(if self.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" })?;
        (self.is_open, self.has_failed) = (true, false);
        let result = match work(self) {
            Ok(_) if self.has_failed => Err(DatabaseError::busy().into()),
            Ok(value) => self.execute_batch("COMMIT").map(|()| value).map_err(E::from),
            Err(error) => Err(error),
        };
        // if it can't be undone, the pool closes the connection, and that undoes it too
        self.is_open = result.is_err() && !self.is_undone() && self.execute_batch("ROLLBACK").is_err();
        result
    }
}

/// SQLite numbers `?1`, and takes `$1` for a name.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

fn query_sqlite(client: &rusqlite::Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = client.prepare_cached(&numbered(sql))?;
    let columns = statement.column_count();
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| {
        let column = |index| Ok(Value::from(row.get_ref(index)?));
        (0..columns).map(column).collect::<rusqlite::Result<_>>().map(Row)
    })?;
    rows.collect()
}

fn execute_sqlite(client: &rusqlite::Connection, sql: &str, values: &[Value]) -> rusqlite::Result<u64> {
    let changed = client.prepare_cached(&numbered(sql))?.execute(rusqlite::params_from_iter(values))?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

type Prepared = HashMap<&'static str, postgres::Statement>;

fn prepare<'p>(
    client: &mut postgres::Client,
    prepared: &'p mut Prepared,
    sql: &'static str,
) -> Result<&'p postgres::Statement, postgres::Error> {
    use std::collections::hash_map::Entry;
    Ok(match prepared.entry(sql) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => entry.insert(client.prepare(sql)?),
    })
}

fn query_postgres(
    client: &mut postgres::Client,
    prepared: &mut Prepared,
    sql: &'static str,
    values: &[Value],
) -> Result<Vec<Row>, postgres::Error> {
    let statement = prepare(client, prepared, sql)?;
    let rows = client.query(statement, &parameters(values))?;
    rows.iter()
        .map(|row| (0..row.len()).map(|index| column(row, index)).collect::<Result<_, _>>().map(Row))
        .collect()
}

fn execute_postgres(
    client: &mut postgres::Client,
    prepared: &mut Prepared,
    sql: &'static str,
    values: &[Value],
) -> Result<u64, postgres::Error> {
    let statement = prepare(client, prepared, sql)?;
    client.execute(statement, &parameters(values))
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn column(row: &postgres::Row, index: usize) -> Result<Value, postgres::Error> {
    Ok(match *row.columns()[index].type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(index)?.into(),
        Type::INT4 => row.try_get::<_, Option<i32>>(index)?.map(i64::from).into(),
        Type::BOOL => row.try_get::<_, Option<bool>>(index)?.map(i64::from).into(),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index)?.into(),
        Type::FLOAT4 => row.try_get::<_, Option<f32>>(index)?.map(f64::from).into(),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(index)?.into(),
        _ => row.try_get::<_, Option<String>>(index)?.into(),
    })
}

impl ManageConnection for Location {
    type Connection = Connection;
    type Error = DatabaseError;

    fn connect(&self) -> Result<Connection, DatabaseError> {
        let kind = match self {
            Self::Sqlite(path) => Kind::Sqlite(connect_sqlite(path)?),
            Self::Postgres(url) => Kind::Postgres(Box::new(connect_postgres(url)?), HashMap::new()),
        };
        Ok(Connection { kind, is_open: false, has_failed: false, changed: Vec::new() })
    }

    fn is_valid(&self, connection: &mut Connection) -> Result<(), DatabaseError> {
        match &mut connection.kind {
            Kind::Sqlite(_) => Ok(()),
            Kind::Postgres(client, _) => Ok(client.is_valid(PATIENCE)?),
        }
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        let is_closed = matches!(&connection.kind, Kind::Postgres(client, _) if client.is_closed());
        connection.is_open || is_closed
    }
}

fn connect_sqlite(path: &PathBuf) -> rusqlite::Result<rusqlite::Connection> {
    let client = rusqlite::Connection::open(path)?;
    client.busy_timeout(PATIENCE)?;
    client.pragma_update(None, "journal_mode", "WAL")?;
    // a key that was shown outlives a power failure
    client.pragma_update(None, "synchronous", "FULL")?;
    client.pragma_update(None, "foreign_keys", true)?;
    client.set_prepared_statement_cache_capacity(64);
    Ok(client)
}

/// A connection that gives up instead of waiting without end.
pub fn connect_postgres(url: &str) -> Result<postgres::Client, postgres::Error> {
    let mut config: postgres::Config = url.parse()?;
    config.application_name("ctx-key-server").connect_timeout(PATIENCE).tcp_user_timeout(PATIENCE);
    // a machine that is gone is noticed while its answer is awaited
    config.keepalives_idle(PATIENCE).keepalives_interval(PATIENCE);
    config.options(
        "-c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=10000",
    );
    config.connect(NoTls)
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(flag.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<[u8; 32]> for Value {
    fn from(bytes: [u8; 32]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Int(number),
            ValueRef::Real(number) => Self::Real(number),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Self::Int(number) => number.to_sql(ty, out),
            Self::Real(number) => number.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A row, read by the position of its columns.
#[derive(Debug)]
pub struct Row(Vec<Value>);

impl Row {
    /// The column at `index`, as what it was declared to be.
    pub fn get<T: TryFrom<Value, Error = DatabaseError>>(
        &mut self,
        index: usize,
    ) -> Result<T, DatabaseError> {
        let value = self.0.get_mut(index).map(|value| std::mem::replace(value, Value::Null));
        T::try_from(value.unwrap_or(Value::Null))
    }
}

macro_rules! from_value {
    ($($variant:ident => $type:ty),*) => {$(
        impl TryFrom<Value> for $type {
            type Error = DatabaseError;

            fn try_from(value: Value) -> Result<Self, DatabaseError> {
                match value {
                    Value::$variant(value) => Ok(value),
                    _ => Err(DatabaseError::unexpected()),
                }
            }
        }

        impl TryFrom<Value> for Option<$type> {
            type Error = DatabaseError;

            fn try_from(value: Value) -> Result<Self, DatabaseError> {
                match value {
                    Value::Null => Ok(None),
                    value => <$type>::try_from(value).map(Some),
                }
            }
        }
    )*};
}

from_value!(Int => i64, Real => f64, Text => String, Bytes => Vec<u8>);

/// What went wrong, in words without any data: messages of databases may quote rows.
#[derive(Debug)]
pub struct DatabaseError(String);

impl DatabaseError {
    fn busy() -> Self {
        Self("no connection or lock within the time limit".into())
    }

    fn vanished() -> Self {
        Self("no connection can be made".into())
    }

    /// A column holds what the server didn't write.
    pub fn unexpected() -> Self {
        Self("a column has an unexpected type or value".into())
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self(match error.sqlite_error() {
            Some(failure) => format!("SQLite: {failure}"),
            None => "SQLite: the statement doesn't fit its rows".into(),
        })
    }
}

impl From<postgres::Error> for DatabaseError {
    fn from(error: postgres::Error) -> Self {
        Self(match error.as_db_error() {
            Some(failure) => format!("PostgreSQL: {} {}", failure.code().code(), failure.message()),
            None => format!("PostgreSQL: {error}"),
        })
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for DatabaseError {}
