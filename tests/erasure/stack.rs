//! Parsing and generating leave no piece of a secret on the stack.

use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ctx_key::ApiKey;
use rand_core::{Infallible, TryCryptoRng, TryRng};

use crate::REFUSED;
use crate::common::KEY;
use crate::memory::{Memory, PIECE, Pieces, SECRET_PIECES, count_left_on_stack};

/// Random bytes that are no text of a key.
static RANDOM: [u8; 56] = *b"0f7Aq!kd93jz@#nvmqpwoeiruty1029384756alskdjfhgZMXNCBV_+=";

/// A generator that yields [`RANDOM`]. Its fill is not inlined, so that the library's buffer is in memory.
struct FixedRng;

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }
    #[inline(never)]
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(black_box(&RANDOM));
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}

/// Neither the key in the place where it was returned nor the hashed block is left.
#[test]
fn parsing_leaves_nothing_on_the_stack() {
    let Some(memory) = Memory::open() else { return };
    let pieces = Pieces::of(&KEY.as_bytes()[16..]);
    let assert_clean = |name, act: fn()| {
        assert_eq!(count_left_on_stack(&memory, &pieces, act), 0, "{name}");
    };
    assert_clean("parse", || _ = black_box(&ApiKey::parse(black_box(KEY))));
    assert_clean("parse_pasted", || _ = black_box(&ApiKey::parse_pasted(black_box(KEY))));
    assert_clean("FromStr", || _ = black_box(&black_box(KEY).parse::<ApiKey>()));
    assert_clean("refused", || _ = black_box(&ApiKey::parse(black_box(REFUSED))));
    assert_clean("refused, pasted", || _ = black_box(&ApiKey::parse_pasted(black_box(REFUSED))));
}

#[test]
fn generating_leaves_no_random_bytes_on_the_stack() {
    let Some(memory) = Memory::open() else { return };
    let pieces = Pieces::of(&RANDOM);
    let left =
        count_left_on_stack(&memory, &pieces, || _ = black_box(&ApiKey::generate_from_rng(&mut FixedRng)));
    assert_eq!(left, 0);
}

/// A generator that fills the buffer and then returns an error or panics.
struct FailingRng {
    panics: bool,
}

impl TryRng for FailingRng {
    type Error = std::fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, std::fmt::Error> {
        Err(std::fmt::Error)
    }
    fn try_next_u64(&mut self) -> Result<u64, std::fmt::Error> {
        Err(std::fmt::Error)
    }
    #[inline(never)]
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), std::fmt::Error> {
        bytes.copy_from_slice(black_box(&RANDOM));
        if self.panics { resume_unwind(Box::new(())) } else { Err(std::fmt::Error) }
    }
}

impl TryCryptoRng for FailingRng {}

#[test]
fn a_failed_generation_leaves_no_random_bytes_on_the_stack() {
    let Some(memory) = Memory::open() else { return };
    // The first panic binds the symbols of the unwinder. The dynamic linker then saves all registers on the stack.
    let _ = catch_unwind(|| resume_unwind(Box::new(())));
    for panics in [false, true] {
        let left = count_left_on_stack(&memory, &Pieces::of(&RANDOM), || {
            let generate = || ApiKey::try_generate_from_rng(&mut FailingRng { panics }).is_err();
            _ = black_box(catch_unwind(AssertUnwindSafe(generate)));
        });
        assert_eq!(left, 0, "panics: {panics}");
    }
}

/// The same search must find bytes that are not erased.
#[test]
fn what_is_left_on_the_stack_is_found() {
    let Some(memory) = Memory::open() else { return };
    let pieces = Pieces::of(&KEY.as_bytes()[16..]);
    let bytes = || {
        let bytes: [u8; 52] = black_box(KEY).as_bytes().try_into().unwrap();
        black_box(&bytes);
    };
    assert!(count_left_on_stack(&memory, &pieces, bytes) >= SECRET_PIECES);
    let key = || _ = black_box(&ManuallyDrop::new(ApiKey::parse(black_box(KEY))));
    assert!(count_left_on_stack(&memory, &pieces, key) >= SECRET_PIECES);
    let random = || {
        let mut bytes = [0; 56];
        let _ = FixedRng.try_fill_bytes(&mut bytes);
        black_box(&bytes);
    };
    assert!(count_left_on_stack(&memory, &Pieces::of(&RANDOM), random) > RANDOM.len() - PIECE);
}
