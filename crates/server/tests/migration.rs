//! A database is only upgraded: each step runs once, and servers that can't use the database afterwards are refused.

mod common;
mod trouble;

use std::process::Output;
use std::thread;
use std::time::Duration;

use common::{Data, Server};
use ctx_key::ApiKey;
use ctx_key_server::database::{Database, DatabaseError, Location, STATEMENT_TIMEOUT};
use ctx_key_server::store::migration::{self, MigrationError, STEPS, Step};
use tokio::runtime::Runtime;
use trouble::{Fixture, database_file, execute, insert, number, postgres, sqlite, status};

/// The latest version of the schema that the program knows.
const LATEST: i64 = STEPS.len() as i64;

fn database(data: &Data) -> Database {
    let location = match data.server_url() {
        Some(url) => Location::Postgres(url),
        None => Location::Sqlite(database_file(data)),
    };
    Database::open(location).expect("a location")
}

fn prepare(data: &Data, steps: &[Step], statement_timeout: Duration) -> Result<(), MigrationError> {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async { migration::prepare(&database(data), steps, statement_timeout).await })
}

fn migrate(data: &Data, steps: &[Step]) -> Result<(), MigrationError> {
    Runtime::new().unwrap().block_on(async { migration::migrate(&database(data), steps).await })
}

fn version(data: &Data) -> Option<i64> {
    number(data, "SELECT max(version) FROM schema_version")
}

/// Returns the number of change logs, by the triggers that write them.
fn change_logs(data: &Data) -> Option<i64> {
    let sql = if data.is_postgres() {
        "SELECT count(DISTINCT tgfoid) FROM pg_trigger WHERE tgrelid = 'api_keys'::regclass AND NOT tgisinternal"
    } else {
        "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name = 'api_key_updated'"
    };
    number(data, sql)
}

#[test]
fn an_empty_database_is_migrated_once() {
    let data = Data::new();
    Server::start(&data).stop();
    assert_eq!(version(&data), Some(LATEST));
    let key = ApiKey::generate();
    execute(
        &data,
        "INSERT INTO accounts (id, email, password, created_at) VALUES ('acc', 'a@example.com', '', 0); \
         INSERT INTO companies (id, account, name, slug, created_at) VALUES ('org', 'acc', 'A', 'a', 0); \
         INSERT INTO projects (id, company, name, created_at) VALUES ('proj', 'org', 'P', 0)",
    );
    insert(&data, "proj", &key);
    std::fs::write(data.folder.path().join("has-accounts"), "").unwrap();
    let before = schema(&data);
    let server = Server::start(&data);
    assert_eq!(status(&server, key.expose_secret()), 200);
    assert_eq!(change_logs(&data), Some(1));
    assert_eq!(schema(&data), before);
}

/// Returns numbers that change with the schema.
fn schema(data: &Data) -> Vec<Option<i64>> {
    let parts: &[&str] = if data.is_postgres() {
        &[
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public'",
            "SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'",
        ]
    } else {
        &["PRAGMA schema_version", "SELECT count(*) FROM sqlite_master"]
    };
    parts.iter().chain(&["SELECT count(*) FROM schema_version"]).map(|sql| number(data, sql)).collect()
}

#[track_caller]
fn assert_refuses(output: Output, message: &str) {
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), message);
}

/// Returns the steps of a later version of the program, which has one more.
fn later(oldest_server: i64) -> Vec<Step> {
    let statements = &["CREATE TABLE later (a bigint)"];
    [STEPS, &[Step { sqlite: statements, postgres: statements, oldest_server }]].concat()
}

#[test]
fn old_and_new_servers_run_side_by_side_after_a_step_that_allows_it() {
    let fixture = Fixture::new();
    let key = fixture.key();
    prepare(&fixture.data, &later(1), STATEMENT_TIMEOUT).unwrap();
    assert_eq!(version(&fixture.data), Some(LATEST + 1));
    assert_eq!(status(&fixture.server, &key), 200);
    let another_old = Server::start(&fixture.data);
    assert_eq!(status(&another_old, &key), 200);
    assert_eq!(version(&fixture.data), Some(LATEST + 1));
}

#[test]
fn a_step_that_stops_old_servers_is_left_to_the_operator() {
    let data = Data::new();
    Server::start(&data).stop();
    let before = schema(&data);
    let steps = later(LATEST + 1);
    let error = prepare(&data, &steps, STATEMENT_TIMEOUT).unwrap_err();
    let (old, new) = (LATEST, LATEST + 1);
    let message = format!(
        "servers of version {old} can't use the database after its upgrade to version {new}: stop all of them, then run \
         `ctx-key-server migrate`"
    );
    assert_eq!(error.to_string(), message);
    assert_eq!(schema(&data), before);
    migrate(&data, &steps).unwrap();
    // then a new server can start
    prepare(&data, &steps, STATEMENT_TIMEOUT).unwrap();
    assert_eq!(version(&data), Some(LATEST + 1));
    let before = schema(&data);
    let message = format!(
        "error: the database has version {new}, which needs a server that knows version {new}, and this server knows \
         version {old}: start a newer server\n"
    );
    assert_refuses(data.run(&[]), &message);
    assert_refuses(data.run(&["migrate"]), &message);
    assert_eq!(schema(&data), before);
}

#[test]
fn only_the_command_runs_a_slow_step() {
    let data = Data::new();
    assert!(data.run(&["migrate"]).status.success());
    assert_eq!(version(&data), Some(LATEST));
    let slow = Step {
        sqlite: &[
            "CREATE TABLE slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) \
             SELECT count(*) AS a FROM n",
        ],
        // longer than STATEMENT_TIMEOUT
        postgres: &["CREATE TABLE slow AS SELECT 1 AS a FROM pg_sleep(6)"],
        oldest_server: 1,
    };
    let (steps, before) = ([STEPS, &[slow]].concat(), schema(&data));
    let error = prepare(&data, &steps, Duration::from_millis(1)).unwrap_err();
    assert!(matches!(error, MigrationError::Slow), "{error}");
    let message = "the upgrade of the database takes longer than a start may wait for it: run `ctx-key-server migrate`, \
                   which has no time limit";
    assert_eq!(error.to_string(), message);
    assert_eq!(schema(&data), before);
    migrate(&data, &steps).unwrap();
    assert_eq!(version(&data), Some(LATEST + 1));
}

#[test]
fn a_step_that_fails_changes_nothing() {
    let data = Data::new();
    let statements = &["CREATE TABLE half (a bigint)", "SELECT a FROM nothing"];
    let steps = [STEPS, &[Step { sqlite: statements, postgres: statements, oldest_server: 1 }]].concat();
    let error = migrate(&data, &steps).unwrap_err();
    assert!(matches!(error, MigrationError::Database(DatabaseError::Unexpected(_))), "{error}");
    // the other steps of the transaction were undone too, so the server can run them
    Server::start(&data).stop();
    assert_eq!(version(&data), Some(LATEST));
}

#[test]
fn servers_that_start_at_once_wait_for_one_migration() {
    let data = Data::new();
    // another process holds the lock of a migration for longer than a request would wait
    let release: Box<dyn FnOnce()> = if data.is_postgres() {
        let mut client = postgres(&data);
        client.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(4127063)").unwrap();
        Box::new(move || client.batch_execute("ROLLBACK").unwrap())
    } else {
        let client = sqlite(&data);
        client.execute_batch("BEGIN IMMEDIATE").unwrap();
        Box::new(move || client.execute_batch("ROLLBACK").unwrap())
    };
    thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(|| Server::start(&data))).collect();
        thread::sleep(Duration::from_secs(3));
        release();
        for server in starting {
            assert_eq!(server.join().unwrap().get("/readyz", None).status(), 200);
        }
    });
    assert_eq!(number(&data, "SELECT count(*) FROM schema_version"), Some(LATEST));
}

/// The command opens the database, prints an invitation, and ends.
#[test]
fn an_invitation_prints_no_error() {
    let data = Data::new();
    assert!(data.run(&["migrate"]).status.success());
    let output = data.run(&["invite"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && message.is_empty(), "{message}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("/set-up?link="));
}
