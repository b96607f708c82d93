//! Compares two sets of times with Welch's t-test, as dudect does ("Dude, is my code constant time?", Reparaz, Balasch and
//! Verbauwhede, 2017).

/// Returns the largest |t| over all times and over those below each of ten percentiles. Long times come from
/// interruptions and hide differences in short ones.
pub fn largest_t(times: &[(bool, f64)]) -> f64 {
    let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    let percentiles = (1..=10).map(|halvings| sorted.len() - (sorted.len() >> halvings));
    let limits = percentiles.map(|index| sorted[index]).chain([f64::INFINITY]);
    limits.map(|limit| t(times, limit).abs()).fold(0.0, f64::max)
}

/// Returns Welch's t of the two classes, for their times up to a limit.
fn t(times: &[(bool, f64)], limit: f64) -> f64 {
    let of = |class| Moments::of(times.iter().filter(|it| it.0 == class && it.1 <= limit).map(|it| it.1));
    let (one, other) = (of(false), of(true));
    let error = (one.variance / one.count + other.variance / other.count).sqrt();
    (one.mean - other.mean) / error
}

struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    /// Uses Welford's algorithm: one pass, without the difference of two large sums.
    fn of(times: impl Iterator<Item = f64>) -> Self {
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for time in times {
            count += 1.0;
            let deviation = time - mean;
            mean += deviation / count;
            squares += deviation * (time - mean);
        }
        Self { count, mean, variance: squares / (count - 1.0) }
    }
}
