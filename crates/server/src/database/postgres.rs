//! PostgreSQL, also through a pooler in transaction mode.
//!
//! No statement is prepared, and no setting of a session is changed. A statement with its parameters and their types is
//! one round trip, so a pooler can't give its parts to different connections.
//!
//! No statement is cancelled: PgBouncer 1.18 crashes if a client hangs up while it cancels one, also when the client was
//! killed. The server's own limits end each statement.

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

/// The time limits hold in the server, too, for a client that is gone. Only within the transaction: the connection may
/// be another client's afterwards.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 5000; SET LOCAL lock_timeout = 2000; \
                     SET LOCAL idle_in_transaction_session_timeout = 10000";

/// The same, for a statement outside of a transaction.
const BEGIN_READING: &str =
    "BEGIN READ ONLY; SET LOCAL statement_timeout = 5000; SET LOCAL lock_timeout = 2000";

const BEGIN_WITHOUT_LIMITS: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
                                    SET LOCAL idle_in_transaction_session_timeout = 0";

/// The same, for several statements that see one moment. The time limits of a statement follow.
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
                              SET LOCAL idle_in_transaction_session_timeout = 10000";

/// How long a statement that nobody waits for keeps its place in the pool, at most. The limits end it before.
const LINGER: Duration = Duration::from_secs(10);

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

/// Closes a connection whose statement nobody waits for, when the statement has ended. Until then it keeps its place in the
/// pool, so that requests that give up don't open more and more connections.
fn end_statement(client: Object, permit: Option<OwnedSemaphorePermit>) {
    let Ok(runtime) = Handle::try_current() else { return drop(Object::take(client)) };
    runtime.spawn(async move {
        // answers come in the order of their statements
        let _ = timeout(LINGER, client.simple_query("")).await;
        drop((Object::take(client), permit));
    });
}

/// What a connection is at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    InTransaction,
    /// A statement was sent, and its answer has not come.
    Running,
}

/// A connection of the pool.
pub(super) struct Connection {
    client: Option<Object>,
    state: State,
    /// Held as long as the connection is not back in the pool.
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Connection {
    /// Returns the connection to the pool, if nothing is left of this use of it.
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
        let is_alone = self.state == State::Idle;
        let (client, state) = self.parts()?;
        let values = typed(values);
        let statement = client.query_typed(sql, &values);
        let rows =
            if is_alone { run(state, alone(client, statement)).await } else { run(state, statement).await }?;
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
        // after an error, the connection is closed: the transaction may be open
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

/// Runs a statement in a transaction of its own, which has limits. All three are sent at once.
async fn alone<T>(
    client: &tokio_postgres::Client,
    statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, tokio_postgres::Error> {
    let begin = client.batch_execute(BEGIN_READING);
    let (_, answer, end) = join!(biased; begin, statement, client.batch_execute("COMMIT"));
    let answer = answer?;
    end.map(|()| answer)
}

fn typed(values: &[Value]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    values.iter().map(Value::typed).collect()
}

/// Waits for the answer to a statement. If it does not come, the state stays [`State::Running`].
async fn run<T>(
    state: &mut State,
    statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DatabaseError> {
    let before = mem::replace(state, State::Running);
    let answer = statement.await;
    *state = before;
    Ok(answer.map_err(SourceError::from)?)
}
