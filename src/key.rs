//! The key itself: [`ApiKey`], read or generated.
//!
//! What the machine code of a check does (read from rustc 1.95, x86-64, opt-level 3; `benches/hot_path.rs`
//! measures it):
//!
//! * Prefix and length are two compares. The 48 digits are checked in three 16-byte pieces, without a branch
//!   until the minimum of all indices is known: 4 ns.
//! * The block to hash is three loads, one mask and four 16-byte stores, each the size of the hash's loads, so
//!   that the stores are forwarded. `Sha256::digest` copies through its buffer and takes more than twice as long
//!   as `compress256` on the padded block: that is why a whole check takes less than its "floor".
//! * The six given digits become a number by multiplications that don't wait for the hash; encoding the
//!   hash's four bytes to compare text would come after it.
//! * The digests are compared as four words, in the few cycles after the hash. Erasing block and key are ten
//!   16-byte stores that nothing waits for.
//! * In generation, the values of seven fractions are shifted together in registers. Written to memory as six
//!   bytes each and loaded by sixteen, they cost three stalls of the store buffer, a fifth of the whole.

use core::fmt;
use core::str::FromStr;

use rand_core::{CryptoRng, TryCryptoRng};
use subtle::ConstantTimeEq;

use crate::alphabet::{decode, encode, first_foreign, places, to_digit};
use crate::denied::Denied;
use crate::digest::KeyDigest;
use crate::id::KeyId;
use crate::pasted::repair;

/// How many characters a key has.
pub(crate) const LEN: usize = 52;

/// What every key starts with.
pub(crate) const PREFIX: &[u8; 4] = b"ctx_";

/// The text to which a new key's values are added.
const ZERO: &[u8; LEN] = b"ctx_000000000000000000000000000000000000000000000000";

/// A well-formed API key, 52 characters, zeroed on drop.
///
/// Holding one says that the text is a key's, checksum included; whether a server knows it is another
/// question, answered by [`KeyRecord::verify`](crate::KeyRecord::verify).
///
/// ```text
/// ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9
/// └┬─┘└────┬─────┘└─────────────┬──────────────┘└─┬──┘
/// prefix  id (12)          secret (30)       checksum (6)
/// ```
///
/// `Debug` shows prefix and id. There is no `Display` and no `Serialize`: the text comes out of
/// [`expose_secret`](Self::expose_secret) alone. `==` takes constant time.
///
/// ```
/// use ctx_key::ApiKey;
///
/// let key = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9")?;
/// assert_eq!(format!("{key:?}"), "ApiKey(ctx_8aspm4G7VmSU***)");
/// # Ok::<(), ctx_key::ParseKeyError>(())
/// ```
#[derive(Clone)]
// Aligned, a key leaves `parse` in whole words; not aligned, the caller's loads of the result straddle the
// stores of it, and a check takes a tenth longer.
#[repr(align(8))]
pub struct ApiKey {
    text: [u8; LEN],
    digest: KeyDigest,
}

impl ApiKey {
    /// Reads a key, strictly: exactly its 52 bytes.
    ///
    /// For what a person typed or pasted, see [`parse_pasted`](Self::parse_pasted).
    ///
    /// The time depends on the length, on the prefix, and on which error it is; not on the secret.
    ///
    /// # Errors
    ///
    /// The first that applies:
    ///
    /// * [`ParseKeyError::Prefix`]: it does not start with `ctx_`.
    /// * [`ParseKeyError::Length`]: it is not 52 bytes long; a placeholder, or cut off.
    /// * [`ParseKeyError::Character`]: a byte after the prefix is not in `0-9A-Za-z`.
    /// * [`ParseKeyError::Checksum`]: the last six characters are not those of the rest; a typing mistake.
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
        let (text, digest) = check(text)?;
        Ok(Self { text: *text, digest })
    }

    /// [`parse`](Self::parse) with another error, compiled for it: turning one `Result` into the other would move the
    /// key, which takes a fifth of the whole.
    #[inline]
    pub(crate) fn parse_or(text: &[u8], deny: impl FnOnce(ParseKeyError) -> Denied) -> Result<Self, Denied> {
        let (text, digest) = check(text).map_err(deny)?;
        Ok(Self { text: *text, digest })
    }

    /// Reads a key that a person copied, with what comes along when people copy.
    ///
    /// Until nothing changes: white space, U+FEFF and U+200B at both ends are trimmed; one pair of `"`, `'` or
    /// `` ` `` around is removed, once; `Bearer` in any letter case with white space after it is removed, once.
    /// Lengths and indices in errors refer to what is left. Not in constant time: the text is out already.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    ///
    /// ```
    /// use ctx_key::{ApiKey, ParseKeyError};
    ///
    /// let pasted = " \"ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9\"\r\n";
    /// assert_eq!(ApiKey::parse_pasted(pasted)?.id().as_str(), "8aspm4G7VmSU");
    ///
    /// let placeholder = ApiKey::parse_pasted("'ctx_your_api_key_here'");
    /// assert_eq!(placeholder, Err(ParseKeyError::Length { found: 21 }));
    /// # Ok::<(), ParseKeyError>(())
    /// ```
    pub fn parse_pasted(text: &str) -> Result<Self, ParseKeyError> {
        Self::parse(repair(text))
    }

    /// A new key from the operating system's generator.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give; see [`try_generate`](Self::try_generate).
    ///
    /// ```
    /// use ctx_key::ApiKey;
    ///
    /// let key = ApiKey::generate();
    /// println!("Copy it now, it is not shown again: {}", key.expose_secret());
    /// ```
    #[cfg(feature = "getrandom")]
    #[must_use]
    #[expect(clippy::panic, reason = "a key that can be guessed is worse; try_generate returns the error")]
    pub fn generate() -> Self {
        match Self::try_generate() {
            Ok(key) => key,
            Err(error) => panic!("{error}"),
        }
    }

    /// A new key from the operating system's generator.
    ///
    /// # Errors
    ///
    /// [`OsRngError`](crate::OsRngError): the operating system has no randomness to give.
    ///
    /// ```
    /// use ctx_key::ApiKey;
    ///
    /// let key = ApiKey::try_generate()?;
    /// # Ok::<(), ctx_key::OsRngError>(())
    /// ```
    #[cfg(feature = "getrandom")]
    pub fn try_generate() -> Result<Self, crate::OsRngError> {
        Self::from_random(getrandom::fill).map_err(crate::OsRngError)
    }

    /// A new key from a generator of the caller's choice. It takes 56 bytes, once, whatever they are.
    ///
    /// ```
    /// use chacha20::ChaCha20Rng;
    /// use ctx_key::ApiKey;
    /// use rand_core::SeedableRng;
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

    /// A new key from a generator that can fail. It takes 56 bytes, once, whatever they are.
    ///
    /// # Errors
    ///
    /// The generator's own.
    ///
    /// ```
    /// # use chacha20::ChaCha20Rng;
    /// use ctx_key::ApiKey;
    /// # use rand_core::SeedableRng;
    ///
    /// # let mut rng = ChaCha20Rng::from_seed([7; 32]);
    /// let key = ApiKey::try_generate_from_rng(&mut rng)?;
    /// # Ok::<(), core::convert::Infallible>(())
    /// ```
    #[inline]
    pub fn try_generate_from_rng<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error> {
        Self::from_random(|bytes| rng.try_fill_bytes(bytes))
    }

    /// A key whose id and secret are the base-62 places of seven random fractions.
    #[inline]
    fn from_random<E>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut random = [[0; 8]; 7];
        fill(random.as_flattened_mut())?;

        // Put together in registers, in the pieces that the hash loads (see `KeyDigest::of`): 12 values behind
        // the prefix, 16, and 14 before the checksum.
        let [a, b, c, d, e, f, g] = random;
        let values = |fraction| u128::from(places(u64::from_le_bytes(fraction)));
        let pieces = [
            values(a) << 32 | values(b) << 80,
            values(c) | values(d) << 48 | values(e) << 96,
            values(e) >> 32 | values(f) << 16 | values(g) << 64,
        ];
        let mut text = *ZERO;
        for (character, value) in text.iter_mut().zip(pieces.map(u128::to_le_bytes).as_flattened()) {
            *character = character.wrapping_add(to_digit(*value).wrapping_sub(b'0'));
        }
        crate::erase(random.as_flattened_mut());

        let digest = KeyDigest::of(&text);
        if let Some(checksum) = text.last_chunk_mut() {
            *checksum = encode(digest.checksum());
        }
        Ok(Self { text, digest })
    }

    /// The public part, by which a server finds the record.
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
        KeyId::of_checked([a, b, c, d, e, f, g, h, i, j, k, l])
    }

    /// What a server stores in place of the key.
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

    /// The whole key: to show it once, or to send it. The only way to the text, and what happens with it then
    /// is up to the caller: keep it out of logs, URLs and anything that runs in a browser.
    ///
    /// ```
    /// # use ctx_key::ApiKey;
    /// # let key = ApiKey::generate();
    /// let header = format!("Bearer {}", key.expose_secret());
    /// ```
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        crate::ascii(&self.text)
    }
}

/// The text as a key's, and its digest. Not the key: made by the caller, it is moved once less.
#[inline]
fn check(text: &[u8]) -> Result<(&[u8; LEN], KeyDigest), ParseKeyError> {
    if !text.starts_with(PREFIX) {
        return Err(ParseKeyError::Prefix);
    }
    let Ok(text) = <&[u8; LEN]>::try_from(text) else {
        return Err(ParseKeyError::Length { found: text.len() });
    };
    let [_, _, _, _, digits @ ..] = text;
    if let Some(index) = first_foreign(digits) {
        let index = index.saturating_add(PREFIX.len());
        return Err(ParseKeyError::Character { index });
    }
    let digest = KeyDigest::of(text);
    let [.., a, b, c, d, e, f] = *text;
    let equal = decode([a, b, c, d, e, f]).ct_eq(&digest.checksum().into());
    if crate::declassify(equal.unwrap_u8()) == 0 {
        return Err(ParseKeyError::Checksum);
    }
    Ok((text, digest))
}

impl ApiKey {
    #[inline]
    fn erase(&mut self) {
        crate::erase(&mut self.text);
        crate::erase(&mut self.digest.0);
    }
}

impl Drop for ApiKey {
    #[inline]
    fn drop(&mut self) {
        self.erase();
    }
}

/// Constant time: compares digests, as two texts with one digest are one text.
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

/// As [`ApiKey::parse`].
impl FromStr for ApiKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        Self::parse(text)
    }
}

/// As [`ApiKey::parse`].
impl TryFrom<&str> for ApiKey {
    type Error = ParseKeyError;

    fn try_from(text: &str) -> Result<Self, ParseKeyError> {
        Self::parse(text)
    }
}

/// As [`ApiKey::parse`].
impl TryFrom<&[u8]> for ApiKey {
    type Error = ParseKeyError;

    fn try_from(text: &[u8]) -> Result<Self, ParseKeyError> {
        Self::parse(text)
    }
}

/// Why something is no [`ApiKey`]. It holds a length or an index, and never a character. A key of a later version of
/// the format would be a `Length` or a `Checksum`.
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
    /// It does not start with `ctx_`.
    Prefix,
    /// It is not 52 bytes long.
    Length {
        /// Its length in bytes.
        found: usize,
    },
    /// A byte after the prefix is not one of `0-9A-Za-z`.
    Character {
        /// Index of the first such byte, in the whole input.
        index: usize,
    },
    /// The last six characters are not the checksum of the rest.
    Checksum,
}

impl fmt::Display for ParseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => f.write_str("an API key starts with `ctx_`; copy the whole key, without anything around it"),
            Self::Length { found } => write!(
                f,
                "an API key is 52 bytes long, not {found}; it may be a placeholder, or cut off: copy the whole key"
            ),
            Self::Character { index } => write!(
                f,
                "the byte at index {index} is not a letter or digit, as all of an API key after `ctx_` are; copy the key again"
            ),
            Self::Checksum => f.write_str(
                "the checksum of the API key is wrong: a character was changed on the way; copy the key again",
            ),
        }
    }
}

impl core::error::Error for ParseKeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erasing_leaves_nothing() {
        let mut key = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9").unwrap();
        key.erase();
        assert_eq!((key.text, key.digest.0), ([0; LEN], [0; 32]));
    }
}
