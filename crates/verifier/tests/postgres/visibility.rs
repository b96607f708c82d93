//! A reader gets each committed change exactly once, with the first read that it sends after the commit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ctx_key_verifier::Changed;
use ctx_key_verifier::postgres::Options;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use crate::database::{DEADLINE, Database, Reader, id, insert, keys, own_cluster};

/// A generator of small numbers, the same for each seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

const WRITERS: u32 = 12;
const TRANSACTIONS: u32 = 30;

/// Numbers of the keys whose commit was confirmed.
type Committed = Arc<Mutex<Vec<u32>>>;

/// Runs transactions that insert keys. Some are long, some have savepoints, and some are rolled back.
async fn write(database: &Database, writer: u32, committed: Committed) {
    let client = database.client().await;
    let mut random = Random(writer.into());
    let mut next = writer * 10_000;
    let run = |statement: String| {
        let client = &client;
        async move { client.batch_execute(&statement).await.expect("a statement") }
    };
    for _ in 0..TRANSACTIONS {
        run("BEGIN".to_owned()).await;
        let mut kept = Vec::new();
        for _ in 0..random.below(4) {
            next += 1;
            let is_nested = random.below(3) == 0;
            if is_nested {
                run("SAVEPOINT a".to_owned()).await;
            }
            run(insert(next, next)).await;
            if is_nested && random.below(2) == 0 {
                run("ROLLBACK TO a".to_owned()).await;
            } else {
                kept.push(next);
            }
            // one in twelve is open for long
            let pause = if random.below(12) == 0 { 150 } else { random.below(4) };
            sleep(Duration::from_millis(pause)).await;
        }
        if random.below(5) == 0 {
            run("ROLLBACK".to_owned()).await;
        } else {
            run("COMMIT".to_owned()).await;
            committed.lock().expect("a lock").extend(kept);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_is_read_exactly_once() {
    let Some(database) = Database::new("each_change_is_read_exactly_once").await else { return };
    let database = Arc::new(database);
    let mut reader = Reader::new(database.source()).await;
    let committed = Committed::default();
    let writers: Vec<_> = (1..=WRITERS)
        .map(|writer| {
            let (database, committed) = (database.clone(), committed.clone());
            tokio::spawn(async move { write(&database, writer, committed).await })
        })
        .collect();
    let mut read = BTreeMap::new();
    let mut is_last = false;
    while !is_last {
        is_last = writers.iter().all(|writer| writer.is_finished());
        let before = committed.lock().expect("a lock").clone();
        let Changed::Keys(ids) = reader.read().await else { panic!("not all changed") };
        for id in ids {
            *read.entry(id).or_insert(0) += 1;
        }
        let missed: Vec<_> = before.iter().filter(|number| !read.contains_key(&id(**number))).collect();
        assert!(missed.is_empty(), "committed before the read: {missed:?}");
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    let expected: BTreeMap<_, _> = committed.lock().expect("a lock").iter().map(|n| (id(*n), 1)).collect();
    assert!(expected.len() > 100, "{}", expected.len());
    assert_eq!(read, expected);
}

/// A transaction that stays open hides no change that others commit, and its own changes are read after its commit.
#[tokio::test]
async fn a_long_transaction_hides_no_change() {
    let Some(database) = Database::new("a_long_transaction_hides_no_change").await else { return };
    let (long, longer, short) = (database.client().await, database.client().await, database.client().await);
    let mut reader = Reader::new(database.source()).await;
    longer.batch_execute(&format!("BEGIN; {}", insert(1, 1))).await.expect("a key");
    long.batch_execute(&format!("BEGIN; {}", insert(2, 2))).await.expect("a key");
    assert_eq!(reader.read().await, keys(&[]));
    for number in 3..20 {
        short.batch_execute(&insert(number, number)).await.expect("a key");
        assert_eq!(reader.read().await, keys(&[number]));
    }
    long.batch_execute(&insert(20, 20)).await.expect("a key");
    assert_eq!(reader.read().await, keys(&[]));
    long.batch_execute("COMMIT").await.expect("a commit");
    assert_eq!(reader.read().await, keys(&[2, 20]));
    short.batch_execute(&insert(21, 21)).await.expect("a key");
    longer.batch_execute("COMMIT").await.expect("a commit");
    assert_eq!(reader.read().await, keys(&[1, 21]));
    assert_eq!(reader.read().await, keys(&[]));
}

#[tokio::test]
async fn rows_of_an_open_transaction_are_not_read_again_and_again() {
    // in a cluster of its own, because transactions of other tests would show that this one is open
    let name = "rows_of_an_open_transaction_are_not_read_again_and_again";
    let Some(cluster) = own_cluster(name, "autovacuum = off").await else { return };
    let database = Database::in_cluster(&cluster).await;
    let (open, other) = (database.client().await, database.client().await);
    let source = || database.direct(&Options::default());
    let mut reader = Reader::new(source()).await;
    open.batch_execute("BEGIN").await.expect("a transaction");
    for part in 0..20 {
        open.batch_execute(&insert(part * 1_000, part * 1_000 + 999)).await.expect("keys");
    }
    for is_newest in [true, false] {
        if !is_newest {
            // this read is the first that shows that the transaction is open
            other.batch_execute(&insert(20_000, 20_000)).await.expect("a key");
            assert_eq!(reader.read().await, keys(&[20_000]));
        }
        // a connection reports its statistics when it is closed
        reader.source = source();
        let before = entries_read(&other).await;
        for _ in 0..20 {
            assert_eq!(reader.read().await, keys(&[]));
        }
        reader.source = source();
        let read = entries_read(&other).await - before;
        assert!(read < 20_000, "20 reads of 20,000 rows, newest: {is_newest}: {read}");
    }
    open.batch_execute("COMMIT").await.expect("a commit");
    assert_eq!(reader.read().await, keys(&(0..20_000).collect::<Vec<_>>()));
    cluster.stop().await;
}

/// Waits until all other connections but the open transaction are closed. Returns the number of entries that were read
/// from the index of the log.
async fn entries_read(client: &Client) -> i64 {
    let statement = "SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid() AND backend_xid IS NULL), \
         (SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'api_key_changes_xid')";
    let count = async {
        loop {
            let row = client.query_one(statement, &[]).await.expect("a count");
            if row.get::<_, i64>(0) == 0 {
                return row.get(1);
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, count).await.expect("closed connections")
}
