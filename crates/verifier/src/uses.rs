//! Uses of keys that are not written yet.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ctx_key::{KeyId, UnixTime};

/// The latest use of each key since the last write. They are sorted by id, so that all processes lock rows in the same
/// order.
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

    /// Puts back uses that were taken and not written. It refuses none.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_use_counts_whatever_the_order() {
        let [a, b] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb"].map(|id| id.parse().unwrap());
        let at = UnixTime::from_secs;
        let uses = Uses::new(2);
        for time in [5, 7, 6] {
            assert!(uses.note(b, at(time)));
        }
        uses.put_back(&[(b, at(4)), (a, at(9))]);
        assert!(uses.note(a, at(8)) && !uses.note("cccccccccccc".parse().unwrap(), at(1)));
        assert_eq!((uses.len(), uses.take(1), uses.take(9)), (2, vec![(a, at(9))], vec![(b, at(7))]));
    }

    /// Their number is bounded, because they were taken before.
    #[test]
    fn uses_that_are_put_back_are_never_refused() {
        let uses = Uses::new(1);
        let taken = ["aaaaaaaaaaaa", "bbbbbbbbbbbb"].map(|id| (id.parse().unwrap(), UnixTime::from_secs(1)));
        uses.put_back(&taken);
        assert_eq!(uses.take(3), taken);
    }
}
