//! The public part of a key: [`KeyId`].

use core::fmt;
use core::str::FromStr;

use crate::alphabet::{ascii, first_invalid};
use crate::layout::{ID_LEN, PREFIX};

/// The public part of a key, characters 4..16. It is the primary key of the record, and safe to log and to show.
///
/// The text form (`Display`, [`FromStr`], serde) is the 12 characters. They are case-sensitive, so a database column
/// for them needs a binary or C collation.
///
/// ```
/// use ctx_key::ApiKey;
///
/// let key = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9")?;
/// assert_eq!(key.id().as_str(), "8aspm4G7VmSU");
/// # Ok::<(), ctx_key::ParseKeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_LEN]);

impl KeyId {
    /// Creates an id from its 12 characters.
    ///
    /// # Errors
    ///
    /// [`ParseKeyIdError::Character`] if one of them is not in `0-9A-Za-z`.
    ///
    /// ```
    /// # use ctx_key::{KeyId, ParseKeyIdError};
    /// assert_eq!(KeyId::from_bytes(*b"8aspm4G7VmSU")?.as_str(), "8aspm4G7VmSU");
    /// assert_eq!(KeyId::from_bytes(*b"8aspm4G7VmS-"), Err(ParseKeyIdError::Character { index: 11 }));
    /// # Ok::<(), ParseKeyIdError>(())
    /// ```
    pub fn from_bytes(bytes: [u8; 12]) -> Result<Self, ParseKeyIdError> {
        match first_invalid(&bytes) {
            None => Ok(Self(bytes)),
            Some(index) => Err(ParseKeyIdError::Character { index }),
        }
    }

    /// Creates an id from the characters of a key that was validated or generated.
    pub(crate) const fn from_checked(characters: [u8; 12]) -> Self {
        Self(characters)
    }

    /// Returns the 12 characters.
    ///
    /// ```
    /// # use ctx_key::KeyId;
    /// assert_eq!(KeyId::from_bytes(*b"8aspm4G7VmSU")?.as_str(), "8aspm4G7VmSU");
    /// # Ok::<(), ctx_key::ParseKeyIdError>(())
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }

    /// Returns the form for lists and logs, which shows the prefix and the id and hides the rest.
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

    /// Reads 12 letters and digits, `[0-9A-Za-z]`.
    ///
    /// # Errors
    ///
    /// * [`ParseKeyIdError::Length`]: the text is not 12 bytes long, for example because it is a whole key.
    /// * [`ParseKeyIdError::Character`]: the byte at that index is not in `0-9A-Za-z`.
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

/// A key with its secret hidden, `ctx_8aspm4G7VmSU***`. [`KeyId::masked`] returns it.
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
        let mut text = *b"ctx_............***";
        for (character, digit) in text.iter_mut().skip(PREFIX.len()).zip(self.0.0) {
            *character = digit;
        }
        f.pad(ascii(&text))
    }
}

impl fmt::Debug for MaskedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reason why an input is not a [`KeyId`]. It never holds the input, because people paste whole keys where an id
/// belongs.
///
/// ```
/// use ctx_key::{KeyId, ParseKeyIdError};
///
/// assert_eq!("8asp".parse::<KeyId>(), Err(ParseKeyIdError::Length { found: 4 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseKeyIdError {
    /// The input is not 12 bytes long.
    Length {
        /// Length of the input in bytes.
        found: usize,
    },
    /// A byte is not one of `0-9A-Za-z`.
    Character {
        /// Index of the first such byte in the input.
        index: usize,
    },
}

impl fmt::Display for ParseKeyIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found } => write!(
                f,
                "a key id is 12 letters and digits, not {found} bytes; copy the 12 characters after `ctx_`"
            ),
            Self::Character { index } => {
                write!(f, "the byte at index {index} of the key id is not a letter or digit")
            }
        }
    }
}

impl core::error::Error for ParseKeyIdError {}
