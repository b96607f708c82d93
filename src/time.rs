//! A point in time: [`UnixTime`].

#[cfg(feature = "std")]
use core::fmt;

/// A point in time, in whole seconds since the Unix epoch (1970-01-01T00:00:00Z, leap seconds not counted).
///
/// Only `UnixTime::now` reads a clock. Everything else takes the time from the caller.
///
/// In a database, store it as a signed 64-bit integer, and a time that does not fit as `i64::MAX`:
/// `i64::try_from(time.as_secs()).unwrap_or(i64::MAX)`. When reading, refuse a negative number.
///
/// ```
/// use ctx_key::UnixTime;
///
/// let issued = UnixTime::from_secs(1_767_225_600); // 2026-01-01
/// let expires = issued.saturating_add(90 * 24 * 60 * 60);
/// assert!(issued < expires && expires < UnixTime::MAX);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The latest time, 2⁶⁴ - 1 seconds after the epoch. It also stands for an unknown time, if the clock is invalid.
    ///
    /// At this time, every key that has an end has ended, and no key that has a `not_before` is valid yet.
    ///
    /// ```
    /// # use ctx_key::UnixTime;
    /// assert_eq!(UnixTime::MAX.as_secs(), u64::MAX);
    /// ```
    pub const MAX: Self = Self(u64::MAX);

    /// Creates the time `secs` seconds after the epoch.
    ///
    /// ```
    /// # use ctx_key::UnixTime;
    /// assert_eq!(UnixTime::from_secs(60).as_secs(), 60);
    /// ```
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// Returns the seconds since the epoch.
    ///
    /// ```
    /// # use ctx_key::UnixTime;
    /// assert_eq!(UnixTime::from_secs(60).as_secs(), 60);
    /// ```
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// Returns the time `secs` seconds later, at most [`UnixTime::MAX`].
    ///
    /// ```
    /// # use ctx_key::UnixTime;
    /// assert_eq!(UnixTime::from_secs(60).saturating_add(u64::MAX), UnixTime::MAX);
    /// ```
    #[must_use]
    pub const fn saturating_add(self, secs: u64) -> Self {
        Self(self.0.saturating_add(secs))
    }
}

#[cfg(feature = "std")]
impl UnixTime {
    /// Reads the system's clock. Returns [`UnixTime::MAX`] if the clock is before 1970, and so invalid.
    ///
    /// # Panics
    ///
    /// Panics on a platform without a clock, `wasm32-unknown-unknown`. Take the time from the host there.
    ///
    /// ```
    /// # use ctx_key::UnixTime;
    /// assert!(UnixTime::now() > UnixTime::from_secs(0));
    /// ```
    #[must_use]
    pub fn now() -> Self {
        Self::from_clock(std::time::SystemTime::now())
    }

    /// Converts the time that the clock shows.
    fn from_clock(shown: std::time::SystemTime) -> Self {
        shown.try_into().unwrap_or(Self::MAX)
    }
}

/// Converts a time and drops the fraction of a second.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// # use ctx_key::UnixTime;
///
/// let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_999);
/// assert_eq!(UnixTime::try_from(time), Ok(UnixTime::from_secs(1)));
/// ```
#[cfg(feature = "std")]
impl TryFrom<std::time::SystemTime> for UnixTime {
    type Error = BeforeUnixEpochError;

    fn try_from(time: std::time::SystemTime) -> Result<Self, BeforeUnixEpochError> {
        match time.duration_since(std::time::SystemTime::UNIX_EPOCH) {
            Ok(since) => Ok(Self(since.as_secs())),
            Err(_) => Err(BeforeUnixEpochError),
        }
    }
}

/// Error of a [`SystemTime`](std::time::SystemTime) before 1970, which is not a [`UnixTime`].
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use ctx_key::{BeforeUnixEpochError, UnixTime};
///
/// let time = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
/// assert_eq!(UnixTime::try_from(time), Err(BeforeUnixEpochError));
/// ```
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeforeUnixEpochError;

#[cfg(feature = "std")]
impl fmt::Display for BeforeUnixEpochError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is before the Unix epoch (1970-01-01); check the system clock")
    }
}

#[cfg(feature = "std")]
impl core::error::Error for BeforeUnixEpochError {}

#[cfg(test)]
mod tests {
    #[cfg(feature = "std")]
    #[test]
    fn any_time_that_the_clock_shows_is_converted() {
        use super::UnixTime;
        use std::time::{Duration, SystemTime};

        // Each power of two and its neighbours. A `SystemTime` cannot represent all of them.
        for secs in (0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1]) {
            for nanos in [0, 1, 999_999_999] {
                let distance = Duration::new(secs, nanos);
                if let Some(shown) = SystemTime::UNIX_EPOCH.checked_add(distance) {
                    assert_eq!(UnixTime::from_clock(shown), UnixTime(secs), "{distance:?} after 1970");
                }
                if let Some(shown) = SystemTime::UNIX_EPOCH.checked_sub(distance)
                    && shown < SystemTime::UNIX_EPOCH
                {
                    assert_eq!(UnixTime::from_clock(shown), UnixTime::MAX, "{distance:?} before 1970");
                }
            }
        }
    }
}
