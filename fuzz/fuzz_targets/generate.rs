//! Generation from any output of a generator, which may be too short, compared with long division of each fraction.

#![no_main]

use ctx_key::ApiKey;
use ctx_key_fuzz::{assert_parsed, checksum, six_digits};
use libfuzzer_sys::fuzz_target;
use rand_core::{TryCryptoRng, TryRng};

/// A generator that yields its bytes once, and then fails.
struct Finite<'a>(&'a [u8]);

#[derive(Debug, PartialEq)]
struct Exhausted {
    given: usize,
}

impl core::fmt::Display for Exhausted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the generator has no more than {} bytes", self.given)
    }
}

impl core::error::Error for Exhausted {}

impl TryRng for Finite<'_> {
    type Error = Exhausted;

    fn try_next_u32(&mut self) -> Result<u32, Exhausted> {
        unreachable!("keys take bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Exhausted> {
        unreachable!("keys take bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Exhausted> {
        let given = bytes.len().min(self.0.len());
        let (first, rest) = self.0.split_at(given);
        bytes[..given].copy_from_slice(first);
        self.0 = rest;
        if given < bytes.len() { Err(Exhausted { given }) } else { Ok(()) }
    }
}

impl TryCryptoRng for Finite<'_> {}

fuzz_target!(|random: &[u8]| {
    let mut generator = Finite(random);
    let result = ApiKey::try_generate_from_rng(&mut generator);
    let Some((taken, left)) = random.split_at_checked(56) else {
        return assert_eq!(result, Err(Exhausted { given: random.len() }));
    };
    assert_eq!(generator.0, left, "a key takes exactly 56 bytes");

    let mut text = String::from("ctx_");
    for fraction in taken.chunks(8) {
        let fraction = u64::from_le_bytes(fraction.try_into().unwrap());
        let number = u128::from(fraction) * 62u128.pow(6) >> 64;
        text += &six_digits(number.try_into().unwrap());
    }
    text += &six_digits(checksum(&text).into());

    let key = result.unwrap();
    assert_eq!(key.expose_secret(), text);
    assert_eq!(format!("{key:?}"), format!("ApiKey({}***)", &text[..16]));
    assert_parsed(&Ok(key.clone()), text.as_bytes());
    assert_eq!(ApiKey::parse(text), Ok(key));
});
