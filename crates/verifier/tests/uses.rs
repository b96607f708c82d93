//! Uses of keys: noted once in a while, written in batches, and never lost.

mod common;

use std::time::Duration;

use common::{Fixture, settle};
use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
use ctx_key_verifier::{Options, SourceError};

/// A verifier with cached keys, none of them used: `verify` of another scope is refused.
async fn fixture(options: Options, count: usize) -> (Fixture, Vec<ApiKey>) {
    let mut fixture = Fixture::new(options);
    let mut keys: Vec<ApiKey> = (0..count).map(|_| ApiKey::generate()).collect();
    keys.sort_by_key(ApiKey::id);
    for key in &keys {
        fixture.database.commit(KeyRecord::new(key, "project", Scope::READ));
    }
    fixture.poll().await;
    for key in &keys {
        let (verifier, key) = (fixture.verifier.clone(), ApiKey::parse(key.expose_secret()).unwrap());
        let refused = tokio::spawn(async move { verifier.verify(&key, Scope::WRITE).await });
        fixture.look_up().await;
        assert_eq!(refused.await.unwrap().unwrap_err().status(), 403);
    }
    (fixture, keys)
}

async fn keep_current(fixture: &mut Fixture, time: Duration) {
    for _ in 0..time.as_millis() / 100 {
        fixture.poll().await;
    }
}

fn seconds_ago(time: UnixTime) -> u64 {
    UnixTime::now().as_secs() - time.as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_use_is_written_once_in_its_granularity() {
    let (mut fixture, keys) = fixture(Options::default(), 3).await;
    for key in [&keys[2], &keys[0], &keys[2]] {
        assert!(fixture.verify(key).await.unwrap().is_ok());
    }
    keep_current(&mut fixture, Duration::from_millis(4_900)).await;
    let write = fixture.writes.recv().await.unwrap();
    let ids: Vec<_> = write.question.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [keys[0].id(), keys[2].id()], "in the order of the ids, without the refused one");
    assert!(write.question.iter().all(|(_, at)| seconds_ago(*at) < 60));
    write.answer(Ok(Vec::new()));
    assert!(fixture.verify(&keys[0]).await.unwrap().is_ok());
    settle().await;
    fixture.verifier.flush_uses().await.unwrap();
    assert!(fixture.writes.try_recv().is_err(), "nothing is written if nothing is due");
}

#[tokio::test(start_paused = true)]
async fn with_no_granularity_each_use_is_noted() {
    let options = Options { use_granularity: Duration::ZERO, ..Options::default() };
    let (mut fixture, keys) = fixture(options, 1).await;
    for _ in 0..3 {
        assert!(fixture.verify(&keys[0]).await.unwrap().is_ok());
        let verifier = fixture.verifier.clone();
        let flush = tokio::spawn(async move { verifier.flush_uses().await });
        let write = fixture.writes.recv().await.unwrap();
        assert_eq!(write.question.len(), 1);
        write.answer(Ok(Vec::new()));
        assert!(flush.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_locked_or_fails_comes_again() {
    let (mut fixture, keys) = fixture(Options::default(), 3).await;
    for key in &keys {
        assert!(fixture.verify(key).await.unwrap().is_ok());
    }
    keep_current(&mut fixture, Duration::from_secs(4)).await;
    let failed = fixture.writes.recv().await.unwrap();
    let all = failed.question.clone();
    failed.answer(Err(SourceError::Busy));
    let skipped = fixture.writes.recv().await.unwrap();
    assert_eq!(skipped.question, all);
    skipped.answer(Ok(vec![keys[1].id()]));
    let last = fixture.writes.recv().await.unwrap();
    assert_eq!(last.question, [all[1]]);
    last.answer(Ok(Vec::new()));
    settle().await;
    fixture.verifier.flush_uses().await.unwrap();
    assert!(fixture.writes.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_write_loses_nothing() {
    let (mut fixture, keys) = fixture(Options::default(), 1).await;
    assert!(fixture.verify(&keys[0]).await.unwrap().is_ok());
    let verifier = fixture.verifier.clone();
    let flush = tokio::spawn(async move { verifier.flush_uses().await });
    let cancelled = fixture.writes.recv().await.unwrap();
    flush.abort();
    settle().await;
    let again = fixture.writes.recv().await.unwrap();
    assert_eq!(again.question, cancelled.question);
    again.answer(Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn keys_with_a_pending_use_are_bounded() {
    let options = Options { max_records: 100, ..Options::default() };
    let (mut fixture, keys) = fixture(options, 101).await;
    for key in &keys {
        let verification = fixture.verify(key);
        settle().await;
        // evicted
        if let Ok(look_up) = fixture.look_ups.try_recv() {
            let found = fixture.database.look_up(&look_up.question);
            look_up.answer(Ok(found));
        }
        assert!(verification.await.unwrap().is_ok());
    }
    assert_eq!(fixture.verifier.stats().lost_uses, 1);
    let write = fixture.writes.recv().await.unwrap();
    let ids: Vec<_> = write.question.iter().map(|(id, _)| *id).collect();
    let noted: Vec<_> = keys[..100].iter().map(ApiKey::id).collect();
    assert_eq!(ids, noted);
}
