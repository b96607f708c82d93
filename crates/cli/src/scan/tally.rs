//! Counts finds by group and place, and holds 24 bytes for each find.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::scan::finding::Group;
use crate::scan::origin::Origin;

/// The finds of all groups. First all finds are added, then [`seal`](Self::seal) is called, then counts are taken.
#[derive(Default)]
pub(crate) struct Tally {
    finds: Vec<Counted>,
    groups: Vec<u64>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    hash: u64,
    age: u32,
    is_taken: bool,
}

impl Tally {
    pub(crate) fn add(&mut self, group: Group, origin: &Origin) {
        self.finds.push(Counted { hash: hash(group, &origin.path), age: origin.age, is_taken: false });
        self.groups.push(hash(group, b""));
    }

    pub(crate) fn seal(&mut self) {
        self.finds.sort_unstable();
        self.groups.sort_unstable();
        self.groups.dedup();
    }

    /// Returns the number of finds of this group at this place. Only the first call with the oldest origin returns it.
    pub(crate) fn take(&mut self, group: Group, origin: &Origin) -> Option<u64> {
        let hash = hash(group, &origin.path);
        let start = self.finds.partition_point(|find| find.hash < hash);
        let oldest = self.finds.get_mut(start).filter(|find| find.hash == hash)?;
        if oldest.age != origin.age || std::mem::replace(&mut oldest.is_taken, true) {
            return None;
        }
        let count = self.finds[start..].iter().take_while(|find| find.hash == hash).count();
        Some(count as u64)
    }

    /// Returns whether this group was found at any place.
    pub(crate) fn has(&self, group: Group) -> bool {
        self.groups.binary_search(&hash(group, b"")).is_ok()
    }
}

fn hash(group: Group, path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (group, path).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use ctx_key::KeyId;

    use super::*;

    #[test]
    fn finds_are_counted_by_group_and_place() {
        let group = |byte| (KeyId::from_bytes([byte; 12]).unwrap(), false);
        let origin =
            |path: &str, age| Origin { path: path.as_bytes().into(), commit: None, is_reached: true, age };
        let mut tally = Tally::default();
        for (key, path, age) in [(b'a', "x", 7), (b'b', "x", 7), (b'a', "y", 2), (b'a', "x", 5)] {
            tally.add(group(key), &origin(path, age));
        }
        tally.seal();
        assert_eq!(tally.take(group(b'a'), &origin("x", 7)), None);
        assert_eq!(tally.take(group(b'a'), &origin("x", 5)), Some(2));
        assert_eq!(tally.take(group(b'a'), &origin("x", 5)), None);
        assert_eq!(tally.take(group(b'a'), &origin("y", 2)), Some(1));
        assert_eq!(tally.take(group(b'b'), &origin("x", 7)), Some(1));
        assert_eq!(tally.take(group(b'b'), &origin("y", 2)), None);
        assert!(tally.has(group(b'b')) && !tally.has(group(b'c')));
        let (id, _) = group(b'b');
        assert!(!tally.has((id, true)) && tally.take((id, true), &origin("x", 7)).is_none());
    }
}
