//! Look-ups are sent in batches, their number is bounded, and each request gets its own answer.

mod common;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{Fixture, Verification, run_until_idle};
use ctx_key::{ApiKey, Denied, KeyDigest, KeyId, KeyRecord, Reason, Scope, UnixTime};
use ctx_key_verifier::{Options, SourceError, Stats, VerifyError};
use tokio::runtime::Builder;
use tokio::time::{Instant, advance};

fn keys(fixture: &mut Fixture, count: usize) -> Vec<ApiKey> {
    let mut keys: Vec<ApiKey> = (0..count).map(|_| fixture.database.create("project")).collect();
    keys.sort_by_key(ApiKey::id);
    keys
}

fn ids(keys: &[ApiKey]) -> Vec<KeyId> {
    keys.iter().map(ApiKey::id).collect()
}

async fn fixture(options: Options) -> Fixture {
    let mut fixture = Fixture::new(options);
    fixture.poll().await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn ids_that_wait_are_looked_up_together() {
    let mut fixture = fixture(Options { max_look_ups: 2, ..Options::default() }).await;
    let keys = keys(&mut fixture, 52);
    let mut verifications = Vec::new();
    let mut running = Vec::new();
    for key in &keys[..2] {
        verifications.push(fixture.verify(key));
        running.push(fixture.look_ups.recv().await.unwrap());
    }
    // two verifications for each of the other keys
    verifications.extend(keys[2..].iter().chain(&keys[2..]).map(|key| fixture.verify(key)));
    run_until_idle().await;
    assert!(fixture.look_ups.try_recv().is_err(), "more look-ups at once than allowed");
    for look_up in running {
        let found = fixture.database.look_up(&look_up.question);
        look_up.answer(Ok(found));
    }
    assert_eq!(fixture.look_up().await, ids(&keys[2..]));
    for verification in verifications {
        assert!(verification.await.unwrap().is_ok());
    }
    assert_eq!((fixture.verifier.stats().look_ups, fixture.verifier.stats().cache_misses), (3, 102));
}

#[tokio::test(start_paused = true)]
async fn stats_show_the_queue_the_cache_and_the_age_of_the_log() {
    let mut fixture = fixture(Options { max_look_ups: 1, ..Options::default() }).await;
    let keys = keys(&mut fixture, 2);
    let unknown = ApiKey::generate();
    let first = fixture.verify(&keys[0]);
    let look_up = fixture.look_ups.recv().await.unwrap();
    let [second, third, fourth] = [&keys[1], &unknown, &keys[1]].map(|key| fixture.verify(key));
    run_until_idle().await;
    advance(Duration::from_millis(50)).await;
    let expected = Stats {
        cache_misses: 4,
        look_ups: 1,
        change_log_age: Duration::from_millis(50),
        waiting_ids: 2,
        running_look_ups: 1,
        ..Stats::default()
    };
    assert_eq!(fixture.verifier.stats(), expected);

    look_up.answer(Ok(fixture.database.look_up(&[keys[0].id()])));
    assert!(first.await.unwrap().is_ok());
    fixture.look_up().await;
    assert!(second.await.unwrap().is_ok() && third.await.unwrap().is_err());
    assert!(fourth.await.unwrap().is_ok());
    for key in &keys {
        assert!(fixture.verify(key).await.unwrap().is_ok());
    }
    assert!(fixture.verify(&unknown).await.unwrap().is_err());
    let expected = Stats {
        cache_hits: 3,
        cache_misses: 4,
        look_ups: 2,
        change_log_age: Duration::from_millis(50),
        cached_records: 2,
        cached_unknown: 1,
        pending_uses: 2,
        ..Stats::default()
    };
    assert_eq!(fixture.verifier.stats(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_counts_as_running_once_it_is_sent() {
    let fixture = fixture(Options::default()).await;
    let key = ApiKey::generate();
    let mut verification = pin!(fixture.verifier.verify(&key, Scope::READ));
    // no other task runs in between
    assert!(poll_fn(|context| Poll::Ready(verification.as_mut().poll(context).is_pending())).await);
    let sizes = || (fixture.verifier.stats().waiting_ids, fixture.verifier.stats().running_look_ups);
    assert_eq!(sizes(), (1, 0));
    run_until_idle().await;
    assert_eq!(sizes(), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn each_waiter_gets_the_answer_to_its_own_id() {
    let mut fixture = fixture(Options { max_look_ups: 1, ..Options::default() }).await;
    let keys = keys(&mut fixture, 5);
    let (unknown, first) = (ApiKey::generate(), ApiKey::generate());
    fixture.database.revoke(&keys[1]);
    let running = fixture.verify(&first);
    let look_up = fixture.look_ups.recv().await.unwrap();
    let verifications: Vec<_> = keys.iter().chain([&unknown]).map(|key| fixture.verify(key)).collect();
    run_until_idle().await;
    look_up.answer(Ok(fixture.database.look_up(&[])));
    assert_eq!(running.await.unwrap().unwrap_err().to_string(), Denied::unknown_key().to_string());

    let look_up = fixture.look_ups.recv().await.unwrap();
    let mut found = fixture.database.look_up(&look_up.question);
    // in another order, with a record that was not looked up, and with two rows that are not records
    found.records.reverse();
    found.records.retain(|record| ![keys[2].id(), keys[4].id()].contains(&record.id));
    found.corrupt.extend([keys[2].id(), keys[4].id()]);
    let uninvited = fixture.database.create("other");
    found.records.extend(fixture.database.look_up(&[uninvited.id()]).records);
    look_up.answer(Ok(found));
    let mut results = Vec::new();
    for verification in verifications {
        results.push(match verification.await.unwrap() {
            Ok(grant) => Ok(grant.key_id()),
            Err(VerifyError::Denied(denied)) => Err(format!("{:?}", denied.reason())),
            Err(VerifyError::Source(error)) => Err(error.to_string()),
        });
    }
    assert_eq!(
        results,
        [
            Ok(keys[0].id()),
            Err("Revoked".to_owned()),
            Err(format!("the row of key {} is not a record: repair or delete it", keys[2].id())),
            Ok(keys[3].id()),
            Err(format!("the row of key {} is not a record: repair or delete it", keys[4].id())),
            Err(format!("{:?}", Reason::UnknownKey)),
        ]
    );
    // a corrupt row is not cached as an unknown key, and a record that was not looked up is not cached
    for key in [&keys[2], &keys[4], &uninvited] {
        let verification = fixture.verify(key);
        assert_eq!(fixture.look_up().await, [key.id()]);
        assert!(verification.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_reaches_every_waiting_request_and_is_not_cached() {
    let mut fixture = fixture(Options { max_look_ups: 1, ..Options::default() }).await;
    let keys = keys(&mut fixture, 3);
    let running = fixture.verify(&keys[0]);
    let look_up = fixture.look_ups.recv().await.unwrap();
    let waiting = [fixture.verify(&keys[1]), fixture.verify(&keys[2])];
    run_until_idle().await;
    look_up.answer(Err(SourceError::Busy));
    assert_eq!(running.await.unwrap().unwrap_err().status(), 503);
    fixture.look_ups.recv().await.unwrap().answer(Err(SourceError::Unexpected("no such table".into())));
    for verification in waiting {
        let error = verification.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "unexpected answer of the database: no such table");
    }
    let verifications: Vec<_> = keys.iter().map(|key| fixture.verify(key)).collect();
    assert_eq!(fixture.look_up_all().await, ids(&keys));
    for verification in verifications {
        assert!(verification.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_a_maximum_size() {
    let mut fixture = fixture(Options { max_look_ups: 1, max_batch: 3, ..Options::default() }).await;
    let keys = keys(&mut fixture, 8);
    let verifications: Vec<_> = keys.iter().map(|key| fixture.verify(key)).collect();
    run_until_idle().await;
    let mut sizes = Vec::new();
    let mut asked = Vec::new();
    for _ in 0..4 {
        let Ok(look_up) = fixture.look_ups.try_recv() else { break };
        assert!(fixture.look_ups.try_recv().is_err(), "more look-ups at once than allowed");
        sizes.push(look_up.question.len());
        asked.extend_from_slice(&look_up.question);
        look_up.answer(Ok(fixture.database.look_up(&asked)));
        run_until_idle().await;
    }
    asked.sort();
    assert_eq!(asked, ids(&keys), "{sizes:?}");
    assert!(sizes.iter().all(|&size| size <= 3) && sizes.contains(&3), "{sizes:?}");
    for verification in verifications {
        assert!(verification.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_of_waiting_ids_is_bounded() {
    let mut fixture = fixture(Options { max_look_ups: 1, max_waiting: 5, ..Options::default() }).await;
    let keys = keys(&mut fixture, 7);
    let running = fixture.verify(&keys[0]);
    let look_up = fixture.look_ups.recv().await.unwrap();
    // two requests for each id, one after the other
    let waiting: Vec<_> =
        keys[1..6].iter().flat_map(|key| [fixture.verify(key), fixture.verify(key)]).collect();
    run_until_idle().await;
    let refused = fixture.verify(&keys[6]).await.unwrap().unwrap_err();
    assert_eq!((refused.status(), refused.to_string().as_str()), (503, "the database is busy: try again"));
    let found = fixture.database.look_up(&look_up.question);
    look_up.answer(Ok(found));
    assert_eq!(fixture.look_up().await, ids(&keys[1..6]));
    for verification in waiting.into_iter().chain([running]) {
        assert!(verification.await.unwrap().is_ok());
    }
    let again = fixture.verify(&keys[6]);
    fixture.look_up().await;
    assert!(again.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_look_up_without_an_answer_ends_and_the_next_works() {
    let mut fixture = fixture(Options { max_look_ups: 1, ..Options::default() }).await;
    let key = fixture.database.create("project");
    let start = Instant::now();
    let verification = fixture.verify(&key);
    let hanging = fixture.look_ups.recv().await.unwrap();
    let error = verification.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the database is unavailable: no answer in time");
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert!(hanging.is_abandoned());
    fixture.poll().await;
    fixture.fill(&key).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_an_error_and_the_next_look_up_works() {
    let mut fixture = fixture(Options { max_look_ups: 1, ..Options::default() }).await;
    let key = fixture.database.create("project");
    for _ in 0..3 {
        let verification = fixture.verify(&key);
        // the source panics
        drop(fixture.look_ups.recv().await.unwrap());
        let error = verification.await.unwrap().unwrap_err();
        assert_eq!((error.status(), error.to_string().contains("without an answer")), (500, true));
    }
    fixture.fill(&key).await;
}

/// If another worker is left, it sends the next look-up. If none is, the requests that wait for it get an error.
#[tokio::test(start_paused = true)]
async fn a_source_that_panics_leaves_no_request_waiting() {
    for max_look_ups in [1, 2] {
        let mut fixture = fixture(Options { max_look_ups, ..Options::default() }).await;
        let keys = keys(&mut fixture, 3);
        let (mut verifications, mut running) = (Vec::new(), Vec::new());
        for key in &keys[..max_look_ups] {
            verifications.push(fixture.verify(key));
            running.push(fixture.look_ups.recv().await.unwrap());
        }
        let waiting = fixture.verify(&keys[2]);
        run_until_idle().await;
        // the source panics
        drop(running.remove(0));
        assert_eq!(verifications.remove(0).await.unwrap().unwrap_err().status(), 500);
        for look_up in running {
            let found = fixture.database.look_up(&look_up.question);
            look_up.answer(Ok(found));
            assert_eq!(fixture.look_up().await, [keys[2].id()]);
        }
        let status = waiting.await.unwrap().map_or_else(|error| error.status(), |_| 200);
        assert_eq!(status, if max_look_ups == 1 { 500 } else { 200 });
    }
}

/// Polls a future once, and expects that it waits.
fn start(future: Pin<&mut impl Future>) {
    assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// A runtime that shuts down drops tasks that have not run.
#[tokio::test(start_paused = true)]
async fn a_look_up_that_never_runs_takes_no_place() {
    let mut fixture = fixture(Options { max_look_ups: 1, ..Options::default() }).await;
    let keys = keys(&mut fixture, 2);
    let other = Builder::new_current_thread().enable_time().build().unwrap();
    let verifier = fixture.verifier.clone();
    let mut first = Box::pin(verifier.verify_any(&keys[0]));
    {
        let _guard = other.enter();
        start(first.as_mut());
    }
    let second = fixture.verify(&keys[1]);
    run_until_idle().await;
    other.shutdown_background();
    assert_eq!(second.await.unwrap().unwrap_err().status(), 500);
    assert_eq!(first.await.unwrap_err().status(), 500);
    for key in &keys {
        fixture.fill(key).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_outside_of_a_runtime_takes_no_place() {
    let mut fixture = fixture(Options { max_look_ups: 1, ..Options::default() }).await;
    let key = fixture.database.create("project");
    let (verifier, clone) = (fixture.verifier.clone(), ApiKey::parse(key.expose_secret()).unwrap());
    let thread = std::thread::spawn(move || start(pin!(verifier.verify_any(&clone))));
    assert!(thread.join().is_err(), "a look-up needs a runtime");
    fixture.fill(&key).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_does_not_cancel_its_look_up() {
    let mut fixture = fixture(Options { max_look_ups: 1, ..Options::default() }).await;
    let keys = keys(&mut fixture, 2);
    let verifications = [fixture.verify(&keys[0]), fixture.verify(&keys[1])];
    run_until_idle().await;
    verifications.iter().for_each(Verification::abort);
    run_until_idle().await;
    assert_eq!(fixture.look_up_all().await, ids(&keys));
    for key in &keys {
        assert!(fixture.verify(key).await.unwrap().is_ok());
    }
    assert!(fixture.look_ups.try_recv().is_err(), "both are in the cache");
}

/// Unknown ids have a cache of their own, and each cache has its maximum.
#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_ids_evicts_no_known_key() {
    let options = Options { max_records: 20, max_unknown: 10, ..Options::default() };
    let mut fixture = fixture(options).await;
    let known = fixture.database.create("project");
    fixture.poll().await;
    fixture.fill(&known).await;
    for _ in 0..1_000 {
        let verification = fixture.verify(&ApiKey::generate());
        fixture.look_up().await;
        assert_eq!(verification.await.unwrap().unwrap_err().status(), 401);
    }
    assert!(fixture.verify(&known).await.unwrap().is_ok());
    assert!(fixture.look_ups.try_recv().is_err());
    let Stats { cached_records, cached_unknown, .. } = fixture.verifier.stats();
    assert_eq!((cached_records, cached_unknown), (1, 10));
    for key in keys(&mut fixture, 100) {
        let verification = fixture.verify(&key);
        fixture.look_up().await;
        assert!(verification.await.unwrap().is_ok());
    }
    let Stats { cached_records, cached_unknown, .. } = fixture.verifier.stats();
    assert_eq!((cached_records, cached_unknown), (20, 10));
}

#[tokio::test(start_paused = true)]
async fn unknown_ids_need_not_be_cached() {
    let mut fixture = fixture(Options { max_unknown: 0, ..Options::default() }).await;
    let unknown = ApiKey::generate();
    for _ in 0..2 {
        let verification = fixture.verify(&unknown);
        assert_eq!(fixture.look_up().await, [unknown.id()]);
        assert_eq!(verification.await.unwrap().unwrap_err().status(), 401);
    }
}

/// After a failover, a look-up can reach the new primary before the poll does.
#[tokio::test(start_paused = true)]
async fn an_answer_of_another_history_is_not_used_until_the_log_has_moved_there() {
    let mut fixture = fixture(Options::default()).await;
    let key = fixture.database.create("project");
    let verification = fixture.verify(&key);
    fixture.database.history += 1;
    fixture.look_up().await;
    assert!(fixture.look_ups.try_recv().is_err() && !verification.is_finished(), "it waits for a poll");
    fixture.database.revoke(&key);
    fixture.poll().await;
    assert_eq!(fixture.look_up().await, [key.id()], "the verifier looks the key up again");
    let Err(VerifyError::Denied(denied)) = verification.await.unwrap() else { panic!("an old answer") };
    assert_eq!(denied.reason(), Reason::Revoked);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_history_that_the_log_has_moved_to_is_used() {
    let mut fixture = fixture(Options::default()).await;
    let key = fixture.database.create("project");
    let verification = fixture.verify(&key);
    let look_up = fixture.look_ups.recv().await.unwrap();
    fixture.database.history += 1;
    fixture.poll().await;
    look_up.answer(Ok(fixture.database.look_up(&[key.id()])));
    assert!(verification.await.unwrap().is_ok());
    assert!(fixture.look_ups.try_recv().is_err(), "one look-up is enough");
}

/// Before the first poll, the history of the log is unknown. After it, each answer is compared with that history.
#[tokio::test(start_paused = true)]
async fn any_answer_is_used_before_the_first_read_of_the_log() {
    let mut fixture = Fixture::new(Options::default());
    let key = fixture.database.create("project");
    let verification = fixture.verify(&key);
    fixture.look_up().await;
    assert!(verification.await.unwrap().is_ok());

    let verification = fixture.verify(&key);
    let look_up = fixture.look_ups.recv().await.unwrap();
    let found = fixture.database.look_up(&[key.id()]);
    fixture.database.create("other");
    fixture.poll().await;
    look_up.answer(Ok(found));
    assert!(verification.await.unwrap().is_ok(), "the poll came after the look-up");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_history_than_that_of_the_first_poll_is_not_used() {
    let mut fixture = Fixture::new(Options::default());
    let key = fixture.database.create("project");
    let verification = fixture.verify(&key);
    let look_up = fixture.look_ups.recv().await.unwrap();
    let found = fixture.database.look_up(&[key.id()]);
    fixture.database.history += 1;
    fixture.database.revoke(&key);
    fixture.poll().await;
    look_up.answer(Ok(found));
    assert_eq!(fixture.look_up().await, [key.id()], "the verifier looks the key up again");
    assert!(verification.await.unwrap().is_err());
}

/// The row may have been repaired since.
#[tokio::test(start_paused = true)]
async fn a_row_that_is_corrupt_only_on_a_server_that_lags_is_not_an_error() {
    let mut fixture = Fixture::new(Options::default());
    let key = fixture.database.create("project");
    let mut behind = fixture.database.look_up(&[]);
    behind.corrupt.push(key.id());
    fixture.database.create("other");
    fixture.poll().await;
    let verification = fixture.verify(&key);
    fixture.look_ups.recv().await.unwrap().answer(Ok(behind));
    run_until_idle().await;
    assert!(!verification.is_finished(), "it waits for a poll");
    fixture.poll().await;
    assert_eq!(fixture.look_up().await, [key.id()], "the verifier looks the key up again");
    assert!(verification.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn answers_from_a_server_that_lags_become_an_error() {
    let mut fixture = Fixture::new(Options::default());
    let key = fixture.database.create("project");
    let behind = fixture.database.look_up(&[key.id()]);
    fixture.database.create("other");
    fixture.poll().await;
    let verification = fixture.verify(&key);
    for _ in 0..4 {
        fixture.look_ups.recv().await.unwrap().answer(Ok(behind.clone()));
        run_until_idle().await;
        assert!(!verification.is_finished());
        fixture.poll().await;
    }
    let error = verification.await.unwrap().unwrap_err();
    let cause = "look-ups reach another server than the change log, or one that lags";
    assert_eq!((error.status(), error.to_string()), (503, format!("the database is unavailable: {cause}")));
    assert!(fixture.look_ups.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_grant_needs_the_required_scopes() {
    let mut fixture = fixture(Options::default()).await;
    let key = fixture.database.create("project");
    fixture.fill(&key).await;
    let verifier = &fixture.verifier;
    let nothing = verifier.verify(&key, Scope::empty()).await.unwrap_err();
    assert_eq!(nothing.status(), 403);
    assert_eq!(verifier.verify(&key, Scope::all()).await.unwrap().scopes(), Scope::all());
    let any = verifier.verify_any(&key).await.unwrap();
    assert_eq!((any.key_id(), *any.project()), (key.id(), "project"));
    let unknown = verifier.clone();
    let stranger = ApiKey::generate();
    let refused = tokio::spawn(async move { unknown.verify_any(&stranger).await });
    fixture.look_up().await;
    assert_eq!(refused.await.unwrap().unwrap_err().status(), 401);
}

/// The whole digest is compared, whether the record was just looked up or comes from the cache.
#[tokio::test(start_paused = true)]
async fn a_key_with_the_id_of_another_is_refused() {
    let mut fixture = fixture(Options::default()).await;
    for byte in [0, 31] {
        let key = ApiKey::generate();
        let mut digest = *key.digest().as_bytes();
        digest[byte] ^= 1;
        let digest = KeyDigest::from_bytes(digest);
        fixture.database.commit(KeyRecord::from_parts(key.id(), digest, "project", Scope::all()));
        for is_cached in [false, true] {
            let verification = fixture.verify(&key);
            if !is_cached {
                assert_eq!(fixture.look_up().await, [key.id()]);
            }
            let Err(VerifyError::Denied(denied)) = verification.await.unwrap() else { panic!("a grant") };
            assert_eq!(denied.reason(), Reason::DigestMismatch, "byte {byte}, cached: {is_cached}");
        }
    }
    assert_eq!(fixture.verifier.stats().pending_uses, 0);
}

/// The system's clock decides about the expiry, and a test can't set it. So this test waits for up to a second.
#[tokio::test(start_paused = true)]
async fn a_key_that_expires_while_it_is_looked_up_is_refused() {
    let mut fixture = fixture(Options::default()).await;
    let key = ApiKey::generate();
    let expires_at = UnixTime::from_secs(UnixTime::now().as_secs() + 1);
    let mut record = KeyRecord::new(&key, "project", Scope::all());
    record.expires_at = Some(expires_at);
    fixture.database.commit(record);
    let verification = fixture.verify(&key);
    let look_up = fixture.look_ups.recv().await.unwrap();
    let found = fixture.database.look_up(&look_up.question);
    while UnixTime::now() < expires_at {
        std::thread::sleep(Duration::from_millis(5));
    }
    look_up.answer(Ok(found));
    let Err(VerifyError::Denied(denied)) = verification.await.unwrap() else { panic!("a grant") };
    assert_eq!(denied.reason(), Reason::Expired);
}

#[tokio::test(start_paused = true)]
async fn the_tasks_end_with_the_last_clone() {
    let fixture = fixture(Options::default()).await;
    let Fixture { verifier, mut polls, mut writes, .. } = fixture;
    let clone = verifier.clone();
    drop(verifier);
    let poll = polls.recv().await.unwrap();
    drop(clone);
    run_until_idle().await;
    assert!(poll.is_abandoned());
    advance(Duration::from_secs(60)).await;
    assert!(polls.recv().await.is_none() && writes.recv().await.is_none());
}

fn with(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::default();
    change(&mut options);
    options
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let expected = Options {
        lease: Duration::from_millis(500),
        poll_interval: Duration::from_millis(100),
        max_records: 200_000,
        max_unknown: 10_000,
        max_look_ups: 8,
        max_batch: 500,
        max_waiting: 10_000,
        look_up_timeout: Duration::from_secs(2),
        use_granularity: Duration::from_secs(300),
        use_interval: Duration::from_secs(5),
        outage_grace: Duration::ZERO,
    };
    assert_eq!(Options::default(), expected);
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    for (options, message) in [
        (with(|o| o.lease = o.poll_interval), "the lease must be longer than the poll interval"),
        (with(|o| o.max_records = 0), "a maximum number of the options is 0"),
        (with(|o| o.max_look_ups = 0), "a maximum number of the options is 0"),
        (with(|o| o.max_batch = 0), "a maximum number of the options is 0"),
        (with(|o| o.max_waiting = 0), "a maximum number of the options is 0"),
    ] {
        let created = std::panic::catch_unwind(|| Fixture::new(options));
        assert_eq!(created.err().unwrap().downcast_ref::<&str>(), Some(&message));
    }
}
