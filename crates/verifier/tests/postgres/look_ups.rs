//! Look-ups return records, the ids of rows that are not records, and a cursor.

use std::sync::Arc;
use std::time::Duration;

use ctx_key::{KeyDigest, KeyRecord, Scope, UnixTime};
use ctx_key_verifier::postgres::{CHANGE_LOG, Config, Options, PostgresSource};
use ctx_key_verifier::{Source, SourceError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::database::{DEADLINE, Database, Reader, id, insert};

fn record(number: u32) -> KeyRecord<Arc<str>> {
    let digest = KeyDigest::from_bytes([0xab; 32]);
    let project = format!("project {number}").into();
    KeyRecord::from_parts(id(number), digest, project, Scope::MEMORIES_READ | Scope::CHATS_READ)
}

#[tokio::test]
async fn records_are_found() {
    let Some(database) = Database::new("records_are_found").await else { return };
    let client = database.client().await;
    client.batch_execute(&insert(1, 4)).await.expect("keys");
    let times = "UPDATE api_keys SET not_before = 1, expires_at = 9223372036854775807, retires_at = 3, \
         revoked_at = 0, last_used_at = 5 WHERE id = 'key000000002'";
    client.batch_execute(times).await.expect("times");
    let source = database.source();
    let mut found = source.look_up(&[id(2), id(3), id(1), id(9)]).await.expect("records");
    found.records.sort_by_key(|record| record.id);
    let mut second = record(2);
    second.not_before = Some(UnixTime::from_secs(1));
    second.expires_at = Some(UnixTime::from_secs(i64::MAX as u64));
    second.retires_at = Some(UnixTime::from_secs(3));
    second.revoked_at = Some(UnixTime::from_secs(0));
    assert_eq!(found.records, [record(1), second, record(3)]);
    assert_eq!(found.corrupt, []);
    for ids in [&[][..], &[id(9)]] {
        let nothing = source.look_up(ids).await.expect("an answer");
        assert_eq!((nothing.records, nothing.corrupt), (vec![], vec![]));
        assert!(nothing.cursor >= found.cursor);
    }
}

#[tokio::test]
async fn rows_that_are_not_records_are_corrupt() {
    let Some(database) = Database::new("rows_that_are_not_records_are_corrupt").await else { return };
    let client = database.client().await;
    let checks = "ALTER TABLE api_keys DROP CONSTRAINT api_keys_digest_check; \
         ALTER TABLE api_keys ALTER digest DROP NOT NULL, ALTER project DROP NOT NULL, ALTER scopes DROP NOT NULL";
    client.batch_execute(checks).await.expect("no checks");
    client.batch_execute(&insert(1, 12)).await.expect("keys");
    let values = [
        "digest = '\\x00'",
        "digest = NULL",
        "project = NULL",
        "scopes = NULL",
        "scopes = 64",
        "scopes = -1",
        "not_before = -1",
        "expires_at = -1",
        "retires_at = -1",
        "revoked_at = -9223372036854775808",
    ];
    for (number, value) in (1..).zip(values) {
        let update = format!("UPDATE api_keys SET {value} WHERE id = 'key{number:09}'");
        client.batch_execute(&update).await.expect(value);
    }
    let mut found = database.source().look_up(&(1..=12).map(id).collect::<Vec<_>>()).await.expect("records");
    found.records.sort_by_key(|record| record.id);
    found.corrupt.sort_unstable();
    assert_eq!(found.records, [record(11), record(12)]);
    assert_eq!(found.corrupt, (1..=10).map(id).collect::<Vec<_>>());
}

/// A column may have another type, if its values can be cast.
#[tokio::test]
async fn columns_of_similar_types_are_read() {
    let Some(database) = Database::new("columns_of_similar_types_are_read").await else { return };
    let client = database.client().await;
    // the columns of a trigger keep their types
    let triggers = "DROP FUNCTION log_changed_api_keys() CASCADE";
    let types = "ALTER TABLE api_keys ALTER scopes TYPE bigint, ALTER expires_at TYPE integer, \
         ALTER id TYPE char(12) COLLATE \"C\"; CREATE TYPE level AS ENUM ('project 1', 'project 2'); \
         ALTER TABLE api_keys ALTER project TYPE level USING project::level";
    client.batch_execute(&format!("{triggers}; {types}; {CHANGE_LOG}")).await.expect("types");
    let insert = insert(1, 2).replace("'project ' || n", "('project ' || n)::level");
    client.batch_execute(&insert).await.expect("keys");
    let mut found = database.source().look_up(&[id(1), id(2)]).await.expect("records");
    found.records.sort_by_key(|record| record.id);
    assert_eq!((found.records, found.corrupt), (vec![record(1), record(2)], vec![]));
    client.batch_execute("ALTER TABLE api_keys DROP retires_at CASCADE").await.expect("a dropped column");
    let Err(SourceError::Unexpected(cause)) = database.source().look_up(&[id(1)]).await else { panic!() };
    assert_eq!(
        cause.to_string(),
        "a table or column is missing: apply the schema and the change log (42703)"
    );
}

#[tokio::test]
async fn an_answer_has_the_cursor_of_what_it_saw() {
    let Some(database) = Database::new("an_answer_has_the_cursor_of_what_it_saw").await else { return };
    let client = database.client().await;
    let mut reader = Reader::new(database.source()).await;
    let before = reader.source.look_up(&[id(1)]).await.expect("an answer").cursor;
    // other tests end transactions in between
    assert!(before >= reader.cursor);
    client.batch_execute(&insert(1, 1)).await.expect("a key");
    let after = reader.source.look_up(&[id(1)]).await.expect("an answer").cursor;
    assert!(after > before);
    assert!(after > reader.cursor);
    reader.read().await;
    assert!(after <= reader.cursor);
    let another = Database::new("another").await.expect("a database");
    let other = another.source().look_up(&[id(1)]).await.expect("an answer").cursor;
    assert_eq!(other.partial_cmp(&after), None);
}

/// Look-ups and uses that wait for a lock, and hold all connections, do not delay reads of the log.
#[tokio::test]
async fn reads_of_the_log_have_a_connection_of_their_own() {
    let Some(database) = Database::new("reads_of_the_log_have_a_connection_of_their_own").await else {
        return;
    };
    let client = database.client().await;
    let mut options = Options::default();
    options.connections = 2;
    let mut reader = Reader::new(database.source_with(&options)).await;
    client.batch_execute("BEGIN; LOCK TABLE api_keys").await.expect("a lock");
    let source = reader.source.clone();
    let first = tokio::spawn(async move { source.look_up(&[id(1)]).await });
    let source = reader.source.clone();
    let uses = [(id(1), UnixTime::from_secs(1))];
    let uses = tokio::spawn(async move { source.record_uses(&uses).await });
    wait_for_blocked(&database, 2).await;
    let second = timeout(DEADLINE, reader.source.look_up(&[id(1)])).await.expect("no free connection");
    assert!(matches!(second, Err(SourceError::Busy)), "{second:?}");
    assert!(!first.is_finished() && !uses.is_finished());
    timeout(DEADLINE, reader.read()).await.expect("no wait for look-ups");
    client.batch_execute("COMMIT").await.expect("no lock");
    first.await.expect("a task").expect("an answer");
    assert_eq!(uses.await.expect("a task").expect("a write"), []);
}

/// Waits until `expected` statements of the source wait for a lock.
async fn wait_for_blocked(database: &Database, expected: i64) {
    let client = database.client().await;
    let count = async || -> i64 {
        let blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND wait_event_type = 'Lock' AND query ~ 'pg_current_snapshot|last_used_at'";
        client.query_one(blocked, &[]).await.expect("a count").get(0)
    };
    let is_blocked = async {
        while count().await != expected {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, is_blocked).await.expect("blocked look-ups");
}

/// If the caller gives up, the pool uses the connection again after its statement has ended, and does not replace it
/// before.
#[tokio::test]
async fn an_unfinished_look_up_keeps_its_connection() {
    let Some(database) = Database::new("an_unfinished_look_up_keeps_its_connection").await else { return };
    let client = database.client().await;
    client.batch_execute(&insert(1, 2)).await.expect("keys");
    let mut options = Options::default();
    options.connections = 1;
    let source = database.source_with(&options);
    client.batch_execute("BEGIN; LOCK TABLE api_keys").await.expect("a lock");
    let first = source.clone();
    let first = tokio::spawn(async move { first.look_up(&[id(1)]).await });
    wait_for_blocked(&database, 1).await;
    first.abort();
    assert!(first.await.expect_err("no answer").is_cancelled());
    let second = timeout(DEADLINE, source.look_up(&[id(2)])).await.expect("no wait for the lock");
    assert!(matches!(second, Err(SourceError::Busy)), "{second:?}");
    wait_for_blocked(&database, 1).await;
    client.batch_execute("COMMIT").await.expect("no lock");
    let third = timeout(DEADLINE, source.look_up(&[id(2)])).await.expect("an end").expect("an answer");
    assert_eq!(third.records, [record(2)]);
}

/// A read of the log that hangs does not delay the next one.
#[tokio::test]
async fn an_unfinished_read_of_the_log_loses_its_connection() {
    let name = "an_unfinished_read_of_the_log_loses_its_connection";
    let Some(database) = Database::new(name).await else { return };
    let client = database.client().await;
    let source = database.source();
    client.batch_execute("BEGIN; LOCK TABLE api_key_changes").await.expect("a lock");
    let read = || {
        let source = source.clone();
        tokio::spawn(async move { source.changes_since(None).await })
    };
    let first = read();
    wait_for_blocked(&database, 1).await;
    first.abort();
    assert!(first.await.expect_err("no answer").is_cancelled());
    let second = read();
    wait_for_blocked(&database, 2).await;
    client.batch_execute("COMMIT").await.expect("no lock");
    second.await.expect("a task").expect("the log");
}

/// Behind a pooler, a library that sends a statement and its values in separate round trips gets other clients' answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_gets_its_own_answer() {
    const CLIENTS: u32 = 40;
    const LOOK_UPS: u32 = 100;
    let Some(database) = Database::new("each_client_gets_its_own_answer").await else { return };
    database.client().await.batch_execute(&insert(1, CLIENTS * LOOK_UPS)).await.expect("keys");
    let mut options = Options::default();
    options.connections = CLIENTS as usize;
    let source = database.source_with(&options);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let source = source.clone();
            tokio::spawn(async move {
                let mut right = 0;
                for look_up in 1..=LOOK_UPS {
                    let number = client * LOOK_UPS + look_up;
                    let found = source.look_up(&[id(number)]).await.expect("an answer");
                    right += u32::from(found.records == [record(number)] && found.corrupt.is_empty());
                }
                right
            })
        })
        .collect();
    let mut right = 0;
    for client in clients {
        right += timeout(DEADLINE, client).await.expect("an end").expect("a client");
    }
    assert_eq!(right, CLIENTS * LOOK_UPS);
}

/// Each call is one round trip of one unnamed statement.
#[tokio::test]
async fn a_call_is_one_round_trip() {
    let Some(database) = Database::new("a_call_is_one_round_trip").await else { return };
    database.client().await.batch_execute(&insert(1, 2)).await.expect("keys");
    let server = database.pooled_url();
    let (address, path) = server.split_once('@').and_then(|(_, rest)| rest.split_once('/')).expect("a URL");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = listener.local_addr().expect("an address");
    let address = address.to_owned();
    let (sender, mut sent) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let _ = sender.send('+');
            let server = TcpStream::connect(&address).await.expect("the server");
            tokio::spawn(forward(client, server, sender.clone()));
        }
    });
    let url = format!("postgres://postgres@{proxy}/{path}?sslmode=disable");
    let source = PostgresSource::new(&Config::new(&url).expect("a URL"), &Options::default());
    let mut messages = || std::iter::from_fn(|| sent.try_recv().ok()).collect::<String>();
    let cursor = source.look_up(&[id(1)]).await.expect("an answer").cursor;
    // Parse, Bind, Describe, Execute and Sync; the first call connects
    assert_eq!(messages(), "+PBDES");
    source.look_up(&[id(1), id(2)]).await.expect("an answer");
    assert_eq!(messages(), "PBDES");
    source.changes_since(Some(&cursor)).await.expect("the log");
    assert_eq!(messages(), "+PBDES");
    source.record_uses(&[(id(1), UnixTime::from_secs(1))]).await.expect("a write");
    assert_eq!(messages(), "PBDES");
}

/// Forwards a connection, and sends the kind of each message of the client to `kinds`: `p` instead of `P` if a statement
/// has a name.
async fn forward(client: TcpStream, server: TcpStream, kinds: tokio::sync::mpsc::UnboundedSender<char>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    // the start-up message has no kind
    let mut kind = None;
    loop {
        let mut length = [0; 4];
        if from_client.read_exact(&mut length).await.is_err() {
            return;
        }
        let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
        from_client.read_exact(&mut body).await.expect("a message");
        if let Some(kind) = kind {
            let is_named = kind == b'P' && body.first() != Some(&0);
            let _ = kinds.send(if is_named { 'p' } else { char::from(kind) });
            to_server.write_all(&[kind]).await.expect("the server");
        }
        to_server.write_all(&length).await.expect("the server");
        to_server.write_all(&body).await.expect("the server");
        let mut next = [0];
        if from_client.read_exact(&mut next).await.is_err() {
            return;
        }
        kind = Some(next[0]);
    }
}

#[tokio::test]
async fn the_documented_privileges_are_enough() {
    let Some(database) = Database::new("the_documented_privileges_are_enough").await else { return };
    let client = database.client().await;
    let role = &database.name;
    let grants = format!(
        "CREATE ROLE {role} LOGIN; {} GRANT SELECT, UPDATE (last_used_at) ON api_keys TO {role}; \
         GRANT SELECT, DELETE ON api_key_changes TO {role}; GRANT SELECT, INSERT, UPDATE ON api_key_log TO {role}",
        insert(1, 1).replace("FROM generate_series", "FROM pg_catalog.generate_series") + ";"
    );
    client.batch_execute(&grants).await.expect("a role");
    // without the pooler, which knows no other users
    let url = database.url().replace("postgres@", &format!("{role}@"));
    let mut options = Options::default();
    options.retention = Duration::ZERO;
    let source = PostgresSource::new(&Config::new(&url).expect("a URL"), &options);
    let mut reader = Reader::new(source.clone()).await;
    assert_eq!(source.look_up(&[id(1)]).await.expect("an answer").records, [record(1)]);
    assert_eq!(source.record_uses(&[(id(1), UnixTime::from_secs(1))]).await.expect("a write"), []);
    source.prune().await.expect("a pruned log");
    client.batch_execute("DELETE FROM api_key_log").await.expect("no mark");
    assert_eq!(reader.read().await, ctx_key_verifier::Changed::History);
    client.batch_execute(&format!("REVOKE ALL ON api_keys FROM {role}")).await.expect("no rights");
    let Err(SourceError::Unexpected(cause)) = source.look_up(&[id(1)]).await else { panic!() };
    let expected = "the user lacks a privilege: grant those of the documentation (42501)";
    assert_eq!(cause.to_string(), expected);
    client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.expect("no role");
}
