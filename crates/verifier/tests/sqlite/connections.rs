//! A call waits for no other work, and a cancelled or failed call does not affect the next.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use ctx_key::UnixTime;
use ctx_key_verifier::Source;
use ctx_key_verifier::sqlite::Options;

use crate::{File, Reader, id, insert, keys, last_used, record, text};

#[tokio::test]
async fn at_least_one_connection_looks_up() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let source = file.source_with(Options { connections: 0, ..Options::default() }).await;
    assert_eq!(source.look_up(&[id(1)]).await.unwrap().records, [record(1)]);
}

#[test]
fn a_source_does_not_wait_for_other_work_of_the_program() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || ended.recv());
    runtime.block_on(async {
        let file = File::new();
        let mut reader = Reader::new(file.source().await).await;
        assert_eq!(reader.changed().await, keys(&[]));
    });
    end.send(()).unwrap();
}

#[tokio::test]
async fn a_read_of_the_log_does_not_wait_for_look_ups() {
    let file = File::new();
    let source = file.source_with(Options { connections: 1, ..Options::default() }).await;
    let ids: Vec<_> = (0..20_000).map(id).collect();
    // on a busy machine, some look-ups may end before the read
    for _ in 0..100 {
        let mut look_up = pin!(source.look_up(&ids));
        let mut is_running = || look_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
        if is_running() {
            source.changes_since(None).await.unwrap();
            if is_running() {
                return;
            }
        }
    }
    panic!("each read of the log waited for the look-up that was sent before it");
}

#[tokio::test]
async fn a_cancelled_call_does_not_affect_the_next() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let mut reader = Reader::new(file.source().await).await;
    for number in 2..50 {
        insert(&file.connect(), &record(number));
        // the call is polled once, and then dropped
        let call = reader.source.changes_since(Some(&reader.cursor));
        let _ = tokio::time::timeout(Duration::ZERO, call).await;
        assert_eq!(reader.changed().await, keys(&[number]));
    }
}

#[tokio::test]
async fn a_call_that_is_cancelled_before_it_starts_does_nothing() {
    let file = File::new();
    (1..3).for_each(|number| insert(&file.connect(), &record(number)));
    let options = Options { busy_timeout: Duration::from_secs(600), ..Options::default() };
    let source = file.source_with(options).await;
    let other = file.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let uses = [1, 2].map(|number| [(id(number), UnixTime::from_secs(5))]);
    let [mut first, second] = uses.each_ref().map(|uses| Box::pin(source.record_uses(uses)));
    tokio::time::timeout(Duration::from_millis(50), &mut first).await.unwrap_err();
    tokio::time::timeout(Duration::from_millis(50), second).await.unwrap_err();
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(first.await.unwrap(), []);
    // the writer runs this after the second call
    source.record_uses(&[]).await.unwrap();
    assert_eq!(last_used(&file), [Some(5), None]);
}

#[tokio::test]
async fn a_connection_that_failed_is_opened_again() {
    let file = File::new();
    let options = Options { connections: 1, ..Options::default() };
    let source = file.source_with(options).await;
    source.look_up(&[id(1)]).await.unwrap();
    file.execute("ALTER TABLE api_keys RENAME TO old_keys");
    let unexpected = |text: &str| format!("unexpected answer of the database: {text}");
    let error = source.look_up(&[id(1)]).await.unwrap_err();
    assert_eq!(text(error), unexpected("SQLite: Error code 1: SQL logic error"));
    let error = source.look_up(&[id(1)]).await.unwrap_err();
    assert_eq!(text(error), unexpected("the table api_keys is missing: apply SCHEMA, then CHANGE_LOG"));
    file.execute("ALTER TABLE old_keys RENAME TO api_keys");
    assert_eq!(source.look_up(&[id(1)]).await.unwrap().records, []);
}
