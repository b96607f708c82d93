//! The memory of a key itself is erased when the key is dropped, and an error holds nothing of a refused key.

use std::cell::Cell;
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ctx_key::{ApiKey, ParseKeyError, bearer, scan};

use crate::REFUSED;
use crate::common::KEY;
use crate::memory::{KEY_PIECES, Memory, PIECE, Pieces, SECRET_PIECES, address, call_deep, scrub_stack};
use crate::ways::{WAYS, WAYS_FROM_OWNED};

/// As many bytes as a key has.
type Snapshot = [u8; size_of::<ApiKey>()];

#[inline(never)]
fn snapshot(memory: &Memory, address: usize) -> Snapshot {
    let mut bytes = [0; size_of::<ApiKey>()];
    memory.read(address, &mut bytes);
    bytes
}

/// Fields are dropped in order. So the witness looks after `held` was dropped, when its memory on the stack is still
/// there, and its memory on the heap was just freed.
struct Watched<'a, T> {
    held: T,
    witness: Witness<'a>,
}

/// Takes a snapshot when it is dropped.
struct Witness<'a> {
    memory: &'a Memory,
    address: usize,
    after: &'a Cell<Snapshot>,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        self.after.set(snapshot(self.memory, self.address));
    }
}

/// The event that ends the life of a value.
#[derive(Clone, Copy, Debug)]
enum End {
    OfScope,
    QuestionMark,
    Unwinding,
}

const ENDS: [End; 3] = [End::OfScope, End::QuestionMark, End::Unwinding];

/// Returns how many pieces are at an address in `held`, first while it lives and then after `end`.
fn pieces_before_and_after<T>(
    memory: &Memory,
    pieces: &Pieces,
    held: T,
    address_in: fn(&T) -> usize,
    end: End,
) -> (usize, usize) {
    let (before, after) = (Cell::new([0; _]), Cell::new([0; _]));
    let life = || -> Result<(), ParseKeyError> {
        let mut watched = Watched { held, witness: Witness { memory, address: 0, after: &after } };
        watched.witness.address = address_in(&watched.held);
        before.set(snapshot(memory, watched.witness.address));
        match end {
            End::OfScope => {}
            End::QuestionMark => drop(ApiKey::parse("")?),
            End::Unwinding => resume_unwind(Box::new(())),
        }
        black_box(&watched.held);
        Ok(())
    };
    let ended = catch_unwind(AssertUnwindSafe(life));
    match end {
        End::OfScope => assert!(matches!(ended, Ok(Ok(())))),
        End::QuestionMark => assert!(matches!(ended, Ok(Err(ParseKeyError::Prefix)))),
        End::Unwinding => assert!(ended.is_err()),
    }
    (pieces.count_in(&before.get()), pieces.count_in(&after.get()))
}

#[test]
fn a_dropped_key_is_erased_where_it_was_stored() {
    let Some(memory) = Memory::open() else { return };
    for (way, make) in WAYS.iter().chain(WAYS_FROM_OWNED) {
        for end in ENDS {
            let assert_erased = |container, (before, after)| {
                assert_eq!((before, after), (KEY_PIECES, 0), "{way} {container} {end:?}");
            };
            let key = make();
            let pieces = Pieces::of_key(&key);
            assert_erased("alone", pieces_before_and_after(&memory, &pieces, key, address, end));

            let key = Box::new(make());
            let pieces = Pieces::of_key(&key);
            let found = pieces_before_and_after(&memory, &pieces, key, |key| address(&**key), end);
            assert_erased("in a box", found);

            let keys = vec![make(), make()];
            let pieces = Pieces::of_key(&keys[1]);
            let found = pieces_before_and_after(&memory, &pieces, keys, |keys| address(&keys[1]), end);
            assert_erased("in a vector", found);

            let key = Some(make());
            let pieces = Pieces::of_key(key.as_ref().unwrap());
            let found =
                pieces_before_and_after(&memory, &pieces, key, |key| address(key.as_ref().unwrap()), end);
            assert_erased("in an option", found);
        }
    }
}

/// A match holds a key, and so does its clone.
#[test]
fn a_dropped_match_is_erased() {
    let Some(memory) = Memory::open() else { return };
    let pieces = Pieces::of_key(&ApiKey::parse(KEY).unwrap());
    let mut found = scan::find_iter(KEY.as_bytes()).next();
    let mut clone = found.clone();
    for held in [&mut found, &mut clone] {
        assert_eq!(pieces.count_in_value(&memory, held), KEY_PIECES);
        *held = None;
        assert_eq!(pieces.count_in_value(&memory, held), 0);
    }
}

/// The same search must find plain bytes, a key that is never dropped, and a text on the heap.
#[test]
fn a_value_that_is_not_erased_is_found() {
    let Some(memory) = Memory::open() else { return };
    let key = ApiKey::parse(KEY).unwrap();
    let pieces = Pieces::of_key(&key);
    for end in ENDS {
        let bytes: [u8; 52] = KEY.as_bytes().try_into().unwrap();
        // A snapshot is longer than these bytes, so pieces of another value may follow.
        let (before, after) = pieces_before_and_after(&memory, &pieces, bytes, address, end);
        assert!(before >= SECRET_PIECES && after >= SECRET_PIECES, "{end:?}");

        let found = pieces_before_and_after(&memory, &pieces, ManuallyDrop::new(key.clone()), address, end);
        assert_eq!(found, (KEY_PIECES, KEY_PIECES), "{end:?}");

        // The text is longer than a snapshot. The allocator overwrites only its first 16 bytes when it is freed.
        let text = format!("{KEY:<100}");
        let found =
            pieces_before_and_after(&memory, &pieces, text, |text| text.as_ptr().expose_provenance(), end);
        assert_eq!(found, (SECRET_PIECES, SECRET_PIECES), "{end:?}");
    }
}

#[test]
fn an_error_holds_nothing_of_a_refused_key() {
    let Some(memory) = Memory::open() else { return };
    let pieces = Pieces::of(&REFUSED.as_bytes()[16..]);
    let assert_empty = |name, count: fn(&Memory, &Pieces) -> usize| {
        let mut found = 0;
        scrub_stack();
        call_deep(|| found = count(&memory, &pieces));
        assert_eq!(found, 0, "{name}");
    };
    assert_empty("parse", |memory, pieces| pieces.count_in_value(memory, &ApiKey::parse(REFUSED)));
    assert_empty("parse_pasted", |memory, pieces| {
        pieces.count_in_value(memory, &ApiKey::parse_pasted(REFUSED))
    });
    assert_empty("bearer::parse", |memory, pieces| {
        pieces.count_in_value(memory, &bearer::parse([format!("Bearer {REFUSED}")]))
    });
    #[cfg(feature = "serde")]
    assert_empty("serde", |memory, pieces| {
        let error = serde_json::from_str::<ApiKey>(&format!("\"{REFUSED}\"")).unwrap_err();
        pieces.count_in_value(memory, &error)
    });

    let key = ApiKey::parse(KEY);
    assert!(
        pieces.count_in_value(&memory, &key) >= SECRET_PIECES - PIECE,
        "a key that was not refused is found"
    );
}
