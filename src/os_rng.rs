//! When the operating system has no randomness: [`OsRngError`].

use core::fmt;

/// The operating system has no randomness to give, so no key was made.
///
/// Opaque: the version of the crate that asks the operating system is not part of this crate's contract.
///
/// ```
/// use ctx_key::{ApiKey, OsRngError};
///
/// fn issue() -> Result<ApiKey, OsRngError> {
///     ApiKey::try_generate()
/// }
/// # issue().unwrap();
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct OsRngError(pub(crate) getrandom::Error);

impl fmt::Display for OsRngError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the operating system has no random bytes to make a key of: {}", self.0)
    }
}

impl fmt::Debug for OsRngError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OsRngError({:?})", self.0)
    }
}

impl core::error::Error for OsRngError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    #[test]
    fn the_text_gives_the_cause() {
        let error = OsRngError(getrandom::Error::UNSUPPORTED);
        let cause = getrandom::Error::UNSUPPORTED.to_string();
        assert_eq!(
            error.to_string(),
            format!("the operating system has no random bytes to make a key of: {cause}"),
        );
        assert!(format!("{error:?}").starts_with("OsRngError("));
    }
}
