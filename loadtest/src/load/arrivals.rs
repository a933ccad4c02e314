//! When calls are due, whatever became of those before: an open loop.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Moments at which so many calls are due, at a mean rate a second: people do not wait for one another, so
/// that some come together. The same seed gives the same moments.
pub(crate) fn arrivals(calls: usize, per_s: f64, seed: u64) -> Vec<Duration> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut due = 0.0_f64;
    (0..calls)
        .map(|_| {
            // Of an even number between 0, left out, and 1 the logarithm makes the gap of a Poisson process.
            let even = 1.0 - dice.random::<f64>();
            due -= even.ln() / per_s.max(f64::MIN_POSITIVE);
            Duration::from_secs_f64(due)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_at_the_rate_and_in_order_and_not_evenly() {
        let due = arrivals(10_000, 500.0, 1);
        assert!(due.is_sorted());
        let took = due.last().unwrap().as_secs_f64();
        assert!((19.0..21.0).contains(&took), "{took}");
        let gaps = due.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        assert!(gaps.clone().max().unwrap() > Duration::from_millis(8));
        assert!(gaps.min().unwrap() < Duration::from_micros(100));
        assert_eq!(due, arrivals(10_000, 500.0, 1));
    }
}
