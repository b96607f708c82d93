//! A source opens a file that has its tables, or says what is missing.

use std::thread;
use std::time::Duration;

use ctx_key_verifier::SourceError;
use ctx_key_verifier::sqlite::{CHANGE_LOG, Options, SCHEMA, SqliteSource};
use rusqlite::ErrorCode;

use crate::{File, Reader, insert, keys, record, text};

#[tokio::test]
async fn opening_says_what_is_missing() {
    let file = File { folder: tempfile::tempdir().unwrap() };
    let error = file.open_error().await;
    assert_eq!(error, "the database is unavailable: there is no file at the path of the database");
    assert!(!file.path().exists());

    let unexpected = |text: &str| format!("unexpected answer of the database: {text}");
    let missing = "the table api_keys is missing: apply SCHEMA, then CHANGE_LOG";
    let not_a_database = "SQLite: Error code 26: file is not a database";
    for (content, expected) in [("", missing), ("some text, and not a database", not_a_database)] {
        std::fs::write(file.path(), content).unwrap();
        assert_eq!(file.open_error().await, unexpected(expected));
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), content);
    }
    std::fs::remove_file(file.path()).unwrap();

    let columns = "id digest project scopes not_before expires_at retires_at revoked_at last_used_at";
    for missing in columns.split(' ') {
        let others: Vec<_> = columns.split(' ').filter(|column| *column != missing).collect();
        file.execute(&format!("CREATE TABLE api_keys ({})", others.join(", ")));
        let expected = format!("the table api_keys has no column {missing}: add it as SCHEMA has it");
        assert_eq!(file.open_error().await, unexpected(&expected));
        file.execute("DROP TABLE api_keys");
    }
    let columns = columns.replace(' ', ", ");
    for (column, kind) in [("project", ""), ("revoked_at", "STORED")] {
        let generated = columns.replace(column, &format!("another, {column} AS (another) {kind}"));
        file.execute(&format!("CREATE TABLE api_keys ({generated})"));
        let expected = format!(
            "the column {column} of the table api_keys is generated, and no trigger notices its changes: make it an \
             ordinary column"
        );
        assert_eq!(file.open_error().await, unexpected(&expected));
        file.execute("DROP TABLE api_keys");
    }
    file.execute(SCHEMA);
    let missing = "the change log or a trigger of it is missing: apply CHANGE_LOG";
    assert_eq!(file.open_error().await, unexpected(missing));

    file.execute(CHANGE_LOG);
    file.source().await;

    let error = SqliteSource::open(file.path().join("keys"), Options::default()).await.unwrap_err();
    let expected = "the file of the database can't be examined: Not a directory (os error 20)";
    assert_eq!(text(error), format!("the database is unavailable: {expected}"));

    std::fs::remove_file(file.path()).unwrap();
    std::fs::create_dir(file.path()).unwrap();
    let error = file.open_error().await;
    assert_eq!(error, "the database is unavailable: SQLite: Error code 14: unable to open database file");
}

#[tokio::test]
async fn missing_tables_are_created_if_the_option_says_so() {
    let file = File { folder: tempfile::tempdir().unwrap() };
    let options = Options { create: true, ..Options::default() };
    let mut reader = Reader::new(file.source_with(options.clone()).await).await;
    insert(&file.connect(), &record(1));
    assert_eq!(reader.changed().await, keys(&[1]));
    // tables that exist are not changed
    let other = Reader::new(file.source_with(options.clone()).await).await;
    assert_eq!(other.cursor, reader.cursor);
    assert_eq!(reader.changed().await, keys(&[]));
    // no lock is needed if all tables exist
    let writer = file.connect();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let impatient = Options { busy_timeout: Duration::ZERO, ..options.clone() };
    Reader::new(file.source_with(impatient).await).await;
    writer.execute_batch("COMMIT").unwrap();
    // a file that is removed later is not created again
    std::fs::remove_file(file.path()).unwrap();
    reader.read().await.unwrap_err();
    assert!(!file.path().exists());
}

#[tokio::test]
async fn missing_tables_are_created_all_or_none() {
    let file = File { folder: tempfile::tempdir().unwrap() };
    file.execute("CREATE TABLE api_key_log (another)");
    let options = Options { create: true, ..Options::default() };
    SqliteSource::open(file.path(), options).await.unwrap_err();
    assert_eq!(file.number("SELECT count(*) FROM sqlite_schema"), 1);
}

#[test]
fn the_table_refuses_rows_that_are_not_records() {
    let file = File::new();
    let db = file.connect();
    insert(&db, &record(1));
    for change in [
        "id = '00000000001'",
        "id = '0000000000001'",
        "id = NULL",
        "digest = zeroblob(31)",
        "digest = zeroblob(33)",
        "digest = '00000000000000000000000000000000'",
        "digest = NULL",
        "project = NULL",
        "project = x'61'",
        "scopes = NULL",
        "scopes = 'memories:read'",
        "not_before = 'now'",
        "expires_at = 'now'",
        "retires_at = 'now'",
        "revoked_at = 'now'",
    ] {
        let error = db.execute(&format!("UPDATE api_keys SET {change}"), []).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::ConstraintViolation), "{change}: {error}");
    }
    // the API of incremental blob I/O, which triggers do not see, needs a rowid
    let error = db.prepare("SELECT rowid FROM api_keys").unwrap_err();
    assert!(error.to_string().contains("no such column: rowid"), "{error}");
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let expected = Options {
        create: false,
        connections: 4,
        busy_timeout: Duration::from_secs(2),
        retention: Duration::from_secs(300),
    };
    assert_eq!(Options::default(), expected);
}

#[tokio::test]
async fn several_sources_can_open_a_new_file_at_once() {
    let file = File { folder: tempfile::tempdir().unwrap() };
    let options = Options { create: true, ..Options::default() };
    let opened: Vec<_> =
        (0..8).map(|_| tokio::spawn(SqliteSource::open(file.path(), options.clone()))).collect();
    for source in opened {
        Reader::new(source.await.unwrap().unwrap()).await;
    }
}

/// The switch to the WAL mode needs exclusive access. SQLite itself waits for readers, but not for a writer.
#[tokio::test]
async fn opening_waits_for_others_that_use_the_file() {
    for begin in ["BEGIN; SELECT * FROM api_keys", "BEGIN IMMEDIATE"] {
        let file = File::new();
        let user = file.connect();
        user.execute_batch(begin).unwrap();
        let open =
            |busy_timeout| SqliteSource::open(file.path(), Options { busy_timeout, ..Options::default() });
        let error = open(Duration::from_millis(20)).await.unwrap_err();
        assert!(matches!(error, SourceError::Busy), "{begin}: {error:?}");
        let end = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            user.execute_batch("COMMIT").unwrap();
        });
        open(Duration::from_secs(600)).await.expect(begin);
        end.join().unwrap();
    }
}
