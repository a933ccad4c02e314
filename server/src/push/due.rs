//! When someone is woken: pure.

use askel_sync::{
    catalog::Zone,
    limits::AWAKE_MINUTES_MIN,
    time::{MINUTE_MS, Timestamp},
};

use crate::limits::{PUSH_DELAY_MS_MAX, QUIET_STRETCHES_MAX};

const DAY_MINUTES: u32 = 24 * 60;

/// When someone is not to be woken, by the clock on their wall: from a minute of the day until another,
/// past midnight when that is earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    from_minute: u32,
    until_minute: u32,
}

impl QuietHours {
    /// Minutes after midnight, 0..1440. `None` for others, and when less than
    /// [`AWAKE_MINUTES_MIN`] of a day is left.
    pub fn new(from_minute: u32, until_minute: u32) -> Option<Self> {
        let quiet = Self {
            from_minute,
            until_minute,
        };
        let fits = from_minute < DAY_MINUTES && until_minute < DAY_MINUTES;
        // From and until the same minute is all day.
        let awake = ahead(until_minute, from_minute);
        (fits && awake >= AWAKE_MINUTES_MIN).then_some(quiet)
    }

    /// Whether a minute of the day is one of them.
    pub fn contains(self, minute: u32) -> bool {
        ahead(self.from_minute, minute) < ahead(self.from_minute, self.until_minute)
    }
}

/// When someone is woken for a reason that arises now, before quiet hours are looked at: within half an
/// hour, drawn, so that it does not tell when the reason arose. `random` is any number.
///
/// A reason that finds someone about to be woken moves nothing.
pub fn due(now: Timestamp, random: u64) -> Timestamp {
    now.saturating_add_ms(delay_ms(random))
}

/// The time itself when it is not within quiet hours. Otherwise a time after they end, drawn from half an
/// hour: not everyone wakes at seven.
pub fn after_quiet(
    at: Timestamp,
    quiet: Option<QuietHours>,
    zone: &Zone,
    random: u64,
) -> Timestamp {
    let Some(quiet) = quiet else {
        return at;
    };
    let is_quiet = |at| quiet.contains(zone.minute_of_day(at));
    if !is_quiet(at) {
        return at;
    }
    let end = end_of_quiet(at, quiet, zone);
    let drawn = end.saturating_add_ms(delay_ms(random));
    // Clocks that go forward may leave less of a day than it has by right.
    if is_quiet(drawn) { end } else { drawn }
}

/// The first instant that is not quiet. Offsets change at the zone's transitions only, so it goes from one
/// to the next.
fn end_of_quiet(at: Timestamp, quiet: QuietHours, zone: &Zone) -> Timestamp {
    let mut at = at;
    for _ in 0..QUIET_STRETCHES_MAX {
        let minute = zone.minute_of_day(at);
        if !quiet.contains(minute) {
            return at;
        }
        let left_ms = i64::from(ahead(minute, quiet.until_minute)).saturating_mul(MINUTE_MS);
        let into_minute_ms = at.as_ms().rem_euclid(MINUTE_MS);
        let end = at.saturating_add_ms(left_ms.saturating_sub(into_minute_ms));
        let passed = zone.transitions.partition_point(|change| change.at <= at);
        let next = zone.transitions.get(passed);
        at = next.map_or(end, |change| change.at.min(end));
    }
    at
}

/// Minutes from one minute of the day forward to another, 0 for the same.
fn ahead(from: u32, to: u32) -> u32 {
    to.saturating_add(DAY_MINUTES)
        .saturating_sub(from)
        .checked_rem(DAY_MINUTES)
        .unwrap_or_default()
}

fn delay_ms(random: u64) -> i64 {
    let window = PUSH_DELAY_MS_MAX.unsigned_abs().saturating_add(1);
    i64::try_from(random.checked_rem(window).unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "times and minutes of a test are small"
)]
mod tests {
    use askel_sync::{
        catalog::Transition,
        id::TimeZoneId,
        time::{DAY_MS, HOUR_MS},
    };
    use proptest::prelude::*;

    use super::*;

    /// 2016-03-27T01:00:00Z, when Helsinki's clocks went from 3 to 4.
    const FORWARD: i64 = 1_459_040_400_000;
    /// 2016-10-30T01:00:00Z, when they went from 4 back to 3.
    const BACK: i64 = 1_477_789_200_000;

    fn zone(first_offset_minutes: i32, changes: &[(i64, i32)]) -> Zone {
        let transition = |(at, offset_minutes): &(i64, i32)| Transition {
            at: Timestamp::from_ms(*at),
            offset_minutes: *offset_minutes,
        };
        Zone {
            id: TimeZoneId::new(1),
            name: "Test/Zone".to_owned(),
            first_offset_minutes,
            transitions: changes.iter().map(transition).collect(),
        }
    }

    fn helsinki() -> Zone {
        zone(120, &[(FORWARD, 180), (BACK, 120)])
    }

    fn hours(from: u32, until: u32) -> QuietHours {
        QuietHours::new(from * 60, until * 60).unwrap()
    }

    #[test]
    fn quiet_hours_leave_some_of_a_day() {
        let check = |from, until, fits: bool| {
            assert_eq!(
                QuietHours::new(from, until).is_some(),
                fits,
                "{from} {until}"
            );
        };
        check(22 * 60, 7 * 60, true);
        check(0, 1_439, false);
        check(0, 1_440 - AWAKE_MINUTES_MIN, true);
        check(0, 1_440 - AWAKE_MINUTES_MIN + 1, false);
        check(600, 600, false);
        check(1_440, 60, false);
        check(60, 1_440, false);
        check(1_439, 60, true);
    }

    #[test]
    fn quiet_hours_may_pass_midnight() {
        let night = hours(22, 7);
        for (minute, quiet) in [
            (1_319, false),
            (1_320, true),
            (0, true),
            (419, true),
            (420, false),
        ] {
            assert_eq!(night.contains(minute), quiet, "{minute}");
        }
        let noon = hours(12, 13);
        for (minute, quiet) in [
            (719, false),
            (720, true),
            (779, true),
            (780, false),
            (0, false),
        ] {
            assert_eq!(noon.contains(minute), quiet, "{minute}");
        }
    }

    #[test]
    fn who_sleeps_is_woken_at_seven_by_the_clock_on_their_wall() {
        let check = |at: i64, until: u32, expected: i64| {
            let at = Timestamp::from_ms(at);
            let woken = after_quiet(at, Some(hours(22, until)), &helsinki(), 0);
            assert_eq!(woken, Timestamp::from_ms(expected));
        };
        // 01:30 by the wall, of the night whose clocks go forward, back, and of another.
        check(FORWARD - 90 * MINUTE_MS, 7, FORWARD + 3 * HOUR_MS);
        check(BACK - 150 * MINUTE_MS, 7, BACK + 4 * HOUR_MS);
        check(
            FORWARD + DAY_MS - 150 * MINUTE_MS,
            7,
            FORWARD + DAY_MS + 3 * HOUR_MS,
        );
        // Half past three does not come that night: at three it is four.
        let woken = after_quiet(
            Timestamp::from_ms(FORWARD - HOUR_MS),
            QuietHours::new(22 * 60, 3 * 60 + 30),
            &helsinki(),
            0,
        );
        assert_eq!(woken, Timestamp::from_ms(FORWARD));
        // Half a minute into a minute ends with the minute.
        check(
            FORWARD + 2 * HOUR_MS + 59 * MINUTE_MS + 30_000,
            7,
            FORWARD + 3 * HOUR_MS,
        );
    }

    fn any_quiet() -> impl Strategy<Value = QuietHours> {
        (0..DAY_MINUTES, 0..DAY_MINUTES)
            .prop_filter_map("a day", |(from, until)| QuietHours::new(from, until))
    }

    fn any_zone() -> impl Strategy<Value = Zone> {
        let change = (-30_i64..30, -40_i32..=40);
        (-48_i32..=48, proptest::collection::vec(change, 0..4)).prop_map(|(first, changes)| {
            let at = |hours: i64| FORWARD + hours * 24 * HOUR_MS;
            let mut changes: Vec<_> = changes
                .into_iter()
                .map(|(days, quarters)| (at(days), quarters * 15))
                .collect();
            changes.sort_unstable();
            changes.dedup_by_key(|(at, _)| *at);
            zone(first * 15, &changes)
        })
    }

    proptest! {
        #[test]
        fn nobody_is_woken_late_or_before_the_reason(now in 0_i64..2_000_000_000_000, random: u64) {
            let now = Timestamp::from_ms(now);
            let waits = due(now, random).saturating_ms_since(now);
            prop_assert!((0..=PUSH_DELAY_MS_MAX).contains(&waits));
        }

        #[test]
        fn nobody_is_woken_within_quiet_hours(
            minutes in -40_i64 * 24 * 60..40 * 24 * 60,
            quiet in any_quiet(),
            zone in any_zone(),
            random: u64,
        ) {
            let at = Timestamp::from_ms(FORWARD + minutes * MINUTE_MS + 12_345);
            let woken = after_quiet(at, Some(quiet), &zone, random);
            prop_assert!(!quiet.contains(zone.minute_of_day(woken)));
            prop_assert!(woken >= at);
            // Every minute before it is quiet, but for the half hour that is drawn from.
            let end = woken.as_ms() - PUSH_DELAY_MS_MAX;
            let mut before = at;
            while before.as_ms() < end {
                prop_assert!(quiet.contains(zone.minute_of_day(before)));
                before = before.saturating_add_ms(MINUTE_MS);
            }
        }

        #[test]
        fn who_is_awake_or_never_quiet_waits_no_longer(
            minutes in 0_i64..80 * 24 * 60,
            quiet in any_quiet(),
            zone in any_zone(),
            random: u64,
        ) {
            let at = Timestamp::from_ms(FORWARD + minutes * MINUTE_MS);
            prop_assert_eq!(after_quiet(at, None, &zone, random), at);
            if !quiet.contains(zone.minute_of_day(at)) {
                prop_assert_eq!(after_quiet(at, Some(quiet), &zone, random), at);
            }
        }
    }

    #[test]
    fn the_delay_is_drawn_from_all_of_half_an_hour() {
        let now = Timestamp::from_ms(FORWARD);
        let window = u64::try_from(PUSH_DELAY_MS_MAX).unwrap();
        assert_eq!(due(now, 0), now);
        assert_eq!(due(now, window), now.saturating_add_ms(PUSH_DELAY_MS_MAX));
        assert_eq!(due(now, window + 1), now);
        // So is the one after quiet hours.
        let at = Timestamp::from_ms(FORWARD + DAY_MS);
        let night = Some(hours(22, 7));
        let first = after_quiet(at, night, &helsinki(), 0);
        let last = after_quiet(at, night, &helsinki(), window);
        assert_eq!(last.saturating_ms_since(first), PUSH_DELAY_MS_MAX);
    }
}
