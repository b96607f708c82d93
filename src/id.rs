//! The public part of a key: [`KeyId`].

use core::fmt;
use core::str::FromStr;

use crate::alphabet::first_foreign;

/// The public part of a key, characters 4..16: the primary key of its record, safe to log and to show.
///
/// Text (`Display`, [`FromStr`], serde) is the 12 characters. They are case-sensitive: a database column for
/// them needs a binary or C collation.
///
/// ```
/// use ctx_key::ApiKey;
///
/// let key = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9")?;
/// assert_eq!(key.id().as_str(), "8aspm4G7VmSU");
/// # Ok::<(), ctx_key::ParseKeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 12]);

impl KeyId {
    /// The id that these characters are.
    ///
    /// # Errors
    ///
    /// [`ParseKeyIdError::Character`]: one of them is not in `0-9A-Za-z`.
    ///
    /// ```
    /// # use ctx_key::{KeyId, ParseKeyIdError};
    /// assert_eq!(KeyId::from_bytes(*b"8aspm4G7VmSU")?.as_str(), "8aspm4G7VmSU");
    /// assert_eq!(KeyId::from_bytes(*b"8aspm4G7VmS-"), Err(ParseKeyIdError::Character { index: 11 }));
    /// # Ok::<(), ParseKeyIdError>(())
    /// ```
    pub fn from_bytes(bytes: [u8; 12]) -> Result<Self, ParseKeyIdError> {
        match first_foreign(&bytes) {
            None => Ok(Self(bytes)),
            Some(index) => Err(ParseKeyIdError::Character { index }),
        }
    }

    /// An id out of a key that was checked or generated.
    pub(crate) const fn of_checked(characters: [u8; 12]) -> Self {
        Self(characters)
    }

    /// The 12 characters.
    ///
    /// ```
    /// # use ctx_key::KeyId;
    /// assert_eq!(KeyId::from_bytes(*b"8aspm4G7VmSU")?.as_str(), "8aspm4G7VmSU");
    /// # Ok::<(), ctx_key::ParseKeyIdError>(())
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        crate::ascii(&self.0)
    }

    /// The key as lists and logs show it: prefix and id, the rest hidden.
    ///
    /// ```
    /// # use ctx_key::KeyId;
    /// let id = KeyId::from_bytes(*b"8aspm4G7VmSU")?;
    /// assert_eq!(id.masked().to_string(), "ctx_8aspm4G7VmSU***");
    /// # Ok::<(), ctx_key::ParseKeyIdError>(())
    /// ```
    #[must_use]
    pub const fn masked(self) -> MaskedId {
        MaskedId(self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// ```
/// # use ctx_key::KeyId;
/// let id: KeyId = "8aspm4G7VmSU".parse()?;
/// assert_eq!(id.to_string(), "8aspm4G7VmSU");
/// # Ok::<(), ctx_key::ParseKeyIdError>(())
/// ```
impl FromStr for KeyId {
    type Err = ParseKeyIdError;

    /// Reads 12 of `[0-9A-Za-z]`.
    ///
    /// # Errors
    ///
    /// * [`ParseKeyIdError::Length`]: it is not 12 bytes long (a whole key, perhaps).
    /// * [`ParseKeyIdError::Character`]: the byte at that index is no letter or digit.
    fn from_str(text: &str) -> Result<Self, ParseKeyIdError> {
        text.as_bytes().try_into()
    }
}

/// ```
/// # use ctx_key::{KeyId, ParseKeyIdError};
/// assert_eq!(KeyId::try_from(&b"8aspm4G7"[..]), Err(ParseKeyIdError::Length { found: 8 }));
/// ```
impl TryFrom<&[u8]> for KeyId {
    type Error = ParseKeyIdError;

    fn try_from(bytes: &[u8]) -> Result<Self, ParseKeyIdError> {
        let wrong_length = ParseKeyIdError::Length { found: bytes.len() };
        Self::from_bytes(bytes.try_into().map_err(|_| wrong_length)?)
    }
}

/// A key with its secret hidden, `ctx_8aspm4G7VmSU***`: the `Display` of [`KeyId::masked`].
///
/// ```
/// use ctx_key::{KeyId, MaskedId};
///
/// let masked: MaskedId = "8aspm4G7VmSU".parse::<KeyId>()?.masked();
/// assert_eq!(format!("{masked}"), "ctx_8aspm4G7VmSU***");
/// # Ok::<(), ctx_key::ParseKeyIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaskedId(KeyId);

impl fmt::Display for MaskedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ctx_{}***", self.0.as_str())
    }
}

impl fmt::Debug for MaskedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why something is no [`KeyId`]. It never holds what was read: people paste whole keys where an id belongs.
///
/// ```
/// use ctx_key::{KeyId, ParseKeyIdError};
///
/// assert_eq!("8asp".parse::<KeyId>(), Err(ParseKeyIdError::Length { found: 4 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseKeyIdError {
    /// It is not 12 bytes long.
    Length {
        /// Its length in bytes.
        found: usize,
    },
    /// A byte is not one of `0-9A-Za-z`.
    Character {
        /// Index of the first such byte.
        index: usize,
    },
}

impl fmt::Display for ParseKeyIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found } => write!(
                f,
                "a key id is 12 letters and digits, not {found} bytes; it is what follows `ctx_` in the key"
            ),
            Self::Character { index } => {
                write!(f, "the byte at index {index} of the key id is not a letter or digit")
            }
        }
    }
}

impl core::error::Error for ParseKeyIdError {}
