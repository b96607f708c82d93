//! Uses are written without waiting for rows that are locked.

use ctx_key::UnixTime;
use ctx_key_verifier::Source;
use tokio::time::timeout;

use crate::database::{DEADLINE, Database, Reader, id, insert, keys};

async fn last_used(database: &Database) -> Vec<Option<i64>> {
    let rows = database.client().await.query("SELECT last_used_at FROM api_keys ORDER BY id", &[]).await;
    rows.expect("rows").iter().map(|row| row.get(0)).collect()
}

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

#[tokio::test]
async fn the_latest_use_is_kept() {
    let Some(database) = Database::new("the_latest_use_is_kept").await else { return };
    database.client().await.batch_execute(&insert(1, 4)).await.expect("keys");
    let mut reader = Reader::new(database.source()).await;
    let source = database.source();
    assert_eq!(source.record_uses(&[]).await.expect("a write"), []);
    // an id three times, a time that is greater than the column can hold, and an id without a row
    let of_first = [50, 70, 60].map(|seconds| (id(1), at(seconds)));
    let others = [(id(2), at(60)), (id(3), UnixTime::MAX), (id(9), at(80))];
    let uses = [of_first, others].concat();
    assert_eq!(source.record_uses(&uses).await.expect("a write"), []);
    let expected = [Some(70), Some(60), Some(i64::MAX), None];
    assert_eq!(last_used(&database).await, expected);
    let older = [(id(1), at(69)), (id(2), at(60)), (id(3), at(1)), (id(4), at(0))];
    assert_eq!(source.record_uses(&older).await.expect("a write"), []);
    assert_eq!(last_used(&database).await, [Some(70), Some(60), Some(i64::MAX), Some(0)]);
    // a use is not a change of the record
    assert_eq!(reader.read().await, keys(&[]));
}

#[tokio::test]
async fn locked_rows_are_skipped() {
    let Some(database) = Database::new("locked_rows_are_skipped").await else { return };
    let other = database.client().await;
    other.batch_execute(&insert(1, 5)).await.expect("keys");
    // the last lock is that of a foreign key, which does not block the write
    let lock = "BEGIN; SELECT FROM api_keys WHERE id = 'key000000001' FOR UPDATE; \
         UPDATE api_keys SET last_used_at = 90 WHERE id = 'key000000003'; \
         DELETE FROM api_keys WHERE id = 'key000000004'; \
         SELECT FROM api_keys WHERE id = 'key000000005' FOR KEY SHARE";
    other.batch_execute(lock).await.expect("locks");
    let source = database.source();
    let uses: Vec<_> = (1..=5).map(|number| (id(number), at(50))).collect();
    let mut skipped =
        timeout(DEADLINE, source.record_uses(&uses)).await.expect("no wait for locks").expect("a write");
    skipped.sort_unstable();
    assert_eq!(skipped, [id(1), id(3), id(4)]);
    assert_eq!(last_used(&database).await, [None, Some(50), None, None, Some(50)]);
    other.batch_execute("COMMIT").await.expect("a commit");
    // the third key has a later time now, and the fourth is deleted
    let again: Vec<_> = skipped.into_iter().map(|id| (id, at(50))).collect();
    assert_eq!(source.record_uses(&again).await.expect("a write"), []);
    assert_eq!(last_used(&database).await, [Some(50), Some(50), Some(90), Some(50)]);
}

/// Four nodes write uses of the same keys at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_do_not_wait_for_each_other() {
    const KEYS: u32 = 5_000;
    let Some(database) = Database::new("nodes_do_not_wait_for_each_other").await else { return };
    database.client().await.batch_execute(&insert(1, KEYS)).await.expect("keys");
    let nodes: Vec<_> = (1..=4)
        .map(|node: u64| {
            let source = database.source();
            tokio::spawn(async move {
                let mut left: Vec<_> = (1..=KEYS).map(id).collect();
                // each node in another order
                left.rotate_left((node * 1_000) as usize);
                while !left.is_empty() {
                    let uses: Vec<_> = left.iter().map(|id| (*id, at(node))).collect();
                    left = source.record_uses(&uses).await.expect("no deadlock");
                }
            })
        })
        .collect();
    for node in nodes {
        timeout(DEADLINE, node).await.expect("no wait").expect("a node");
    }
    assert_eq!(last_used(&database).await, vec![Some(4); KEYS as usize]);
}
