//! Verifies keys, with a cache of recently used records: [`Verifier`].

use std::collections::HashSet;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use ctx_key::{ApiKey, Denied, Grant, KeyId, Scope, UnixTime};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use crate::cache::{Answer, Cache, Cached, Found, Landed};
use crate::error::VerifyError;
use crate::lease::Lease;
use crate::options::Options;
use crate::source::{Changed, Changes, Source, SourceError};
use crate::stats::{Counters, Stats};
use crate::uses::Uses;

/// Maximum number of uses in one write.
const USES_PER_WRITE: usize = 10_000;

/// Maximum number of look-ups for one verification. One is enough, unless the answer is older than the lease or
/// foreign.
const MAX_ATTEMPTS: usize = 4;

/// Verifies keys with a cache of recently used records. Clones share the cache.
///
/// No grant begins later than the lease after a revocation was committed, no matter who revoked the key. Two tasks run in the
/// background until the last clone is dropped: one reads the change log, the other writes uses.
pub struct Verifier<S: Source> {
    shared: Arc<Shared<S>>,
    _tasks: Arc<Tasks>,
}

struct Shared<S: Source> {
    source: S,
    options: Options,
    cache: Cache<S::Project, S::Cursor>,
    lease: Lease,
    uses: Uses,
    /// Locked while uses are written, so that one write runs at a time.
    writer: Mutex<()>,
    counters: Counters,
}

/// Aborts the tasks when the last clone is dropped.
struct Tasks([AbortHandle; 2]);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

impl<S: Source> Verifier<S> {
    /// Creates a verifier and starts its tasks.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime, if the lease is not longer than the poll interval, and if a maximum number
    /// other than [`Options::max_unknown`] is 0.
    #[must_use]
    pub fn new(source: S, options: Options) -> Self {
        assert!(options.lease > options.poll_interval, "the lease must be longer than the poll interval");
        let maxima = [options.max_records, options.max_look_ups, options.max_batch, options.max_waiting];
        assert!(!maxima.contains(&0), "a maximum number of the options is 0");
        let shared = Arc::new(Shared {
            source,
            cache: Cache::new(&options),
            lease: Lease::new(options.lease),
            uses: Uses::new(options.max_records),
            writer: Mutex::default(),
            counters: Counters::default(),
            options,
        });
        let poll = tokio::spawn(shared.clone().poll());
        let uses = tokio::spawn(shared.clone().write_uses());
        Self { shared, _tasks: Arc::new(Tasks([poll.abort_handle(), uses.abort_handle()])) }
    }

    /// Returns the grant of a valid key that has the required scopes.
    ///
    /// # Errors
    ///
    /// * [`VerifyError::Denied`]: the key is unknown, wrong or not valid, or lacks a scope; or `required` is empty.
    /// * [`VerifyError::Source`]: the record can't be read.
    pub async fn verify(&self, key: &ApiKey, required: Scope) -> Result<Grant<S::Project>, VerifyError> {
        self.grant(key, |grant| grant.require(required)).await
    }

    /// Returns the grant of a valid key, whatever its scopes are.
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify), except a missing scope.
    pub async fn verify_any(&self, key: &ApiKey) -> Result<Grant<S::Project>, VerifyError> {
        self.grant(key, |_| Ok(())).await
    }

    async fn grant(
        &self,
        key: &ApiKey,
        check: impl FnOnce(&Grant<&S::Project>) -> Result<(), Denied>,
    ) -> Result<Grant<S::Project>, VerifyError> {
        let shared = &self.shared;
        let (found, is_in_grace) = match shared.cached(key.id()) {
            Some(found) => {
                shared.counters.cache_hits.increment(key.id());
                (found, false)
            }
            // a large future takes longer to allocate than a verification from the cache
            None => Box::pin(shared.find(key.id())).await?,
        };
        let cached = found.ok_or(Denied::unknown_key())?;
        let now = UnixTime::now();
        let grant = cached.record.verify(key, now)?;
        check(&grant)?;
        if is_in_grace {
            shared.counters.grace_grants.increment();
        }
        shared.note_use(&cached, now);
        Ok(grant.cloned())
    }

    /// Removes a record from the cache, even one that is being looked up.
    ///
    /// Call it after each commit that changed a key, even if the outcome of the commit is unknown, and before you answer
    /// the request. Call it from a task that the request can't cancel, because the client may hang up.
    pub fn invalidate(&self, id: KeyId) {
        self.shared.cache.invalidate(id);
    }

    /// Returns whether the cache is current, so that known keys need no look-up.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.shared.lease.is_current()
    }

    /// Returns the options.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// Returns the source.
    #[must_use]
    pub fn source(&self) -> &S {
        &self.shared.source
    }

    /// Returns the counts since the start, and the current sizes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = &self.shared;
        let mut stats = shared.counters.stats();
        shared.cache.measure(&mut stats);
        stats.change_log_age = shared.lease.age(Instant::now());
        stats.pending_uses = shared.uses.len();
        stats
    }

    /// Writes the uses that were noted before the call. First, it waits for a write that is already running, without a
    /// time-out. Call it before the process ends.
    ///
    /// # Errors
    ///
    /// The error of the source. The uses that were not written are kept for the next call.
    pub async fn flush_uses(&self) -> Result<(), SourceError> {
        self.shared.flush_uses().await
    }
}

impl<S: Source> Shared<S> {
    /// Returns what the cache knows of an id, or nothing if the lease has ended.
    fn cached(&self, id: KeyId) -> Option<Found<S::Project>> {
        self.lease.guard(Duration::ZERO, || self.cache.get(id)).map(|(found, _)| found)
    }

    /// Returns what is known of an id, and whether that is from the grace period after the lease.
    async fn find(self: &Arc<Self>, id: KeyId) -> Result<(Found<S::Project>, bool), VerifyError> {
        let counters = &self.counters;
        if self.lease.is_current() {
            counters.cache_misses.increment()
        } else {
            counters.cache_bypasses.increment()
        }
        let mut cause = "its answers take longer than the lease";
        for _ in 0..MAX_ATTEMPTS {
            match self.look_up(id).await {
                Ok(Landed::Found(found, sent)) if self.is_fresh(sent) => return Ok((found, false)),
                // the answer is older than the lease, but the cache may hold it if the record did not change since
                Ok(Landed::Found(..)) => {}
                Ok(Landed::Foreign) => {
                    cause = "look-ups reach another server than the change log, or one that lags";
                    // the next poll may find that the log has moved to that server, too
                    sleep(self.options.poll_interval).await;
                }
                Err(error) => {
                    // a corrupt row or a missing table is a fault to repair, not an outage
                    let is_outage = matches!(*error, SourceError::Busy | SourceError::Unavailable(_));
                    let found = if is_outage { self.cached_in_outage(id) } else { None };
                    return found.ok_or(VerifyError::Source(error));
                }
            }
            if let Some(found) = self.cached(id) {
                return Ok((found, false));
            }
        }
        let error = SourceError::Unavailable(cause.into());
        self.cached_in_outage(id).ok_or(error.into())
    }

    /// Returns whether the answer to a look-up that was sent at this time can be granted now.
    fn is_fresh(&self, sent: Instant) -> bool {
        sent.elapsed() < self.options.lease
    }

    /// Returns the cached record of an id until the end of the grace period, and whether the lease has ended. The grace
    /// period is off by default, because it hides revocations.
    fn cached_in_outage(&self, id: KeyId) -> Option<(Found<S::Project>, bool)> {
        let found = self.lease.guard(self.options.outage_grace, || self.cache.get(id));
        found.filter(|(found, _)| found.is_some())
    }

    async fn look_up(self: &Arc<Self>, id: KeyId) -> Answer<S::Project> {
        let wait = self.cache.wait(id)?;
        if wait.needs_worker {
            let worker = Worker { shared: self.clone(), has_ended: false };
            tokio::spawn(worker.run());
        }
        wait.answer.await.unwrap_or_else(|_| {
            Err(Arc::new(SourceError::Unexpected("a look-up ended without an answer".into())))
        })
    }

    /// Reads the change log, one read at a time. A late answer is discarded.
    async fn poll(self: Arc<Self>) {
        let mut is_same_history = true;
        let mut has_failed = false;
        loop {
            let sent = Instant::now();
            let cursor = self.cache.cursor();
            let read = guarded(async { self.source.changes_since(cursor.as_ref()).await });
            let error = match timeout(self.options.lease, read).await {
                Ok(Ok(changes)) => {
                    is_same_history = self.apply(changes, is_same_history, sent);
                    if has_failed {
                        info!("the change log of API keys can be read again");
                    }
                    has_failed = false;
                    None
                }
                Ok(Err(error)) => Some(error),
                Err(_) => Some(SourceError::Unavailable("no answer in time".into())),
            };
            if let Some(error) = error {
                self.counters.failed_polls.increment();
                if !has_failed {
                    warn!(%error, "the change log of API keys can't be read: keys are looked up one by one");
                }
                has_failed = true;
            }
            sleep_until(sent + self.options.poll_interval).await;
        }
    }

    /// Applies changes, then moves the cursor, then renews the lease. A read of another history ends the lease instead:
    /// the cache is current again only after another read that belongs to the new history. Returns whether this read
    /// belongs to the history of the one before.
    fn apply(&self, changes: Changes<S::Cursor>, was_same_history: bool, sent: Instant) -> bool {
        let is_other_history = changes.changed == Changed::History;
        if is_other_history {
            self.lease.end();
        }
        match changes.changed {
            Changed::Keys(ids) if was_same_history => self.cache.advance(Some(&ids), changes.cursor),
            _ => {
                self.counters.cache_clears.increment();
                self.cache.advance(None, changes.cursor);
            }
        }
        if !is_other_history {
            self.lease.renew(sent);
        }
        !is_other_history
    }

    fn note_use(&self, cached: &Cached<S::Project>, now: UnixTime) {
        let granularity = self.options.use_granularity.as_secs();
        // Most uses need only this load. Threads that use the same key can share its cache line until one of them stores.
        let used_at = cached.used_at.load(Ordering::Relaxed);
        let is_due = used_at == 0 || now.as_secs().saturating_sub(used_at) >= granularity;
        // `MAX` means that the time is unknown; once written, it would always remain the latest use
        if is_due && now != UnixTime::MAX {
            cached.used_at.store(now.as_secs(), Ordering::Relaxed);
            if !self.uses.note(cached.record.id, now) {
                self.counters.lost_uses.increment();
            }
        }
    }

    async fn write_uses(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.options.use_interval).await;
            if let Err(error) = self.flush_uses().await {
                warn!(%error, "uses of API keys can't be written: they are kept for later");
            }
        }
    }

    async fn flush_uses(&self) -> Result<(), SourceError> {
        // a running write may fail, and put its uses back
        let _writer = self.writer.lock().await;
        // in the order of the ids, because uses that are put back must not be taken again
        let mut batch = Batch::take(&self.uses, None);
        while let Some(&(last, _)) = batch.taken.last() {
            batch.write(&self.source).await?;
            batch = Batch::take(&self.uses, Some(last));
        }
        Ok(())
    }
}

/// Waits for a call of the source. If it panics, that is an error, because the task that made the call has to go on.
async fn guarded<T>(call: impl Future<Output = Result<T, SourceError>>) -> Result<T, SourceError> {
    let mut call = pin!(call);
    let panicked = |_| Poll::Ready(Err(SourceError::Unexpected("the source panicked".into())));
    poll_fn(|context| {
        let poll = AssertUnwindSafe(|| call.as_mut().poll(context));
        catch_unwind(poll).unwrap_or_else(panicked)
    })
    .await
}

/// A worker that the cache has counted. If it is dropped before it has ended, because its look-up panicked or because its
/// runtime dropped the task, perhaps before it ran, another worker can take its place.
struct Worker<S: Source> {
    shared: Arc<Shared<S>>,
    has_ended: bool,
}

impl<S: Source> Worker<S> {
    /// Sends look-ups as long as an id waits. It runs in its own task, which no request can cancel.
    async fn run(mut self) {
        let shared = &self.shared;
        while let Some(departure) = shared.cache.depart() {
            shared.counters.look_ups.increment();
            let look_up = shared.source.look_up(&departure.ids);
            let result = match timeout(shared.options.look_up_timeout, look_up).await {
                Ok(result) => result,
                Err(_) => Err(SourceError::Unavailable("no answer in time".into())),
            };
            departure.land(result);
        }
        self.has_ended = true;
    }
}

impl<S: Source> Drop for Worker<S> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.shared.cache.lose_worker();
        }
    }
}

/// A batch of uses that is being written. Uses that were not written are put back, even if the write is cancelled.
struct Batch<'u> {
    uses: &'u Uses,
    taken: Vec<(KeyId, UnixTime)>,
}

impl<'u> Batch<'u> {
    /// Takes the first uses of keys with an id after `last`.
    fn take(uses: &'u Uses, last: Option<KeyId>) -> Self {
        Self { uses, taken: uses.take_after(last, USES_PER_WRITE) }
    }

    async fn write<S: Source>(mut self, source: &S) -> Result<(), SourceError> {
        let write = guarded(async { source.record_uses(&self.taken).await });
        let skipped: HashSet<KeyId> = write.await?.into_iter().collect();
        self.taken.retain(|(id, _)| skipped.contains(id));
        Ok(())
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.uses.put_back(&self.taken);
    }
}

impl<S: Source> Clone for Verifier<S> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), _tasks: self._tasks.clone() }
    }
}

impl<S: Source> fmt::Debug for Verifier<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("options", &self.shared.options).finish_non_exhaustive()
    }
}
