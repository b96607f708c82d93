//! When: [`UnixTime`].

#[cfg(feature = "std")]
use core::fmt;

/// A moment, in whole seconds since the Unix epoch (1970-01-01T00:00:00Z, leap seconds not counted).
///
/// The library reads no clock but in `UnixTime::now`: whoever calls says what time it is.
///
/// In a database, store it as a signed 64-bit integer, later moments as the largest:
/// `i64::try_from(time.as_secs()).unwrap_or(i64::MAX)`.
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
    /// The latest moment, 2⁶⁴ - 1 seconds after the epoch: whatever can expire has expired by then.
    ///
    /// ```
    /// # use ctx_key::UnixTime;
    /// assert_eq!(UnixTime::MAX.as_secs(), u64::MAX);
    /// ```
    pub const MAX: Self = Self(u64::MAX);

    /// The moment this many seconds after the epoch.
    ///
    /// ```
    /// # use ctx_key::UnixTime;
    /// assert_eq!(UnixTime::from_secs(60).as_secs(), 60);
    /// ```
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// Seconds since the epoch.
    ///
    /// ```
    /// # use ctx_key::UnixTime;
    /// assert_eq!(UnixTime::from_secs(60).as_secs(), 60);
    /// ```
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// The moment `secs` seconds later, [`UnixTime::MAX`] at the latest.
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
    /// What the system's clock says. A clock before 1970 reads as [`UnixTime::MAX`]: on a machine whose clock
    /// was never set, what can expire has expired.
    ///
    /// ```
    /// # use ctx_key::UnixTime;
    /// assert!(UnixTime::now() > UnixTime::from_secs(0));
    /// ```
    #[must_use]
    pub fn now() -> Self {
        std::time::SystemTime::now().try_into().unwrap_or(Self::MAX)
    }
}

/// Part seconds are cut off.
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

/// A [`SystemTime`](std::time::SystemTime) lies before 1970 and is no [`UnixTime`].
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
        f.write_str("time lies before the Unix epoch (1970-01-01); check the system clock")
    }
}

#[cfg(feature = "std")]
impl core::error::Error for BeforeUnixEpochError {}
