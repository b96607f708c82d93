//! Counts finds by key and place, and holds 24 bytes for each find.

use std::hash::{DefaultHasher, Hash, Hasher};

use ctx_key::KeyId;

use crate::scan::origin::Origin;

/// The finds of all keys. First all finds are added, then [`seal`](Self::seal) is called, then counts are taken.
#[derive(Default)]
pub(crate) struct Tally {
    finds: Vec<Counted>,
    ids: Vec<u64>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    hash: u64,
    age: u32,
    is_taken: bool,
}

impl Tally {
    pub(crate) fn add(&mut self, id: KeyId, origin: &Origin) {
        self.finds.push(Counted { hash: hash(id, &origin.path), age: origin.age, is_taken: false });
        self.ids.push(hash(id, b""));
    }

    pub(crate) fn seal(&mut self) {
        self.finds.sort_unstable();
        self.ids.sort_unstable();
        self.ids.dedup();
    }

    /// Returns the number of finds of this key at this place. Only the first call with the oldest origin returns it.
    pub(crate) fn take(&mut self, id: KeyId, origin: &Origin) -> Option<u64> {
        let hash = hash(id, &origin.path);
        let start = self.finds.partition_point(|find| find.hash < hash);
        let oldest = self.finds.get_mut(start).filter(|find| find.hash == hash)?;
        if oldest.age != origin.age || std::mem::replace(&mut oldest.is_taken, true) {
            return None;
        }
        let count = self.finds[start..].iter().take_while(|find| find.hash == hash).count();
        Some(count as u64)
    }

    /// Returns whether the key was found at any place.
    pub(crate) fn has(&self, id: KeyId) -> bool {
        self.ids.binary_search(&hash(id, b"")).is_ok()
    }
}

fn hash(id: KeyId, path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (id, path).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_are_counted_by_key_and_place() {
        let id = |byte| KeyId::from_bytes([byte; 12]).unwrap();
        let origin =
            |path: &str, age| Origin { path: path.as_bytes().into(), commit: None, is_reached: true, age };
        let mut tally = Tally::default();
        for (key, path, age) in [(b'a', "x", 7), (b'b', "x", 7), (b'a', "y", 2), (b'a', "x", 5)] {
            tally.add(id(key), &origin(path, age));
        }
        tally.seal();
        assert_eq!(tally.take(id(b'a'), &origin("x", 7)), None);
        assert_eq!(tally.take(id(b'a'), &origin("x", 5)), Some(2));
        assert_eq!(tally.take(id(b'a'), &origin("x", 5)), None);
        assert_eq!(tally.take(id(b'a'), &origin("y", 2)), Some(1));
        assert_eq!(tally.take(id(b'b'), &origin("x", 7)), Some(1));
        assert_eq!(tally.take(id(b'b'), &origin("y", 2)), None);
        assert!(tally.has(id(b'b')) && !tally.has(id(b'c')));
    }
}
