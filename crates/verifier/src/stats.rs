//! Counts of what a verifier did: [`Stats`].

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since a [`Verifier`](crate::Verifier) was created, for metrics.
///
/// ```
/// use ctx_key_verifier::Stats;
///
/// assert_eq!(Stats::default().grace_grants, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Verifications whose id was not in the cache.
    pub cache_misses: u64,
    /// Verifications that did not use the cache, because the lease had ended.
    pub cache_bypasses: u64,
    /// Look-ups sent to the source. One can hold many ids.
    pub look_ups: u64,
    /// Reads of the change log that failed or came too late.
    pub failed_polls: u64,
    /// How often the whole cache was dropped.
    pub cache_clears: u64,
    /// Grants from the cache during an outage ([`Options::outage_grace`](crate::Options::outage_grace)).
    pub grace_grants: u64,
    /// Uses that were not noted, because too many keys waited to be written.
    pub lost_uses: u64,
}

macro_rules! counters {
    ($($name:ident),*) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn stats(&self) -> Stats {
                Stats { $($name: self.$name.0.load(Ordering::Relaxed),)* }
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
