//! Counts of a verifier's work, and its current sizes: [`Stats`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ctx_key::KeyId;

/// Counts since a [`Verifier`](crate::Verifier) was created, and current sizes, for metrics.
///
/// ```
/// use ctx_key_verifier::Stats;
///
/// assert_eq!(Stats::default().grace_grants, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Verifications that used the cache.
    pub cache_hits: u64,
    /// Verifications whose id was not in the cache.
    pub cache_misses: u64,
    /// Verifications that did not use the cache, because the lease had ended.
    pub cache_bypasses: u64,
    /// Look-ups sent to the source. One can hold many ids.
    pub look_ups: u64,
    /// Reads of the change log that failed or came too late.
    pub failed_polls: u64,
    /// Number of times that the whole cache was dropped.
    pub cache_clears: u64,
    /// Grants from the cache during an outage ([`Options::outage_grace`](crate::Options::outage_grace)).
    pub grace_grants: u64,
    /// Uses that were not noted, because too many keys waited to be written.
    pub lost_uses: u64,
    /// Time since the last read of the change log that renewed the lease was sent. If there was none, the time since the
    /// verifier was created. The cache is not used if this is longer than the lease.
    pub change_log_age: Duration,
    /// Records in the cache now.
    pub cached_records: usize,
    /// Ids in the cache now that have no record.
    pub cached_unknown: usize,
    /// Ids that wait for a look-up to be sent.
    pub waiting_ids: usize,
    /// Look-ups that wait for their answer. At most [`Options::max_look_ups`](crate::Options::max_look_ups).
    pub running_look_ups: usize,
    /// Keys whose last use waits to be written.
    pub pending_uses: usize,
}

macro_rules! counters {
    ($($name:ident),*) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            pub(crate) cache_hits: SpreadCounter,
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn stats(&self) -> Stats {
                Stats {
                    cache_hits: self.cache_hits.sum(),
                    $($name: self.$name.0.load(Ordering::Relaxed),)*
                    ..Stats::default()
                }
            }
        }
    };
}

counters!(cache_misses, cache_bypasses, look_ups, failed_polls, cache_clears, grace_grants, lost_uses);

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A counter of an event that each verification has. Many threads that write one cache line would wait for each other, so
/// the keys are spread over several lines.
#[derive(Debug, Default)]
pub(crate) struct SpreadCounter([Line; 16]);

/// A counter that shares its cache line with no other. Some processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

impl SpreadCounter {
    pub(crate) fn increment(&self, id: KeyId) {
        let last = id.as_str().as_bytes().last().copied().unwrap_or_default();
        let Some(line) = self.0.get(usize::from(last % 16)) else { return };
        line.0.fetch_add(1, Ordering::Relaxed);
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|line| line.0.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hits_of_every_key_are_counted() {
        let hits = SpreadCounter::default();
        let last = ('0'..='9').chain('A'..='Z').chain('a'..='z');
        for (before, last) in (0..).zip(last) {
            assert_eq!(hits.sum(), before, "{last}");
            hits.increment(format!("aaaaaaaaaaa{last}").parse().unwrap());
        }
        assert_eq!(hits.sum(), 62);
    }
}
