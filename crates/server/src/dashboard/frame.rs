//! The frame around the pages of an account, and times in words.

use ctx_key::UnixTime;

use super::form::form_token;
use super::session::SignedIn;
use crate::clock::{for_people, iso_seconds, seconds};
use crate::store::account::Account;

/// The frame around each page of somebody who is signed in.
pub(super) struct Frame {
    pub(super) account: Account,
    pub(super) form_token: String,
    /// The address that the navigation marks.
    pub(super) here: &'static str,
}

impl Frame {
    pub(super) fn new(signed_in: &SignedIn, here: &'static str) -> Self {
        let form_token = form_token(&signed_in.session);
        Self { account: signed_in.account.clone(), form_token, here }
    }
}

/// A time, to the minute.
pub(super) struct Moment {
    /// The time for programs.
    pub(super) iso: String,
    /// The time for people, in UTC.
    pub(super) exact: String,
    /// The distance from now, such as `3 days ago`.
    pub(super) relative: String,
    pub(super) is_past: bool,
}

impl Moment {
    pub(super) fn new(at: i64, now: UnixTime) -> Self {
        let from_now = at.saturating_sub(seconds(now));
        Self {
            iso: iso_seconds(at),
            exact: for_people(at),
            relative: relative(from_now),
            is_past: from_now <= 0,
        }
    }
}

/// Returns a distance from now in words, rounded: `3 days ago`, `in 2 hours`.
fn relative(seconds: i64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let length = seconds.unsigned_abs();
    // the last unit has no maximum
    let units = [
        (MINUTE, 60 * MINUTE, "minute"),
        (HOUR, 24 * HOUR, "hour"),
        (DAY, 60 * DAY, "day"),
        (30 * DAY, 360 * DAY, "month"),
        (365 * DAY, u64::MAX, "year"),
    ];
    let rounded = |unit: u64| length.saturating_add(unit / 2) / unit;
    let (unit, _, name) =
        units.into_iter().find(|(unit, max, _)| rounded(*unit) < max / unit).unwrap_or(units[4]);
    let number = rounded(unit).max(u64::from(unit > MINUTE));
    let plural = if number == 1 { "" } else { "s" };
    match (number, seconds < 0) {
        (0, true) => "just now".to_owned(),
        (0, false) => if seconds == 0 { "just now" } else { "in a moment" }.to_owned(),
        (_, true) => format!("{number} {name}{plural} ago"),
        (_, false) => format!("in {number} {name}{plural}"),
    }
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn a_time_is_written_in_the_largest_unit_that_fits() {
        const DAY: i64 = 24 * 3600;
        for (seconds, words) in [
            (0, "just now"),
            (-29, "just now"),
            (29, "in a moment"),
            (-30, "1 minute ago"),
            (90, "in 2 minutes"),
            (-59 * 60 - 29, "59 minutes ago"),
            (-59 * 60 - 30, "1 hour ago"),
            (-3 * 3600, "3 hours ago"),
            (23 * 3600 + 1799, "in 23 hours"),
            (DAY - 1, "in 1 day"),
            (-3 * DAY, "3 days ago"),
            (30 * DAY - 5, "in 30 days"),
            (59 * DAY, "in 59 days"),
            (60 * DAY, "in 2 months"),
            (90 * DAY, "in 3 months"),
            (344 * DAY, "in 11 months"),
            (345 * DAY, "in 1 year"),
            (365 * DAY, "in 1 year"),
            (-800 * DAY, "2 years ago"),
            (i64::MIN, "292471208678 years ago"),
        ] {
            assert_eq!(relative(seconds), words, "{seconds}");
        }
    }
}
