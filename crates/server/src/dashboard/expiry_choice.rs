//! The choice of the time when a key expires: [`ExpiryChoice`].

use ctx_key::UnixTime;

use super::form::Form;
use super::page::Mistakes;
use crate::clock::{DAY, day_start};

/// Lifetimes to choose from, each with its value in the form and its label.
pub(super) const DAYS: [(&str, &str); 4] =
    [("never", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In 365 days")];

/// The value for a day that is typed.
pub(super) const DATE: &str = "date";

/// The fields as they were sent.
pub(super) struct ExpiryChoice {
    choice: String,
    date: String,
}

impl Default for ExpiryChoice {
    fn default() -> Self {
        Self { choice: DAYS[0].0.to_owned(), date: String::new() }
    }
}

impl ExpiryChoice {
    /// Returns the fields before anything was chosen.
    pub(super) fn none() -> Self {
        Self { choice: String::new(), date: String::new() }
    }

    pub(super) fn read(form: &Form) -> Self {
        Self { choice: form.text("expires").to_owned(), date: form.text("expires_on").to_owned() }
    }

    pub(super) fn is(&self, choice: &str) -> bool {
        self.choice == choice
    }

    /// Returns the day that was typed, to be shown again.
    pub(super) fn date(&self) -> &str {
        if day_end(&self.date).is_some() { &self.date } else { "" }
    }

    /// Returns the time when `of` expires, or adds a mistake. `Some(None)` means that it does not expire.
    pub(super) fn check(&self, of: &str, mistakes: &mut Mistakes, now: UnixTime) -> Option<Option<UnixTime>> {
        if self.is(DATE) {
            let end = day_end(&self.date).filter(|end| *end > now);
            return mistakes
                .expect(end, "expires_on", "Choose a day from today on, up to the year 9999.")
                .map(Some);
        }
        let choice = DAYS.iter().find(|(value, _)| self.is(value));
        let choice = mistakes.expect(choice, "expires", format!("Choose when {of} expires."));
        let days: Option<u64> = choice?.0.parse().ok();
        Some(days.map(|days| now.saturating_add(days * 24 * 3600)))
    }
}

/// Returns the last second of a day such as `2030-01-31`, in UTC.
fn day_end(date: &str) -> Option<UnixTime> {
    let seconds = day_start(date)? + DAY - 1;
    u64::try_from(seconds).ok().map(UnixTime::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::LAST_SECOND;

    #[test]
    fn a_key_lasts_to_the_end_of_the_day() {
        for (date, end) in [
            ("2030-01-31", Some(1_896_134_399)),
            ("9999-12-31", Some(LAST_SECOND.unsigned_abs())),
            ("1970-01-01", Some(86_399)),
            ("1969-12-31", None),
            ("2030-02-30", None),
            ("2030-1-31", None),
            ("31.01.2030", None),
            ("2030-01-31T00:00:00Z", None),
            ("10000-01-01", None),
            ("", None),
        ] {
            assert_eq!(day_end(date).map(UnixTime::as_secs), end, "{date}");
        }
    }

    #[test]
    fn a_day_can_be_chosen_until_its_last_second() {
        const END: u64 = 1_896_134_399;
        let choice = ExpiryChoice { choice: DATE.to_owned(), date: "2030-01-31".to_owned() };
        for (now, end) in [(END - 1, Some(Some(UnixTime::from_secs(END)))), (END, None)] {
            let mut mistakes = Mistakes::default();
            let checked = choice.check("the key", &mut mistakes, UnixTime::from_secs(now));
            assert_eq!((checked, mistakes.has("expires_on")), (end, end.is_none()), "{now}");
        }
    }
}
