//! The clock, and conversions of times for the database, for people and for programs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

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

    /// Returns the current time in milliseconds since 1970.
    pub fn millis(&self) -> u64 {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            }
            Self::Set(seconds) => seconds.load(Ordering::Relaxed).saturating_mul(1000),
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

/// Reads a time of RFC 3339 §5.6, with its zone, such as `2030-01-31T12:00:00Z` or `2030-01-31t12:00:00.5+02:00`. A
/// space may replace the `T`. A fraction is dropped, and a leap second becomes the second before it, so that nothing
/// lasts longer than requested.
pub fn parse_iso(text: &str) -> Option<i64> {
    // the parser accepts any character in this place
    let is_separated = matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' '));
    let time = OffsetDateTime::parse(text, &Rfc3339).ok().filter(|_| is_separated)?;
    Some(time.unix_timestamp())
}

/// Returns the first second of a day such as `2030-01-31`, in UTC.
pub fn day_start(date: &str) -> Option<i64> {
    parse_iso(&format!("{date}T00:00:00Z")).filter(|seconds| *seconds <= LAST_SECOND)
}

/// Number of seconds in a day.
pub const DAY: i64 = 24 * 3600;

/// The last second that [`iso_seconds`] writes: the end of the year 9999 in UTC.
pub const LAST_SECOND: i64 = 253_402_300_799;

/// Returns a time for people, such as `2026-11-23 14:05 UTC`.
pub fn for_people(seconds: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(format).ok()).unwrap_or_else(|| "far in the future".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{LAST_SECOND, for_people, iso_seconds, parse_iso};

    #[test]
    fn times_are_read_as_rfc_3339_writes_them() {
        const NEW_YEAR: i64 = 1_893_456_000;
        for (text, seconds) in [
            ("2030-01-01T00:00:00Z", Some(NEW_YEAR)),
            ("2030-01-01t00:00:00z", Some(NEW_YEAR)),
            ("2030-01-01 00:00:00Z", Some(NEW_YEAR)),
            ("2030-01-01T00:00:00+00:00", Some(NEW_YEAR)),
            ("2030-01-01T00:00:00-00:00", Some(NEW_YEAR)),
            ("2030-01-01T02:30:00+02:30", Some(NEW_YEAR)),
            ("2029-12-31T19:00:00-05:00", Some(NEW_YEAR)),
            ("2030-01-01T23:59:00+23:59", Some(NEW_YEAR)),
            ("2030-01-01T00:00:00.0Z", Some(NEW_YEAR)),
            ("2030-01-01T00:00:00.999999999999Z", Some(NEW_YEAR)),
            ("2030-01-01T00:00:01.5+00:00", Some(NEW_YEAR + 1)),
            ("2029-12-31T23:59:60Z", Some(NEW_YEAR - 1)),
            ("2030-01-01T01:59:60+02:00", Some(NEW_YEAR - 1)),
            ("2032-02-29T00:00:00Z", Some(1_961_625_600)),
            ("1969-12-31T23:59:59Z", Some(-1)),
            ("9999-12-31T23:59:59Z", Some(LAST_SECOND)),
            // no zone, or an incomplete one
            ("2030-01-01T00:00:00", None),
            ("2030-01-01T00:00:00 UTC", None),
            ("2030-01-01T00:00:00+0200", None),
            ("2030-01-01T00:00:00+02", None),
            ("2030-01-01T00:00:00+24:00", None),
            ("2030-01-01T00:00:00+02:60", None),
            ("2030-01-01T00:00:00\u{2212}02:00", None),
            ("2030-01-01T00:00:00Zx", None),
            ("2030-01-01T00:00:00Z ", None),
            (" 2030-01-01T00:00:00Z", None),
            // other forms of ISO 8601
            ("2030-01-01", None),
            ("2030-01-01Z", None),
            ("2030-01-01T00:00Z", None),
            ("20300101T000000Z", None),
            ("2030-W01-1T00:00:00Z", None),
            ("2030-001T00:00:00Z", None),
            ("2030-01-01T00:00:00,5Z", None),
            ("2030-01-01T00:00:00.Z", None),
            ("2030-01-01T24:00:00Z", None),
            ("+02030-01-01T00:00:00Z", None),
            ("12030-01-01T00:00:00Z", None),
            // no such time
            ("2030-02-29T00:00:00Z", None),
            ("2030-13-01T00:00:00Z", None),
            ("2030-01-01T00:60:00Z", None),
            ("2030-01-01T00:00:60Z", None),
            ("2030-01-01_00:00:00Z", None),
            ("2030-01-01\n00:00:00Z", None),
            ("1893456000", None),
            ("null", None),
            ("", None),
        ] {
            assert_eq!(parse_iso(text), seconds, "{text:?}");
        }
    }

    #[test]
    fn the_last_second_is_the_last_that_is_written() {
        assert_eq!(iso_seconds(LAST_SECOND), "9999-12-31T23:59:59Z");
        assert_eq!(iso_seconds(LAST_SECOND + 1), "9999-12-31T23:59:59Z");
        assert_eq!(parse_iso("9999-12-31T23:59:59-00:01").filter(|&time| time <= LAST_SECOND), None);
    }

    #[test]
    fn people_read_a_time_in_utc_to_the_minute() {
        assert_eq!(for_people(1_800_046_799), "2027-01-15 20:59 UTC");
        assert_eq!(for_people(i64::MAX), "far in the future");
    }
}
