//! Liveness: what is pending, why it was not sent, and when to try next. Pure, and nothing is
//! remembered but an [`Attempt`].

use askel_sync::time::{MINUTE_MS, Timestamp};

use super::row::{Attempt, Later};

/// The first wait after a failed attempt, in milliseconds; it doubles.
const RETRY_MS_MIN: i64 = MINUTE_MS / 2;
/// The longest wait after a failed attempt, in milliseconds, before its jitter of up to a quarter.
const RETRY_MS_MAX: i64 = 6 * 60 * MINUTE_MS;
/// Doublings of the wait.
const DOUBLINGS_MAX: u32 = 10;
/// The longest wait a server may ask for, in milliseconds.
const ASKED_MS_MAX: i64 = 24 * 60 * MINUTE_MS;

/// What waits for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Waiting {
    /// When the oldest thing was written that can be handed in now.
    pub(crate) ready_since: Option<Timestamp>,
    /// When the first of the deferred ops or frames, or a catalog, is tried again, by this device's clock.
    pub(crate) deferred_until: Option<Timestamp>,
}

impl Waiting {
    /// Something may be offered again then.
    pub(crate) fn until(&mut self, at: Timestamp) {
        let first = self.deferred_until.unwrap_or(at);
        self.deferred_until = Some(first.min(at));
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// When to try next; `None` when nothing waits and nothing failed. In the past: at once.
///
/// A clock that went back since the last attempt makes no one wait for it to come around again.
pub(crate) fn next_attempt(
    attempt: &Attempt,
    waiting: Waiting,
    now: Timestamp,
) -> Option<Timestamp> {
    let due = match (waiting.ready_since, waiting.deferred_until) {
        (Some(ready), _) => Some(ready),
        (None, deferred) => deferred,
    };
    let not_before = attempt.next_at.filter(|_| {
        let went_back = attempt.at.is_some_and(|at| now < at);
        !went_back
    });
    if attempt.failures == 0 && waiting.is_empty() {
        return None;
    }
    let next = not_before.max(due);
    // Something waits or failed: there is always a next time.
    Some(next.unwrap_or(now))
}

/// What is remembered of an attempt that failed. `jitter` is a random number: phones that failed together
/// don't come back together. What the server asked for is added to, never shortened.
pub(crate) fn failed(
    held: &Attempt,
    reason: &str,
    retry_after_ms: i64,
    now: Timestamp,
    jitter: u8,
) -> Attempt {
    let failures = held.failures.saturating_add(1);
    let wait_ms = retry_wait_ms(failures, retry_after_ms, jitter);
    Attempt {
        failures,
        last_reason: Some(reason.to_owned()),
        next_at: Some(now.saturating_add_ms(wait_ms)),
        at: Some(now),
        ..held.clone()
    }
}

/// How long an installation waits after so many failed attempts in a row, in milliseconds: half a minute,
/// then twice as long each time up to six hours, or as long as the server asked for if that is longer (at
/// most a day); up to a quarter more by `jitter`, which is drawn anew each time.
pub fn retry_wait_ms(failures: u32, retry_after_ms: i64, jitter: u8) -> i64 {
    let asked_ms = retry_after_ms.clamp(0, ASKED_MS_MAX);
    wait_ms(failures, jitter).max(spread(asked_ms, jitter))
}

/// What is remembered of an attempt that went through. The time of it is kept only where a wait was
/// asked for: a sync that changes nothing costs no write.
pub(crate) fn went_through(
    held: &Attempt,
    retry_after_ms: i64,
    now: Timestamp,
    jitter: u8,
) -> Attempt {
    let asked_ms = spread(retry_after_ms.clamp(0, ASKED_MS_MAX), jitter);
    let asked = (asked_ms > 0).then(|| now.saturating_add_ms(asked_ms));
    Attempt {
        failures: 0,
        last_reason: None,
        next_at: asked,
        at: asked.map(|_| now),
        ..held.clone()
    }
}

/// How long to wait after so many failures, in milliseconds.
fn wait_ms(failures: u32, jitter: u8) -> i64 {
    let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
    let wait_ms = RETRY_MS_MIN
        .saturating_mul(1_i64 << doublings)
        .min(RETRY_MS_MAX);
    spread(wait_ms, jitter)
}

/// What is remembered of something that did not go through again.
pub(crate) fn later(held: Option<Later>, now: Timestamp, jitter: u8) -> Later {
    let times = held.map_or(0, |held| held.times).saturating_add(1);
    Later {
        times,
        until: now.saturating_add_ms(wait_ms(times, jitter)),
    }
}

/// How long it waits yet; `None` if it is due. A clock that went back makes nothing wait for it to come
/// around again.
pub(crate) fn waits_until(later: Later, now: Timestamp) -> Option<Timestamp> {
    let wait_ms = later.until.saturating_ms_since(now);
    let wait_ms_max = spread(RETRY_MS_MAX, u8::MAX);
    (1..=wait_ms_max).contains(&wait_ms).then_some(later.until)
}

/// Up to a quarter longer.
fn spread(wait_ms: i64, jitter: u8) -> i64 {
    let more_ms = wait_ms.div_euclid(1_024).saturating_mul(i64::from(jitter));
    wait_ms.saturating_add(more_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_460_000_000_000);
    /// The longest wait with its jitter.
    const WAIT_MS_MAX: i64 = ASKED_MS_MAX + ASKED_MS_MAX / 4;

    #[derive(Debug, Clone)]
    enum Event {
        Failed { retry_after_ms: i64, jitter: u8 },
        WentThrough { retry_after_ms: i64, jitter: u8 },
        ClockMoved(i64),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (any::<i64>(), any::<u8>()).prop_map(|(retry_after_ms, jitter)| Event::Failed {
                retry_after_ms,
                jitter
            }),
            (any::<i64>(), any::<u8>()).prop_map(|(retry_after_ms, jitter)| {
                Event::WentThrough {
                    retry_after_ms,
                    jitter,
                }
            }),
            (-4_000_000_000_000_i64..4_000_000_000_000).prop_map(Event::ClockMoved),
        ]
    }

    fn after(events: &[Event]) -> (Attempt, Timestamp) {
        let mut now = NOW;
        let mut attempt = Attempt::default();
        for event in events {
            match *event {
                Event::Failed {
                    retry_after_ms,
                    jitter,
                } => attempt = failed(&attempt, "UNREACHABLE", retry_after_ms, now, jitter),
                Event::WentThrough {
                    retry_after_ms,
                    jitter,
                } => attempt = went_through(&attempt, retry_after_ms, now, jitter),
                Event::ClockMoved(by) => now = now.saturating_add_ms(by),
            }
        }
        (attempt, now)
    }

    proptest! {
        #[test]
        fn what_is_pending_always_has_a_next_attempt_that_is_not_far(
            events in proptest::collection::vec(event(), 0..20),
            age_ms in -1_000_000_000_000_i64..=0,
        ) {
            let (attempt, now) = after(&events);
            let waiting = Waiting {
                ready_since: Some(now.saturating_add_ms(age_ms)),
                deferred_until: None,
            };
            let next = next_attempt(&attempt, waiting, now).expect("never forgotten");
            prop_assert!(next.saturating_ms_since(now) <= WAIT_MS_MAX, "{next:?} at {now:?}");
        }

        #[test]
        fn a_failure_is_never_forgotten_and_its_reason_stays_until_a_success(
            events in proptest::collection::vec(event(), 0..20),
        ) {
            let (attempt, now) = after(&events);
            let last = events.iter().rev().find(|event| !matches!(event, Event::ClockMoved(_)));
            let has_failed = matches!(last, Some(Event::Failed { .. }));
            prop_assert_eq!(attempt.last_reason.is_some(), has_failed);
            let next = next_attempt(&attempt, Waiting::default(), now);
            prop_assert_eq!(next.is_some(), has_failed);
        }

        #[test]
        fn nobody_comes_before_the_time_the_server_asked_for(
            failures in 0_u32..20,
            retry_after_ms in 0..=ASKED_MS_MAX,
            jitter in any::<u8>(),
        ) {
            let held = Attempt { failures, ..Attempt::default() };
            let ready = Waiting { ready_since: Some(NOW), deferred_until: None };
            let asked = NOW.saturating_add_ms(retry_after_ms);
            for attempt in [
                failed(&held, "RESOURCE_EXHAUSTED", retry_after_ms, NOW, jitter),
                went_through(&held, retry_after_ms, NOW, jitter),
            ] {
                prop_assert!(next_attempt(&attempt, ready, NOW).expect("one") >= asked);
            }
        }
    }

    #[test]
    fn deferred_ops_alone_wait_for_their_time_and_others_do_not() {
        let later = NOW.saturating_add_ms(1_000_000);
        let deferred = Waiting {
            ready_since: None,
            deferred_until: Some(later),
        };
        let attempt = Attempt::default();
        assert_eq!(next_attempt(&attempt, deferred, NOW), Some(later));
        let both = Waiting {
            ready_since: Some(NOW),
            ..deferred
        };
        assert_eq!(next_attempt(&attempt, both, NOW), Some(NOW));
    }
}
