//! The history of a database ends with a restart, a crash, a failover or a restore.

use std::process::{Command, Stdio};
use std::time::Duration;

use ctx_key_verifier::postgres::Options;
use ctx_key_verifier::{Changed, Source, SourceError};
use tokio::time::{sleep, timeout};

use crate::database::{DEADLINE, Database, Reader, id, insert, keys, own_cluster};

#[tokio::test]
async fn a_restart_begins_a_new_history() {
    let Some(cluster) = own_cluster("a_restart_begins_a_new_history", "").await else { return };
    let database = Database::in_cluster(&cluster).await;
    let mut reader = Reader::new(database.direct(&Options::default())).await;
    let before = reader.source.look_up(&[id(1)]).await.expect("an answer").cursor;
    cluster.control("restart").await;
    assert_eq!(reader.read_after_outage().await, Changed::History);
    let after = reader.source.look_up(&[id(1)]).await.expect("an answer").cursor;
    assert_eq!(before.partial_cmp(&after), None);
    assert_eq!(reader.read().await, keys(&[]));
    cluster.stop().await;
}

/// The numbers of transactions that were lost in a crash are used again.
#[tokio::test]
async fn a_crash_begins_a_new_history() {
    let Some(cluster) = own_cluster("a_crash_begins_a_new_history", "synchronous_commit = off").await else {
        return;
    };
    let database = Database::in_cluster(&cluster).await;
    let mut reader = Reader::new(database.direct(&Options::default())).await;
    let start = "SELECT pg_postmaster_start_time()::text";
    let started: String = database.client().await.query_one(start, &[]).await.expect("a time").get(0);
    for round in 0..3 {
        let client = database.client().await;
        // so that the crash does not lose the tables
        client.batch_execute("CHECKPOINT").await.expect("a checkpoint");
        // transactions that the cursor has seen, and of which nothing is written to the disk
        for _ in 0..50 {
            client
                .batch_execute("BEGIN; SELECT pg_current_xact_id(); ROLLBACK")
                .await
                .expect("a transaction");
        }
        assert_eq!(reader.read().await, keys(&[]));
        let before = reader.cursor.clone();
        cluster.crash(&client).await;
        // these transactions use the lost numbers again, and more
        let client = database.client().await;
        for number in 1..=100 {
            client.batch_execute(&insert(round * 100 + number, round * 100 + number)).await.expect("a key");
        }
        assert_eq!(reader.read_after_outage().await, Changed::History, "round {round}");
        assert_eq!(before.partial_cmp(&reader.cursor), None);
        assert_eq!(reader.read().await, keys(&[]));
    }
    // the server itself was not restarted
    let still: String = database.client().await.query_one(start, &[]).await.expect("a time").get(0);
    assert_eq!(still, started);
    cluster.stop().await;
}

#[tokio::test]
async fn a_failover_begins_a_new_history() {
    let Some(cluster) = own_cluster("a_failover_begins_a_new_history", "").await else { return };
    let database = Database::in_cluster(&cluster).await;
    database.client().await.batch_execute(&insert(1, 2)).await.expect("keys");
    let standby = cluster.standby().await;
    let failed_over = Database { server: standby.server(), name: database.name.clone() };
    let (primary, new) = (database.direct(&Options::default()), failed_over.direct(&Options::default()));
    // no call succeeds on a standby
    let expected = "the server is a standby: connect to the primary";
    let Err(SourceError::Unavailable(cause)) = new.look_up(&[id(1)]).await else { panic!() };
    assert_eq!(cause.to_string(), expected);
    let Err(SourceError::Unavailable(cause)) = new.changes_since(None).await else { panic!() };
    assert_eq!(cause.to_string(), expected);
    let uses = [(id(1), ctx_key::UnixTime::from_secs(1))];
    let Err(SourceError::Unavailable(cause)) = new.record_uses(&uses).await else { panic!() };
    let expected = "the session is read-only: connect to the primary, and turn default_transaction_read_only off (25006)";
    assert_eq!(cause.to_string(), expected);
    let old = Reader::new(primary).await;
    let old_look_up = old.source.look_up(&[id(1)]).await.expect("an answer").cursor;
    wait_for_replay(&database, &failed_over).await;
    cluster.stop().await;
    standby.promote().await;
    // the connections from before the failover are used again
    let mut reader = Reader { source: new, cursor: old.cursor };
    assert_eq!(reader.read_after_outage().await, Changed::History);
    assert_eq!(reader.read().await, keys(&[]));
    let look_up = reader.source.look_up(&[id(1)]).await.expect("an answer");
    assert_eq!(look_up.records.len(), 1);
    assert_eq!(look_up.cursor.partial_cmp(&old_look_up), None);
    failed_over.client().await.batch_execute(&insert(3, 3)).await.expect("a key");
    assert_eq!(reader.read().await, keys(&[3]));
    standby.stop().await;
}

/// Waits until the standby has replayed everything that the primary has written.
async fn wait_for_replay(primary: &Database, standby: &Database) {
    let end = primary.client().await.query_one("SELECT pg_current_wal_lsn()::text", &[]).await;
    let end: String = end.expect("an end").get(0);
    let client = standby.client().await;
    let is_there = async {
        let statement = format!("SELECT pg_last_wal_replay_lsn() >= '{end}'");
        while !client.query_one(&statement, &[]).await.expect("an end").get::<_, bool>(0) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, is_there).await.expect("a standby that follows");
}

/// Copies a database with `pg_dump` and `psql`.
fn copy(from: &Database, to: &Database, arguments: &[&str]) {
    let mut dump = Command::new("pg_dump");
    let mut dump = dump.arg(from.url()).args(arguments).stdout(Stdio::piped()).spawn().expect("pg_dump");
    let mut restore = Command::new("psql");
    restore.args([&to.url(), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
    let restored = restore.stdin(dump.stdout.take().expect("a dump")).stdout(Stdio::null()).status();
    assert!(dump.wait().expect("pg_dump").success() && restored.expect("psql").success());
}

#[tokio::test]
async fn a_restore_begins_a_new_history() {
    let Some(old) = Database::new("a_restore_begins_a_new_history").await else { return };
    old.client().await.batch_execute(&insert(1, 3)).await.expect("keys");
    let reader = Reader::new(old.direct(&Options::default())).await;
    for arguments in [&[][..], &["--exclude-table-data=api_key_*"]] {
        let new = Database::empty(&old.server).await;
        copy(&old, &new, arguments);
        let mut reader = Reader { source: new.direct(&Options::default()), cursor: reader.cursor.clone() };
        assert_eq!(reader.read().await, Changed::History);
        // a repair of the log begins yet another history
        let second = reader.read().await;
        let is_settled = second == keys(&[]) || second == Changed::History;
        assert!(is_settled, "{second:?}");
        assert_eq!(reader.read().await, keys(&[]));
        let found = reader.source.look_up(&[id(1), id(2), id(3)]).await.expect("records");
        assert_eq!(found.records.len(), 3);
        new.client().await.batch_execute(&insert(4, 4)).await.expect("a key");
        assert_eq!(reader.read().await, keys(&[4]));
    }
}

/// The rows of the log, and the mark up to which it is pruned, have numbers that the new cluster has not reached.
#[tokio::test]
async fn a_log_from_an_older_cluster_is_repaired() {
    let test = "a_log_from_an_older_cluster_is_repaired";
    let Some(young) = own_cluster(test, "").await else { return };
    let old = Database::new(test).await.expect("a database");
    let client = old.client().await;
    client.batch_execute(&insert(1, 3)).await.expect("keys");
    let future = "UPDATE api_key_changes SET xid = '900000000000'";
    let pruned = "DELETE FROM api_key_changes; UPDATE api_key_log SET pruned_below = '900000000000'";
    for change in [future, pruned] {
        client.batch_execute(change).await.expect(change);
        let new = Database::empty(&young.server()).await;
        copy(&old, &new, &[]);
        let first = new.direct(&Options::default()).changes_since(None).await.expect("the log");
        assert_eq!(first.changed, Changed::History, "{change}");
        let mut reader = Reader { source: new.direct(&Options::default()), cursor: first.cursor };
        assert_eq!(reader.read().await, Changed::History, "{change}");
        assert_eq!(reader.read().await, keys(&[]), "{change}");
        let rows = "SELECT count(*), (SELECT pruned_below::text FROM api_key_log) FROM api_key_changes";
        let row = new.client().await.query_one(rows, &[]).await.expect("a count");
        assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>(1)), (0, "0"), "{change}");
        new.client().await.batch_execute(&insert(4, 4)).await.expect("a key");
        assert_eq!(reader.read().await, keys(&[4]), "{change}");
    }
    young.stop().await;
}

/// A prepared transaction outlives its session, and a restart.
#[tokio::test]
async fn prepared_transactions_count_when_they_are_committed() {
    let settings = "max_prepared_transactions = 5";
    let name = "prepared_transactions_count_when_they_are_committed";
    let Some(cluster) = own_cluster(name, settings).await else { return };
    let database = Database::in_cluster(&cluster).await;
    let mut reader = Reader::new(database.direct(&Options::default())).await;
    let client = database.client().await;
    for (number, name) in [(1, "a"), (2, "b"), (3, "c")] {
        let prepare = format!("BEGIN; {}; PREPARE TRANSACTION '{name}'", insert(number, number));
        client.batch_execute(&prepare).await.expect("a transaction");
    }
    client.batch_execute(&insert(4, 4)).await.expect("a key");
    assert_eq!(reader.read().await, keys(&[4]));
    client.batch_execute("COMMIT PREPARED 'b'").await.expect("a commit");
    assert_eq!(reader.read().await, keys(&[2]));
    client.batch_execute("ROLLBACK PREPARED 'c'").await.expect("no commit");
    assert_eq!(reader.read().await, keys(&[]));
    cluster.control("restart").await;
    assert_eq!(reader.read_after_outage().await, Changed::History);
    database.client().await.batch_execute("COMMIT PREPARED 'a'").await.expect("a commit");
    assert_eq!(reader.read().await, keys(&[1]));
    cluster.stop().await;
}

/// Logical replication brings the keys from another database. It fires no triggers of statements.
#[tokio::test]
async fn replicated_changes_are_in_the_log() {
    let name = "replicated_changes_are_in_the_log";
    let Some(cluster) = own_cluster(name, "wal_level = logical").await else { return };
    let (from, to) = (Database::in_cluster(&cluster).await, Database::in_cluster(&cluster).await);
    let (publisher, subscriber) = (from.client().await, to.client().await);
    for statement in [
        "CREATE PUBLICATION keys FOR TABLE api_keys",
        "SELECT pg_create_logical_replication_slot('keys', 'pgoutput')",
    ] {
        publisher.batch_execute(statement).await.expect(statement);
    }
    let mut reader = Reader::new(to.direct(&Options::default())).await;
    let subscription = format!(
        "CREATE SUBSCRIPTION keys CONNECTION 'host=127.0.0.1 port={} user=postgres dbname={}' PUBLICATION keys \
         WITH (create_slot = false, copy_data = false)",
        cluster.port(),
        from.name
    );
    subscriber.batch_execute(&subscription).await.expect("a subscription");
    let cases = [
        (insert(1, 3), keys(&[1, 2, 3])),
        ("UPDATE api_keys SET revoked_at = 1 WHERE id = 'key000000002'".to_owned(), keys(&[2])),
        ("UPDATE api_keys SET last_used_at = 1".to_owned(), keys(&[])),
        ("UPDATE api_keys SET id = 'key000000004' WHERE id = 'key000000003'".to_owned(), keys(&[3, 4])),
        ("DELETE FROM api_keys WHERE id = 'key000000001'".to_owned(), keys(&[1])),
        ("TRUNCATE api_keys".to_owned(), Changed::Everything),
    ];
    for (statement, expected) in cases {
        publisher.batch_execute(&statement).await.expect(&statement);
        let end = publisher.query_one("SELECT pg_current_wal_lsn()::text", &[]).await.expect("an end");
        let replayed = format!(
            "SELECT confirmed_flush_lsn >= '{}' FROM pg_replication_slots WHERE slot_name = 'keys'",
            end.get::<_, &str>(0)
        );
        let is_replayed = async {
            while !publisher.query_one(&replayed, &[]).await.expect("an end").get::<_, bool>(0) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, is_replayed).await.expect("a subscriber that follows");
        assert_eq!(reader.read().await, expected, "{statement}");
    }
    cluster.stop().await;
}
