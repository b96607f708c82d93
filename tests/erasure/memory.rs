//! Searches this process's memory for pieces of a secret.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Once;

use ctx_key::ApiKey;

/// Length of a piece in bytes.
pub(crate) const PIECE: usize = 8;

/// Number of pieces of characters 16..52 of a key.
pub(crate) const SECRET_PIECES: usize = 36 - PIECE + 1;

/// Number of pieces of those characters and of the digest, which an `ApiKey` holds.
pub(crate) const KEY_PIECES: usize = SECRET_PIECES + 32 - PIECE + 1;

/// All pieces of some bytes. They are stored inverted, so that a search of the whole process does not find itself.
pub(crate) struct Pieces(Vec<u64>);

impl Pieces {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(bytes.windows(PIECE).map(|piece| !number(piece)).collect())
    }

    pub(crate) fn of_key(key: &ApiKey) -> Self {
        let mut pieces = Self::of(&key.expose_secret().as_bytes()[16..]);
        pieces.0.extend(Self::of(key.digest().as_bytes()).0);
        pieces
    }

    pub(crate) fn count_in(&self, memory: &[u8]) -> usize {
        memory.windows(PIECE).filter(|piece| self.0.contains(&!number(piece))).count()
    }

    /// Counts the pieces in the memory of `value` itself.
    #[inline(never)]
    pub(crate) fn count_in_value<T>(&self, memory: &Memory, value: &T) -> usize {
        let mut bytes = vec![0; size_of::<T>()];
        memory.read(address(value), &mut bytes);
        self.count_in(&bytes)
    }
}

fn number(piece: &[u8]) -> u64 {
    u64::from_ne_bytes(piece.try_into().unwrap())
}

pub(crate) fn address<T>(value: &T) -> usize {
    std::ptr::from_ref(black_box(value)).expose_provenance()
}

/// This process's memory as a file. Other ways to read it need `unsafe`, which the package forbids.
pub(crate) struct Memory(File);

impl Memory {
    /// Opens the memory. Where that is not possible, prints one line and returns `None`. The line goes directly to standard
    /// error, because the test harness hides the output of tests that pass.
    pub(crate) fn open() -> Option<Self> {
        static SKIPPED: Once = Once::new();
        let memory = File::open("/proc/self/mem").ok().map(Self);
        assert!(memory.is_some() || std::env::var_os("CI").is_none(), "there is no /proc/self/mem");
        if memory.is_none() {
            SKIPPED.call_once(|| {
                let _ = writeln!(std::io::stderr(), "SKIPPED tests/erasure: there is no /proc/self/mem");
            });
        }
        memory
    }

    /// Reads memory at an address. It is not inlined, so that the copy does not lie in the part of the stack that is read.
    #[inline(never)]
    pub(crate) fn read(&self, address: usize, into: &mut [u8]) {
        (&self.0).seek(SeekFrom::Start(address as u64)).unwrap();
        (&self.0).read_exact(into).unwrap();
    }
}

/// Number of bytes of the stack that stay free for the search.
const ROOM: usize = 16 << 10;
/// Number of bytes below them that are searched.
const DEPTH: usize = 48 << 10;

/// Overwrites what earlier calls left on the stack.
#[inline(never)]
pub(crate) fn scrub_stack() {
    black_box([0_u8; ROOM + DEPTH]);
}

/// Calls `act` so deep in the stack that the search does not overwrite its frames.
#[inline(never)]
pub(crate) fn call_deep(act: impl FnOnce()) {
    let room = black_box([0_u8; ROOM]);
    in_its_own_frame(act);
    black_box(&room);
}

/// Calls `act`. It is not inlined, because the variables of an inlined `act` could lie above the room.
#[inline(never)]
fn in_its_own_frame(act: impl FnOnce()) {
    act();
}

/// Counts the pieces that `act` leaves on the stack.
pub(crate) fn count_left_on_stack(memory: &Memory, pieces: &Pieces, act: impl FnOnce()) -> usize {
    let mut stack = vec![0; ROOM + DEPTH];
    let top = address(&black_box(0_u64));
    scrub_stack();
    call_deep(act);
    memory.read(top - stack.len(), &mut stack);
    pieces.count_in(&stack)
}
