//! Clocks that jump and lie: what happened when, and that no extreme wins for good.

use askel_sync::{
    admission::{
        AdmittedOp, Author, CheckInFact, ClockReading, Clocks, Facts, Flags, Judgement, Rejection,
        Role, Strength, correct, counted_in, judge,
    },
    fold::{ChallengeTotals, ParticipantState},
    id::{DeviceId, GoalId, LogId, OpId, ParticipantId, PassTag, PlaceId, StepSourceId},
    limits::{CLOCK_SKEW_TOLERATED_MS, REVISION_AHEAD_MAX, STEPS_PER_BUCKET_MAX},
    op::{
        Alias, ChallengeTotal, Correction, CorrectionReason, Measure, Op, Origin, Payload,
        ProfileField, ProfileSet, Register, SessionRef, StepCount, Verdict,
    },
    time::{BootTime, ClockSegment, DAY_MS, HOUR_MS, LocalDate, QUARTER_MS, Quarter, Timestamp},
};
use proptest::prelude::*;

use crate::{
    admission::{KNOWN, LOG, REGISTER_REVISION, World, clocks, participant, staff},
    world::{LUNCH, ME, admitted, catalog_with, check_in, hours, tuesday},
};

/// A boot of a phone whose wall clock is set to something else now and then.
#[derive(Debug, Clone)]
struct Boot {
    at: Timestamp,
    /// From when on (in milliseconds since the boot) the clock is how far off.
    offsets: Vec<(i64, i64)>,
}

impl Boot {
    fn offset_ms(&self, at: Timestamp) -> i64 {
        let since = at.saturating_ms_since(self.at);
        let passed = self.offsets.iter().filter(|(from, _)| *from <= since);
        passed
            .max_by_key(|(from, _)| *from)
            .map_or(0, |(_, off)| *off)
    }

    /// What the phone reads at a true instant.
    fn read(&self, at: Timestamp) -> ClockReading {
        let wall = at.saturating_add_ms(self.offset_ms(at));
        let since = at.saturating_ms_since(self.at);
        ClockReading {
            wall,
            segment: ClockSegment {
                boot_id: 77,
                wall_minus_monotonic_ms: wall.as_ms() - since,
            },
        }
    }
}

fn boot() -> impl Strategy<Value = Boot> {
    let off = prop_oneof![
        Just(0),
        -90_000..90_000_i64,
        -3 * DAY_MS..3 * DAY_MS,
        Just(73 * 365 * DAY_MS),
        Just(-46 * 365 * DAY_MS),
    ];
    let jumps = prop::collection::vec((0..10 * DAY_MS, off), 0..6);
    jumps.prop_map(|offsets| Boot {
        at: tuesday(0),
        offsets,
    })
}

proptest! {
    #[test]
    fn within_one_boot_every_act_is_put_where_it_was(
        boot in boot(),
        acted_ms in 0..10 * DAY_MS,
        waited_ms in 0..40 * DAY_MS,
    ) {
        let acted = boot.at.saturating_add_ms(acted_ms);
        let sent = acted.saturating_add_ms(waited_ms);
        let written = boot.read(acted);
        let clocks = Clocks {
            written_in: written.segment,
            sent_with: Some(boot.read(sent)),
            told: None,
            received_at: sent,
        };
        let found = correct(written.wall, &clocks);
        let off_ms = found.at.saturating_ms_since(acted).saturating_abs();
        prop_assert!(off_ms <= CLOCK_SKEW_TOLERATED_MS, "{} ms off", off_ms);
        prop_assert!(!found.flags.contains(Flags::CLOCK_UNSURE));
        let is_off = boot.offset_ms(acted).saturating_abs() > CLOCK_SKEW_TOLERATED_MS;
        prop_assert_eq!(found.flags.contains(Flags::CLOCK_CORRECTED), is_off);
    }

    #[test]
    fn within_one_boot_steps_count_in_the_quarter_they_were_walked(
        boot in boot(),
        acted_ms in HOUR_MS..10 * DAY_MS,
    ) {
        let acted = boot.at.saturating_add_ms(acted_ms);
        let written = boot.read(acted);
        // A clock before 1970 has no quarters to name.
        if let Some(bucket) = Quarter::containing(written.wall) {
            let payload = Payload::StepCount(steps(bucket, 100, 1));
            let sent = acted.saturating_add_ms(12 * DAY_MS);
            let clocks = Clocks {
                written_in: written.segment,
                sent_with: Some(boot.read(sent)),
                told: None,
                received_at: sent,
            };
            let op = Op::new(Origin { log: LOG, sequence: 0 }, &payload);
            let Judgement::Accepted { admission, .. } =
                judge(&op, LOG, &participant(), clocks, &World)
            else {
                panic!("a fact is never refused for its clock");
            };
            let counted = counted_in(&steps(bucket, 100, 1), &admission).expect("walked");
            let off_ms = counted.begins_at().saturating_ms_since(acted);
            prop_assert!((-3 * QUARTER_MS / 2..=QUARTER_MS / 2).contains(&off_ms), "{}", off_ms);
        }
    }

    #[test]
    fn whatever_a_clock_says_nothing_happens_after_its_receipt(
        claimed: i64, wall: i64, written: i64, sent: i64, boots in 0..3_u64, received: i64,
    ) {
        let segment = |boot_id, ms| ClockSegment { boot_id, wall_minus_monotonic_ms: ms };
        let received_at = Timestamp::from_ms(received);
        let now = ClockReading {
            wall: Timestamp::from_ms(wall),
            segment: segment(boots.min(1), sent),
        };
        let claimed = Timestamp::from_ms(claimed);
        let told = BootTime { boot_id: 1, server_minus_monotonic_ms: sent };
        for (sent_with, told) in [(None, None), (Some(now), None), (Some(now), Some(told))] {
            let clocks = Clocks {
                written_in: segment(boots, written),
                sent_with,
                told,
                received_at,
            };
            let found = correct(claimed, &clocks);
            prop_assert!(found.at <= received_at);
            let ahead_ms = claimed.saturating_ms_since(received_at);
            let is_ahead = ahead_ms > CLOCK_SKEW_TOLERATED_MS;
            let is_told = found.flags != Flags::default();
            prop_assert!(!is_ahead || is_told, "the future is never silently taken");
        }
    }

    /// What the device learned in the boot that is over puts an act where it was; without that it is
    /// marked, though every clock is right by now.
    #[test]
    fn an_act_of_a_boot_that_is_over_is_put_right_or_marked(
        boot in boot(),
        acted_ms in 0..10 * DAY_MS,
        waited_ms in 0..40 * DAY_MS,
        late_ms in 0..60_000_i64,
        is_told: bool,
    ) {
        let acted = boot.at.saturating_add_ms(acted_ms);
        let sent = acted.saturating_add_ms(waited_ms);
        let written = boot.read(acted);
        let now = ClockReading {
            wall: sent,
            segment: ClockSegment { boot_id: 78, wall_minus_monotonic_ms: sent.as_ms() },
        };
        let told = BootTime {
            boot_id: 77,
            server_minus_monotonic_ms: boot.at.as_ms() - late_ms,
        };
        let clocks = Clocks {
            written_in: written.segment,
            sent_with: Some(now),
            told: is_told.then_some(told),
            received_at: sent,
        };
        let found = correct(written.wall, &clocks);
        let off_ms = found.at.saturating_ms_since(acted).saturating_abs();
        prop_assert_eq!(found.flags.contains(Flags::CLOCK_UNSURE), !is_told);
        prop_assert!(!is_told || off_ms <= CLOCK_SKEW_TOLERATED_MS + 60_000, "{} ms off", off_ms);
    }
}

/// What a claim says that its own boot can't have said stays, and is told.
#[test]
fn a_monotonic_clock_that_ran_backwards_ties_nothing() {
    let segment = |ms| ClockSegment {
        boot_id: 1,
        wall_minus_monotonic_ms: ms,
    };
    let now = hours(24);
    // The claim lies an hour before now and, by its segment, a day after it.
    let reading = ClockReading {
        wall: now,
        segment: segment(now.as_ms() - HOUR_MS),
    };
    let claimed = now.saturating_add_ms(-HOUR_MS);
    let written_in = segment(claimed.as_ms() - 25 * HOUR_MS);
    let clocks = Clocks {
        written_in,
        sent_with: Some(reading),
        told: None,
        received_at: now,
    };
    let found = correct(claimed, &clocks);
    assert_eq!((found.at, found.flags), (claimed, Flags::CLOCK_UNSURE));
}

/// A right clock that wrote and sends in one boot.
fn tied() -> Clocks {
    let segment = ClockSegment {
        boot_id: 1,
        wall_minus_monotonic_ms: hours(24).as_ms(),
    };
    Clocks {
        written_in: segment,
        sent_with: Some(ClockReading {
            wall: hours(24),
            segment,
        }),
        told: None,
        received_at: hours(24),
    }
}

#[test]
fn a_claim_from_before_anyone_used_askel_stands_and_is_told() {
    for ms in [i64::MIN, -1, 0, 1_262_303_999_999] {
        let claimed = Timestamp::from_ms(ms);
        let found = correct(claimed, &tied());
        assert_eq!((found.at, found.flags), (claimed, Flags::CLOCK_UNSURE));
    }
    let first = Timestamp::from_ms(1_262_304_000_000);
    let found = correct(first, &tied());
    assert_eq!(found.flags, Flags::default());
}

fn steps(bucket: Quarter, count: u32, revision: u32) -> StepCount {
    StepCount {
        source: StepSourceId::from_bytes([1; 16]),
        bucket,
        count,
        revision,
        measure: Measure::Steps,
    }
}

/// The year 2099.
const FAR: Timestamp = Timestamp::from_ms(4_070_908_800_000);

/// The most that the server takes of a participant's register, then the correction to it: both are
/// accepted, and the correction holds in either order.
fn stands(most: &Payload, corrected: &Payload) -> ParticipantState {
    let judged = |sequence, payload: &Payload, known| {
        let op = Op::new(Origin { log: LOG, sequence }, payload);
        let known = Known(known);
        match judge(&op, LOG, &participant(), clocks(), &known) {
            Judgement::Accepted { admission, .. } => AdmittedOp { op, admission },
            other => panic!("{other:?}"),
        }
    };
    let first = judged(0, most, REGISTER_REVISION);
    let second = judged(1, corrected, REGISTER_REVISION + REVISION_AHEAD_MAX);
    let catalog = catalog_with(Vec::new());
    let state = ParticipantState::fold(ME, [&first, &second], &catalog);
    assert_eq!(
        state,
        ParticipantState::fold(ME, [&second, &first], &catalog)
    );
    state
}

/// What a server knows whose registers have come so far.
struct Known(u32);

impl Facts for Known {
    fn register_revision(&self, _: ParticipantId, _: &Register) -> Option<u32> {
        Some(self.0)
    }

    fn pass_holder(&self, pass: PassTag, at: Timestamp) -> Option<ParticipantId> {
        World.pass_holder(pass, at)
    }

    fn check_in(&self, id: OpId) -> Option<CheckInFact> {
        World.check_in(id)
    }

    fn correction_revision(&self, _: OpId) -> Option<u32> {
        Some(self.0)
    }

    fn is_refused(&self, _: OpId) -> bool {
        false
    }

    fn is_erased(&self, _: ParticipantId) -> bool {
        false
    }

    fn is_pass_erased(&self, _: PassTag) -> bool {
        false
    }

    fn is_log_erased(&self, _: LogId) -> bool {
        false
    }

    fn log_writer(&self, log: LogId) -> Option<(DeviceId, Option<ParticipantId>)> {
        World.log_writer(log)
    }

    fn local_date(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate> {
        World.local_date(place, at)
    }

    fn session_date(
        &self,
        place: PlaceId,
        at: Timestamp,
        session: SessionRef,
    ) -> Option<LocalDate> {
        World.session_date(place, at, session)
    }
}

const MOST: u32 = REGISTER_REVISION + REVISION_AHEAD_MAX;

#[test]
fn the_most_steps_are_corrected() {
    let bucket = Quarter::containing(hours(10)).expect("after 1970");
    let state = stands(
        &Payload::StepCount(steps(bucket, STEPS_PER_BUCKET_MAX, MOST)),
        &Payload::StepCount(steps(bucket, 12, MOST + 1)),
    );
    let source = StepSourceId::from_bytes([1; 16]);
    assert_eq!(state.step_count(source, Measure::Steps, bucket), Some(12));
}

#[test]
fn the_latest_time_of_a_profile_is_corrected() {
    let set = |occurred_at, field: ProfileField, revision| {
        Payload::ProfileSet(ProfileSet {
            occurred_at,
            field,
            revision,
        })
    };
    for far in [FAR, Timestamp::from_ms(i64::MAX)] {
        let alias = |word| {
            ProfileField::Alias(Alias {
                word,
                number: 9_999,
            })
        };
        let state = stands(
            &set(far, alias(u32::MAX), MOST),
            &set(hours(9), alias(1), MOST + 1),
        );
        assert_eq!(state.profile().alias.map(|alias| alias.word), Some(1));
        let state = stands(
            &set(far, ProfileField::Picture(63), MOST),
            &set(hours(9), ProfileField::Picture(1), MOST + 1),
        );
        assert_eq!(state.profile().picture, Some(1));
        let language = |words: &str| ProfileField::Language(words.to_owned());
        let state = stands(
            &set(far, language("sv-simple"), MOST),
            &set(hours(9), language("fi"), MOST + 1),
        );
        assert_eq!(state.profile().language.as_deref(), Some("fi"));
    }
}

#[test]
fn a_correction_to_the_end_of_time_is_corrected() {
    let scan = check_in(1, hours(12), LUNCH);
    let correction = |check_in, verdict, occurred_at, revision| {
        Payload::Correction(Correction {
            check_in,
            revision,
            verdict,
            reason: CorrectionReason::ScannedByMistake,
            occurred_at,
        })
    };
    // The server takes one revision more at a time, whatever time it claims.
    let staff = Author {
        lease_until: None,
        ..staff(Role::Staff)
    };
    let judged = |revision, known| {
        let payload = correction(KNOWN, Verdict::Void, FAR, revision);
        let op = Op::new(
            Origin {
                log: LOG,
                sequence: 0,
            },
            &payload,
        );
        judge(&op, LOG, &staff, clocks(), &Known(known))
    };
    assert!(matches!(judged(8, 7), Judgement::Accepted { .. }));
    assert_eq!(judged(9, 7), Judgement::Rejected(Rejection::RevisionAhead));
    let catalog = catalog_with(Vec::new());
    for at in [
        FAR,
        Timestamp::from_ms(i64::MAX),
        Timestamp::from_ms(i64::MIN),
    ] {
        let moved = Verdict::ReDate {
            occurred_at: at,
            session: LUNCH,
        };
        let op = |sequence, verdict, revision| {
            let payload = correction(scan.id(), verdict, at, revision);
            admitted(sequence, &payload, hours(20), Strength::Unspecified)
        };
        let ops = [scan.clone(), op(2, moved, 1), op(3, Verdict::Reinstate, 2)];
        let state = ParticipantState::fold(ME, &ops, &catalog);
        let sessions: Vec<_> = state
            .attendances()
            .map(|one| (one.at, one.key.session))
            .collect();
        assert_eq!(sessions, [(hours(12), LUNCH)]);
    }
}

#[test]
fn the_greatest_total_is_corrected() {
    let total = |total, people, occurred_at, revision| {
        let total = ChallengeTotal {
            goal: GoalId::new(1),
            total,
            people,
            revision,
            occurred_at,
        };
        admitted(
            revision.into(),
            &Payload::ChallengeTotal(total),
            hours(1),
            Strength::Unspecified,
        )
    };
    let most = total(u64::MAX, u32::MAX, FAR, 1);
    let next = total(3, 5, hours(1), 2);
    for order in [[&most, &next], [&next, &most]] {
        let totals = ChallengeTotals::fold(order);
        assert_eq!(
            totals.total(GoalId::new(1)).map(|total| total.total),
            Some(3)
        );
    }
}
