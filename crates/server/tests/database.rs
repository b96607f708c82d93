//! Connections and transactions that are given up, on both databases.

mod common;
mod trouble;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Data, wait};
use ctx_key_server::database::{CONNECTIONS, Database, DatabaseError, Location};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use trouble::{database_file, execute, number};

/// More than there are connections.
const MANY: i64 = 20;

const SOON: Duration = Duration::from_millis(100);

fn open(data: &Data) -> Database {
    let location = match data.server_url() {
        Some(url) => Location::Postgres(url),
        None => Location::Sqlite(database_file(data)),
    };
    Database::open(location).unwrap()
}

/// A statement that takes longer than a test does.
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
fn a_statement_that_nobody_waits_for_ends_and_its_connection_is_not_used_again() {
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

/// A statement outside of a transaction is one.
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

#[test]
fn what_a_transaction_announced_is_heard_before_its_commit_is_answered_and_after_an_error_too() {
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

#[test]
fn a_commit_after_a_failed_statement_is_an_error() {
    let data = table();
    Runtime::new().unwrap().block_on(async {
        let database = open(&data);
        let mut transaction = database.begin().await.unwrap();
        transaction.execute("INSERT INTO t (a) VALUES (1)", &[]).await.unwrap();
        transaction.query("SELECT a FROM nothing", &[]).await.unwrap_err();
        let expected = DatabaseError::Unexpected("a statement failed before the commit".into());
        assert_eq!(transaction.commit().await, Err(expected));
    });
    assert_eq!(number(&data, "SELECT count(*) FROM t"), Some(0));
}
