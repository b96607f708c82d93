//! Measures the library, and prints the results in the same format as the packages do.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
const COUNT: u32 = 100_000;

/// Returns the nanoseconds to read a key and verify it against its record and a scope, and those of one SHA-256.
pub fn figures() -> Result<Value, Box<dyn std::error::Error>> {
    let record = KeyRecord::new(&ApiKey::parse(KEY)?, "demo", Scope::READ);
    let hashed = &KEY.as_bytes()[..46];
    let sha256 = measure(|| Sha256::digest(black_box(hashed)));
    let verification = measure(|| {
        let key = ApiKey::parse(black_box(KEY)).ok()?;
        let grant = record.verify(&key, UnixTime::from_secs(5)).ok()?;
        Some(grant.require(Scope::CHATS_READ).is_ok())
    });
    Ok(json!({ "verification": verification, "sha256": sha256 }))
}

/// Returns the time of a call in nanoseconds, in the fastest of ten rounds.
fn measure<T>(call: impl Fn() -> T) -> f64 {
    let round = || {
        let start = Instant::now();
        for _ in 0..COUNT {
            black_box(call());
        }
        start.elapsed()
    };
    let best = (0..10).map(|_| round()).min().unwrap_or(Duration::MAX);
    best.as_secs_f64() * 1e9 / f64::from(COUNT)
}
