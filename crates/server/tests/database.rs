//! Connections, transactions and statements of both databases, above all those that their caller abandons.

mod common;
mod trouble;

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use common::{DEADLINE, Data, becomes, wait};
use ctx_key_server::database::{CONNECTIONS, Database, DatabaseError, Location};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use trouble::{database_file, execute, number, skip, while_locked};

/// A number of turns that is greater than the number of connections.
const MANY: i64 = 20;

const SOON: Duration = Duration::from_millis(100);

fn open(data: &Data) -> Database {
    Database::open(location(data)).unwrap()
}

fn location(data: &Data) -> Location {
    match data.server_url() {
        Some(url) => Location::Postgres(url),
        None => Location::Sqlite(database_file(data)),
    }
}

/// Returns a statement that takes longer than any test.
fn endless(data: &Data) -> &'static str {
    if data.is_postgres() {
        "SELECT pg_sleep(600)::text AS slept"
    } else {
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS slept FROM n"
    }
}

fn table() -> Data {
    let data = Data::new();
    execute(&data, "CREATE TABLE t (a bigint)");
    data
}

#[test]
fn an_abandoned_statement_ends_and_its_connection_is_not_used_again() {
    let data = table();
    let sql = endless(&data);
    Runtime::new().unwrap().block_on(async {
        let database = open(&data);
        for turn in 0..CONNECTIONS as i64 / 2 - 1 {
            let mut connection = database.acquire().await.unwrap();
            timeout(SOON, connection.query(sql, &[])).await.unwrap_err();
            drop(connection);
            let mut transaction = database.begin().await.unwrap();
            transaction.execute("INSERT INTO t (a) VALUES ($1)", &[turn.into()]).await.unwrap();
            timeout(SOON, transaction.query(sql, &[])).await.unwrap_err();
            drop(transaction);
            let mut connection = database.acquire().await.unwrap();
            let row = connection.query_one("SELECT $1 + 0 AS a, count(*) AS b FROM t", &[turn.into()]).await;
            let row = row.unwrap();
            assert_eq!((row.get("a"), row.get("b")), (Ok(turn), Ok(0_i64)));
        }
        wait(|| database.pool_status().in_use == 0);
    });
    if data.is_postgres() {
        let running = "SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(600)%' \
                       AND pid <> pg_backend_pid()";
        assert_eq!(number(&data, running), Some(0));
    }
}

/// A statement outside of a transaction is a transaction of its own.
#[test]
fn a_statement_that_fails_leaves_its_connection_as_it_was() {
    let data = table();
    Runtime::new().unwrap().block_on(async {
        let database = open(&data);
        let mut connection = database.acquire().await.unwrap();
        connection.query("SELECT a FROM nothing", &[]).await.unwrap_err();
        let row = connection.query_one("SELECT $1 + 0 AS a", &[7.into()]).await.unwrap();
        assert_eq!(row.get("a"), Ok(7_i64));
        drop(connection);
        let mut transaction = database.begin().await.unwrap();
        transaction.execute("INSERT INTO t (a) VALUES (1)", &[]).await.unwrap();
        transaction.commit().await.unwrap();
    });
    assert_eq!(number(&data, "SELECT count(*) FROM t"), Some(1));
}

#[test]
fn a_transaction_that_is_dropped_is_rolled_back() {
    let data = table();
    Runtime::new().unwrap().block_on(async {
        let database = open(&data);
        for turn in 0..MANY {
            let mut transaction = database.begin().await.unwrap();
            transaction.execute("INSERT INTO t (a) VALUES ($1)", &[turn.into()]).await.unwrap();
            transaction.announce("never");
        }
        let mut transaction = database.begin().await.unwrap();
        transaction.execute("INSERT INTO t (a) VALUES (-1)", &[]).await.unwrap();
        transaction.commit().await.unwrap();
    });
    assert_eq!(number(&data, "SELECT min(a) + count(*) - 1 FROM t"), Some(-1));
}

/// The lock is released as soon as the transaction is dropped, and not when the pool hands out the connection again.
#[test]
fn a_transaction_that_is_dropped_keeps_no_lock() {
    let data = table();
    let runtime = Runtime::new().unwrap();
    let database = open(&data);
    runtime.block_on(async {
        let mut transaction = database.begin().await.unwrap();
        transaction.execute("INSERT INTO t (a) VALUES (1)", &[]).await.unwrap();
    });
    // this statement of another program would wait for the lock
    execute(&data, "DELETE FROM t");
}

/// A writer of SQLite waits for the writer before it without a connection, so that readers can use all other connections.
#[test]
fn a_writer_that_waits_keeps_no_connection_from_readers() {
    let data = table();
    if data.is_postgres() {
        return;
    }
    Runtime::new().unwrap().block_on(async {
        let database = open(&data);
        let transaction = database.begin().await.unwrap();
        let waiting: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let database = database.clone();
                tokio::spawn(async move { database.begin().await.map(drop) })
            })
            .collect();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(database.pool_status().in_use, 1);
        }
        drop(transaction);
        for waiting in waiting {
            waiting.await.unwrap().unwrap();
        }
    });
}

/// All other connections stay free for short reads and for writes.
#[test]
fn a_quarter_of_the_connections_can_be_in_long_reads() {
    let data = table();
    Runtime::new().unwrap().block_on(async {
        let database = open(&data);
        let begin = async || database.begin_reading(DEADLINE).await;
        let mut readers = [begin().await.unwrap(), begin().await.unwrap()];
        assert_eq!(CONNECTIONS / 4, readers.len());
        assert_eq!(begin().await.map(drop), Err(DatabaseError::Busy));
        // both readers go on, and each sees the snapshot of its first statement
        let sql = "SELECT count(*) AS a FROM t";
        for reader in &mut readers {
            assert_eq!(reader.query_one(sql, &[]).await.unwrap().get("a"), Ok(0_i64));
        }
        let mut transaction = database.begin().await.unwrap();
        transaction.execute("INSERT INTO t (a) VALUES (1)", &[]).await.unwrap();
        transaction.commit().await.unwrap();
        let [mut first, second] = readers;
        assert_eq!(first.query_one(sql, &[]).await.unwrap().get("a"), Ok(0_i64));
        drop(second);
        let mut third = begin().await.unwrap();
        assert_eq!(third.query_one(sql, &[]).await.unwrap().get("a"), Ok(1_i64));
    });
}

#[test]
fn a_single_connection_can_be_in_a_long_read() {
    let data = table();
    Runtime::new().unwrap().block_on(async {
        let database = Database::open_with(location(&data), 1).unwrap();
        let mut reader = database.begin_reading(DEADLINE).await.unwrap();
        let row = reader.query_one("SELECT count(*) AS a FROM t", &[]).await.unwrap();
        assert_eq!(row.get("a"), Ok(0_i64));
    });
}

/// SQLite ignores an interrupt that comes before the statement has begun, so the interrupt is repeated.
#[test]
fn a_statement_that_is_given_up_before_it_begins_ends() {
    let data = table();
    let sql = endless(&data);
    let runtime = Builder::new_multi_thread().max_blocking_threads(1).enable_all().build().unwrap();
    let is_free = runtime.block_on(async {
        let database = open(&data);
        let mut connection = database.acquire().await.unwrap();
        // the only thread for statements is busy until the test sends `begin`
        let (begin, begins) = mpsc::channel();
        let _busy = tokio::task::spawn_blocking(move || begins.recv());
        timeout(Duration::ZERO, connection.query(sql, &[])).await.unwrap_err();
        drop(connection);
        begin.send(()).unwrap();
        let next = timeout(DEADLINE, tokio::task::spawn_blocking(|| ())).await.is_ok();
        next && becomes(|| database.pool_status().in_use == 0)
    });
    // without waiting for a thread, because the statement may still run
    runtime.shutdown_background();
    assert!(is_free, "the statement goes on");
}

#[test]
fn a_limit_of_statements_ends_them() {
    let data = table();
    let sql = endless(&data);
    Runtime::new().unwrap().block_on(async {
        let database = open(&data);
        let mut transaction = database.begin_without_limits().await.unwrap();
        transaction.limit_statements(SOON).await.unwrap();
        let ended = timeout(DEADLINE, transaction.query(sql, &[])).await.expect("an end");
        assert!(ended.is_err_and(|error| error.is_temporary()));
    });
}

/// A command of the operator waits for a lock for as long as another program, for example an import, holds the lock.
#[test]
fn a_transaction_without_limits_waits_for_a_lock() {
    let data = table();
    let longer_than_a_request_waits = Duration::from_millis(2_500);
    // SQLite waits at the start of the transaction, and PostgreSQL at the statement
    let insert = "INSERT INTO t (a) VALUES (1)";
    let runtime = Runtime::new().unwrap();
    let database = open(&data);
    let waiting = while_locked(&data, "t", || {
        let waiting = {
            let database = database.clone();
            runtime.spawn(async move { database.begin_without_limits().await?.execute(insert, &[]).await })
        };
        let refused = runtime.block_on(async { database.begin().await?.execute(insert, &[]).await });
        assert_eq!(refused, Err(DatabaseError::Busy));
        thread::sleep(longer_than_a_request_waits);
        waiting
    });
    assert_eq!(runtime.block_on(waiting).unwrap(), Ok(1));
}

#[test]
fn the_url_of_the_operator_may_name_the_connections_to_postgresql() {
    let data = Data::new();
    let Some(url) = data.server_url() else {
        return skip("the_url_of_the_operator_may_name_the_connections_to_postgresql");
    };
    Runtime::new().unwrap().block_on(async {
        for (parameter, expected) in [("", "ctx-key-server"), ("?application_name=ops", "ops")] {
            let database = Database::open(Location::Postgres(format!("{url}{parameter}"))).unwrap();
            let mut connection = database.acquire().await.unwrap();
            let row = connection.query_one("SELECT current_setting('application_name') AS name", &[]).await;
            assert_eq!(row.unwrap().get("name"), Ok(expected.to_owned()));
        }
    });
}

/// With these settings, a key that was shown survives a power failure, and each row that another row refers to exists.
#[test]
fn each_connection_to_sqlite_is_safe() {
    let data = table();
    if data.is_postgres() {
        return;
    }
    Runtime::new().unwrap().block_on(async {
        let mut connection = open(&data).acquire().await.unwrap();
        for (sql, column, expected) in [
            ("PRAGMA synchronous", "synchronous", 2_i64),
            ("PRAGMA foreign_keys", "foreign_keys", 1),
            ("PRAGMA busy_timeout", "timeout", 2_000),
        ] {
            assert_eq!(connection.query_one(sql, &[]).await.unwrap().get(column), Ok(expected), "{sql}");
        }
        let mode = connection.query_one("PRAGMA journal_mode", &[]).await.unwrap();
        assert_eq!(mode.get("journal_mode"), Ok("wal".to_owned()));
    });
}

#[test]
fn a_column_is_read_as_what_it_is() {
    let data = table();
    Runtime::new().unwrap().block_on(async {
        let database = open(&data);
        let mut connection = database.acquire().await.unwrap();
        let sql = "SELECT $1 + 0 AS int, $2 * 1.0 AS real, $3 || '' AS text, $4 AS bytes, NULL AS absent";
        let values = [7.into(), 1.5.into(), "é".into(), vec![0, 255].into()];
        let row = connection.query_one(sql, &values).await.unwrap();
        assert_eq!(row.get("int"), Ok(7_i64));
        assert_eq!(row.get("int"), Ok(Some(7_i64)));
        assert_eq!(row.get("text"), Ok("é".to_owned()));
        assert_eq!(row.get("bytes"), Ok(vec![0_u8, 255]));
        assert_eq!(row.get("absent"), Ok(None::<String>));
        assert_eq!(row.get::<String>("int"), Err(DatabaseError::Corrupt("int")));
        let message = "the column int holds an unexpected type or value: repair or remove the row";
        assert_eq!(DatabaseError::Corrupt("int").to_string(), message);
        assert_eq!(row.get::<Option<i64>>("text"), Err(DatabaseError::Corrupt("text")));
        assert_eq!(row.get::<String>("absent"), Err(DatabaseError::Corrupt("absent")));
        let missing = "the statement selects no column other";
        assert_eq!(row.get::<i64>("other"), Err(DatabaseError::Unexpected(missing.to_owned())));

        let none = "SELECT a FROM t WHERE a = -1";
        assert!(connection.query_opt(none, &[]).await.unwrap().is_none());
        let missing = "a statement that returns a row returned none";
        let found = connection.query_one(none, &[]).await.map(drop);
        assert_eq!(found, Err(DatabaseError::Unexpected(missing.to_owned())));
        if data.is_postgres() {
            return;
        }
        assert_eq!(row.get("real"), Ok(1.5));
        let row = connection.query_one("SELECT CAST(x'61ff' AS TEXT) AS text", &[]).await.unwrap();
        assert_eq!(row.get::<String>("text"), Err(DatabaseError::Corrupt("text")));
        let found = connection.query("SELECT b FROM t", &[]).await.map(drop);
        assert_eq!(found, Err(DatabaseError::Unexpected("SQLite: no such column: b".to_owned())));
        // the driver's own message may contain the values
        let fault = "SQLite: the statement does not fit its parameters or rows";
        let found = connection.query("SELECT $1 AS a", &["a".into(), "secret".into()]).await.map(drop);
        assert_eq!(found, Err(DatabaseError::Unexpected(fault.to_owned())));
    });
}

#[test]
fn the_hook_gets_announced_texts_before_the_commit_returns_and_even_if_it_fails() {
    let data = table();
    execute(
        &data,
        "CREATE TABLE u (a bigint PRIMARY KEY, b bigint REFERENCES u (a) DEFERRABLE INITIALLY DEFERRED)",
    );
    Runtime::new().unwrap().block_on(async {
        let (database, heard) = (open(&data), Arc::new(Mutex::new(Vec::new())));
        let copy = heard.clone();
        database.on_commit(move |text| copy.lock().unwrap().push(text.to_owned()));
        let mut transaction = database.begin().await.unwrap();
        transaction.announce("first");
        transaction.announce("second");
        transaction.commit().await.unwrap();
        assert_eq!(*heard.lock().unwrap(), ["first", "second"]);

        drop(database.begin().await.map(|mut transaction| transaction.announce("dropped")));
        let mut transaction = database.begin().await.unwrap();
        transaction.execute("INSERT INTO u (a, b) VALUES (1, 2)", &[]).await.unwrap();
        transaction.announce("third");
        let error = transaction.commit().await.unwrap_err();
        assert!(matches!(error, DatabaseError::Unexpected(_)), "{error}");
        assert_eq!(*heard.lock().unwrap(), ["first", "second", "third"]);
        assert_eq!(database.acquire().await.unwrap().query("SELECT a FROM u", &[]).await.unwrap().len(), 0);
    });
}

/// A verifier that heard of a change too early would read the old record again.
#[test]
fn what_a_transaction_announced_is_heard_once_others_can_read_it() {
    let data = Arc::new(table());
    Runtime::new().unwrap().block_on(async {
        let (database, seen) = (open(&data), Arc::new(Mutex::new(Vec::new())));
        let (of_hook, copy) = (data.clone(), seen.clone());
        database.on_commit(move |_| {
            let data = of_hook.clone();
            // on another thread, because the client blocks
            let rows = thread::spawn(move || number(&data, "SELECT count(*) FROM t")).join().unwrap();
            copy.lock().unwrap().push(rows);
        });
        let mut transaction = database.begin().await.unwrap();
        transaction.execute("INSERT INTO t (a) VALUES (1)", &[]).await.unwrap();
        transaction.announce("a change");
        transaction.commit().await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [Some(1)]);
    });
}

#[test]
fn a_commit_after_a_failed_statement_is_an_error() {
    let data = table();
    Runtime::new().unwrap().block_on(async {
        let database = open(&data);
        for kind in ["query", "query_opt", "execute", "execute_batch"] {
            let mut transaction = database.begin().await.unwrap();
            transaction.execute("INSERT INTO t (a) VALUES (1)", &[]).await.unwrap();
            let failed = match kind {
                "query" => transaction.query("SELECT a FROM nothing", &[]).await.map(drop),
                "query_opt" => transaction.query_opt("SELECT a FROM nothing", &[]).await.map(drop),
                "execute" => transaction.execute("DELETE FROM nothing", &[]).await.map(drop),
                _ => transaction.execute_batch("DELETE FROM nothing").await,
            };
            failed.expect_err(kind);
            let expected = DatabaseError::Unexpected("a statement failed before the commit".into());
            assert_eq!(transaction.commit().await, Err(expected), "{kind}");
        }
    });
    assert_eq!(number(&data, "SELECT count(*) FROM t"), Some(0));
}
