//! The clock, and times as the database stores them and as people and programs read them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ctx_key::UnixTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// A clock. A clone shows the same time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The clock of the system.
    #[default]
    System,
    /// Shows these seconds since 1970, for tests.
    Set(Arc<AtomicU64>),
}

impl Clock {
    /// Returns the current time.
    pub fn now(&self) -> UnixTime {
        match self {
            Self::System => UnixTime::now(),
            Self::Set(seconds) => UnixTime::from_secs(seconds.load(Ordering::Relaxed)),
        }
    }
}

/// Returns the seconds since 1970, for a column.
pub fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// Returns a time in ISO 8601, with its zone.
pub fn iso_seconds(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| "9999-12-31T23:59:59Z".to_owned())
}

/// Returns a time as people read it, such as `2026-11-23 14:05 UTC`.
pub fn for_people(seconds: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(format).ok()).unwrap_or_else(|| "far in the future".to_owned())
}
