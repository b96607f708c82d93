//! What several tests need. Each uses a part of it.
#![allow(dead_code, reason = "every test file compiles this module, and none uses all of it")]

use chacha20::ChaCha20Rng;
use ctx_key::ApiKey;
use rand_core::SeedableRng;
use serde_json::Value;

pub(crate) mod models;

/// The key that the documentation draws.
pub(crate) const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

/// A generator that gives the same in every run.
pub(crate) fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

/// Keys that are the same in every run.
pub(crate) fn keys(count: usize) -> Vec<ApiKey> {
    let mut rng = rng(7);
    (0..count).map(|_| ApiKey::generate_from_rng(&mut rng)).collect()
}

/// The cases of a file in `tests/vectors`.
pub(crate) fn vectors(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// Returns the key whose first 46 characters are these.
pub(crate) fn key_of(hashed: &str) -> ApiKey {
    ApiKey::parse(format!("{hashed}{}", models::checksum(hashed.as_bytes()))).unwrap()
}

/// The first and the last times of a record, and of a column of signed numbers.
pub(crate) const EDGES: [u64; 5] = [0, 1, i64::MAX as u64, 1 << 63, u64::MAX];
