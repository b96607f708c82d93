//! A program's own key: [`ApiKey::from_env`].

use core::fmt;

use zeroize::Zeroizing;

use crate::key::{ApiKey, ParseKeyError};
use crate::pasted::trim;

/// The environment variable that programs read their key from.
const VARIABLE: &str = "MEMORYKIT_API_KEY";

impl ApiKey {
    /// Reads the program's own key from the environment variable `MEMORYKIT_API_KEY`, as
    /// [`parse_pasted`](Self::parse_pasted) does. The copy that this takes is zeroed; the environment's own is not.
    ///
    /// # Errors
    ///
    /// * [`EnvKeyError::Missing`]: it is not set, or holds white space alone.
    /// * [`EnvKeyError::NotUnicode`]: it holds something else than text.
    /// * [`EnvKeyError::Invalid`]: it holds no key; says why.
    ///
    /// ```no_run
    /// use ctx_key::ApiKey;
    ///
    /// let key = ApiKey::from_env()?;
    /// # Ok::<(), ctx_key::EnvKeyError>(())
    /// ```
    pub fn from_env() -> Result<Self, EnvKeyError> {
        let value = std::env::var_os(VARIABLE).ok_or(EnvKeyError::Missing)?;
        // The bytes of an OsString are UTF-8 exactly if it is Unicode, on every platform.
        let value = Zeroizing::new(value.into_encoded_bytes());
        let value = str::from_utf8(&value).map_err(|_| EnvKeyError::NotUnicode)?;
        if trim(value).is_empty() {
            return Err(EnvKeyError::Missing);
        }
        Self::parse_pasted(value).map_err(EnvKeyError::Invalid)
    }
}

/// Why [`ApiKey::from_env`] found no key. Its text says what to do, and never repeats the value.
///
/// ```
/// use ctx_key::{ApiKey, EnvKeyError, ParseKeyError};
///
/// let error = EnvKeyError::Invalid(ParseKeyError::Prefix);
/// assert!(error.to_string().starts_with("MEMORYKIT_API_KEY holds no API key: an API key starts with `ctx_`"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvKeyError {
    /// The variable is not set, or is empty after trimming.
    Missing,
    /// The variable's value is not Unicode.
    NotUnicode,
    /// The variable's value is no key.
    Invalid(ParseKeyError),
}

impl fmt::Display for EnvKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(
                f,
                "{VARIABLE} is not set; create a key in the dashboard under API Keys, and set the variable to it"
            ),
            Self::NotUnicode => {
                write!(f, "{VARIABLE} is not Unicode text; set it to a key from the dashboard")
            }
            Self::Invalid(error) => write!(f, "{VARIABLE} holds no API key: {error}"),
        }
    }
}

/// The text holds that of the [`ParseKeyError`], which is therefore not the `source` as well.
impl core::error::Error for EnvKeyError {}
