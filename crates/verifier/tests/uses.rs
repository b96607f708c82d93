//! Uses of keys are noted at intervals, written in batches, and not lost if a write fails.

mod common;

use std::time::Duration;

use common::{Fixture, run_until_idle};
use ctx_key::{ApiKey, KeyId, KeyRecord, Scope, UnixTime};
use ctx_key_verifier::{Options, SourceError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// Returns a verifier that has cached the keys, and noted no use of them, because it refused their first verification.
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

/// Starts a write of the noted uses. The task panics if the write does not end within a second, which passes at once in
/// paused time.
fn flush(fixture: &Fixture) -> JoinHandle<Result<(), SourceError>> {
    let verifier = fixture.verifier.clone();
    tokio::spawn(async move {
        let flush = verifier.flush_uses();
        timeout(Duration::from_secs(1), flush).await.expect("a write that nobody expects")
    })
}

fn seconds_ago(time: UnixTime) -> u64 {
    UnixTime::now().as_secs() - time.as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_use_is_written_once_within_the_granularity() {
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
    run_until_idle().await;
    flush(&fixture).await.unwrap().unwrap();
    assert!(fixture.writes.try_recv().is_err(), "nothing is written if nothing is due");
}

/// A write that fails is repeated after the same time.
#[tokio::test(start_paused = true)]
async fn uses_are_written_at_the_interval() {
    let start = Instant::now();
    let options = Options { use_interval: Duration::from_secs(7), ..Options::default() };
    let (mut fixture, keys) = fixture(options, 1).await;
    assert!(fixture.verify(&keys[0]).await.unwrap().is_ok());
    for (seconds, answer) in [(7, Some(Err(SourceError::Busy))), (14, None), (21, Some(Ok(Vec::new())))] {
        let write = fixture.writes.recv().await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(seconds));
        match answer {
            Some(answer) => write.answer(answer),
            // the source panics
            None => drop(write),
        }
    }
}

/// Nobody answers the reads of the log, so the lease ends.
#[tokio::test(start_paused = true)]
async fn a_grant_during_an_outage_is_a_use() {
    let options = Options { outage_grace: Duration::from_secs(60), ..Options::default() };
    let (mut fixture, keys) = fixture(options.clone(), 1).await;
    sleep(options.lease).await;
    let verification = fixture.verify(&keys[0]);
    fixture.look_ups.recv().await.unwrap().answer(Err(SourceError::Busy));
    assert!(verification.await.unwrap().is_ok());
    let stats = fixture.verifier.stats();
    assert_eq!((stats.grace_grants, stats.pending_uses), (1, 1));
}

/// The lease has ended, and look-ups work: each request replaces the record.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_looked_up_again_keeps_its_last_use() {
    let (mut fixture, keys) = fixture(Options::default(), 1).await;
    assert!(fixture.verify(&keys[0]).await.unwrap().is_ok());
    let written = flush(&fixture);
    fixture.writes.recv().await.unwrap().answer(Ok(Vec::new()));
    written.await.unwrap().unwrap();
    sleep(Options::default().lease).await;
    for _ in 0..2 {
        let verification = fixture.verify(&keys[0]);
        assert_eq!(fixture.look_up().await, [keys[0].id()]);
        assert!(verification.await.unwrap().is_ok());
        assert_eq!(fixture.verifier.stats().pending_uses, 0);
    }
}

/// The granularity is in seconds of the system's clock, which a test can't set. So this test waits.
#[tokio::test(start_paused = true)]
async fn a_use_after_the_granularity_is_noted() {
    let options = Options { use_granularity: Duration::from_secs(1), ..Options::default() };
    let (mut fixture, keys) = fixture(options, 1).await;
    assert!(fixture.verify(&keys[0]).await.unwrap().is_ok());
    let first = UnixTime::now();
    let written = flush(&fixture);
    fixture.writes.recv().await.unwrap().answer(Ok(Vec::new()));
    written.await.unwrap().unwrap();
    assert_eq!(fixture.verifier.stats().pending_uses, 0);
    while UnixTime::now() == first {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(fixture.verify(&keys[0]).await.unwrap().is_ok());
    assert_eq!(fixture.verifier.stats().pending_uses, 1);
}

/// Only a grant counts as a use.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_is_not_used() {
    let (mut fixture, keys) = fixture(Options::default(), 4).await;
    let now = UnixTime::now();
    let changes: [fn(&mut KeyRecord<_>, UnixTime); 4] = [
        |record, now| record.revoked_at = Some(now),
        |record, now| record.expires_at = Some(now),
        |record, now| record.retires_at = Some(now),
        |record, now| record.not_before = Some(UnixTime::from_secs(now.as_secs() + 3_600)),
    ];
    for (key, change) in keys.iter().zip(changes) {
        let mut record = KeyRecord::new(key, "project", Scope::READ);
        change(&mut record, now);
        fixture.database.commit(record);
    }
    fixture.poll().await;
    for key in &keys {
        let verification = fixture.verify(key);
        fixture.look_up().await;
        assert_eq!(verification.await.unwrap().unwrap_err().status(), 401);
        assert_eq!(fixture.verify(key).await.unwrap().unwrap_err().status(), 401);
    }
    assert_eq!(fixture.verifier.stats().pending_uses, 0);
}

/// A write fills one statement and needs another.
const MANY: usize = 10_001;

/// Returns a verifier that has noted a use of each of [`MANY`] keys, and their ids in order.
async fn fixture_with_many_uses() -> (Fixture, Vec<KeyId>) {
    let mut fixture = Fixture::new(Options::default());
    let keys: Vec<ApiKey> = (0..MANY).map(|_| fixture.database.create("project")).collect();
    let mut ids: Vec<_> = keys.iter().map(ApiKey::id).collect();
    ids.sort();
    fixture.poll().await;
    for keys in keys.chunks(400) {
        let verifications: Vec<_> = keys.iter().map(|key| fixture.verify(key)).collect();
        fixture.look_up_all().await;
        for verification in verifications {
            assert!(verification.await.unwrap().is_ok());
        }
    }
    (fixture, ids)
}

/// The number of uses in one statement is bounded.
#[tokio::test(start_paused = true)]
async fn many_uses_are_written_in_parts() {
    let (mut fixture, ids) = fixture_with_many_uses().await;
    // the first part fails, and nothing is lost
    let written = flush(&fixture);
    let write = fixture.writes.recv().await.unwrap();
    assert_eq!(write.question.len(), 10_000);
    write.answer(Err(SourceError::Busy));
    assert!(matches!(written.await.unwrap(), Err(SourceError::Busy)));
    assert_eq!(fixture.verifier.stats().pending_uses, MANY);

    let written = flush(&fixture);
    for expected in [&ids[..10_000], &ids[10_000..]] {
        let write = fixture.writes.recv().await.unwrap();
        assert!(write.question.iter().map(|(id, _)| id).eq(expected));
        assert!(!written.is_finished(), "one call writes all");
        write.answer(Ok(Vec::new()));
    }
    written.await.unwrap().unwrap();
    assert_eq!(fixture.verifier.stats().pending_uses, 0);
}

/// Otherwise, as many locked rows as fit into a statement would keep all other uses from being written.
#[tokio::test(start_paused = true)]
async fn a_flush_tries_each_use_once_even_if_rows_are_locked() {
    let (mut fixture, ids) = fixture_with_many_uses().await;
    let (locked, free) = ids.split_at(10_000);
    for parts in [[locked, free].as_slice(), &[locked]] {
        let written = flush(&fixture);
        for expected in parts {
            let write = fixture.writes.recv().await.unwrap();
            assert!(write.question.iter().map(|(id, _)| id).eq(*expected));
            let skipped = if *expected == locked { locked.to_vec() } else { Vec::new() };
            write.answer(Ok(skipped));
        }
        written.await.unwrap().unwrap();
        assert_eq!(fixture.verifier.stats().pending_uses, locked.len());
    }
}

/// A program ends after its last flush, and with it the task that writes uses at the interval.
#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_a_running_write() {
    for (answers, is_written) in [([true].as_slice(), true), (&[false, true], true), (&[false, false], false)]
    {
        let (mut fixture, keys) = fixture(Options::default(), 1).await;
        assert!(fixture.verify(&keys[0]).await.unwrap().is_ok());
        let mut write = Some(fixture.writes.recv().await.unwrap());
        let question = write.as_ref().unwrap().question.clone();
        let flushed = flush(&fixture);
        run_until_idle().await;
        assert!(fixture.writes.try_recv().is_err(), "one write runs at a time");
        for is_written in answers {
            assert!(!flushed.is_finished());
            let running = write.take().unwrap();
            assert_eq!(running.question, question);
            running.answer(if *is_written { Ok(Vec::new()) } else { Err(SourceError::Busy) });
            run_until_idle().await;
            write = fixture.writes.try_recv().ok();
        }
        assert!(write.is_none());
        assert_eq!(flushed.await.unwrap().is_ok(), is_written);
        assert_eq!(fixture.verifier.stats().pending_uses, usize::from(!is_written));
    }
}

#[tokio::test(start_paused = true)]
async fn each_use_is_noted_if_the_granularity_is_zero() {
    let options = Options { use_granularity: Duration::ZERO, ..Options::default() };
    let (mut fixture, keys) = fixture(options, 1).await;
    for _ in 0..3 {
        assert!(fixture.verify(&keys[0]).await.unwrap().is_ok());
        let written = flush(&fixture);
        let write = fixture.writes.recv().await.unwrap();
        assert_eq!(write.question.len(), 1);
        write.answer(Ok(Vec::new()));
        assert!(written.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn uses_that_were_not_written_are_written_again() {
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
    run_until_idle().await;
    flush(&fixture).await.unwrap().unwrap();
    assert!(fixture.writes.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_write_loses_nothing() {
    let (mut fixture, keys) = fixture(Options::default(), 1).await;
    assert!(fixture.verify(&keys[0]).await.unwrap().is_ok());
    let flush = flush(&fixture);
    let cancelled = fixture.writes.recv().await.unwrap();
    flush.abort();
    run_until_idle().await;
    let again = fixture.writes.recv().await.unwrap();
    assert_eq!(again.question, cancelled.question);
    again.answer(Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_pending_uses_is_bounded() {
    let options = Options { max_records: 100, ..Options::default() };
    let (mut fixture, keys) = fixture(options, 101).await;
    for key in &keys {
        let verification = fixture.verify(key);
        run_until_idle().await;
        // the key may have been evicted
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
