//! The inputs of the cases: keys of different shapes, marked as secret.

use std::cell::Cell;
use std::convert::Infallible;
use std::hint::black_box;

use ctx_key::{ApiKey, KeyDigest, KeyRecord, Scope, UnixTime};
use http::HeaderValue;
use rand_core::{TryCryptoRng, TryRng};

use crate::marks::{mark_secret, public};

/// Well-formed keys of different shapes, because a branch can depend on what a key looks like.
const KEYS: [&str; 9] = [
    // all 0 and all z
    "ctx_00000000000000000000000000000000000000000038uyg9",
    "ctx_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz0mnMHO",
    // an id of digits only, and a checksum that starts with 0
    "ctx_303292348343wzwpZ0TupQDLyqYjEvUfHFncZhBMvL003lbo",
    // an id of upper-case letters only, and a checksum that starts with 4
    "ctx_BWOEBEXWJXSXDKkNgYYXvqZIS80eB19odWLx36cSMT4aI362",
    // an id of lower-case letters only, and a secret of upper-case letters only
    "ctx_duibokkidulnUOVFYQVDKLSTGMTDXXHUBISPKINOOF1fsJe2",
    // a secret of lower-case letters only
    "ctx_A7MxKJcFAmMLnzeihdpeaytrecxiwrjkbvnuuwmxtq1ytyio",
    // a secret and a checksum of digits only
    "ctx_WJZTHIGQRGSW269014019010259792788901655455322492",
    // generated
    "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9",
    "ctx_P1IvY0DJHOE4aFVdZxT8lAvfYFYHRzQliykEpWFZrV3ySmUq",
];

/// A key that is not one of [`KEYS`].
pub const OTHER: Input =
    Input { key: "ctx_2sgDQhEXyDCzEqC4bqsYF20UTBKOQg49904ck7gxcv1Esxh6", header: HEADERS[0] };

/// The text before the key in a header, and the text after it.
const HEADERS: [(&str, &str); 6] = [
    ("Bearer ", ""),
    ("bearer ", ""),
    ("BEARER ", ""),
    ("bEaReR ", ""),
    ("Bearer    ", ""),
    (" \tbearer  ", "\t  "),
];

/// A key and its header. The methods return values in which characters 16..52 of the key and its digest are secret,
/// and the rest is public.
#[derive(Debug)]
pub struct Input {
    pub key: &'static str,
    header: (&'static str, &'static str),
}

/// Returns each key with each header.
pub fn all() -> impl Iterator<Item = Input> {
    KEYS.into_iter().flat_map(|key| HEADERS.map(|header| Input { key, header }))
}

impl Input {
    pub fn text(&self) -> String {
        let text = self.key.to_owned();
        mark_secret(&text.as_bytes()[16..]);
        black_box(text)
    }

    /// Returns the text with one character replaced. The new character is secret too.
    pub fn changed(&self, index: usize, character: char) -> String {
        let text = format!("{}{character}{}", &self.key[..index], &self.key[index + 1..]);
        mark_secret(&text.as_bytes()[16..]);
        black_box(text)
    }

    pub fn header(&self) -> HeaderValue {
        let (before, after) = self.header;
        let value = HeaderValue::from_str(&format!("{before}{}{after}", self.key)).expect("a header's value");
        mark_secret(&value.as_bytes()[before.len()..][16..52]);
        black_box(value)
    }

    pub fn api_key(&self) -> ApiKey {
        let key = ApiKey::parse(self.key).expect("a key");
        mark_secret(&key.expose_secret().as_bytes()[16..]);
        mark_secret(key.digest().as_bytes());
        black_box(key)
    }

    pub fn digest(&self) -> KeyDigest {
        *self.api_key().digest()
    }

    /// Returns the digest in hexadecimal digits, which are public.
    pub fn hex(&self) -> String {
        public(self.digest()).to_string()
    }

    /// Returns a record of the key. Its times are set, because the compiler may read the bytes after a `None`, which are
    /// undefined, and memcheck would report that.
    pub fn record(&self) -> KeyRecord<u32> {
        let key = self.api_key();
        let mut record = KeyRecord::from_parts(key.id(), *key.digest(), 7, Scope::READ);
        record.not_before = Some(UnixTime::from_secs(1));
        record.expires_at = Some(UnixTime::from_secs(2));
        record.retires_at = Some(UnixTime::from_secs(2));
        record
    }

    /// Returns a generator whose bytes are secret and give this key.
    pub fn rng(&self) -> SecretTestRng {
        SecretTestRng(self.random())
    }

    /// Makes the operating system's generator yield the bytes of `rng`.
    pub fn set_os_random(&self) {
        OS_RANDOM.set(self.random());
    }

    /// Returns the random bytes that give this key: a 64-bit fraction for each six digits.
    fn random(&self) -> [u8; 56] {
        let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let value = |digit| digits.iter().position(|known| known == digit).expect("a digit");
        let mut random = [0; 56];
        for (bytes, group) in random.chunks_mut(8).zip(self.key.as_bytes()[4..46].chunks(6)) {
            let number = group.iter().fold(0, |number, digit| 62 * number + value(digit) as u128);
            let fraction = (number << 64) / 62_u128.pow(6) + 1;
            bytes.copy_from_slice(&(fraction as u64).to_le_bytes());
        }
        random
    }
}

/// A generator that yields the same secret bytes in each call.
pub struct SecretTestRng([u8; 56]);

impl TryRng for SecretTestRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0[..bytes.len()]);
        mark_secret(bytes);
        Ok(())
    }
}

/// The generator is predictable. The library requires this trait.
impl TryCryptoRng for SecretTestRng {}

thread_local!(static OS_RANDOM: Cell<[u8; 56]> = const { Cell::new([0; 56]) });

/// Source of `ApiKey::generate`'s random bytes: getrandom's backend "custom". Bytes from a system call are public to
/// memcheck.
///
/// # Safety
///
/// As getrandom requires: the `len` bytes from `start` on can be written.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(start: *mut u8, len: usize) -> Result<(), getrandom::Error> {
    // SAFETY: see above. getrandom allows uninitialised bytes, but the library's buffer is initialised.
    let bytes = unsafe { std::slice::from_raw_parts_mut(start, len) };
    bytes.copy_from_slice(&OS_RANDOM.get()[..len]);
    mark_secret(bytes);
    Ok(())
}
