//! `ApiKey::parse` and the equivalent traits, on any bytes.

#![no_main]

use ctx_key::ApiKey;
use ctx_key_fuzz::{assert_parsed, checksum, key, six_digits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    check(data);

    // Mutations do not find a valid checksum, so the target also makes a key and two invalid variants from each input.
    let key = key(data);
    check(key.as_bytes());
    check(&with_one_byte_changed(&key, data));
    check(with_excess_checksum(&key).as_bytes());
});

fn check(text: &[u8]) {
    let result = ApiKey::parse(text);
    assert_parsed(&result, text);
    assert_eq!(ApiKey::try_from(text), result);
    if let Ok(text) = str::from_utf8(text) {
        assert_eq!(text.parse(), result);
        assert_eq!(ApiKey::try_from(text), result);
    }
}

fn with_one_byte_changed(key: &str, data: &[u8]) -> Vec<u8> {
    let mut text = key.as_bytes().to_vec();
    if let [.., index, bits] = *data {
        text[usize::from(index) % key.len()] ^= bits;
    }
    text
}

/// Returns the key with another checksum whose lower 32 bits are the same. Six digits can encode more than 32 bits.
fn with_excess_checksum(key: &str) -> String {
    let excess = u64::from(checksum(key)) + (1 << 32);
    key[..46].to_owned() + &six_digits(excess)
}
