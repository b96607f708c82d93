//! The example `own_source` runs, and its source reports what a verifier needs.

#[path = "../examples/own_source.rs"]
mod own_source;

use std::sync::{Arc, Mutex};

use ctx_key::{KeyDigest, KeyId, KeyRecord, Scope, UnixTime};
use ctx_key_verifier::sqlite::{CHANGE_LOG, SCHEMA};
use ctx_key_verifier::{Changed, Changes, LookedUp, Source, SourceError};
use own_source::Keys;
use rusqlite::Connection;

#[test]
fn the_example_runs() {
    own_source::main().unwrap();
}

/// Returns a source with the keys 1 to 3.
fn keys() -> Keys {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(&format!("{SCHEMA} {CHANGE_LOG}")).unwrap();
    let keys = Keys(Arc::new(Mutex::new(db)));
    for number in 1..4 {
        let insert = "INSERT INTO api_keys (id, digest, project, scopes, not_before, expires_at) VALUES";
        execute(&keys, &format!("{insert} ('{}', zeroblob(32), 'demo', 7, 1, 2)", id(number)));
    }
    keys
}

fn execute(keys: &Keys, sql: &str) {
    keys.0.lock().unwrap().execute_batch(sql).unwrap();
}

fn id(number: usize) -> KeyId {
    format!("{number:012}").parse().unwrap()
}

fn changed(numbers: &[usize]) -> Changed {
    Changed::Keys(numbers.iter().map(|&number| id(number)).collect())
}

#[tokio::test]
async fn the_source_of_the_example_finds_records() {
    let keys = keys();
    execute(&keys, "UPDATE api_keys SET retires_at = 3, revoked_at = 4 WHERE id = '000000000001'");
    execute(&keys, "UPDATE api_keys SET scopes = 64 WHERE id = '000000000003'");
    let record = |number| {
        let scopes = Scope::from_bits(7).unwrap();
        let digest = KeyDigest::from_bytes([0; 32]);
        let mut record = KeyRecord::from_parts(id(number), digest, Arc::<str>::from("demo"), scopes);
        record.not_before = Some(UnixTime::from_secs(1));
        record.expires_at = Some(UnixTime::from_secs(2));
        record
    };
    let mut first = record(1);
    first.retires_at = Some(UnixTime::from_secs(3));
    first.revoked_at = Some(UnixTime::from_secs(4));
    let found = keys.look_up(&[id(1), id(9), id(3), id(2)]).await.unwrap();
    assert_eq!(found, LookedUp { records: vec![first, record(2)], corrupt: vec![id(3)], cursor: 5 });
}

#[tokio::test]
async fn the_source_of_the_example_reports_changes() {
    let keys = keys();
    let first = keys.changes_since(None).await.unwrap();
    assert_eq!(first, Changes { changed: changed(&[]), cursor: 3 });
    for (sql, expected, cursor) in [
        ("UPDATE api_keys SET last_used_at = 1", changed(&[]), 3),
        ("UPDATE api_keys SET scopes = 1 WHERE id < '000000000003'", changed(&[1, 2]), 5),
        ("INSERT INTO api_key_changes (id) VALUES ('not an id!!!'), ('000000000003')", changed(&[3]), 7),
        ("DELETE FROM api_keys; INSERT INTO api_key_changes (id) VALUES (NULL)", Changed::Everything, 11),
    ] {
        let since = keys.changes_since(None).await.unwrap().cursor;
        execute(&keys, sql);
        let changes = keys.changes_since(Some(&since)).await.unwrap();
        assert_eq!(changes, Changes { changed: expected, cursor }, "{sql}");
    }
}

#[tokio::test]
async fn the_source_of_the_example_keeps_the_latest_use() {
    let keys = keys();
    let at = UnixTime::from_secs;
    for (uses, expected) in [
        ([(id(1), at(5)), (id(2), at(5))], [Some(5), Some(5), None]),
        ([(id(1), at(4)), (id(2), at(6))], [Some(5), Some(6), None]),
        ([(id(9), at(7)), (id(3), UnixTime::MAX)], [Some(5), Some(6), Some(i64::MAX)]),
    ] {
        assert_eq!(keys.record_uses(&uses).await.unwrap(), []);
        let db = keys.0.lock().unwrap();
        let mut select = db.prepare("SELECT last_used_at FROM api_keys ORDER BY id").unwrap();
        let used: Vec<Option<i64>> =
            select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(used, expected);
    }
}

/// The message of SQLite quotes the name of the table, and another could quote a row.
#[tokio::test]
async fn the_source_of_the_example_repeats_no_message() {
    let keys = keys();
    execute(&keys, "DROP TABLE api_keys");
    let error = keys.look_up(&[id(1)]).await.unwrap_err();
    assert!(matches!(error, SourceError::Unexpected(_)), "{error}");
    assert!(!error.to_string().contains("api_keys"), "{error}");
}
