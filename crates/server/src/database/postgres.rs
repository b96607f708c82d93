//! Connections to PostgreSQL, directly or through a pooler in transaction mode.
//!
//! For the pooler, no statement is prepared, and no setting of a session is changed. A statement is sent with its
//! parameters and their types in one round trip, so a pooler can't send its parts to different connections.
//!
//! No statement is cancelled, because PgBouncer 1.18 crashes if a client hangs up or is killed while it cancels one.
//! The time limits of the PostgreSQL server end each statement.

use std::future::Future;
use std::mem;
use std::time::Duration;

use ctx_key_verifier::SourceError;
use ctx_key_verifier::postgres::Config;
use deadpool_postgres::Object;
use tokio::join;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};

use super::value::{Row, Value};
use super::{DatabaseError, PoolStatus, STATEMENT_TIMEOUT, within};

/// Begins a transaction with time limits in the PostgreSQL server, which hold even if the client is gone. They are
/// local to the transaction, because a pooler may then give the connection to another client.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 5000; SET LOCAL lock_timeout = 2000; \
                     SET LOCAL idle_in_transaction_session_timeout = 10000";

/// Begins a transaction with time limits for a single statement that reads.
const BEGIN_READING: &str =
    "BEGIN READ ONLY; SET LOCAL statement_timeout = 5000; SET LOCAL lock_timeout = 2000";

const BEGIN_WITHOUT_LIMITS: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
                                    SET LOCAL idle_in_transaction_session_timeout = 0";

/// Begins a transaction whose statements see one snapshot. The time limits for statements and locks are set after it.
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
                              SET LOCAL idle_in_transaction_session_timeout = 10000";

/// Maximum time that an abandoned statement keeps its place in the pool. The time limits end it earlier.
const ABANDONED_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections to one database.
#[derive(Clone)]
pub(super) struct Pool(deadpool_postgres::Pool);

impl Pool {
    pub(super) fn new(url: &str, size: usize) -> Result<Self, DatabaseError> {
        let mut config = Config::new(url).map_err(|error| DatabaseError::Unavailable(error.to_string()))?;
        if config.postgres.get_application_name().is_none() {
            config.postgres.application_name("ctx-key-server");
        }
        Ok(Self(config.pool(size)))
    }

    pub(super) fn status(&self) -> PoolStatus {
        let status = self.0.status();
        PoolStatus {
            max: status.max_size,
            open: status.size,
            in_use: status.size.saturating_sub(status.available),
            waiting: status.waiting,
        }
    }

    pub(super) async fn acquire(&self) -> Result<Connection, DatabaseError> {
        let client = self.0.get().await.map_err(SourceError::from)?;
        Ok(Connection { client: Some(client), state: State::Idle, permit: None })
    }

    pub(super) async fn begin(&self, is_limited: bool) -> Result<Connection, DatabaseError> {
        let mut connection = self.acquire().await?;
        connection.begin(if is_limited { BEGIN } else { BEGIN_WITHOUT_LIMITS }).await?;
        Ok(connection)
    }

    pub(super) async fn begin_reading(
        &self,
        limit: Duration,
        permit: OwnedSemaphorePermit,
    ) -> Result<Connection, DatabaseError> {
        let mut connection = self.acquire().await?;
        connection.permit = Some(permit);
        let limit = limit.as_millis();
        let begin = format!(
            "{BEGIN_SNAPSHOT}; SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {limit}"
        );
        connection.begin(&begin).await?;
        Ok(connection)
    }
}

/// Closes a connection once its abandoned statement has ended. Until then it keeps its place in the pool, so that
/// requests that give up don't open more and more connections.
fn end_statement(client: Object, permit: Option<OwnedSemaphorePermit>) {
    let Ok(runtime) = Handle::try_current() else { return drop(Object::take(client)) };
    runtime.spawn(async move {
        // results come in the order of the statements, so this one comes after the abandoned one
        let _ = timeout(ABANDONED_TIMEOUT, client.simple_query("")).await;
        drop((Object::take(client), permit));
    });
}

/// State of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    InTransaction,
    /// A statement was sent, and its result has not come.
    Running,
}

/// A connection of the pool.
pub(super) struct Connection {
    client: Option<Object>,
    state: State,
    /// Held until the connection is back in the pool.
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Connection {
    /// Returns the connection to the pool, after a rollback if a transaction is open. If a statement is still running,
    /// closes the connection instead.
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        match self.state {
            State::Idle => drop(client),
            State::InTransaction => roll_back(client, self.permit.take()),
            State::Running => end_statement(client, self.permit.take()),
        }
    }
}

fn roll_back(client: Object, permit: Option<OwnedSemaphorePermit>) {
    let Ok(runtime) = Handle::try_current() else { return drop(Object::take(client)) };
    runtime.spawn(async move {
        let mut connection = Connection { client: Some(client), state: State::Idle, permit };
        if within(Some(STATEMENT_TIMEOUT), connection.execute_batch("ROLLBACK")).await.is_err() {
            connection.state = State::Running;
        }
    });
}

impl Connection {
    async fn begin(&mut self, sql: &str) -> Result<(), DatabaseError> {
        within(Some(STATEMENT_TIMEOUT), self.execute_batch(sql)).await?;
        self.state = State::InTransaction;
        Ok(())
    }

    pub(super) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, DatabaseError> {
        let needs_transaction = self.state == State::Idle;
        let (client, state) = self.parts()?;
        let values = typed(values);
        let statement = client.query_typed(sql, &values);
        let rows = if needs_transaction {
            run(state, run_in_own_transaction(client, statement)).await
        } else {
            run(state, statement).await
        }?;
        Ok(rows.into_iter().map(Row::from).collect())
    }

    pub(super) async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, DatabaseError> {
        let (client, state) = self.parts()?;
        run(state, client.execute_typed(sql, &typed(values))).await
    }

    pub(super) async fn execute_batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        let (client, state) = self.parts()?;
        run(state, client.batch_execute(sql)).await
    }

    pub(super) async fn commit(mut self) -> Result<(), DatabaseError> {
        // in this state, the connection is closed after an error, because the transaction may still be open
        self.state = State::Running;
        self.execute_batch("COMMIT").await?;
        self.state = State::Idle;
        Ok(())
    }

    fn parts(&mut self) -> Result<(&tokio_postgres::Client, &mut State), DatabaseError> {
        let client: &tokio_postgres::Client = self.client.as_ref().ok_or(DatabaseError::Busy)?;
        Ok((client, &mut self.state))
    }
}

/// Runs a statement in a transaction of its own, which has time limits. All three statements are sent together.
async fn run_in_own_transaction<T>(
    client: &tokio_postgres::Client,
    statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, tokio_postgres::Error> {
    let begin = client.batch_execute(BEGIN_READING);
    let (_, result, end) = join!(biased; begin, statement, client.batch_execute("COMMIT"));
    let result = result?;
    end.map(|()| result)
}

fn typed(values: &[Value]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    values.iter().map(Value::typed).collect()
}

/// Waits for the result of a statement. If the wait is abandoned, the state stays [`State::Running`].
async fn run<T>(
    state: &mut State,
    statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DatabaseError> {
    let before = mem::replace(state, State::Running);
    let result = statement.await;
    *state = before;
    Ok(result.map_err(SourceError::from)?)
}
