//! Keys from the operating system's random numbers: [`ApiKey::generate`].

use core::fmt;

use crate::key::ApiKey;

impl ApiKey {
    /// Generates a key from the operating system's random numbers.
    ///
    /// # Panics
    ///
    /// Panics if the operating system supplies no random bytes. [`try_generate`](Self::try_generate) returns an error
    /// instead.
    ///
    /// ```
    /// use ctx_key::ApiKey;
    ///
    /// let key = ApiKey::generate();
    /// println!("Copy it now, it is not shown again: {}", key.expose_secret());
    /// ```
    #[must_use]
    #[expect(clippy::panic, reason = "a key that can be guessed is worse; try_generate returns the error")]
    pub fn generate() -> Self {
        match Self::try_generate() {
            Ok(key) => key,
            Err(error) => panic!("{error}"),
        }
    }

    /// Generates a key from the operating system's random numbers.
    ///
    /// # Errors
    ///
    /// [`OsRngError`] if the operating system supplies no random bytes.
    ///
    /// ```
    /// use ctx_key::ApiKey;
    ///
    /// let key = ApiKey::try_generate()?;
    /// # Ok::<(), ctx_key::OsRngError>(())
    /// ```
    pub fn try_generate() -> Result<Self, OsRngError> {
        Self::from_random(fill)
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), OsRngError> {
    getrandom::fill(bytes).map_err(OsRngError)
}

/// Error of an operating system that supplied no random bytes. No key was generated.
///
/// It is opaque, so that the version of the crate `getrandom` is not part of this crate's API.
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
pub struct OsRngError(getrandom::Error);

impl fmt::Display for OsRngError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the operating system has no random bytes for a key: {}", self.0)
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

    /// The low 27 bits of each random word cannot be seen in a key. A false alarm has a probability below 2⁻⁵⁴.
    #[test]
    fn fill_writes_every_bit() {
        let (mut ones, mut zeros) = ([0_u8; 56], [0_u8; 56]);
        for _ in 0..64 {
            let mut bytes = [0; 56];
            fill(&mut bytes).unwrap();
            for ((ones, zeros), byte) in ones.iter_mut().zip(&mut zeros).zip(bytes) {
                *ones |= byte;
                *zeros |= !byte;
            }
        }
        assert_eq!((ones, zeros), ([0xff; 56], [0xff; 56]));
    }

    #[test]
    fn the_error_contains_its_cause() {
        let error = OsRngError(getrandom::Error::UNSUPPORTED);
        let cause = getrandom::Error::UNSUPPORTED.to_string();
        assert_eq!(error.to_string(), format!("the operating system has no random bytes for a key: {cause}"),);
        assert!(format!("{error:?}").starts_with("OsRngError("));
    }
}
