//! Helpers that several test files share.
#![allow(dead_code, reason = "every test file compiles this module, and none uses all of it")]

use chacha20::ChaCha20Rng;
use ctx_key::ApiKey;
use rand_core::SeedableRng;
use serde_json::Value;

pub(crate) mod models;

/// The example key of the documentation.
pub(crate) const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

/// Times at the limits of a record and of a signed column, in seconds.
pub(crate) const EDGES: [u64; 5] = [0, 1, i64::MAX as u64, 1 << 63, u64::MAX];

/// Returns a generator with the same output in every run.
pub(crate) fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

/// Returns keys that are the same in every run.
pub(crate) fn keys(count: usize) -> Vec<ApiKey> {
    let mut rng = rng(7);
    (0..count).map(|_| ApiKey::generate_from_rng(&mut rng)).collect()
}

/// Returns the key whose first 46 characters are `hashed`.
pub(crate) fn key_of(hashed: &str) -> ApiKey {
    ApiKey::parse(format!("{hashed}{}", models::checksum(hashed.as_bytes()))).unwrap()
}

/// Returns the cases of a file in `tests/vectors`.
pub(crate) fn vectors(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// Returns the bytes of a text in the vectors, where each character stands for one byte.
pub(crate) fn latin_1(text: &Value) -> Vec<u8> {
    text.as_str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

/// Returns the lengths 0 to 200, and those that differ by at most `around` from a power of two up to 128 KiB.
pub(crate) fn lengths(around: usize) -> impl Iterator<Item = usize> {
    let powers = (8..=17).map(|power| 1 << power);
    (0..=200).chain(powers.flat_map(move |length| length - around..=length + around))
}

/// Returns lengths of a filler: those for which the filler itself has one of the [`lengths`], and those for which the
/// filler and `part` more bytes have one together.
pub(crate) fn filler_lengths(part: usize) -> impl Iterator<Item = usize> {
    lengths(4).chain(lengths(4).filter_map(move |whole| whole.checked_sub(part)))
}
