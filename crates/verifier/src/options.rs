//! Sizes and times of a verifier: [`Options`].

use std::time::Duration;

/// Sizes and times of a [`Verifier`](crate::Verifier).
///
/// ```
/// use ctx_key_verifier::Options;
///
/// let options = Options { max_records: 1_000_000, ..Options::default() };
/// assert_eq!(options.lease.as_millis(), 500);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Time for which a read of the change log keeps the cache current. No grant begins later than this after the commit
    /// of a revocation. Default: 500 ms.
    pub lease: Duration,
    /// Time between two reads of the change log, shorter than the lease. Default: 100 ms.
    pub poll_interval: Duration,
    /// Maximum number of cached records. Each takes about 280 bytes, with a project of 37 characters. Default:
    /// 200,000.
    pub max_records: usize,
    /// Maximum number of cached ids without a record. Default: 10,000.
    pub max_unknown: usize,
    /// Maximum number of look-ups that run at once. Choose no more than the source has connections. Default: 8.
    pub max_look_ups: usize,
    /// Maximum number of ids in one look-up. Default: 500.
    pub max_batch: usize,
    /// Maximum number of different ids that wait for a look-up. A request with another id gets
    /// [`Busy`](crate::SourceError::Busy). Default: 10,000.
    pub max_waiting: usize,
    /// Time after which a look-up without an answer is an error. Default: 2 s.
    pub look_up_timeout: Duration,
    /// Minimum time between two recorded uses of a key. It starts anew when the key's record leaves the cache, for example
    /// because it was changed. Default: 5 minutes.
    pub use_granularity: Duration,
    /// Time between two writes of uses. Default: 5 s.
    pub use_interval: Duration,
    /// Time after the end of the lease in which cached records are still granted if the database is busy or unavailable
    /// (503). **During this time, revocations are not noticed.** Default: 0, which grants nothing during an outage.
    pub outage_grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lease: Duration::from_millis(500),
            poll_interval: Duration::from_millis(100),
            max_records: 200_000,
            max_unknown: 10_000,
            max_look_ups: 8,
            max_batch: 500,
            max_waiting: 10_000,
            look_up_timeout: Duration::from_secs(2),
            use_granularity: Duration::from_secs(5 * 60),
            use_interval: Duration::from_secs(5),
            outage_grace: Duration::ZERO,
        }
    }
}
