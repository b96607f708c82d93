//! The transactions that a statement saw: [`Snapshot`].

use std::cmp::Ordering;
use std::sync::Arc;

/// The transactions that a statement saw, as their numbers.
///
/// A snapshot is less than or equal to another if the other saw every transaction that the first saw. Snapshots of
/// different histories are not comparable: after a restart, a crash or a failover, numbers are used again.
#[derive(Clone, Debug)]
pub struct Snapshot {
    transactions: Transactions,
    history: Arc<str>,
    /// The identity of the log, its triggers and the cluster. Only a read of the log reads it.
    pub(super) log: Option<Arc<str>>,
}

impl Snapshot {
    /// Returns `None` if `transactions` is not the text of a `pg_snapshot`.
    pub(super) fn new(transactions: &str, history: &str, log: Option<&str>) -> Option<Self> {
        let transactions = Transactions::parse(transactions)?;
        Some(Self { transactions, history: history.into(), log: log.map(Arc::from) })
    }

    /// Returns the identity of the history that the numbers belong to.
    pub(super) fn history(&self) -> &str {
        &self.history
    }

    /// Returns the lowest number that was not seen.
    pub(super) fn first_unseen(&self) -> u64 {
        self.transactions.unseen.first().copied().unwrap_or(self.transactions.end)
    }

    /// Returns the numbers that were not seen, as half-open ranges. The last range has no end.
    pub(super) fn unseen(&self) -> impl Iterator<Item = (u64, Option<u64>)> {
        let Transactions { end, unseen } = &self.transactions;
        let single = unseen.iter().map(|number| (*number, number.checked_add(1)));
        single.chain([(*end, None)])
    }
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Snapshot {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let is_same_history = self.history == other.history;
        if is_same_history { self.transactions.partial_cmp(&other.transactions) } else { None }
    }
}

/// The set of all numbers below `end` except the unseen ones. The number just below `end` is in the set, so that each set
/// has exactly one form.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Transactions {
    end: u64,
    /// In ascending order.
    unseen: Vec<u64>,
}

impl Transactions {
    /// Parses `xmin:xmax:xip`. Transactions below xmax have ended, except those in xip, which are all at least xmin.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (xmin, xmax, xip) = (parts.next()?, parts.next()?, parts.next()?);
        let (xmin, mut end): (u64, u64) = (xmin.parse().ok()?, xmax.parse().ok()?);
        let numbers = xip.split(',').filter(|_| !xip.is_empty());
        let mut unseen = numbers.map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
        let is_in_range = unseen.iter().all(|number| (xmin..end).contains(number));
        if parts.next().is_some() || xmin > end || !is_in_range || !unseen.is_sorted_by(|a, b| a < b) {
            return None;
        }
        while unseen.last().is_some_and(|last| last.checked_add(1) == Some(end)) {
            end = unseen.pop()?;
        }
        Some(Self { end, unseen })
    }
}

impl PartialOrd for Transactions {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (is_subset(self, other), is_subset(other, self)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            (false, false) => None,
        }
    }
}

/// Returns whether `whole` saw all that `part` saw.
fn is_subset(part: &Transactions, whole: &Transactions) -> bool {
    let is_unseen = |number: &u64| *number >= part.end || part.unseen.binary_search(number).is_ok();
    part.end <= whole.end && whole.unseen.iter().all(is_unseen)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;
    use std::collections::BTreeSet;

    use super::{Snapshot, Transactions};

    /// Number of transactions in the model: 0 to 6.
    const NUMBERS: u64 = 7;

    fn transactions(text: &str) -> Option<(u64, Vec<u64>)> {
        Transactions::parse(text).map(|Transactions { end, unseen }| (end, unseen))
    }

    #[test]
    fn snapshots_are_parsed() {
        assert_eq!(transactions("10:10:"), Some((10, vec![])));
        assert_eq!(transactions("10:20:10,14,18"), Some((20, vec![10, 14, 18])));
        assert_eq!(transactions("10:20:10,14,19"), Some((19, vec![10, 14])));
        assert_eq!(transactions("10:13:10,11,12"), Some((10, vec![])));
        assert_eq!(transactions("10:20:"), Some((20, vec![])));
        let last = u64::MAX;
        assert_eq!(transactions(&format!("{last}:{last}:")), Some((last, vec![])));
        assert_eq!(transactions(&format!("1:{last}:{}", last - 2)), Some((last, vec![last - 2])));
        assert_eq!(transactions(&format!("1:{last}:{}", last - 1)), Some((last - 1, vec![])));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            ":",
            "::",
            "10",
            "10:20",
            "10:20:12:",
            "a:20:",
            "10:b:",
            "-1:20:",
            "10:20:c",
            "10:20:12,",
            "10:20:,12",
            "20:10:",
            "10:20:9",
            "10:20:20",
            "10:20:14,12",
            "10:20:12,12",
            "10:18446744073709551616:",
        ] {
            assert_eq!(transactions(text), None, "{text}");
        }
    }

    /// Returns every snapshot of the model, with the numbers that it saw.
    fn all() -> Vec<(String, BTreeSet<u64>)> {
        let mut all = Vec::new();
        for end in 0..=NUMBERS {
            for mask in 0..1_u64 << end {
                let unseen: Vec<_> = (0..end).filter(|number| mask >> number & 1 == 1).collect();
                let seen = (0..end).filter(|number| !unseen.contains(number)).collect();
                let list: Vec<_> = unseen.iter().map(u64::to_string).collect();
                all.push((format!("0:{end}:{}", list.join(",")), seen));
            }
        }
        all
    }

    fn order(first: &BTreeSet<u64>, second: &BTreeSet<u64>) -> Option<Ordering> {
        match (first.is_subset(second), second.is_subset(first)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            (false, false) => None,
        }
    }

    #[test]
    fn snapshots_are_ordered_as_sets() {
        let all: Vec<_> = all().into_iter().map(|(text, seen)| (snapshot(&text), text, seen)).collect();
        for (first, first_text, first_seen) in &all {
            for (second, second_text, second_seen) in &all {
                let expected = order(first_seen, second_seen);
                assert_eq!(first.partial_cmp(second), expected, "{first_text} {second_text}");
                assert_eq!(first == second, expected == Some(Ordering::Equal), "{first_text} {second_text}");
            }
        }
    }

    #[test]
    fn numbers_that_were_not_seen_are_read_next() {
        for (text, seen) in all() {
            let snapshot = snapshot(&text);
            let unseen: Vec<_> =
                snapshot.unseen().flat_map(|(low, high)| low..high.unwrap_or(NUMBERS)).collect();
            let expected: Vec<_> = (0..NUMBERS).filter(|number| !seen.contains(number)).collect();
            assert_eq!(unseen, expected, "{text}");
            let first = (0..).find(|number| !seen.contains(number));
            assert_eq!(Some(snapshot.first_unseen()), first, "{text}");
        }
    }

    fn snapshot(text: &str) -> Snapshot {
        Snapshot::new(text, "a history", None).expect("a snapshot")
    }

    #[test]
    fn other_histories_are_not_comparable() {
        let other = Snapshot::new("10:20:", "another history", None).expect("a snapshot");
        assert_eq!(snapshot("10:20:").partial_cmp(&other), None);
        assert_ne!(snapshot("10:20:"), other);
        // the log is not part of the order: a look-up does not read it
        let with_log = Snapshot::new("10:20:", "a history", Some("a log")).expect("a snapshot");
        assert_eq!(snapshot("10:20:"), with_log);
    }
}
