//! Records how long the cache is known to be current.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The end of a lease, by a monotonic clock.
#[derive(Debug)]
pub(crate) struct Lease {
    origin: Instant,
    length: Duration,
    /// Nanoseconds after `origin`; 0 if there is no lease.
    end: AtomicU64,
    /// Nanoseconds after `origin` at which the last lease began, even if it was ended; 0 if there was none.
    last_start: AtomicU64,
}

impl Lease {
    pub(crate) fn new(length: Duration) -> Self {
        Self { origin: Instant::now(), length, end: AtomicU64::new(0), last_start: AtomicU64::new(0) }
    }

    /// Begins a lease that counts from `sent`, the time before the read of the log was sent.
    pub(crate) fn renew(&self, sent: Instant) {
        let start = self.since_origin(sent);
        self.last_start.store(start, Ordering::Relaxed);
        self.end.store(start.saturating_add(nanos(self.length)), Ordering::Release);
    }

    /// Ends the lease at once.
    pub(crate) fn end(&self) {
        self.end.store(0, Ordering::Release);
    }

    /// Returns whether `now` is before the end of the lease, moved by `grace`.
    pub(crate) fn covers(&self, now: Instant, grace: Duration) -> bool {
        let end = self.end.load(Ordering::Acquire);
        end != 0 && self.since_origin(now) < end.saturating_add(nanos(grace))
    }

    /// Returns the time since the last lease began, or since `self` was created.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        let last_start = self.last_start.load(Ordering::Relaxed);
        Duration::from_nanos(self.since_origin(now).saturating_sub(last_start))
    }

    fn since_origin(&self, time: Instant) -> u64 {
        nanos(time.saturating_duration_since(self.origin))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn there_is_no_grace_without_a_lease() {
        let (length, grace) = (Duration::from_millis(500), Duration::from_secs(60));
        let lease = Lease::new(length);
        let now = Instant::now();
        assert!(!lease.covers(now, Duration::ZERO) && !lease.covers(now, grace));
        lease.renew(now);
        assert!(lease.covers(now, Duration::ZERO) && lease.covers(now + length, grace));
        lease.end();
        assert!(!lease.covers(now, Duration::ZERO) && !lease.covers(now, grace));
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_grace_does_not_overflow() {
        let lease = Lease::new(Duration::from_millis(500));
        let now = Instant::now();
        lease.renew(now);
        assert!(lease.covers(now + Duration::from_secs(3_600), Duration::MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_lease_has_no_end() {
        let lease = Lease::new(Duration::MAX);
        let now = Instant::now();
        lease.renew(now);
        assert!(lease.covers(now + Duration::from_secs(1 << 32), Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn the_age_counts_from_the_last_lease_even_if_it_was_ended() {
        let (length, second) = (Duration::from_millis(500), Duration::from_secs(1));
        let lease = Lease::new(length);
        let now = Instant::now();
        assert_eq!(lease.age(now + second), second);
        lease.renew(now + second);
        lease.end();
        assert_eq!(lease.age(now + 3 * second), 2 * second);
    }
}
