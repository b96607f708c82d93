//! The key of a program, from its environment: [`ApiKey::from_env`].

use core::fmt;

use zeroize::Zeroizing;

use crate::key::{ApiKey, ParseKeyError};
use crate::pasted::trim;

/// Environment variable that holds a program's key.
const VARIABLE: &str = "MEMORYKIT_API_KEY";

impl ApiKey {
    /// Reads the program's own key from the environment variable `MEMORYKIT_API_KEY`, by the rules of
    /// [`parse_pasted`](Self::parse_pasted).
    ///
    /// The copy that this function makes is zeroed. The environment itself is not.
    ///
    /// # Errors
    ///
    /// * [`EnvKeyError::Missing`]: the variable is not set, or is empty after trimming.
    /// * [`EnvKeyError::NotUnicode`]: the value is not Unicode text.
    /// * [`EnvKeyError::Invalid`]: the value is not a key. The error says why.
    ///
    /// ```no_run
    /// use ctx_key::ApiKey;
    ///
    /// let key = ApiKey::from_env()?;
    /// # Ok::<(), ctx_key::EnvKeyError>(())
    /// ```
    pub fn from_env() -> Result<Self, EnvKeyError> {
        let value = std::env::var_os(VARIABLE).ok_or(EnvKeyError::Missing)?;
        // On every platform, the bytes of an OsString are UTF-8 if and only if it is Unicode.
        let value = Zeroizing::new(value.into_encoded_bytes());
        let value = str::from_utf8(&value).map_err(|_| EnvKeyError::NotUnicode)?;
        if trim(value).is_empty() {
            return Err(EnvKeyError::Missing);
        }
        Self::parse_pasted(value).map_err(EnvKeyError::Invalid)
    }
}

/// Reason why [`ApiKey::from_env`] found no key. Its text says what to do, and never repeats the value.
///
/// ```
/// use ctx_key::{ApiKey, EnvKeyError, ParseKeyError};
///
/// let error = EnvKeyError::Invalid(ParseKeyError::Prefix);
/// assert!(error.to_string().starts_with("MEMORYKIT_API_KEY does not hold an API key: an API key starts with `ctx_`"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvKeyError {
    /// The variable is not set, or is empty after trimming.
    Missing,
    /// The variable's value is not Unicode.
    NotUnicode,
    /// The variable's value is not a key.
    Invalid(ParseKeyError),
}

impl fmt::Display for EnvKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(
                f,
                "{VARIABLE} is not set or empty; create a key in the dashboard under API Keys, and set the variable to it"
            ),
            Self::NotUnicode => {
                write!(f, "{VARIABLE} is not Unicode text; set it to a key from the dashboard")
            }
            Self::Invalid(error) => write!(f, "{VARIABLE} does not hold an API key: {error}"),
        }
    }
}

/// The text contains that of the [`ParseKeyError`], so `source` does not return it again.
impl core::error::Error for EnvKeyError {}
