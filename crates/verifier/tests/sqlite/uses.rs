//! The latest use of a key is written, and no write delays the readers.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ctx_key::{KeyId, UnixTime};
use ctx_key_verifier::sqlite::Options;
use ctx_key_verifier::{Source, SourceError};

use crate::{File, Reader, id, insert, insert_range, keys, last_used, record};

#[tokio::test]
async fn the_latest_use_of_a_key_is_kept() {
    let file = File::new();
    (1..4).for_each(|number| insert(&file.connect(), &record(number)));
    let mut reader = Reader::new(file.source().await).await;
    let uses = |uses: &[(usize, u64)]| -> Vec<(KeyId, UnixTime)> {
        uses.iter().map(|&(number, at)| (id(number), UnixTime::from_secs(at))).collect()
    };
    let first = uses(&[(1, 1_000), (2, 1_000), (7, 1_000)]);
    assert_eq!(reader.source.record_uses(&first).await.unwrap(), []);
    assert_eq!(last_used(&file), [Some(1_000), Some(1_000), None]);
    let second = uses(&[(1, 999), (2, 1_001), (3, u64::MAX)]);
    assert_eq!(reader.source.record_uses(&second).await.unwrap(), []);
    assert_eq!(last_used(&file), [Some(1_000), Some(1_001), Some(i64::MAX)]);
    assert_eq!(reader.changed().await, keys(&[]));
}

#[tokio::test]
async fn a_locked_file_is_read_and_uses_are_refused_as_busy() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let options = Options { busy_timeout: Duration::from_millis(20), ..Options::default() };
    let mut reader = Reader::new(file.source_with(options).await).await;
    let used = [(id(1), UnixTime::from_secs(5))];

    let other = file.connect();
    other.execute_batch("BEGIN EXCLUSIVE; DELETE FROM api_keys").unwrap();
    assert_eq!(reader.source.look_up(&[id(1)]).await.unwrap().records, [record(1)]);
    assert_eq!(reader.changed().await, keys(&[]));
    let error = reader.source.record_uses(&used).await.unwrap_err();
    assert!(matches!(error, SourceError::Busy), "{error:?}");

    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(reader.source.record_uses(&used).await.unwrap(), []);
    assert_eq!(last_used(&file), [Some(5)]);
}

/// Uses and pruning wait for the lock, but reads of the log wait for neither.
#[tokio::test]
async fn the_log_is_read_while_writes_wait() {
    let file = File::new();
    insert_range(&file, 0..5);
    let options =
        Options { busy_timeout: Duration::from_secs(600), retention: Duration::ZERO, ..Options::default() };
    let source = Arc::new(file.source_with(options).await);
    let other = file.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let uses = tokio::spawn({
        let source = source.clone();
        async move { source.record_uses(&[(id(1), UnixTime::from_secs(5))]).await }
    });
    let reads = async {
        for _ in 0..3 {
            source.changes_since(None).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reads).await.expect("no wait for the lock");
    assert!(!uses.is_finished());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(uses.await.unwrap().unwrap(), []);
    assert_eq!(last_used(&file)[1], Some(5));
}

#[tokio::test]
async fn a_write_waits_for_a_short_lock() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let options = Options { busy_timeout: Duration::from_secs(600), ..Options::default() };
    let source = file.source_with(options).await;
    let other = file.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let unlock = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        other.execute_batch("COMMIT").unwrap();
    });
    assert_eq!(source.record_uses(&[(id(1), UnixTime::from_secs(5))]).await.unwrap(), []);
    assert_eq!(last_used(&file), [Some(5)]);
    unlock.join().unwrap();
}
