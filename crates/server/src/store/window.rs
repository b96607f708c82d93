//! The part of a list that one statement reads: [`Window`].

/// At most `rows` rows, after the row whose `seq` is `last`, or from the start of the list.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub last: Option<i64>,
    pub rows: i64,
}

impl Window {
    /// Returns the number that the `seq` of each row must be below, in a list with the newest row first.
    pub(super) fn before(self) -> i64 {
        self.last.unwrap_or(i64::MAX)
    }

    /// Returns the number that the `seq` of each row must be above, in a list with the oldest row first.
    pub(super) fn after(self) -> i64 {
        self.last.unwrap_or(i64::MIN)
    }
}
