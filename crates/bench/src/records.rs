//! Generates keys and their records, which are the same in each run.

use chacha20::ChaCha8Rng;
use ctx_key::{ApiKey, KeyRecord, Scope};
use rand_core::{Rng, SeedableRng};

/// Maximum number of keys that are presented.
const SAMPLE: usize = 20_000;

/// Returns the records of `count` keys, and the texts of at most `SAMPLE` of the keys in random order.
pub fn records(count: usize) -> (Vec<KeyRecord<u64>>, Vec<String>) {
    let mut rng = ChaCha8Rng::from_seed([7; 32]);
    let step = count.div_ceil(SAMPLE);
    let mut texts = Vec::with_capacity(SAMPLE);
    let mut records = Vec::with_capacity(count);
    for index in 0..count {
        let key = ApiKey::generate_from_rng(&mut rng);
        records.push(KeyRecord::new(&key, index as u64, Scope::READ));
        if index % step == 0 {
            texts.push(key.expose_secret().to_owned());
        }
    }
    // a Fisher–Yates shuffle
    for last in (1..texts.len()).rev() {
        texts.swap(last, rng.next_u64() as usize % (last + 1));
    }
    (records, texts)
}
