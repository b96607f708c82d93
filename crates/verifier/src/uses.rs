//! Uses of keys that are not written down yet.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ctx_key::{KeyId, UnixTime};

/// The latest use of each key since the last write, in the order of the ids, so that two processes lock rows in one order.
#[derive(Debug)]
pub(crate) struct Uses {
    latest: Mutex<BTreeMap<KeyId, UnixTime>>,
    max: usize,
}

impl Uses {
    pub(crate) fn new(max: usize) -> Self {
        Self { latest: Mutex::default(), max }
    }

    /// Notes a use, unless a later one is noted. Returns `false` if there is no room for another key.
    pub(crate) fn note(&self, id: KeyId, at: UnixTime) -> bool {
        let mut latest = self.lock();
        if latest.len() >= self.max && !latest.contains_key(&id) {
            return false;
        }
        keep_later(&mut latest, id, at);
        true
    }

    /// Puts uses back that were taken and not written. Those are never refused.
    pub(crate) fn put_back(&self, taken: &[(KeyId, UnixTime)]) {
        let mut latest = self.lock();
        taken.iter().for_each(|&(id, at)| keep_later(&mut latest, id, at));
    }

    /// Takes up to `count` uses out.
    pub(crate) fn take(&self, count: usize) -> Vec<(KeyId, UnixTime)> {
        let mut latest = self.lock();
        (0..count).map_while(|_| latest.pop_first()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<KeyId, UnixTime>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep_later(latest: &mut BTreeMap<KeyId, UnixTime>, id: KeyId, at: UnixTime) {
    let noted = latest.entry(id).or_insert(at);
    *noted = at.max(*noted);
}
