//! The hash that a server stores in place of a key: [`KeyDigest`].

use core::fmt;
use core::str::FromStr;

use subtle::ConstantTimeEq;

use crate::alphabet::ascii;
use crate::layout::{HASHED_LEN, LEN};
use crate::secret::{declassify, erase};

/// SHA-256 of a key's characters 0..46. A server stores these 32 bytes in place of the key.
///
/// Nobody can find the key from its digest, so the digest is not secret. It is nevertheless compared in constant time.
///
/// The text form (`Display`, [`FromStr`], serde) is 64 hexadecimal digits. It is written in lower case and read in
/// either.
///
/// ```
/// use ctx_key::{ApiKey, KeyDigest};
///
/// let key = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9")?;
/// let stored: [u8; 32] = *key.digest().as_bytes();
/// assert!(KeyDigest::from_bytes(stored).matches(&key));
/// # Ok::<(), ctx_key::ParseKeyError>(())
/// ```
#[derive(Clone, Copy)]
pub struct KeyDigest(pub(crate) [u8; 32]);

impl KeyDigest {
    /// Creates a digest from its 32 bytes.
    ///
    /// ```
    /// # use ctx_key::KeyDigest;
    /// assert_eq!(KeyDigest::from_bytes([7; 32]).as_bytes(), &[7; 32]);
    /// ```
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes, for a binary column of a database.
    ///
    /// ```
    /// # use ctx_key::KeyDigest;
    /// assert_eq!(KeyDigest::from_bytes([7; 32]).as_bytes(), &[7; 32]);
    /// ```
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hashes characters 0..46 of a key's text, with one call of the compression function.
    #[inline]
    pub(crate) fn of(text: &[u8; LEN]) -> Self {
        let mut block = pad(text);
        let mut state = INITIAL_STATE;
        sha2::block_api::compress256(&mut state, core::slice::from_ref(&block));
        erase(&mut block);

        let mut bytes = [0; 32];
        for (four, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(state) {
            *four = word.to_be_bytes();
        }
        Self(bytes)
    }

    /// Returns the first four bytes as a big-endian number, which the key's checksum encodes.
    #[inline]
    pub(crate) const fn checksum(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Returns the 64 lower-case hexadecimal digits.
    pub(crate) fn to_hex(self) -> [u8; 64] {
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [byte >> 4, byte & 0xf].map(to_hex_digit);
        }
        text
    }
}

/// SHA-256's initial hash value (FIPS 180-4 §5.3.3).
const INITIAL_STATE: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A SHA-256 block with the padding only: the end mark, zeros and the length in bits (FIPS 180-4 §5.1.1).
///
/// ```text
/// 0                                             46   47            62
/// ├─────────── characters 0..46 ────────────────┤0x80├── zeros ────┤0x0170┤
/// ```
const PADDING: [u8; 64] = {
    let mut block = [0; 64];
    block[HASHED_LEN] = 0x80;
    [block[62], block[63]] = [0x01, 0x70]; // 46 · 8 bits
    block
};

/// Mask of the bits of a block that come from the text.
const MESSAGE: [u8; 48] = {
    let mut mask = [0xff; 48];
    [mask[HASHED_LEN], mask[HASHED_LEN + 1]] = [0; 2];
    mask
};

/// Returns the one block that SHA-256 hashes: characters 0..46 and the padding.
///
/// The text is masked, not copied, so that the compiler writes whole 16-byte pieces. SHA extensions load the block 16
/// bytes at a time, and a load that straddles two stores waits until both have left the store buffer.
#[inline]
fn pad(text: &[u8; LEN]) -> [u8; 64] {
    let mut block = PADDING;
    for ((byte, character), mask) in block.iter_mut().zip(text).zip(MESSAGE) {
        *byte |= character & mask;
    }
    block
}

/// Compares two digests in constant time.
///
/// The differences of four words are combined into one word before `subtle` compares it, because for slices `subtle`
/// puts a barrier after each byte.
impl PartialEq for KeyDigest {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let difference =
            words(&self.0).zip(words(&other.0)).fold(0, |difference, (a, b)| difference | (a ^ b));
        declassify(difference.ct_eq(&0).unwrap_u8()) != 0
    }
}

impl Eq for KeyDigest {}

#[inline]
fn words(bytes: &[u8; 32]) -> impl Iterator<Item = u64> {
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word))
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(ascii(&self.to_hex()))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigest({self})")
    }
}

/// ```
/// # use ctx_key::KeyDigest;
/// let digest: KeyDigest = "07".repeat(32).parse()?;
/// assert_eq!(digest, KeyDigest::from_bytes([7; 32]));
/// # Ok::<(), ctx_key::ParseDigestError>(())
/// ```
impl FromStr for KeyDigest {
    type Err = ParseDigestError;

    /// Reads 64 hexadecimal digits, `[0-9a-fA-F]`.
    ///
    /// # Errors
    ///
    /// * [`ParseDigestError::Length`]: the text is not 64 bytes long.
    /// * [`ParseDigestError::Character`]: the byte at that index is not a hexadecimal digit.
    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let text = text.as_bytes();
        let wrong_length = ParseDigestError::Length { found: text.len() };
        let text: &[u8; 64] = text.try_into().map_err(|_| wrong_length)?;
        if let Some(index) = text.iter().position(|byte| !byte.is_ascii_hexdigit()) {
            return Err(ParseDigestError::Character { index });
        }
        let mut bytes = [0; 32];
        for (byte, &[high, low]) in bytes.iter_mut().zip(text.as_chunks().0) {
            *byte = from_hex_digit(high) << 4 | from_hex_digit(low);
        }
        Ok(Self(bytes))
    }
}

/// Reads 32 bytes, as a database returns them.
///
/// ```
/// # use ctx_key::{KeyDigest, ParseDigestError};
/// let column: &[u8] = &[7; 32];
/// assert_eq!(KeyDigest::try_from(column), Ok(KeyDigest::from_bytes([7; 32])));
/// assert_eq!(KeyDigest::try_from(&column[1..]), Err(ParseDigestError::Size { found: 31 }));
/// ```
impl TryFrom<&[u8]> for KeyDigest {
    type Error = ParseDigestError;

    fn try_from(bytes: &[u8]) -> Result<Self, ParseDigestError> {
        match bytes.try_into() {
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => Err(ParseDigestError::Size { found: bytes.len() }),
        }
    }
}

/// Returns the digit `0-9a-f` of a value below 16. It uses no table, because the digest's first bytes give the
/// checksum, which is secret.
fn to_hex_digit(value: u8) -> u8 {
    // Adding six gives at least 16 if the value is at least ten. A comparison compiled to a branch for each digit at
    // opt-level "s" and "z".
    value.wrapping_add(b'0').wrapping_add((value.wrapping_add(6) >> 4).wrapping_mul(b'a' - b'9' - 1))
}

/// Returns the value of one of `0-9a-fA-F`.
fn from_hex_digit(digit: u8) -> u8 {
    (digit & 0xf).wrapping_add(digit >> 6).wrapping_add(digit >> 6 << 3)
}

/// Reason why an input is not a [`KeyDigest`]. It never holds the input.
///
/// ```
/// use ctx_key::{KeyDigest, ParseDigestError};
///
/// assert_eq!("beef".parse::<KeyDigest>(), Err(ParseDigestError::Length { found: 4 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseDigestError {
    /// The text is not 64 bytes long.
    Length {
        /// Length of the input in bytes.
        found: usize,
    },
    /// A byte of the text is not one of `0-9a-fA-F`.
    Character {
        /// Index of the first such byte in the text.
        index: usize,
    },
    /// The binary form is not 32 bytes long.
    Size {
        /// Length of the input in bytes.
        found: usize,
    },
}

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found } => write!(f, "a key digest is 64 hexadecimal digits, not {found} bytes"),
            Self::Character { index } => {
                write!(f, "the byte at index {index} of the key digest is not a hexadecimal digit")
            }
            Self::Size { found } => write!(f, "a key digest is 32 bytes, not {found}"),
        }
    }
}

impl core::error::Error for ParseDigestError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_and_values_convert_both_ways() {
        for (value, digit) in (0..).zip("0123456789abcdef".bytes()) {
            assert_eq!(to_hex_digit(value), digit);
            assert_eq!(from_hex_digit(digit), value);
            assert_eq!(from_hex_digit(digit.to_ascii_uppercase()), value);
        }
    }

    #[test]
    fn the_digest_is_sha_256_of_the_first_46_characters() {
        use sha2::{Digest, Sha256};
        for byte in 0..=u8::MAX {
            let text = [byte; LEN];
            assert_eq!(KeyDigest::of(&text).0, <[u8; 32]>::from(Sha256::digest(&text[..46])));
        }
    }

    #[test]
    fn every_bit_is_compared() {
        let digest = KeyDigest([0x5a; 32]);
        assert_eq!(digest, digest);
        for bit in 0..256 {
            let mut other = digest;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(digest, other, "{bit}");
        }
    }
}
