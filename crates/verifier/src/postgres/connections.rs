//! Connections that run one statement at a time.

use std::fmt;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::error::unavailable;
use crate::SourceError;

/// The values of a statement, with their types.
pub(super) type Parameters<'p> = &'p [(&'p (dyn ToSql + Sync), Type)];

/// A pool of connections that run one statement at a time. Clones share the pool.
#[derive(Clone)]
pub(super) struct Connections {
    pool: Pool,
    /// Maximum time that a statement keeps its place in the pool after its caller gave up.
    linger: Duration,
}

impl Connections {
    /// Creates connections whose statements keep their place in the pool for up to `linger` after their caller gave up.
    ///
    /// A statement that waits for a lock goes on when its caller gives up. If its place was free at once, the next caller's
    /// statement would wait for the lock on one more connection, and so on without end.
    ///
    /// A request to cancel the statement would end it, but PgBouncer 1.18 crashes on some such requests.
    pub(super) fn new(pool: Pool, linger: Duration) -> Self {
        Self { pool, linger }
    }

    /// Runs a statement in one round trip, and returns all its rows.
    pub(super) async fn query(
        &self,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, SourceError> {
        // an attempt to connect goes on if the caller gives up: otherwise, callers with short time-outs would restart it
        // again and again, and never get a connection
        let pool = self.pool.clone();
        let connection = tokio::spawn(async move { pool.get().await }).await;
        let connection = connection.map_err(|_| unavailable("the program is shutting down"))??;
        let mut running = Running { connection: Some(connection), linger: self.linger };
        let Some(connection) = &running.connection else { unreachable!("only `end` takes the connection") };
        let result = connection.query_typed(statement, parameters).await;
        running.end(result.is_ok());
        Ok(result?)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}

/// A connection whose statement may be running. It goes back to its pool only after a statement that succeeded, or that
/// ended after its caller gave up.
struct Running {
    connection: Option<Object>,
    linger: Duration,
}

impl Running {
    fn end(&mut self, is_intact: bool) {
        if let Some(connection) = self.connection.take() {
            give_back(connection, is_intact);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let Ok(runtime) = Handle::try_current() else { return give_back(connection, false) };
        let linger = self.linger;
        runtime.spawn(async move {
            // the server answers in order, so an answer to this statement shows that the one before has ended
            let is_idle = matches!(timeout(linger, connection.simple_query("")).await, Ok(Ok(_)));
            give_back(connection, is_idle);
        });
    }
}

/// Puts a connection back into its pool, or closes it.
fn give_back(connection: Object, is_intact: bool) {
    if is_intact {
        drop(connection);
    } else {
        drop(Object::take(connection));
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::super::Config;
    use super::*;

    /// Starts a server that answers no statement. Returns a pool of one connection to it, and a channel with a message for
    /// each statement.
    async fn silent_server() -> (Pool, mpsc::UnboundedReceiver<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, statements) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 8192];
            assert!(client.read(&mut bytes).await.unwrap() > 0, "a start-up message");
            // AuthenticationOk and ReadyForQuery
            client.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await.unwrap();
            while client.read(&mut bytes).await.is_ok_and(|count| count > 0) {
                let _ = sender.send(());
            }
        });
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
        (Config::new(&url).unwrap().pool(1), statements)
    }

    /// The server still works on the statement, so the next one would wait for it.
    #[tokio::test]
    async fn a_statement_whose_caller_gave_up_keeps_its_place_only_in_a_runtime() {
        for is_outside in [false, true] {
            let (pool, mut statements) = silent_server().await;
            let connections = Connections::new(pool.clone(), Duration::from_secs(600));
            let mut call = Box::pin(async move { connections.query("SELECT 1", &[]).await.map(drop) });
            tokio::select! {
                result = &mut call => panic!("{result:?}"),
                statement = statements.recv() => assert_eq!(statement, Some(())),
            }
            assert_eq!((pool.status().size, pool.status().available), (1, 0));
            if is_outside {
                std::thread::spawn(move || drop(call)).join().unwrap();
            } else {
                drop(call);
            }
            let size = usize::from(!is_outside);
            assert_eq!((pool.status().size, pool.status().available), (size, 0), "outside: {is_outside}");
        }
    }
}
