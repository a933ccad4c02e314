//! How long to wait before the next attempt: pure.

use std::time::Duration;

use crate::limits::{BACKOFF_FIRST, BACKOFF_MAX, STATED_WAIT_MAX, WAIT_MIN};

/// A wait of at least `floor`, and beyond it one drawn from all of a window that doubles with every
/// failure (full jitter): those who failed together do not come back together.
pub(crate) fn wait(floor: Duration, failures: u32, random: u64) -> Duration {
    let doublings = 2_u32.saturating_pow(failures.min(16));
    let window = BACKOFF_FIRST.saturating_mul(doublings).min(BACKOFF_MAX);
    let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
    let drawn = random
        .checked_rem(window_ms.saturating_add(1))
        .unwrap_or_default();
    floor
        .min(STATED_WAIT_MAX)
        .saturating_add(Duration::from_millis(drawn))
        .max(WAIT_MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_keeps_what_was_asked_for_and_stays_bounded(
            floor_ms in 0_u64..200_000_000,
            failures in any::<u32>(),
            random in any::<u64>(),
        ) {
            let floor = Duration::from_millis(floor_ms);
            let wait = wait(floor, failures, random);
            prop_assert!(wait >= floor.min(STATED_WAIT_MAX));
            prop_assert!(wait >= WAIT_MIN);
            prop_assert!(wait <= STATED_WAIT_MAX.saturating_add(BACKOFF_MAX));
        }
    }

    #[test]
    fn the_window_doubles_up_to_an_hour_and_is_drawn_from_in_full() {
        let longest = |failures: u32| {
            let first = u64::try_from(BACKOFF_FIRST.as_millis()).unwrap();
            let window = first.saturating_mul(2_u64.saturating_pow(failures));
            wait(Duration::ZERO, failures, window.min(3_600_000))
        };
        assert_eq!(longest(0), Duration::from_secs(10));
        assert_eq!(longest(1), Duration::from_secs(20));
        assert_eq!(longest(8), Duration::from_secs(2_560));
        assert_eq!(longest(9), BACKOFF_MAX);
        assert_eq!(longest(60), BACKOFF_MAX);
        assert_eq!(wait(Duration::ZERO, 9, 0), WAIT_MIN);
    }
}
