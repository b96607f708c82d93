//! The clock of the rate limits: [`QuotaClock`].

use std::time::{Duration, Instant};

use governor::clock;
use governor::nanos::Nanos;

use crate::clock::Clock;

/// A clock that changes of the system's clock do not affect.
#[derive(Clone)]
pub enum QuotaClock {
    /// The time since the server started.
    Since(Instant),
    /// The clock of a test.
    Set(Clock),
}

impl QuotaClock {
    pub fn new(clock: &Clock) -> Self {
        match clock {
            Clock::System => Self::Since(Instant::now()),
            Clock::Set(_) => Self::Set(clock.clone()),
        }
    }

    /// Returns the time since a fixed moment before the first request.
    pub fn elapsed(&self) -> Duration {
        match self {
            Self::Since(start) => start.elapsed(),
            Self::Set(clock) => Duration::from_secs(clock.now().as_secs()),
        }
    }
}

impl clock::Clock for QuotaClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.elapsed().into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;

    /// The clock of the system may jump, and the quotas must not.
    #[test]
    fn the_quotas_of_a_server_count_from_its_start() {
        const HOUR: Duration = Duration::from_secs(3600);
        let clock = QuotaClock::new(&Clock::System);
        let before = clock.elapsed();
        assert!(before < HOUR, "{before:?}");
        std::thread::sleep(Duration::from_millis(2));
        let after = clock.elapsed();
        assert!((before + Duration::from_millis(2)..HOUR).contains(&after), "{before:?} {after:?}");
        let of_test = QuotaClock::new(&Clock::Set(Arc::new(AtomicU64::new(7))));
        assert_eq!(of_test.elapsed(), Duration::from_secs(7));
    }
}
