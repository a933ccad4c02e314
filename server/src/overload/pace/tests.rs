//! Facts about the pace.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly, in its helpers too"
)]

use super::*;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A pace that was learnt from so many calls a second.
fn learnt(per_s: u64) -> Pace {
    let mut pace = Pace::new();
    for second in 0..200 {
        for n in 0..per_s {
            pace.served(s(second) + Duration::from_secs(n) / u32::try_from(per_s).expect("small"));
        }
        pace.refused(s(second) + Duration::from_millis(999));
    }
    pace.end = Duration::ZERO;
    pace
}

#[test]
fn a_crowd_is_told_times_as_far_apart_as_the_server_needs() {
    let mut pace = learnt(200);
    let now = s(201);
    let told: Vec<u64> = (0..1_000).map(|_| pace.refused(now)).collect();
    assert!(told.windows(2).all(|two| two[0] <= two[1]));
    assert!(
        (BUSY_RETRY_MS..BUSY_RETRY_MS + 10).contains(&told[0]),
        "{}",
        told[0]
    );
    let spread_ms = told[999] - told[0];
    assert!(
        (4_200..4_700).contains(&spread_ms),
        "225 a second: {spread_ms}"
    );
}

#[test]
fn a_line_that_is_over_is_forgotten_and_no_wait_is_longer_than_the_longest() {
    let mut pace = learnt(100);
    for _ in 0..1_000 {
        pace.refused(s(201));
    }
    let first = pace.refused(s(260));
    assert!(first <= BUSY_RETRY_MS + 40, "{first}");
    for _ in 0..1_000_000 {
        assert!(pace.refused(s(261)) <= BUSY_RETRY_MS_MAX + 200);
    }
}

#[test]
fn seconds_in_which_nobody_was_refused_say_nothing() {
    let mut pace = learnt(200);
    pace.served(s(201));
    let before = pace.per_s;
    for second in 202..300 {
        pace.served(s(second));
    }
    assert_eq!(pace.per_s, before);
}
