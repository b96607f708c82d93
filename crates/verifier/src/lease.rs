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

    /// Returns whether the lease has not ended.
    pub(crate) fn is_current(&self) -> bool {
        self.guard(Duration::ZERO, || Some(())).is_some()
    }

    /// Reads the cache with `read`. Returns what it found and whether the lease had ended by then. Returns nothing if the
    /// read found nothing, or if the lease and the `grace` after it had ended.
    pub(crate) fn guard<T>(&self, grace: Duration, read: impl FnOnce() -> Option<T>) -> Option<(T, bool)> {
        // The end is loaded before the read. If it were loaded after the read, a poll in between could remove the record that
        // was read, and renew the lease, so that the old record would be granted. Acquire keeps the read after this load,
        // and lets it see each removal by the poll that stored this end.
        let end = self.end.load(Ordering::Acquire);
        let found = read()?;
        let now = self.since_origin(Instant::now());
        let is_covered = end != 0 && now < end.saturating_add(nanos(grace));
        is_covered.then_some((found, now >= end))
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
    use std::pin::pin;
    use std::task::{Context, Waker};

    use tokio::time::advance;

    use super::*;

    /// Returns whether a read is granted in the grace period, or nothing if it is not granted.
    fn is_in_grace(lease: &Lease, grace: Duration) -> Option<bool> {
        lease.guard(grace, || Some(())).map(|((), is_in_grace)| is_in_grace)
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_no_grace_without_a_lease() {
        let (length, grace) = (Duration::from_millis(500), Duration::from_secs(60));
        let lease = Lease::new(length);
        let granted = || [Duration::ZERO, grace].map(|grace| is_in_grace(&lease, grace));
        assert_eq!(granted(), [None, None]);
        lease.renew(Instant::now());
        assert_eq!(granted(), [Some(false), Some(false)]);
        advance(length).await;
        assert_eq!(granted(), [None, Some(true)]);
        lease.end();
        assert_eq!(granted(), [None, None]);
    }

    /// The thread stands still after its read. Meanwhile, a poll removes the record, and renews the lease.
    #[tokio::test(start_paused = true)]
    async fn a_lease_that_begins_after_the_read_does_not_cover_it() {
        let ms = Duration::from_millis;
        let lease = Lease::new(ms(500));
        let read = |stop: u64, grace: u64| {
            let read = || {
                // the first poll of this future moves the clock
                let _ = pin!(advance(ms(stop))).poll(&mut Context::from_waker(Waker::noop()));
                lease.renew(Instant::now());
                Some("a record")
            };
            lease.guard(ms(grace), read)
        };
        assert_eq!(read(0, 1_000), None, "there was no lease");
        assert_eq!(read(499, 0), Some(("a record", false)));
        assert_eq!(read(500, 0), None);
        assert_eq!(read(500, 1), Some(("a record", true)));
        assert_eq!(read(501, 1), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_grace_does_not_overflow() {
        let lease = Lease::new(Duration::from_millis(500));
        lease.renew(Instant::now());
        advance(Duration::from_secs(3_600)).await;
        assert_eq!(is_in_grace(&lease, Duration::MAX), Some(true));
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_lease_has_no_end() {
        let lease = Lease::new(Duration::MAX);
        lease.renew(Instant::now());
        advance(Duration::from_secs(1 << 32)).await;
        assert!(lease.is_current());
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
