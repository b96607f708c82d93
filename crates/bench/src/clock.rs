//! How long something takes when it is done over and over.

use std::time::{Duration, Instant};

/// Nanoseconds for each item of one pass: the fastest of the passes that fit into a second, three at least.
/// The fastest, because everything else that runs on a machine only ever makes a pass slower.
pub fn fastest(items: usize, mut pass: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut fastest = Duration::MAX;
    let mut passes = 0;
    while passes < 3 || begin.elapsed() < Duration::from_secs(1) {
        let start = Instant::now();
        pass();
        fastest = fastest.min(start.elapsed());
        passes += 1;
    }
    fastest.as_secs_f64() * 1e9 / items as f64
}
