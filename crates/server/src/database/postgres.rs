//! PostgreSQL, also through a pooler in transaction mode.
//!
//! No statement is prepared, and no setting of a session is changed. A statement with its parameters and their types is
//! one round trip, so a pooler can't give its parts to different connections.

use std::future::Future;
use std::mem;
use std::sync::Arc;

use ctx_key_verifier::SourceError;
use ctx_key_verifier::postgres::Config;
use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};

use super::cancel::cancel;
use super::value::{Row, Value};
use super::{ACQUIRE_TIMEOUT, DatabaseError, PoolStatus, STATEMENT_TIMEOUT, within};

/// The time limits hold in the server, too, for a client that is gone. Only within the transaction: the connection may
/// be another client's afterwards.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 5000; SET LOCAL lock_timeout = 2000; \
                     SET LOCAL idle_in_transaction_session_timeout = 10000";

const BEGIN_WITHOUT_LIMITS: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
                                    SET LOCAL idle_in_transaction_session_timeout = 0";

/// Connections to one database.
#[derive(Clone)]
pub(super) struct Pool {
    connections: deadpool_postgres::Pool,
    config: Arc<Config>,
}

impl Pool {
    pub(super) fn new(url: &str, size: usize) -> Result<Self, DatabaseError> {
        let mut config = Config::new(url).map_err(|error| DatabaseError::Unavailable(error.to_string()))?;
        if config.postgres.get_application_name().is_none() {
            config.postgres.application_name("ctx-key-server");
        }
        Ok(Self { connections: config.pool(size), config: Arc::new(config) })
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
        let client = self.connections.get().await.map_err(SourceError::from)?;
        Ok(Connection { client: Some(client), config: self.config.clone(), state: State::Idle })
    }

    pub(super) async fn begin(&self, is_limited: bool) -> Result<Connection, DatabaseError> {
        let mut connection = self.acquire().await?;
        let begin = if is_limited { BEGIN } else { BEGIN_WITHOUT_LIMITS };
        within(Some(STATEMENT_TIMEOUT), connection.execute_batch(begin)).await?;
        connection.state = State::InTransaction;
        Ok(connection)
    }
}

/// Asks the server to end the running statement, and closes the connection when it has ended. Not before: a pooler would
/// not know any more which statement is meant.
fn end_statement(client: Object, config: Arc<Config>) {
    let client = Object::take(client);
    let Ok(runtime) = Handle::try_current() else { return };
    runtime.spawn(async move {
        let end = async {
            cancel(client.cancel_token(), &config).await;
            // answers come in the order of their statements
            client.simple_query("").await
        };
        let _ = timeout(ACQUIRE_TIMEOUT, end).await;
    });
}

/// What a connection is at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    InTransaction,
    /// A statement was sent, and its answer has not come.
    Running,
    /// The same, and the statement must not be cancelled: a commit would be reported as done and not be replicated.
    Committing,
}

/// A connection of the pool.
pub(super) struct Connection {
    client: Option<Object>,
    config: Arc<Config>,
    state: State,
}

impl Drop for Connection {
    /// Returns the connection to the pool, if nothing is left of this use of it.
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        match self.state {
            State::Idle => drop(client),
            State::InTransaction => roll_back(client, self.config.clone()),
            State::Running => end_statement(client, self.config.clone()),
            State::Committing => drop(Object::take(client)),
        }
    }
}

fn roll_back(client: Object, config: Arc<Config>) {
    let Ok(runtime) = Handle::try_current() else { return drop(Object::take(client)) };
    runtime.spawn(async move {
        let mut connection = Connection { client: Some(client), config, state: State::Idle };
        if within(Some(STATEMENT_TIMEOUT), connection.execute_batch("ROLLBACK")).await.is_err() {
            connection.state = State::Running;
        }
    });
}

impl Connection {
    pub(super) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, DatabaseError> {
        let (client, state) = self.parts()?;
        let rows = run(state, client.query_typed(sql, &typed(values))).await?;
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
        self.state = State::Committing;
        let (client, state) = self.parts()?;
        // after an error, the connection is closed: the transaction may be open
        client.batch_execute("COMMIT").await.map_err(SourceError::from)?;
        *state = State::Idle;
        Ok(())
    }

    fn parts(&mut self) -> Result<(&tokio_postgres::Client, &mut State), DatabaseError> {
        let client: &tokio_postgres::Client = self.client.as_ref().ok_or(DatabaseError::Busy)?;
        Ok((client, &mut self.state))
    }
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
