//! The clock of the rate limits: [`QuotaClock`].

use std::time::{Duration, Instant};

use governor::clock;
use governor::nanos::Nanos;

use crate::clock::Clock;

/// A clock that no change of the system's clock moves.
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

    /// Returns the time since any moment before the first request.
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
