//! The log is pruned, and a cursor that is too old for the pruned log is noticed.

use std::time::Duration;

use ctx_key_verifier::postgres::Options;
use ctx_key_verifier::{Changed, Source};
use tokio::time::{sleep, timeout};

use crate::database::{DEADLINE, Database, Reader, insert, keys, own_cluster};

fn at_once() -> Options {
    let mut options = Options::default();
    options.retention = Duration::ZERO;
    options
}

async fn rows(database: &Database) -> i64 {
    let row = database.client().await.query_one("SELECT count(*) FROM api_key_changes", &[]).await;
    row.expect("a count").get(0)
}

#[tokio::test]
async fn rows_that_every_process_has_read_are_deleted() {
    // in a cluster of its own, because an open transaction of another test makes every snapshot older
    let name = "rows_that_every_process_has_read_are_deleted";
    let Some(cluster) = own_cluster(name, "autovacuum = off").await else { return };
    let database = Database::in_cluster(&cluster).await;
    let (client, open) = (database.client().await, database.client().await);
    let mut slow = Reader::new(database.direct(&Options::default())).await;
    let mut current = Reader::new(database.direct(&Options::default())).await;
    client.batch_execute(&insert(1, 10)).await.expect("keys");
    open.batch_execute(&format!("BEGIN; {}", insert(11, 11))).await.expect("a key");
    client.batch_execute(&insert(12, 13)).await.expect("keys");
    assert_eq!(current.read().await, keys(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13]));
    let pruner = database.direct(&at_once());
    // this process has read nothing yet, so it deletes nothing
    pruner.prune().await.expect("nothing");
    assert_eq!(rows(&database).await, 12);
    for _ in 0..2 {
        pruner.changes_since(None).await.expect("the log");
        pruner.prune().await.expect("a pruned log");
        // only the rows of transactions that began after the open one are left
        assert_eq!(rows(&database).await, 2);
    }
    open.batch_execute("COMMIT").await.expect("a commit");
    // a process that has read the deleted rows misses nothing
    assert_eq!(current.read().await, keys(&[11]));
    assert_eq!(slow.read().await, Changed::Everything);
    assert_eq!(slow.read().await, keys(&[]));

    // a transaction that was open when the mark was set has rows that no process has read
    let database = Database::in_cluster(&cluster).await;
    let open = database.client().await;
    let mut reader = Reader::new(database.direct(&Options::default())).await;
    open.batch_execute(&format!("BEGIN; {}", insert(1, 1))).await.expect("a key");
    let pruner = database.direct(&at_once());
    pruner.changes_since(None).await.expect("the log");
    open.batch_execute("COMMIT").await.expect("a commit");
    pruner.prune().await.expect("a pruned log");
    assert_eq!(reader.read().await, keys(&[1]));
    cluster.stop().await;
}

#[tokio::test]
async fn only_old_rows_are_deleted() {
    let Some(database) = Database::new("only_old_rows_are_deleted").await else { return };
    database.client().await.batch_execute(&insert(1, 10)).await.expect("keys");
    let source = database.source();
    source.changes_since(None).await.expect("the log");
    // less than the default of five minutes, but more than 300 ms, in case the unit is wrong
    sleep(Duration::from_millis(350)).await;
    source.prune().await.expect("nothing");
    assert_eq!(rows(&database).await, 10);
}

/// The snapshot of one node is older than the mark of another node, and that of the third belongs to another history.
#[tokio::test]
async fn a_node_with_an_outdated_snapshot_deletes_nothing() {
    let name = "a_node_with_an_outdated_snapshot_deletes_nothing";
    let Some(cluster) = own_cluster(name, "autovacuum = off").await else { return };
    let database = Database::in_cluster(&cluster).await;
    let client = database.client().await;
    let [late, node, stranger] = [(); 3].map(|()| database.direct(&at_once()));
    let mark = async || -> String {
        let row = client.query_one("SELECT pruned_below::text FROM api_key_log", &[]).await;
        row.expect("a mark").get(0)
    };
    late.changes_since(None).await.expect("the log");
    client.batch_execute(&insert(1, 10)).await.expect("keys");
    stranger.changes_since(None).await.expect("the log");
    node.changes_since(None).await.expect("the log");
    node.prune().await.expect("a pruned log");
    assert_eq!(rows(&database).await, 0);
    let first = mark().await;
    assert_ne!(first, "0");
    client.batch_execute(&insert(11, 20)).await.expect("keys");
    late.prune().await.expect("nothing");
    assert_eq!((mark().await, rows(&database).await), (first.clone(), 10));
    client
        .batch_execute("UPDATE api_key_log SET history = gen_random_uuid(), pruned_below = '1'")
        .await
        .expect("a mark");
    stranger.prune().await.expect("nothing");
    assert_eq!((mark().await, rows(&database).await), ("1".to_owned(), 10));
    cluster.stop().await;
}

#[tokio::test]
async fn reading_the_log_prunes_it() {
    let Some(database) = Database::new("reading_the_log_prunes_it").await else { return };
    let client = database.client().await;
    let mut reader = Reader::new(database.source_with(&at_once())).await;
    client.batch_execute(&insert(1, 10)).await.expect("keys");
    let is_pruned = async {
        while rows(&database).await > 0 {
            reader.read().await;
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, is_pruned).await.expect("a pruned log");
    assert_eq!(reader.read().await, keys(&[]));
}
