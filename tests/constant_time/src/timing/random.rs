//! Random inputs, and a generator that yields given bytes.

use std::convert::Infallible;

use ctx_key::ApiKey;
use rand_core::{TryCryptoRng, TryRng};

use crate::Input;

/// A generator for this test. Anyone can compute its outputs, so never use it for a real key.
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn input(&mut self) -> Input {
        let mut input = [0; 56];
        for word in input.as_chunks_mut().0 {
            *word = self.next().to_le_bytes();
        }
        input
    }

    pub fn key(&mut self) -> ApiKey {
        ApiKey::generate_from_rng(&mut GivenTestRng(&self.input()))
    }
}

/// A generator that yields the bytes of an input, which are enough for one key.
pub struct GivenTestRng<'i>(pub &'i Input);

impl TryRng for GivenTestRng<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0[..bytes.len()]);
        Ok(())
    }
}

/// The generator is predictable. The library requires this trait.
impl TryCryptoRng for GivenTestRng<'_> {}
