//! Uses of keys that are not written yet.

use std::collections::BTreeMap;
use std::ops::Bound;
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

    /// Takes out up to `count` uses: the first ones of keys with an id after `last`.
    pub(crate) fn take_after(&self, last: Option<KeyId>, count: usize) -> Vec<(KeyId, UnixTime)> {
        let mut latest = self.lock();
        let start = last.map_or(Bound::Unbounded, Bound::Excluded);
        let ids: Vec<KeyId> =
            latest.range((start, Bound::Unbounded)).take(count).map(|(id, _)| *id).collect();
        ids.iter().filter_map(|id| latest.remove_entry(id)).collect()
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
        let [a, b]: [KeyId; 2] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb"].map(|id| id.parse().unwrap());
        let at = UnixTime::from_secs;
        let uses = Uses::new(2);
        for time in [5, 7, 6] {
            assert!(uses.note(b, at(time)));
        }
        uses.put_back(&[(b, at(4)), (a, at(9))]);
        assert!(uses.note(a, at(8)) && !uses.note("cccccccccccc".parse().unwrap(), at(1)));
        assert_eq!((uses.len(), uses.take_after(None, 1)), (2, vec![(a, at(9))]));
        assert_eq!(uses.take_after(None, 9), [(b, at(7))]);
    }

    #[test]
    fn uses_are_taken_after_an_id() {
        let ids: [KeyId; 4] =
            ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "dddddddddddd"].map(|id| id.parse().unwrap());
        let uses = Uses::new(4);
        let [a, b, c, d] = ids.map(|id| (id, UnixTime::from_secs(1)));
        uses.put_back(&[d, c, b, a]);
        assert_eq!(uses.take_after(Some(b.0), 1), [c]);
        // the id itself need not be there
        assert_eq!(uses.take_after(Some(c.0), 9), [d]);
        assert!(uses.take_after(Some(b.0), 9).is_empty());
        assert_eq!(uses.take_after(None, 9), [a, b]);
    }

    /// Their number is bounded, because they were taken before.
    #[test]
    fn uses_that_are_put_back_are_never_refused() {
        let uses = Uses::new(1);
        let taken = ["aaaaaaaaaaaa", "bbbbbbbbbbbb"].map(|id| (id.parse().unwrap(), UnixTime::from_secs(1)));
        uses.put_back(&taken);
        assert_eq!(uses.take_after(None, 3), taken);
    }
}
