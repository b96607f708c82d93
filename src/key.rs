//! The key itself: [`ApiKey`], read or generated.
//!
//! Facts about the machine code of a check (rustc 1.95, x86-64, opt-level 3; `benches/hot_path.rs` measures them):
//!
//! * Prefix and length take two compares. The 48 digits are checked in three 16-byte pieces, without a branch until
//!   the minimum of all indices is known: 4 ns.
//! * The block to hash takes three loads, one mask and four 16-byte stores. Each store has the size of one of the
//!   hash's loads, so that the processor forwards it to that load. `Sha256::digest` copies through its buffer, and
//!   takes about twice as long as `compress256` of the padded block.
//! * The six digits of the given checksum are decoded by multiplications that do not wait for the hash. Encoding the
//!   hash's first four bytes and comparing text would take longer, because that can only start after the hash.
//! * The digests are compared as four words, in the few cycles after the hash. Block and key are erased with ten
//!   16-byte stores that nothing waits for.
//! * In generation, the values of seven fractions are combined in registers by shifts. Writing them to memory six bytes
//!   at a time and loading sixteen cost three stalls of the store buffer, a fifth of the time of a generation.

use core::fmt;
use core::str::FromStr;

use rand_core::{CryptoRng, TryCryptoRng};
use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use crate::alphabet::{ascii, base62_digits, decode, encode, first_invalid, to_digit};
use crate::digest::KeyDigest;
use crate::id::KeyId;
use crate::layout::{LEN, PREFIX};
use crate::pasted::repair;
use crate::secret::{declassify, erase};

/// Text of a key whose digits are all `0`. For each digit of a new key, its distance from `0` is added.
const ZERO: &[u8; LEN] = b"ctx_000000000000000000000000000000000000000000000000";

/// A well-formed API key of 52 characters, zeroed on drop.
///
/// An `ApiKey` shows that its text has the format of a key, with the right checksum. It does not show that a server
/// knows the key: [`KeyRecord::verify`](crate::KeyRecord::verify) checks that.
///
/// ```text
/// ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9
/// └┬─┘└────┬─────┘└─────────────┬──────────────┘└─┬──┘
/// prefix  id (12)          secret (30)       checksum (6)
/// ```
///
/// `Debug` shows the prefix and the id. There is no `Display` and no `Serialize`. Only
/// [`expose_secret`](Self::expose_secret) and, with the feature `http`, `to_header_value` return the text. `==` takes
/// constant time.
///
/// ```
/// use ctx_key::ApiKey;
///
/// let key = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9")?;
/// assert_eq!(format!("{key:?}"), "ApiKey(ctx_8aspm4G7VmSU***)");
/// # Ok::<(), ctx_key::ParseKeyError>(())
/// ```
#[derive(Clone)]
// `parse` writes an aligned key in whole words. Without alignment, the caller's loads of the result straddle the
// stores of `parse`, and a check takes a tenth longer.
#[repr(align(8))]
pub struct ApiKey {
    text: [u8; LEN],
    digest: KeyDigest,
}

impl ApiKey {
    /// Reads a key strictly: exactly its 52 bytes.
    ///
    /// For text that a person typed or pasted, use [`parse_pasted`](Self::parse_pasted).
    ///
    /// The time depends on the length, on the prefix and on the kind of error, but not on the secret.
    ///
    /// # Errors
    ///
    /// The first that applies:
    ///
    /// * [`ParseKeyError::Prefix`]: the input does not start with `ctx_`.
    /// * [`ParseKeyError::Length`]: the input is not 52 bytes long. Placeholders and cut-off keys are too short.
    /// * [`ParseKeyError::Character`]: a byte after the prefix is not in `0-9A-Za-z`.
    /// * [`ParseKeyError::Checksum`]: the last six characters are not the checksum of the rest, for example after a
    ///   typing mistake.
    ///
    /// ```
    /// use ctx_key::{ApiKey, ParseKeyError};
    ///
    /// let key = ApiKey::parse(b"ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9")?;
    /// assert_eq!(key.id().as_str(), "8aspm4G7VmSU");
    ///
    /// let typo = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n8");
    /// assert_eq!(typo, Err(ParseKeyError::Checksum));
    /// # Ok::<(), ParseKeyError>(())
    /// ```
    #[inline]
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, ParseKeyError> {
        Self::from_text(text.as_ref())
    }

    fn from_text(text: &[u8]) -> Result<Self, ParseKeyError> {
        Self::parse_or(text, |error| error)
    }

    /// Parses like [`parse`](Self::parse), with an error that the caller creates. Converting one `Result` into another
    /// afterwards would move the key, which takes a fifth of the time of a check on some processors, and leaves a copy
    /// on the stack.
    #[inline]
    pub(crate) fn parse_or<E>(text: &[u8], error: impl FnOnce(ParseKeyError) -> E) -> Result<Self, E> {
        let (text, digest) = check(text).map_err(error)?;
        Ok(Self { text: *text, digest })
    }

    /// Reads a key that a person pasted. First it removes what people copy along with a key.
    ///
    /// It repeats these two steps until neither changes the text:
    ///
    /// 1. Trim white space (the Unicode property `White_Space`) and invisible format characters at both ends.
    /// 2. Apply the first of these rules that matches. Each rule is applied at most once.
    ///    1. Quotes: remove one pair of `"…"`, `'…'`, `` `…` ``, `“…”`, `‘…’` or `<…>`.
    ///    2. End: remove one trailing `,` or `;`.
    ///    3. Name: remove a leading `MEMORYKIT_API_KEY` with the `=` or `:` after it, with or without `export`
    ///       before it; or a leading `Authorization` in any letter case with the `:` after it.
    ///    4. Scheme: remove a leading `Bearer` in any letter case if white space follows.
    ///
    /// Lengths and indices in errors refer to the text that is left. The removal is not in constant time, because the
    /// text is already exposed.
    ///
    /// # Errors
    ///
    /// Those of [`parse`](Self::parse).
    ///
    /// ```
    /// use ctx_key::{ApiKey, ParseKeyError};
    ///
    /// let pasted = "export MEMORYKIT_API_KEY=\"ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9\"\r\n";
    /// assert_eq!(ApiKey::parse_pasted(pasted)?.id().as_str(), "8aspm4G7VmSU");
    ///
    /// let placeholder = ApiKey::parse_pasted("'ctx_your_api_key_here'");
    /// assert_eq!(placeholder, Err(ParseKeyError::Length { found: 21 }));
    /// # Ok::<(), ParseKeyError>(())
    /// ```
    pub fn parse_pasted(text: &str) -> Result<Self, ParseKeyError> {
        Self::parse(repair(text))
    }

    /// Generates a key from a generator of the caller's choice, with one call for 56 bytes.
    ///
    /// The crate [`rand_core`](crate::rand_core) is re-exported, so that its traits have the right version.
    ///
    /// ```
    /// use chacha20::ChaCha20Rng;
    /// use ctx_key::ApiKey;
    /// use ctx_key::rand_core::SeedableRng;
    ///
    /// # let seed = [7; 32];
    /// let mut rng = ChaCha20Rng::from_seed(seed);
    /// assert_ne!(ApiKey::generate_from_rng(&mut rng), ApiKey::generate_from_rng(&mut rng));
    /// ```
    #[inline]
    #[must_use]
    pub fn generate_from_rng<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let Ok(key) = Self::try_generate_from_rng(rng);
        key
    }

    /// Generates a key from a generator that can fail, with one call for 56 bytes. The buffer of random bytes is erased
    /// even if the generator fails or panics.
    ///
    /// # Errors
    ///
    /// That of the generator.
    ///
    /// ```
    /// # use chacha20::ChaCha20Rng;
    /// use ctx_key::ApiKey;
    /// # use ctx_key::rand_core::SeedableRng;
    ///
    /// # let mut rng = ChaCha20Rng::from_seed([7; 32]);
    /// let key = ApiKey::try_generate_from_rng(&mut rng)?;
    /// # Ok::<(), core::convert::Infallible>(())
    /// ```
    #[inline]
    pub fn try_generate_from_rng<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error> {
        Self::from_random(|bytes| rng.try_fill_bytes(bytes))
    }

    /// Generates a key whose id and secret are the base-62 digits of seven random fractions.
    #[inline]
    pub(crate) fn from_random<E>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut random = RandomBytes([[0; 8]; 7]);
        fill(random.0.as_flattened_mut())?;

        // The values are combined in registers, in the pieces that the hash loads (see `pad` in `digest.rs`): 12 values
        // after the prefix, then 16, then 14 before the checksum.
        let [a, b, c, d, e, f, g] = random.0;
        let values = |fraction| u128::from(base62_digits(u64::from_le_bytes(fraction)));
        let pieces = [
            values(a) << 32 | values(b) << 80,
            values(c) | values(d) << 48 | values(e) << 96,
            values(e) >> 32 | values(f) << 16 | values(g) << 64,
        ];
        let mut text = *ZERO;
        for (character, value) in text.iter_mut().zip(pieces.map(u128::to_le_bytes).as_flattened()) {
            *character = character.wrapping_add(to_digit(*value).wrapping_sub(b'0'));
        }

        let digest = KeyDigest::of(&text);
        if let Some(checksum) = text.last_chunk_mut() {
            *checksum = encode(digest.checksum());
        }
        Ok(Self { text, digest })
    }

    /// Returns the public part of the key, by which a server finds the record.
    ///
    /// ```
    /// # use ctx_key::ApiKey;
    /// let key = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9")?;
    /// assert_eq!(key.id().as_str(), "8aspm4G7VmSU");
    /// # Ok::<(), ctx_key::ParseKeyError>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn id(&self) -> KeyId {
        let [_, _, _, _, a, b, c, d, e, f, g, h, i, j, k, l, ..] = self.text;
        KeyId::from_checked([a, b, c, d, e, f, g, h, i, j, k, l])
    }

    /// Returns the digest, which a server stores in place of the key.
    ///
    /// ```
    /// # use ctx_key::ApiKey;
    /// let key = ApiKey::generate();
    /// assert!(key.digest().matches(&key));
    /// ```
    #[inline]
    #[must_use]
    pub fn digest(&self) -> &KeyDigest {
        &self.digest
    }

    /// Returns the whole key, to show it once or to send it.
    ///
    /// Keep the text out of logs, URLs and everything that runs in a browser.
    ///
    /// ```
    /// # use ctx_key::ApiKey;
    /// # let key = ApiKey::generate();
    /// let header = format!("Bearer {}", key.expose_secret());
    /// ```
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        ascii(&self.text)
    }
}

/// Validates `text` and returns it with its digest. The caller builds the `ApiKey`, which saves a move.
#[inline]
fn check(text: &[u8]) -> Result<(&[u8; LEN], KeyDigest), ParseKeyError> {
    if !text.starts_with(PREFIX) {
        return Err(ParseKeyError::Prefix);
    }
    let Ok(text) = <&[u8; LEN]>::try_from(text) else {
        return Err(ParseKeyError::Length { found: text.len() });
    };
    let [_, _, _, _, digits @ ..] = text;
    if let Some(index) = first_invalid(digits) {
        let index = index.saturating_add(PREFIX.len());
        return Err(ParseKeyError::Character { index });
    }
    let digest = KeyDigest::of(text);
    let [.., a, b, c, d, e, f] = *text;
    let equal = decode([a, b, c, d, e, f]).ct_eq(&digest.checksum().into());
    if declassify(equal.unwrap_u8()) == 0 {
        return Err(ParseKeyError::Checksum);
    }
    Ok((text, digest))
}

/// Random bytes from which a key is generated. They are erased on drop, even if the generator fails or panics.
struct RandomBytes([[u8; 8]; 7]);

impl Drop for RandomBytes {
    #[inline]
    fn drop(&mut self) {
        erase(self.0.as_flattened_mut());
    }
}

impl ApiKey {
    #[inline]
    fn erase(&mut self) {
        erase(&mut self.text);
        erase(&mut self.digest.0);
    }
}

impl Drop for ApiKey {
    #[inline]
    fn drop(&mut self) {
        self.erase();
    }
}

impl ZeroizeOnDrop for ApiKey {}

impl KeyDigest {
    /// Returns whether this is the digest of `key`, in constant time.
    ///
    /// A server that has a record calls [`KeyRecord::verify`](crate::KeyRecord::verify), which also checks expiry and
    /// revocation.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyDigest};
    /// # let key = ApiKey::generate();
    /// assert!(key.digest().matches(&key));
    /// assert!(!KeyDigest::from_bytes([0; 32]).matches(&key));
    /// ```
    #[inline]
    #[must_use]
    pub fn matches(&self, key: &ApiKey) -> bool {
        self == key.digest()
    }
}

/// Compares the digests in constant time. Keys with equal digests have equal texts.
impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for ApiKey {}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.id().masked())
    }
}

/// Equivalent to [`ApiKey::parse`].
impl FromStr for ApiKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        Self::parse(text)
    }
}

/// Equivalent to [`ApiKey::parse`].
impl TryFrom<&str> for ApiKey {
    type Error = ParseKeyError;

    fn try_from(text: &str) -> Result<Self, ParseKeyError> {
        Self::parse(text)
    }
}

/// Equivalent to [`ApiKey::parse`].
impl TryFrom<&[u8]> for ApiKey {
    type Error = ParseKeyError;

    fn try_from(text: &[u8]) -> Result<Self, ParseKeyError> {
        Self::parse(text)
    }
}

/// Reason why an input is not an [`ApiKey`]. It holds a length or an index, and never a character.
///
/// A key of a later version of the format is refused with `Length` or `Checksum`.
///
/// ```
/// use ctx_key::{ApiKey, ParseKeyError};
///
/// let error = ApiKey::parse("ctx_your_api_key_here").unwrap_err();
/// assert_eq!(error, ParseKeyError::Length { found: 21 });
/// assert!(error.to_string().contains("placeholder"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseKeyError {
    /// The input does not start with `ctx_`.
    Prefix,
    /// The input is not 52 bytes long.
    Length {
        /// Length of the input in bytes.
        found: usize,
    },
    /// A byte after the prefix is not one of `0-9A-Za-z`.
    Character {
        /// Index of the first such byte in the whole input.
        index: usize,
    },
    /// The last six characters are not the checksum of the rest.
    Checksum,
}

impl fmt::Display for ParseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => {
                f.write_str("an API key starts with `ctx_`: copy the whole key, without anything around it")
            }
            Self::Length { found } if *found < LEN => write!(
                f,
                "an API key is 52 bytes long, not {found}: it was cut off or is a placeholder; copy the whole key"
            ),
            Self::Length { found } => write!(
                f,
                "an API key is 52 bytes long, not {found}: something was added, or a character is not plain ASCII; \
                 copy the key again, without anything around it"
            ),
            Self::Character { index } => write!(
                f,
                "the byte at index {index} of the API key is not one of 0-9, A-Z and a-z; copy the key again"
            ),
            Self::Checksum => f.write_str(
                "the checksum of the API key is wrong: a character was changed; copy the key again",
            ),
        }
    }
}

impl core::error::Error for ParseKeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erase_overwrites_text_and_digest() {
        let mut key = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9").unwrap();
        key.erase();
        assert_eq!((key.text, key.digest.0), ([0; LEN], [0; 32]));
    }

    /// Only this module can create a key whose digest is not that of its text. `tests/comparisons.rs` tests the other
    /// comparisons.
    #[test]
    fn every_bit_of_the_digest_is_compared() {
        let key = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9").unwrap();
        for (one, two) in (0..256).flat_map(|one| (0..=one).map(move |two| (one, two))) {
            let mut other = key.clone();
            other.digest.0[one / 8] ^= 1 << (one % 8);
            if one != two {
                other.digest.0[two / 8] ^= 1 << (two % 8);
            }
            assert_ne!(key, other, "{one} and {two}");
            assert_ne!(other, key, "{one} and {two}");
            assert!(!key.digest.matches(&other) && !other.digest.matches(&key), "{one} and {two}");
        }
    }
}
