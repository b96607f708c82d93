//! From the key of a request to a grant, with the records at hand that were asked for lately.
//!
//! A record in the cache can't outlive a revocation. On SQLite this process alone writes, and drops a record from
//! the cache when it has changed it. On PostgreSQL every process hears of every change, and a lease says until when what
//! was heard is all there was: behind that, each request reads the database, until the listener listens again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ctx_key::{ApiKey, Denied, Grant, KeyId, KeyRecord, Scope, UnixTime};
use quick_cache::sync::Cache;

use crate::database::{Database, DatabaseError};
use crate::key_store;
use crate::metrics::Metrics;

/// How many records are kept, some 250 bytes each.
const RECORDS: usize = 200_000;

/// How many ids are kept that no key has.
const UNKNOWN: usize = 10_000;

/// How long an id stays unknown without being looked up again.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// How many seconds behind a use of a key the next is noted: people are shown minutes.
const USE: u64 = 60;

/// How many uses are written down in one transaction.
const PIECE: usize = 500;

/// How long after the listener's last sign of life the cache is believed.
pub const LEASE: Duration = Duration::from_millis(500);

/// What a key is good for, and whose it is.
#[derive(Clone, Debug)]
pub struct Owner {
    pub project: String,
    pub company: String,
}

struct Cached {
    record: KeyRecord<Arc<Owner>>,
    /// When a use of it was noted last, in seconds.
    noted: AtomicU64,
}

/// Verifies keys.
pub struct Verifier {
    database: Database,
    records: Cache<KeyId, Arc<Cached>>,
    unknown: Cache<KeyId, Instant>,
    lease: Option<Lease>,
    uses: Mutex<BTreeMap<KeyId, UnixTime>>,
    metrics: Arc<Metrics>,
}

/// Why there is no grant.
#[derive(Debug)]
pub enum VerifyError {
    Denied(Denied),
    Database(DatabaseError),
}

impl From<Denied> for VerifyError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<DatabaseError> for VerifyError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl Verifier {
    pub fn new(database: Database, metrics: Arc<Metrics>) -> Self {
        let lease = database.is_shared().then(Lease::new);
        let (records, unknown) = (Cache::new(RECORDS), Cache::new(UNKNOWN));
        Self { database, records, unknown, lease, uses: Mutex::default(), metrics }
    }

    /// The grant of a key, if it has the scopes; of any valid key, if none are required.
    pub async fn verify(&self, key: &ApiKey, required: Scope) -> Result<Grant<Arc<Owner>>, VerifyError> {
        let cached = self.record(key.id()).await?.ok_or(Denied::unknown_key())?;
        let now = UnixTime::now();
        let grant = cached.record.verify(key, now)?;
        if !required.is_empty() {
            grant.require(required)?;
        }
        self.note_use(&cached, now);
        Ok(grant.cloned())
    }

    /// From the cache, with a future that is small: a large one takes longer to allocate than all of this.
    async fn record(&self, id: KeyId) -> Result<Option<Arc<Cached>>, DatabaseError> {
        let is_trusted = self.is_trusted();
        match self.records.get(&id).filter(|_| is_trusted) {
            Some(cached) => Ok(Some(cached)),
            None => Box::pin(self.find(id, is_trusted)).await,
        }
    }

    async fn find(&self, id: KeyId, is_trusted: bool) -> Result<Option<Arc<Cached>>, DatabaseError> {
        if !is_trusted {
            self.metrics.cache_bypassed();
            return self.read(id).await;
        }
        if self.unknown.get(&id).is_some_and(|since| since.elapsed() < UNKNOWN_FOR) {
            return Ok(None);
        }
        match self.records.get_value_or_guard_async(&id).await {
            Ok(cached) => Ok(Some(cached)),
            Err(guard) => {
                self.metrics.cache_missed();
                let found = self.read(id).await?;
                match &found {
                    // refused if the id was invalidated in the meantime: the next request reads again
                    Some(cached) => drop(guard.insert(cached.clone())),
                    None => self.unknown.insert(id, Instant::now()),
                }
                Ok(found)
            }
        }
    }

    async fn read(&self, id: KeyId) -> Result<Option<Arc<Cached>>, DatabaseError> {
        let mut connection = self.database.acquire_reserved().await?;
        let found = key_store::lookup(&mut connection, id).await?;
        Ok(found.map(|(record, company)| {
            let owner = |project| Arc::new(Owner { project, company });
            Arc::new(Cached { record: with_project(record, owner), noted: AtomicU64::new(0) })
        }))
    }

    fn is_trusted(&self) -> bool {
        self.lease.as_ref().is_none_or(Lease::is_valid)
    }

    /// Forgets a record, also one that is being read. Called after each commit that changed it.
    pub fn invalidate(&self, id: KeyId) {
        self.records.remove(&id);
        self.unknown.remove(&id);
    }

    /// Does the same for an id that came as a text. All records are forgotten if it is not one.
    pub fn invalidate_text(&self, id: &str) {
        id.parse().map_or_else(|_| self.invalidate_all(), |id| self.invalidate(id));
    }

    /// Forgets all records: changes may have been missed.
    pub fn invalidate_all(&self) {
        self.records.clear();
        self.unknown.clear();
    }

    /// All changes that were committed before `at` have been heard of.
    pub fn heard_until(&self, at: Instant) {
        if let Some(lease) = &self.lease {
            lease.renew(at);
        }
    }

    fn note_use(&self, cached: &Cached, now: UnixTime) {
        // a plain load first, as many threads may be here
        if now.as_secs().saturating_sub(cached.noted.load(Ordering::Relaxed)) >= USE {
            cached.noted.store(now.as_secs(), Ordering::Relaxed);
            self.uses().insert(cached.record.id, now);
        }
    }

    /// Writes down the uses since the last call. What can't be written is kept for the next.
    pub async fn store_uses(&self) -> Result<(), DatabaseError> {
        // in pieces, so that other writers get their turn, and whoever stops this loses one at most
        let pieces = self.uses().len().div_ceil(PIECE);
        for _ in 0..pieces {
            let piece = self.take_uses();
            let result = self.store_piece(&piece).await;
            if result.is_err() {
                let mut uses = self.uses();
                piece.into_iter().for_each(|(id, at)| _ = uses.entry(id).or_insert(at));
                return result;
            }
        }
        Ok(())
    }

    async fn store_piece(&self, piece: &[(KeyId, UnixTime)]) -> Result<(), DatabaseError> {
        let mut transaction = self.database.begin().await?;
        key_store::store_uses(&mut transaction, piece).await?;
        transaction.commit().await
    }

    /// In the order of the ids, so that two processes can't wait for each other's rows.
    fn take_uses(&self) -> Vec<(KeyId, UnixTime)> {
        let mut uses = self.uses();
        (0..PIECE).map_while(|_| uses.pop_first()).collect()
    }

    fn uses(&self) -> std::sync::MutexGuard<'_, BTreeMap<KeyId, UnixTime>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_project<P, Q>(record: KeyRecord<P>, project: impl FnOnce(P) -> Q) -> KeyRecord<Q> {
    let mut new = KeyRecord::from_parts(record.id, record.digest, project(record.project), record.scopes);
    (new.not_before, new.expires_at) = (record.not_before, record.expires_at);
    (new.retires_at, new.revoked_at) = (record.retires_at, record.revoked_at);
    new
}

/// Until when the cache is believed.
struct Lease {
    begin: Instant,
    /// Milliseconds after `begin`; at first, none was heard.
    until: AtomicU64,
}

impl Lease {
    fn new() -> Self {
        Self { begin: Instant::now(), until: AtomicU64::new(0) }
    }

    fn is_valid(&self) -> bool {
        self.after_begin(Instant::now()) < self.until.load(Ordering::Acquire)
    }

    fn renew(&self, at: Instant) {
        self.until.store(self.after_begin(at + LEASE), Ordering::Release);
    }

    fn after_begin(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.begin).as_millis()).unwrap_or(u64::MAX)
    }
}
