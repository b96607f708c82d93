//! A random number generator that costs almost nothing, so that the counts show the generation of a key alone.

use rand_core::{Infallible, TryCryptoRng, TryRng, utils};

/// Returns ascending numbers. It implements [`TryCryptoRng`] because the generation of keys requires that.
pub struct Counter(pub u64);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 += 1;
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        utils::fill_bytes_via_next_word(bytes, || self.try_next_u64())
    }
}

impl TryCryptoRng for Counter {}
