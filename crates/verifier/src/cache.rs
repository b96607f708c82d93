//! A cache of records, and the look-ups that fill it.
//!
//! After a change is noticed, a record that was read before the change must not enter the cache. So each look-up is
//! registered as a *flight* before it is sent, with its ids and the current cursor. An invalidation removes the record
//! and marks the id as stale in every flight. The cache keeps an answer only if its id is not stale and the answer's own
//! cursor is not older than that of the flight: then the log will report each change that the answer does not show.
//! An answer enters the cache under the lock that an invalidation holds.
//!
//! An answer is discarded if it belongs to another history than the log, or if its cursor is older than that of the
//! flight: it came from a server that lags, or the log has not followed a failover yet. Before the first read of the log,
//! every answer is accepted, and none is cached.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ctx_key::{KeyId, KeyRecord};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::options::Options;
use crate::source::{LookedUp, SourceError};
use crate::stats::Stats;

/// A cached record.
#[derive(Debug)]
pub(crate) struct Cached<P> {
    pub(crate) record: KeyRecord<P>,
    /// Time of the last noted use, in seconds since the Unix epoch.
    pub(crate) used_at: AtomicU64,
}

/// A record, or the knowledge that there is none.
pub(crate) type Found<P> = Option<Arc<Cached<P>>>;

/// The answer that a waiting request gets.
pub(crate) type Answer<P> = Result<Landed<P>, Arc<SourceError>>;

#[derive(Clone)]
pub(crate) enum Landed<P> {
    /// The record, if there is one, and when the look-up was sent.
    Found(Found<P>, Instant),
    /// The look-up saw another history than the log, or an older state.
    Foreign,
}

pub(crate) struct Cache<P, C> {
    records: quick_cache::sync::Cache<KeyId, Arc<Cached<P>>>,
    unknown: quick_cache::sync::Cache<KeyId, ()>,
    fills: Mutex<Fills<P, C>>,
    lease: Duration,
    max_look_ups: usize,
    max_batch: usize,
    max_waiting: usize,
}

struct Fills<P, C> {
    /// Point in the log at which the next read starts; `None` before the first.
    cursor: Option<C>,
    /// Ids that wait for the next look-up, each with the requests that wait for it.
    waiting: HashMap<KeyId, Vec<oneshot::Sender<Answer<P>>>>,
    /// Look-ups on their way, by their number. Each running worker has at most one.
    flights: HashMap<u64, Flight<P, C>>,
    last_flight: u64,
    workers: usize,
}

/// A look-up on its way.
struct Flight<P, C> {
    cursor: Option<C>,
    sent: Instant,
    seats: HashMap<KeyId, Seat<P>>,
}

/// One id of a flight.
struct Seat<P> {
    /// True if the id was invalidated while the look-up was on its way.
    is_stale: bool,
    waiting: Vec<oneshot::Sender<Answer<P>>>,
}

/// The pending answer for a request whose id is not in the cache.
pub(crate) struct Wait<P> {
    pub(crate) answer: oneshot::Receiver<Answer<P>>,
    /// True if the caller must start one more worker, which is already counted.
    pub(crate) needs_worker: bool,
}

impl<P: Clone, C: Clone + PartialOrd> Cache<P, C> {
    pub(crate) fn new(options: &Options) -> Self {
        let fills = Fills {
            cursor: None,
            waiting: HashMap::new(),
            flights: HashMap::new(),
            last_flight: 0,
            workers: 0,
        };
        Self {
            records: quick_cache::sync::Cache::new(options.max_records),
            unknown: quick_cache::sync::Cache::new(options.max_unknown),
            fills: Mutex::new(fills),
            lease: options.lease,
            max_look_ups: options.max_look_ups,
            max_batch: options.max_batch,
            max_waiting: options.max_waiting,
        }
    }

    /// Returns what is known of an id, or `None` if it has to be looked up.
    pub(crate) fn get(&self, id: KeyId) -> Option<Found<P>> {
        match self.records.get(&id) {
            Some(cached) => Some(Some(cached)),
            None => self.unknown.get(&id).map(|()| None),
        }
    }

    /// Writes the current sizes of the cache and of the queue of look-ups.
    pub(crate) fn measure(&self, stats: &mut Stats) {
        (stats.cached_records, stats.cached_unknown) = (self.records.len(), self.unknown.len());
        let fills = self.lock();
        (stats.waiting_ids, stats.running_look_ups) = (fills.waiting.len(), fills.flights.len());
    }

    pub(crate) fn cursor(&self) -> Option<C> {
        self.lock().cursor.clone()
    }

    /// Joins a look-up of `id`: one that is on its way and was sent within the lease, or else the next.
    pub(crate) fn wait(&self, id: KeyId) -> Result<Wait<P>, SourceError> {
        let (sender, answer) = oneshot::channel();
        let mut fills = self.lock();
        let joinable = fills.flights.values_mut().filter(|flight| flight.sent.elapsed() < self.lease);
        let seat = joinable.filter_map(|flight| flight.seats.get_mut(&id)).find(|seat| !seat.is_stale);
        if let Some(seat) = seat {
            seat.waiting.push(sender);
            return Ok(Wait { answer, needs_worker: false });
        }
        if fills.waiting.len() >= self.max_waiting && !fills.waiting.contains_key(&id) {
            return Err(SourceError::Busy);
        }
        fills.waiting.entry(id).or_default().push(sender);
        let needs_worker = fills.workers < self.max_look_ups;
        fills.workers += usize::from(needs_worker);
        Ok(Wait { answer, needs_worker })
    }

    /// Registers a flight for the ids that wait. The worker sends the look-up afterwards. Returns `None` if no id
    /// waits: then the worker is no longer counted, and must end.
    pub(crate) fn depart(&self) -> Option<Departure<'_, P, C>> {
        let mut fills = self.lock();
        let ids: Vec<KeyId> = fills.waiting.keys().take(self.max_batch).copied().collect();
        if ids.is_empty() {
            fills.workers -= 1;
            return None;
        }
        let seat = |waiting| Seat { is_stale: false, waiting };
        let seats = ids.iter().map(|&id| (id, seat(fills.waiting.remove(&id).unwrap_or_default()))).collect();
        fills.last_flight += 1;
        let (number, cursor) = (fills.last_flight, fills.cursor.clone());
        fills.flights.insert(number, Flight { cursor, sent: Instant::now(), seats });
        Some(Departure { cache: self, number, ids, has_landed: false })
    }

    /// Frees the place of a worker that was dropped. If it was the last one, it closes the channels of the requests that
    /// wait for the next flight.
    pub(crate) fn lose_worker(&self) {
        let mut fills = self.lock();
        fills.workers -= 1;
        if fills.workers == 0 {
            // no worker is left that would look up these ids
            fills.waiting.clear();
        }
    }

    /// Removes the record of an id, and marks the id as stale in each flight.
    pub(crate) fn invalidate(&self, id: KeyId) {
        self.remove(&mut self.lock(), id);
    }

    /// Removes the records that changed, or all records if `changed` is `None`, and moves the cursor.
    pub(crate) fn advance(&self, changed: Option<&[KeyId]>, cursor: C) {
        let mut fills = self.lock();
        match changed {
            Some(ids) => ids.iter().for_each(|&id| self.remove(&mut fills, id)),
            None => self.remove_all(&mut fills),
        }
        fills.cursor = Some(cursor);
    }

    fn remove(&self, fills: &mut Fills<P, C>, id: KeyId) {
        let seats = fills.flights.values_mut().filter_map(|flight| flight.seats.get_mut(&id));
        seats.for_each(|seat| seat.is_stale = true);
        self.records.remove(&id);
        self.unknown.remove(&id);
    }

    fn remove_all(&self, fills: &mut Fills<P, C>) {
        let seats = fills.flights.values_mut().flat_map(|flight| flight.seats.values_mut());
        seats.for_each(|seat| seat.is_stale = true);
        self.records.clear();
        self.unknown.clear();
    }

    /// Keeps what a look-up found of an id, instead of what was known before.
    fn keep(&self, id: KeyId, found: &Found<P>) {
        match found {
            Some(cached) => {
                self.unknown.remove(&id);
                self.records.insert(id, cached.clone());
            }
            None => {
                self.records.remove(&id);
                self.unknown.insert(id, ());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Fills<P, C>> {
        self.fills.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registered flight of a worker. If it is dropped before it lands, the channels of the flight's requests are closed.
pub(crate) struct Departure<'c, P: Clone, C: Clone + PartialOrd> {
    cache: &'c Cache<P, C>,
    number: u64,
    pub(crate) ids: Vec<KeyId>,
    has_landed: bool,
}

impl<P: Clone, C: Clone + PartialOrd> Departure<'_, P, C> {
    /// Answers the waiting requests, and caches the records that may be cached.
    pub(crate) fn land(mut self, result: Result<LookedUp<P, C>, SourceError>) {
        self.has_landed = true;
        let mut fills = self.cache.lock();
        let Some(flight) = fills.flights.remove(&self.number) else { return };
        let looked_up = match result {
            Ok(looked_up) => looked_up,
            Err(error) => {
                let error = Arc::new(error);
                let waiting = flight.seats.into_values().flat_map(|seat| seat.waiting);
                return waiting.for_each(|sender| _ = sender.send(Err(error.clone())));
            }
        };
        let is_behind = flight.cursor.as_ref().is_some_and(|cursor| looked_up.cursor < *cursor);
        let is_of_log = fills.cursor.as_ref().is_none_or(|now| looked_up.cursor.partial_cmp(now).is_some());
        let mut records: HashMap<KeyId, KeyRecord<P>> =
            looked_up.records.into_iter().map(|record| (record.id, record)).collect();
        for (id, seat) in flight.seats {
            let answer = if is_behind || !is_of_log {
                Ok(Landed::Foreign)
            } else if looked_up.corrupt.contains(&id) {
                Err(Arc::new(SourceError::Corrupt(id)))
            } else {
                let cached = |record| {
                    // keep the last use of a record that is looked up again because the lease has ended
                    let old = self.cache.records.peek(&id);
                    let used_at = old.map_or(0, |old| old.used_at.load(Ordering::Relaxed));
                    Arc::new(Cached { record, used_at: AtomicU64::new(used_at) })
                };
                let found = records.remove(&id).map(cached);
                if flight.cursor.is_some() && !seat.is_stale {
                    self.cache.keep(id, &found);
                }
                Ok(Landed::Found(found, flight.sent))
            };
            // a request that was cancelled has closed its channel
            seat.waiting.into_iter().for_each(|sender| _ = sender.send(answer.clone()));
        }
    }
}

impl<P: Clone, C: Clone + PartialOrd> Drop for Departure<'_, P, C> {
    fn drop(&mut self) {
        if !self.has_landed {
            self.cache.lock().flights.remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use ctx_key::{KeyDigest, Scope, UnixTime};

    use super::*;

    type TestCache = Cache<(), u64>;

    fn id() -> KeyId {
        "aaaaaaaaaaaa".parse().unwrap()
    }

    /// A database with one key. Its only changes are revocations, and the cursor is their number.
    #[derive(Default)]
    struct Database {
        version: u64,
    }

    impl Database {
        /// Returns the record. Its time of revocation is its version.
        fn look_up(&self) -> LookedUp<(), u64> {
            let digest = KeyDigest::from_bytes([0; 32]);
            let mut record = KeyRecord::from_parts(id(), digest, (), Scope::READ);
            record.revoked_at = Some(UnixTime::from_secs(self.version));
            LookedUp { records: vec![record], corrupt: Vec::new(), cursor: self.version }
        }
    }

    /// A concurrent activity, which runs in steps.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Thread {
        /// Registers a look-up, reads the database, and passes the answer to the cache.
        LookUp,
        /// Sends a read of the log, reads the log, applies the changes; twice.
        Poll,
        /// Commits a change in another process.
        Commit,
        /// Commits a change in this process, then invalidates.
        OwnCommit,
    }

    impl Thread {
        fn steps(self) -> usize {
            match self {
                Self::LookUp => 3,
                Self::Poll => 6,
                Self::Commit => 1,
                Self::OwnCommit => 2,
            }
        }
    }

    /// Counts of the answers that came while the cache was empty.
    #[derive(Debug, Default, PartialEq)]
    struct Landings {
        kept: usize,
        refused: usize,
    }

    /// Runs one interleaving. Checks after each step that the cached record is not older than the cursor, nor than the
    /// last change that this process made and invalidated.
    fn run(threads: &[Thread], order: &[usize], landings: &mut Landings) {
        let cache = TestCache::new(&Options::default());
        cache.advance(Some(&[]), 0);
        let mut database = Database::default();
        let (mut own_commit, mut own_version) = (0, 0);
        let mut steps = vec![0; threads.len()];
        let mut departures: Vec<Option<Departure<'_, (), u64>>> = threads.iter().map(|_| None).collect();
        let mut answers: Vec<_> = threads.iter().map(|_| None).collect();
        let (mut since, mut now) = (0, 0);
        for &thread in order {
            match (threads[thread], steps[thread] % 3) {
                (Thread::LookUp, 0) => {
                    drop(cache.wait(id()).unwrap());
                    departures[thread] = cache.depart();
                }
                (Thread::LookUp, 1) => answers[thread] = Some(database.look_up()),
                // there is no departure if this look-up joined another
                (Thread::LookUp, _) => {
                    if let Some(departure) = departures[thread].take() {
                        let was_empty = cache.get(id()).is_none();
                        departure.land(Ok(answers[thread].take().unwrap()));
                        let is_empty = cache.get(id()).is_none();
                        landings.kept += usize::from(was_empty && !is_empty);
                        landings.refused += usize::from(was_empty && is_empty);
                    }
                }
                (Thread::Poll, 0) => since = cache.cursor().unwrap(),
                (Thread::Poll, 1) => now = database.version,
                (Thread::Poll, _) => {
                    let changed = vec![id(); usize::try_from(now - since).unwrap()];
                    cache.advance(Some(&changed), now);
                }
                (Thread::Commit, _) => database.version += 1,
                (Thread::OwnCommit, 0) => {
                    database.version += 1;
                    own_commit = database.version;
                }
                (Thread::OwnCommit, _) => {
                    cache.invalidate(id());
                    own_version = own_commit;
                }
            }
            steps[thread] += 1;
            if let Some(Some(cached)) = cache.get(id()) {
                let version = cached.record.revoked_at.unwrap().as_secs();
                let least = cache.cursor().unwrap().max(own_version);
                assert!(version >= least, "version {version}, not {least}: {threads:?} {order:?}");
            }
        }
    }

    fn run_all(
        threads: &[Thread],
        left: &mut [usize],
        order: &mut Vec<usize>,
        landings: &mut Landings,
    ) -> usize {
        if left.iter().all(|&left| left == 0) {
            run(threads, order, landings);
            return 1;
        }
        let mut runs = 0;
        for thread in 0..threads.len() {
            if left[thread] > 0 {
                left[thread] -= 1;
                order.push(thread);
                runs += run_all(threads, left, order, landings);
                order.pop();
                left[thread] += 1;
            }
        }
        runs
    }

    /// The first read of the log lists no changes, so the record of such a look-up may be older than that read.
    #[test]
    fn a_look_up_that_was_sent_before_the_first_poll_is_not_cached() {
        for is_polled_first in [false, true] {
            let cache = TestCache::new(&Options::default());
            let poll = || cache.advance(Some(&[]), 0);
            if is_polled_first {
                poll();
            }
            let mut wait = cache.wait(id()).unwrap();
            let departure = cache.depart().unwrap();
            if !is_polled_first {
                poll();
            }
            departure.land(Ok(Database::default().look_up()));
            assert!(matches!(wait.answer.try_recv(), Ok(Ok(Landed::Found(Some(_), _)))));
            assert_eq!(cache.get(id()).is_some(), is_polled_first);
        }
    }

    #[test]
    fn no_interleaving_keeps_an_old_record() {
        use Thread::{Commit, LookUp, OwnCommit, Poll};
        // the factorial of all steps, divided by the factorial of each thread's steps
        for (threads, interleavings) in [
            (&[LookUp, Poll, Commit][..], 840),
            (&[LookUp, LookUp, OwnCommit], 560),
            (&[LookUp, Poll, Commit, OwnCommit], 55_440),
            (&[LookUp, LookUp, Poll, Commit], 240_240),
        ] {
            let mut left: Vec<usize> = threads.iter().map(|thread| thread.steps()).collect();
            let mut landings = Landings::default();
            let runs = run_all(threads, &mut left, &mut Vec::new(), &mut landings);
            assert_eq!(runs, interleavings, "{threads:?}");
            // without this, a cache that keeps no answer would pass, and so would interleavings that never conflict
            assert!(landings.kept > runs / 4 && landings.refused > runs / 20, "{threads:?}: {landings:?}");
        }
    }
}
