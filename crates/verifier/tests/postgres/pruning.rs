//! The log is pruned, and a cursor that is too old for it is noticed.

use std::time::Duration;

use ctx_key_verifier::postgres::{Options, PostgresSource};
use ctx_key_verifier::{Changed, Source};
use tokio::time::{sleep, timeout};

use crate::database::{DEADLINE, Database, Reader, insert, keys};

fn at_once() -> Options {
    let mut options = Options::default();
    options.retention = Duration::ZERO;
    options
}

async fn rows(database: &Database) -> i64 {
    let row = database.client().await.query_one("SELECT count(*) FROM api_key_changes", &[]).await;
    row.expect("a count").get(0)
}

/// Prunes the log until it has this many rows. Transactions of other tests may be open until then.
async fn prune(source: &PostgresSource, database: &Database, expected: i64) {
    let is_pruned = async {
        while rows(database).await != expected {
            source.changes_since(None).await.expect("the log");
            source.prune().await.expect("a pruned log");
        }
    };
    timeout(DEADLINE, is_pruned).await.expect("a pruned log");
}

#[tokio::test]
async fn rows_that_all_have_read_are_deleted() {
    let Some(database) = Database::new("rows_that_all_have_read_are_deleted").await else { return };
    let (client, open) = (database.client().await, database.client().await);
    let mut slow = Reader::new(database.source()).await;
    let mut current = Reader::new(database.source()).await;
    client.batch_execute(&insert(1, 10)).await.expect("keys");
    open.batch_execute(&format!("BEGIN; {}", insert(11, 11))).await.expect("a key");
    client.batch_execute(&insert(12, 13)).await.expect("keys");
    assert_eq!(current.read().await, keys(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13]));
    let pruner = database.source_with(&at_once());
    // nothing was seen, nothing is deleted
    pruner.prune().await.expect("nothing");
    assert_eq!(rows(&database).await, 12);
    // all but the rows of transactions that began after the open one
    prune(&pruner, &database, 2).await;
    pruner.changes_since(None).await.expect("the log");
    pruner.prune().await.expect("nothing");
    assert_eq!(rows(&database).await, 2);
    open.batch_execute("COMMIT").await.expect("a commit");
    // whoever read what was deleted goes on
    assert_eq!(current.read().await, keys(&[11]));
    assert_eq!(slow.read().await, Changed::Everything);
    assert_eq!(slow.read().await, keys(&[]));
}

#[tokio::test]
async fn only_what_is_old_is_deleted() {
    let Some(database) = Database::new("only_what_is_old_is_deleted").await else { return };
    database.client().await.batch_execute(&insert(1, 10)).await.expect("keys");
    let source = database.source();
    source.changes_since(None).await.expect("the log");
    source.prune().await.expect("nothing");
    assert_eq!(rows(&database).await, 10);
}

/// A node whose snapshot is of another history, or older than another node's mark, deletes nothing.
#[tokio::test]
async fn nodes_prune_one_after_the_other() {
    let Some(database) = Database::new("nodes_prune_one_after_the_other").await else { return };
    let client = database.client().await;
    let [late, node, stranger] = [(); 3].map(|()| database.source_with(&at_once()));
    let mark = async || -> String {
        let row = client.query_one("SELECT pruned_below::text FROM api_key_log", &[]).await;
        row.expect("a mark").get(0)
    };
    late.changes_since(None).await.expect("the log");
    client.batch_execute(&insert(1, 10)).await.expect("keys");
    stranger.changes_since(None).await.expect("the log");
    prune(&node, &database, 0).await;
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
