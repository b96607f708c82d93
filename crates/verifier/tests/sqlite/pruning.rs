//! The log is pruned, and a cursor that is too old for the pruned log is noticed.

use std::time::{Duration, Instant};

use ctx_key_verifier::sqlite::Options;
use ctx_key_verifier::{Changed, Changes, Source};

use crate::{File, Reader, insert, insert_range, keys, record};

#[tokio::test]
async fn rows_of_the_log_that_are_not_pruned_can_not_be_deleted() {
    let file = File::new();
    (1..4).for_each(|number| insert(&file.connect(), &record(number)));
    let mut reader = Reader::new(file.source().await).await;
    file.execute("UPDATE api_key_log SET pruned_below = 2");
    for range in ["TRUE", "seq = 2", "seq > 2"] {
        let delete = format!("DELETE FROM api_key_changes WHERE {range}");
        let error = file.connect().execute_batch(&delete).unwrap_err();
        let expected = "api_key_changes is pruned by the verifier: raise api_key_log.pruned_below first";
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(file.number(LOG_LENGTH), 3);
    }
    file.execute("DELETE FROM api_key_changes WHERE seq = 1");

    // numbers keep ascending, because the last one is in the log
    file.execute("DELETE FROM sqlite_sequence; DELETE FROM api_keys WHERE id = '000000000003'");
    assert_eq!(reader.changed().await, keys(&[3]));

    // a log that was emptied nevertheless
    file.execute(
        "UPDATE api_key_log SET pruned_below = 100; DELETE FROM api_key_changes; DELETE FROM sqlite_sequence",
    );
    reader.expect_history().await;
    file.execute("DELETE FROM api_keys WHERE id = '000000000002'");
    assert_eq!(reader.changed().await, Changed::Everything);
}

const LOG_LENGTH: &str = "SELECT count(*) FROM api_key_changes";

/// Reads the log until it has one row.
async fn wait_for_pruning(file: &File, readers: &mut [Reader]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while file.number(LOG_LENGTH) > 1 {
        assert!(Instant::now() < deadline, "{} rows are left", file.number(LOG_LENGTH));
        for reader in &mut *readers {
            reader.changed().await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn old_changes_are_pruned() {
    let file = File::new();
    insert_range(&file, 0..25_000);
    let options = Options { retention: Duration::ZERO, ..Options::default() };
    let lagging = Reader::new(file.source().await).await;
    let last = file.number("SELECT max(seq) FROM api_key_changes");
    file.execute("UPDATE api_keys SET scopes = 2 WHERE id < '000000000005'");
    // two processes prune
    let mut readers = [
        Reader::new(file.source_with(options.clone()).await).await,
        Reader::new(file.source_with(options).await).await,
    ];
    wait_for_pruning(&file, &mut readers).await;
    assert_eq!(file.number("SELECT min(seq) FROM api_key_changes"), last + 5);
    assert_eq!(file.number("SELECT pruned_below FROM api_key_log"), last + 5);

    for reader in &mut readers {
        assert_eq!(reader.changed().await, keys(&[]));
    }
    // rows that this reader has not read are deleted
    let changes = lagging.source.changes_since(Some(&lagging.cursor)).await.unwrap();
    assert_eq!(changes, Changes { changed: Changed::Everything, cursor: readers[0].cursor });
    // this reader had read all deleted rows
    let mut reader = readers.into_iter().next().unwrap();
    file.execute("DELETE FROM api_keys WHERE id = '000000000001'");
    assert_eq!(reader.changed().await, keys(&[1]));
}

#[tokio::test]
async fn a_cursor_that_has_missed_no_row_is_valid() {
    let file = File::new();
    (0..3).for_each(|number| insert(&file.connect(), &record(number)));
    let two_behind = Reader::new(file.source().await).await;
    file.execute("DELETE FROM api_keys WHERE id = '000000000000'");
    let one_behind = Reader::new(file.source().await).await;
    file.execute("DELETE FROM api_keys WHERE id = '000000000001'");
    let options = Options { retention: Duration::ZERO, ..Options::default() };
    let mut readers = [Reader::new(file.source_with(options).await).await];
    wait_for_pruning(&file, &mut readers).await;
    let cursor = readers[0].cursor;
    let changes = one_behind.source.changes_since(Some(&one_behind.cursor)).await.unwrap();
    assert_eq!(changes, Changes { changed: keys(&[1]), cursor });
    let changes = two_behind.source.changes_since(Some(&two_behind.cursor)).await.unwrap();
    assert_eq!(changes, Changes { changed: Changed::Everything, cursor });
}

#[tokio::test]
async fn one_read_of_the_log_prunes_all_that_is_old() {
    let file = File::new();
    insert_range(&file, 0..25_000);
    let options = Options { retention: Duration::ZERO, ..Options::default() };
    let reader = Reader::new(file.source_with(options).await).await;
    // the writer runs this after the pruning
    reader.source.record_uses(&[]).await.unwrap();
    assert_eq!(file.number(LOG_LENGTH), 1);
}

#[tokio::test]
async fn changes_stay_in_the_log_for_the_retention() {
    let file = File::new();
    insert_range(&file, 0..10);
    let mut reader = Reader::new(file.source().await).await;
    for _ in 0..10 {
        reader.changed().await;
    }
    // less than the default of five minutes, but more than 300 ms, in case the unit is wrong
    tokio::time::sleep(Duration::from_millis(350)).await;
    reader.changed().await;
    // the writer would prune before it runs this
    reader.source.record_uses(&[]).await.unwrap();
    assert_eq!(file.number(LOG_LENGTH), 10);
}
