//! No grant begins later than the lease after a revocation, whatever the source and its answers do.

mod common;

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use common::{Fixture, Poll, Verification, run_until_idle};
use ctx_key::{ApiKey, KeyId, Reason, Scope, UnixTime};
use ctx_key_verifier::{
    Changed, Changes, LookedUp, Options, Source, SourceError, Stats, Verifier, VerifyError,
};
use tokio::time::{Instant, advance, sleep};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Returns a verifier that is current, and the one key that it has cached. Its next poll is at 100 ms.
async fn current() -> (Fixture, ApiKey) {
    current_with(Options::default()).await
}

async fn current_with(options: Options) -> (Fixture, ApiKey) {
    let mut fixture = Fixture::new(options);
    let key = fixture.database.create("project");
    fixture.poll().await;
    fixture.fill(&key).await;
    (fixture, key)
}

/// Returns a verifier in a grace period of a minute, the one key that it has cached, and the poll that is not answered.
async fn in_grace() -> (Fixture, ApiKey, Poll) {
    let options = Options { outage_grace: ms(60_000), ..Options::default() };
    let (mut fixture, key) = current_with(options).await;
    let hanging = fixture.polls.recv().await.unwrap();
    advance(ms(500)).await;
    (fixture, key, hanging)
}

/// Returns whether a verification is granted without a look-up.
async fn is_cached(fixture: &mut Fixture, key: &ApiKey) -> bool {
    let verification = fixture.verify(key);
    run_until_idle().await;
    if verification.is_finished() {
        assert!(verification.await.unwrap().is_ok());
        return true;
    }
    assert_eq!(fixture.look_up().await, [key.id()]);
    verification.await.unwrap().unwrap();
    false
}

async fn reason(verification: Verification) -> Reason {
    match verification.await.unwrap().unwrap_err() {
        VerifyError::Denied(denied) => denied.reason(),
        VerifyError::Source(error) => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_counts_from_before_the_poll_was_sent() {
    let (mut fixture, key) = current().await;
    // sent at 100 ms, answered at 400 ms: the lease ends at 600 ms
    let poll = fixture.polls.recv().await.unwrap();
    advance(ms(300)).await;
    let changes = fixture.database.changes_since(poll.question);
    poll.answer(Ok(changes));
    run_until_idle().await;
    let _hanging = fixture.polls.recv().await.unwrap();
    advance(ms(199)).await;
    assert!(fixture.verifier.is_current() && is_cached(&mut fixture, &key).await);
    advance(ms(1)).await;
    assert!(!fixture.verifier.is_current());
    assert!(!is_cached(&mut fixture, &key).await);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_current_before_the_first_poll() {
    let mut fixture = Fixture::new(Options::default());
    let key = fixture.database.create("project");
    for _ in 0..2 {
        assert!(!is_cached(&mut fixture, &key).await);
        assert!(!fixture.verifier.is_current());
    }
    fixture.poll().await;
    assert!(fixture.verifier.is_current());
    // the answers that came before the first cursor were not cached
    assert!(!is_cached(&mut fixture, &key).await);
    assert!(is_cached(&mut fixture, &key).await);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_fails_does_not_renew_the_lease() {
    let (mut fixture, key) = current().await;
    for failures in 1..=4 {
        let poll = fixture.polls.recv().await.unwrap();
        if failures == 2 {
            // the source panics
            drop(poll);
        } else {
            poll.answer(Err(SourceError::Busy));
        }
        run_until_idle().await;
        assert!(is_cached(&mut fixture, &key).await, "{failures}");
        assert_eq!(fixture.verifier.stats().failed_polls, failures);
    }
    // sent at 500 ms
    let poll = fixture.polls.recv().await.unwrap();
    assert!(!is_cached(&mut fixture, &key).await);
    let changes = fixture.database.changes_since(poll.question);
    poll.answer(Ok(changes));
    run_until_idle().await;
    assert!(is_cached(&mut fixture, &key).await, "an outage of the database does not drop the cache");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_hangs_is_abandoned_and_its_answer_discarded() {
    let (mut fixture, key) = current().await;
    let hanging = fixture.polls.recv().await.unwrap();
    let changes = fixture.database.changes_since(hanging.question);
    assert!(fixture.polls.try_recv().is_err(), "one poll at a time");
    let start = Instant::now();
    let next = fixture.polls.recv().await.unwrap();
    assert!(hanging.is_abandoned());
    assert_eq!(start.elapsed(), ms(500), "a poll is abandoned after the length of the lease");
    assert_eq!(next.question, hanging.question, "only an answer moves the cursor");
    hanging.answer(Ok(changes));
    run_until_idle().await;
    assert!(!fixture.verifier.is_current());
    fixture.database.revoke(&key);
    let changes = fixture.database.changes_since(next.question);
    next.answer(Ok(changes));
    run_until_idle().await;
    let verification = fixture.verify(&key);
    fixture.look_up().await;
    assert_eq!(reason(verification).await, Reason::Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_is_noticed_by_the_poll() {
    let (mut fixture, key) = current().await;
    let other = fixture.database.create("other");
    fixture.poll().await;
    fixture.fill(&other).await;
    fixture.database.revoke(&key);
    assert!(is_cached(&mut fixture, &key).await);
    fixture.poll().await;
    assert!(is_cached(&mut fixture, &other).await, "only the key that changed is dropped");
    let verification = fixture.verify(&key);
    fixture.look_up().await;
    assert_eq!(reason(verification).await, Reason::Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_poll_reports_every_change() {
    let mut fixture = Fixture::new(Options::default());
    let keys = [(); 3].map(|()| fixture.database.create("project"));
    fixture.poll().await;
    for key in &keys {
        fixture.fill(key).await;
        fixture.database.revoke(key);
    }
    fixture.poll().await;
    for key in &keys {
        let verification = fixture.verify(key);
        fixture.look_up().await;
        assert_eq!(reason(verification).await, Reason::Revoked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_unknown_is_found_after_its_creation() {
    let mut fixture = Fixture::new(Options::default());
    fixture.poll().await;
    let key = ApiKey::generate();
    for is_cached in [false, true] {
        let verification = fixture.verify(&key);
        if !is_cached {
            fixture.look_up().await;
        }
        assert_eq!(reason(verification).await, Reason::UnknownKey);
    }
    fixture.database.commit(ctx_key::KeyRecord::new(&key, "project", Scope::all()));
    fixture.poll().await;
    assert!(!is_cached(&mut fixture, &key).await);
}

#[tokio::test(start_paused = true)]
async fn an_invalidated_key_is_looked_up_at_once() {
    let (mut fixture, key) = current().await;
    fixture.database.revoke(&key);
    fixture.verifier.invalidate(key.id());
    let verification = fixture.verify(&key);
    fixture.look_up().await;
    assert_eq!(reason(verification).await, Reason::Revoked);
}

/// The look-up is sent before the change, and answered after it.
#[tokio::test(start_paused = true)]
async fn a_request_after_an_invalidation_does_not_join_an_earlier_look_up() {
    let (mut fixture, key) = current().await;
    fixture.verifier.invalidate(key.id());
    let before = fixture.verify(&key);
    let look_up = fixture.look_ups.recv().await.unwrap();
    let old = fixture.database.look_up(&look_up.question);
    let joined = fixture.verify(&key);
    run_until_idle().await;
    assert!(fixture.look_ups.try_recv().is_err(), "a request joins a look-up that is on its way");

    fixture.database.revoke(&key);
    fixture.verifier.invalidate(key.id());
    let after = fixture.verify(&key);
    fixture.look_up().await;
    assert_eq!(reason(after).await, Reason::Revoked);

    look_up.answer(Ok(old));
    assert!(before.await.unwrap().is_ok() && joined.await.unwrap().is_ok(), "both began before the change");
    assert_eq!(reason(fixture.verify(&key)).await, Reason::Revoked, "the old record replaced the new one");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_ten_seconds_late_grants_nothing() {
    let options = Options { look_up_timeout: ms(20_000), ..Options::default() };
    let mut fixture = Fixture::new(options);
    let key = fixture.database.create("project");
    fixture.poll().await;
    let verification = fixture.verify(&key);
    let look_up = fixture.look_ups.recv().await.unwrap();
    let old = fixture.database.look_up(&look_up.question);
    fixture.database.revoke(&key);
    let _hanging = fixture.polls.recv().await.unwrap();
    advance(ms(10_000)).await;
    look_up.answer(Ok(old));
    assert_eq!(fixture.look_up().await, [key.id()], "the verifier looks the key up again");
    assert_eq!(reason(verification).await, Reason::Revoked);
}

/// If nothing changed meanwhile, a late answer is cached and can be granted like any other record in the cache.
#[tokio::test(start_paused = true)]
async fn a_late_answer_is_granted_if_the_log_shows_no_change() {
    let mut fixture = Fixture::new(Options::default());
    let key = fixture.database.create("project");
    fixture.poll().await;
    let verification = fixture.verify(&key);
    let look_up = fixture.look_ups.recv().await.unwrap();
    let found = fixture.database.look_up(&look_up.question);
    for _ in 0..6 {
        fixture.poll().await;
    }
    look_up.answer(Ok(found));
    assert!(verification.await.unwrap().is_ok());
    assert!(fixture.look_ups.try_recv().is_err());
    let Stats { cache_hits, cache_misses, .. } = fixture.verifier.stats();
    assert_eq!((cache_hits, cache_misses), (0, 1), "a verification is counted once");
}

#[tokio::test(start_paused = true)]
async fn answers_slower_than_the_lease_become_an_error() {
    let mut fixture = Fixture::new(Options::default());
    let key = fixture.database.create("project");
    let verification = fixture.verify(&key);
    for _ in 0..4 {
        let look_up = fixture.look_ups.recv().await.unwrap();
        advance(ms(500)).await;
        let found = fixture.database.look_up(&look_up.question);
        look_up.answer(Ok(found));
    }
    let error = verification.await.unwrap().unwrap_err();
    assert_eq!(error.status(), 503);
    assert_eq!(error.to_string(), "the database is unavailable: its answers take longer than the lease");
}

#[tokio::test(start_paused = true)]
async fn another_history_is_trusted_after_the_second_poll_that_belongs_to_it() {
    let (mut fixture, key) = current().await;
    fixture.database.history = 1;
    fixture.poll().await;
    assert!(!fixture.verifier.is_current());
    assert!(!is_cached(&mut fixture, &key).await);
    fixture.poll().await;
    assert!(fixture.verifier.is_current());
    assert!(!is_cached(&mut fixture, &key).await, "the second poll drops the cache again");
    assert!(is_cached(&mut fixture, &key).await);
    assert_eq!(fixture.verifier.stats().cache_clears, 2);
}

/// This holds for each of several histories, and if a read of the log fails in between.
#[tokio::test(start_paused = true)]
async fn the_cache_is_dropped_again_after_every_other_history() {
    let (mut fixture, key) = current().await;
    for history in [1, 2] {
        fixture.database.history = history;
        fixture.poll().await;
        assert!(!fixture.verifier.is_current() && !is_cached(&mut fixture, &key).await, "{history}");
    }
    fixture.polls.recv().await.unwrap().answer(Err(SourceError::Busy));
    run_until_idle().await;
    assert!(!fixture.verifier.is_current() && !is_cached(&mut fixture, &key).await);
    fixture.poll().await;
    assert!(fixture.verifier.is_current() && !is_cached(&mut fixture, &key).await, "dropped again");
    assert_eq!(fixture.verifier.stats().cache_clears, 3);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_everything_drops_the_cache_and_keeps_the_lease() {
    let (mut fixture, key) = current().await;
    let unknown = ApiKey::generate();
    let verification = fixture.verify(&unknown);
    fixture.look_up().await;
    assert_eq!(reason(verification).await, Reason::UnknownKey);
    // this look-up is sent before the change, and answered after it
    let other = fixture.database.create("other");
    let before = fixture.verify(&other);
    let look_up = fixture.look_ups.recv().await.unwrap();
    let found = fixture.database.look_up(&look_up.question);

    let poll = fixture.polls.recv().await.unwrap();
    poll.answer(Ok(Changes { changed: Changed::Everything, cursor: fixture.database.cursor() }));
    run_until_idle().await;
    assert!(fixture.verifier.is_current());
    assert_eq!(fixture.verifier.stats().cache_clears, 1);
    look_up.answer(Ok(found));
    assert!(before.await.unwrap().is_ok());
    for key in [&key, &other] {
        assert!(!is_cached(&mut fixture, key).await);
        assert!(is_cached(&mut fixture, key).await);
    }
    let verification = fixture.verify(&unknown);
    assert_eq!(fixture.look_up().await, [unknown.id()]);
    assert_eq!(reason(verification).await, Reason::UnknownKey);
}

/// All keys of a batch change while the batch is on its way. The log reports that everything changed, then the ids.
#[tokio::test(start_paused = true)]
async fn answers_are_not_cached_if_their_keys_changed_meanwhile() {
    let mut fixture = Fixture::new(Options { max_look_ups: 1, ..Options::default() });
    fixture.poll().await;
    let keys = [(); 4].map(|()| fixture.database.create("project"));
    for changed in [Changed::Everything, Changed::Keys(keys.iter().map(ApiKey::id).collect())] {
        let verifications = keys.each_ref().map(|key| fixture.verify(key));
        let look_up = fixture.look_ups.recv().await.unwrap();
        assert_eq!(look_up.question.len(), keys.len());
        let found = fixture.database.look_up(&look_up.question);
        fixture
            .polls
            .recv()
            .await
            .unwrap()
            .answer(Ok(Changes { changed, cursor: fixture.database.cursor() }));
        run_until_idle().await;
        look_up.answer(Ok(found));
        for verification in verifications {
            assert!(verification.await.unwrap().is_ok());
        }
        assert_eq!(fixture.verifier.stats().cached_records, 0);
    }
}

/// After the end of the lease, a key is looked up even if its record is cached.
#[tokio::test(start_paused = true)]
async fn an_invalidation_removes_a_cached_key_that_is_being_looked_up() {
    let (mut fixture, key) = current().await;
    let _hanging = fixture.polls.recv().await.unwrap();
    advance(ms(500)).await;
    for is_abandoned in [false, true] {
        let before = fixture.verify(&key);
        let look_up = fixture.look_ups.recv().await.unwrap();
        let old = fixture.database.look_up(&look_up.question);
        assert_eq!(fixture.verifier.stats().cached_records, usize::from(!is_abandoned));
        if is_abandoned {
            before.abort();
            run_until_idle().await;
        }
        fixture.verifier.invalidate(key.id());
        look_up.answer(Ok(old));
        run_until_idle().await;
        assert_eq!(fixture.verifier.stats().cached_records, 0);
    }
}

/// Two look-ups of one id are on their way. The id was invalidated during the first, and then during both.
#[tokio::test(start_paused = true)]
async fn an_invalidation_concerns_every_running_look_up() {
    let (mut fixture, key) = current().await;
    // more than once, because the map of running look-ups has no fixed order
    for _ in 0..20 {
        let mut look_ups = Vec::new();
        let mut verifications = Vec::new();
        for _ in 0..2 {
            fixture.verifier.invalidate(key.id());
            verifications.push(fixture.verify(&key));
            look_ups.push(fixture.look_ups.recv().await.unwrap());
        }
        let found = fixture.database.look_up(&[key.id()]);
        fixture.verifier.invalidate(key.id());
        for look_up in look_ups {
            look_up.answer(Ok(found.clone()));
        }
        for verification in verifications {
            assert!(verification.await.unwrap().is_ok());
        }
        assert!(!is_cached(&mut fixture, &key).await);
    }
}

#[tokio::test(start_paused = true)]
async fn no_request_joins_a_look_up_that_is_older_than_the_lease() {
    let (mut fixture, key) = current().await;
    fixture.verifier.invalidate(key.id());
    let first = fixture.verify(&key);
    let hanging = fixture.look_ups.recv().await.unwrap();
    advance(ms(499)).await;
    let joined = fixture.verify(&key);
    run_until_idle().await;
    assert!(fixture.look_ups.try_recv().is_err());
    advance(ms(1)).await;
    let second = fixture.verify(&key);
    fixture.look_up().await;
    assert!(second.await.unwrap().is_ok());
    hanging.answer(Err(SourceError::Busy));
    for verification in [first, joined] {
        assert_eq!(verification.await.unwrap().unwrap_err().status(), 503);
    }
}

/// A replica may lag, or a connection may lead to a database with another history.
#[tokio::test(start_paused = true)]
async fn an_answer_older_than_the_cursor_is_neither_used_nor_cached() {
    let (mut fixture, key) = current().await;
    let older = fixture.database.look_up(&[key.id()]);
    fixture.database.create("another");
    fixture.poll().await;
    let mut other_history = older.clone();
    other_history.cursor = common::Cursor { history: 7, changes: 100 };
    for answer in [older, other_history] {
        fixture.verifier.invalidate(key.id());
        let verification = fixture.verify(&key);
        fixture.look_ups.recv().await.unwrap().answer(Ok(answer));
        run_until_idle().await;
        assert!(!verification.is_finished());
        assert!(!is_cached(&mut fixture, &key).await);
        fixture.poll().await;
        assert!(verification.await.unwrap().is_ok(), "the record that was cached meanwhile is used");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_an_error_and_never_a_grant() {
    let (mut fixture, key) = current().await;
    let _hanging = fixture.polls.recv().await.unwrap();
    sleep(ms(500)).await;
    for (error, status) in [
        (SourceError::Busy, 503),
        (SourceError::Unavailable("refused".into()), 503),
        (SourceError::Corrupt(key.id()), 500),
        (SourceError::Unexpected("no such table".into()), 500),
    ] {
        let verification = fixture.verify(&key);
        fixture.look_ups.recv().await.unwrap().answer(Err(error));
        assert_eq!(verification.await.unwrap().unwrap_err().status(), status);
    }
    let expected = Stats {
        cache_misses: 1,
        cache_bypasses: 4,
        look_ups: 5,
        failed_polls: 1,
        change_log_age: ms(600),
        cached_records: 1,
        pending_uses: 1,
        ..Stats::default()
    };
    assert_eq!(fixture.verifier.stats(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_grace_period_is_opt_in_counted_and_ends() {
    let options = Options { outage_grace: ms(1_000), ..Options::default() };
    let mut fixture = Fixture::new(options);
    let key = ApiKey::generate();
    fixture.database.commit(ctx_key::KeyRecord::new(&key, "project", Scope::MEMORIES_READ));
    fixture.poll().await;
    fixture.fill(&key).await;
    let unknown = ApiKey::generate();
    let verification = fixture.verify(&unknown);
    fixture.look_up().await;
    assert_eq!(reason(verification).await, Reason::UnknownKey);
    let start = Instant::now();
    let mut granted = Vec::new();
    for time in [499, 500, 1_499, 1_500] {
        advance(ms(time) - start.elapsed()).await;
        assert_eq!(fixture.verifier.is_current(), time < 500);
        let verification = fixture.verify(&key);
        run_until_idle().await;
        if let Ok(look_up) = fixture.look_ups.try_recv() {
            look_up.answer(Err(SourceError::Busy));
        }
        if time >= 500 {
            let refused = fixture.verify(&unknown);
            fixture.look_ups.recv().await.unwrap().answer(Err(SourceError::Busy));
            assert_eq!(refused.await.unwrap().unwrap_err().status(), 503, "the grace period is for records");
        }
        if (500..1_500).contains(&time) {
            let other_scope = fixture.verify_for(&key, Scope::USERS_WRITE);
            fixture.look_ups.recv().await.unwrap().answer(Err(SourceError::Busy));
            assert_eq!(other_scope.await.unwrap().unwrap_err().status(), 403, "refused, and no grant");
        }
        granted.push((verification.await.unwrap().is_ok(), fixture.verifier.stats().grace_grants));
    }
    assert_eq!(granted, [(true, 0), (true, 1), (true, 2), (false, 2)]);
}

/// The database is busy, can't be reached, or does not answer.
#[tokio::test(start_paused = true)]
async fn the_grace_period_covers_every_outage() {
    let (mut fixture, key, _hanging) = in_grace().await;
    let mut unanswered = Vec::new();
    let errors = [Some(SourceError::Busy), Some(SourceError::Unavailable("refused".into())), None];
    for (grants, error) in (1..).zip(errors) {
        let verification = fixture.verify(&key);
        let look_up = fixture.look_ups.recv().await.unwrap();
        match error {
            Some(error) => look_up.answer(Err(error)),
            None => unanswered.push(look_up),
        }
        assert!(verification.await.unwrap().is_ok());
        assert_eq!(fixture.verifier.stats().grace_grants, grants);
    }
    for error in [SourceError::Corrupt(key.id()), SourceError::Unexpected("no such table".into())] {
        let verification = fixture.verify(&key);
        fixture.look_ups.recv().await.unwrap().answer(Err(error));
        assert_eq!(verification.await.unwrap().unwrap_err().status(), 500, "this is not an outage");
    }
    assert_eq!(fixture.verifier.stats().grace_grants, 3);
}

/// The lease has ended, and look-ups work: each answer replaces what the cache knows of the key.
#[tokio::test(start_paused = true)]
async fn a_key_that_a_look_up_did_not_find_is_not_granted_in_the_grace_period() {
    let (mut fixture, key, _hanging) = in_grace().await;
    // another process has deleted the key
    let verification = fixture.verify(&key);
    let nothing = fixture.database.look_up(&[]);
    fixture.look_ups.recv().await.unwrap().answer(Ok(nothing));
    assert_eq!(reason(verification).await, Reason::UnknownKey);
    let sizes = |stats: Stats| (stats.cached_records, stats.cached_unknown);
    assert_eq!(sizes(fixture.verifier.stats()), (0, 1));
    let verification = fixture.verify(&key);
    fixture.look_ups.recv().await.unwrap().answer(Err(SourceError::Busy));
    assert_eq!(verification.await.unwrap().unwrap_err().status(), 503);
    // and created it again
    assert!(!is_cached(&mut fixture, &key).await);
    assert_eq!(sizes(fixture.verifier.stats()), (1, 0));
}

/// The second look-up of an id fills the cache before the first one fails.
#[tokio::test(start_paused = true)]
async fn a_grant_before_the_end_of_the_lease_is_not_in_the_grace_period() {
    let (mut fixture, key) = current().await;
    fixture.verifier.invalidate(key.id());
    let verification = fixture.verify(&key);
    let failing = fixture.look_ups.recv().await.unwrap();
    fixture.verifier.invalidate(key.id());
    fixture.fill(&key).await;
    failing.answer(Err(SourceError::Busy));
    assert!(verification.await.unwrap().is_ok());
    assert_eq!(fixture.verifier.stats().grace_grants, 0);
}

/// The database answers, but never in time or never from the right server.
#[tokio::test(start_paused = true)]
async fn the_grace_period_covers_unusable_answers() {
    for is_slow in [true, false] {
        let (mut fixture, key, _hanging) = in_grace().await;
        let verification = fixture.verify(&key);
        for _ in 0..4 {
            let look_up = fixture.look_ups.recv().await.unwrap();
            let mut found = fixture.database.look_up(&look_up.question);
            if is_slow {
                advance(ms(500)).await;
            } else {
                found.cursor.history += 1;
            }
            look_up.answer(Ok(found));
        }
        assert!(verification.await.unwrap().is_ok());
        assert_eq!(fixture.verifier.stats().grace_grants, 1);
    }
}

/// Notes whether the verifier is current each time that its cache gives up a cursor for a newer one.
#[derive(Default)]
struct Witness {
    is_current: OnceLock<Box<dyn Fn() -> bool + Send + Sync>>,
    notes: Mutex<Vec<bool>>,
}

/// The number of a read of the log. The copies of a cursor have no witness.
struct Numbered {
    number: u64,
    witness: Option<Arc<Witness>>,
}

impl Clone for Numbered {
    fn clone(&self) -> Self {
        Self { number: self.number, witness: None }
    }
}

impl fmt::Debug for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

impl PartialEq for Numbered {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl PartialOrd for Numbered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.number.partial_cmp(&other.number)
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        let Some(witness) = &self.witness else { return };
        if let Some(is_current) = witness.is_current.get() {
            witness.notes.lock().unwrap().push(is_current());
        }
    }
}

/// A log without changes. Each read after the first takes almost as long as the lease.
struct SlowLog(Arc<Witness>);

impl Source for SlowLog {
    type Project = &'static str;
    type Cursor = Numbered;

    async fn look_up(&self, _: &[KeyId]) -> Result<LookedUp<&'static str, Numbered>, SourceError> {
        Err(SourceError::Busy)
    }

    async fn changes_since(&self, cursor: Option<&Numbered>) -> Result<Changes<Numbered>, SourceError> {
        let number = cursor.map_or(0, |cursor| cursor.number + 1);
        if number > 0 {
            sleep(ms(450)).await;
        }
        let cursor = Numbered { number, witness: Some(self.0.clone()) };
        Ok(Changes { changed: Changed::Keys(Vec::new()), cursor })
    }

    async fn record_uses(&self, _: &[(KeyId, UnixTime)]) -> Result<Vec<KeyId>, SourceError> {
        Ok(Vec::new())
    }
}

/// Otherwise, a request could be granted from the cache in between, with a record that has changed.
#[tokio::test(start_paused = true)]
async fn the_lease_is_renewed_after_the_changes_are_applied() {
    let witness = Arc::new(Witness::default());
    let verifier = Verifier::new(SlowLog(witness.clone()), Options::default());
    let clone = verifier.clone();
    assert!(witness.is_current.set(Box::new(move || clone.is_current())).is_ok());
    // reads are answered at 0 ms, 550 ms and 1,000 ms; the leases end at 500 ms, 600 ms and 1,050 ms
    sleep(ms(1_025)).await;
    assert!(verifier.is_current());
    assert_eq!(*witness.notes.lock().unwrap(), [false, false]);
}
