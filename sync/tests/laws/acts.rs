//! Random months: acts that cite each other, in a world small enough that they collide.

use askel_sync::{
    admission::{AdmittedOp, Flags, Strength},
    id::{AwardId, GoalId, OpId, PlaceId, SessionId, SlotId, StepSourceId},
    op::{
        Alias, AwardConfirmed, AwardWithdrawn, CheckIn, Correction, CorrectionReason,
        FavouriteAdded, FavouriteRemoved, Manner, Measure, Payload, ProfileField, ProfileSet,
        QuestJoined, QuestLeft, SessionRef, StepCount, Verdict, WithdrawalReason, Witness,
    },
    time::{MINUTE_MS, Quarter, Timestamp},
};
use proptest::{prelude::*, sample::Index};

use crate::world::{PASS, admitted, tuesday};

/// One act; an [`Index`] points at another act of the same month, earlier or later.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    CheckIn {
        place: u32,
        minute: i64,
        session: SessionRef,
        version: u32,
        card: bool,
    },
    Correction {
        of: Index,
        revision: u32,
        verdict: Verdict,
    },
    Steps {
        source: u8,
        quarter: u32,
        count: u32,
        revision: u32,
        measure: Measure,
        clock: Clock,
    },
    Profile {
        minute: i64,
        revision: u32,
        field: ProfileField,
    },
    Joined {
        goal: u32,
    },
    Left {
        goal: u32,
        joins: Vec<Index>,
    },
    Favourite {
        place: u32,
    },
    Unfavourite {
        place: u32,
        adds: Vec<Index>,
    },
    Confirmed {
        award: u8,
        minute: i64,
    },
    Withdrawn {
        award: u8,
    },
}

/// The clock that steps were written by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    Right,
    /// So many minutes behind, and corrected.
    Behind(i64),
    /// A day ahead, with nothing to correct it by.
    Ahead,
}

fn clock() -> impl Strategy<Value = Clock> {
    prop_oneof![
        4 => Just(Clock::Right),
        2 => prop::sample::select(vec![-26 * 60, -70, 7, 24 * 60]).prop_map(Clock::Behind),
        1 => Just(Clock::Ahead),
    ]
}

/// Minutes from Tuesday's midnight that lie around slots, midnight and the cut at four.
fn minute() -> impl Strategy<Value = i64> {
    let day = prop::sample::select(vec![0, 1_440, 2_880]);
    let minute = prop::sample::select(vec![0, 60, 200, 300, 725, 790, 1_000, 1_100, 1_400]);
    (day, minute).prop_map(|(day, minute): (i64, i64)| day + minute)
}

fn session() -> impl Strategy<Value = SessionRef> {
    prop_oneof![
        4 => (0..3_u32).prop_map(|slot| SessionRef::Slot(SlotId::new(slot))),
        1 => (1..3_u32).prop_map(|id| SessionRef::Dated(SessionId::new(id))),
    ]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Void),
        Just(Verdict::Reinstate),
        (minute(), session()).prop_map(|(minute, session)| Verdict::ReDate {
            occurred_at: tuesday(minute),
            session
        }),
    ]
}

fn measure() -> impl Strategy<Value = Measure> {
    prop_oneof![4 => Just(Measure::Steps), 1 => Just(Measure::Minutes)]
}

fn act() -> impl Strategy<Value = Act> {
    let cited = || prop::collection::vec(any::<Index>(), 1..4);
    prop_oneof![
        6 => (1..4_u32, minute(), session(), 1..3_u32, any::<bool>()).prop_map(
            |(place, minute, session, version, card)| Act::CheckIn {
                place,
                minute,
                session,
                version,
                card
            }
        ),
        4 => (any::<Index>(), 1..4_u32, verdict())
            .prop_map(|(of, revision, verdict)| Act::Correction { of, revision, verdict }),
        6 => (0..3_u8, 0..16_u32, 0..4_000_u32, 1..4_u32, measure(), clock()).prop_map(
            |(source, quarter, count, revision, measure, clock)| Act::Steps {
                source,
                quarter: quarter * 3,
                count,
                revision,
                measure,
                clock
            }
        ),
        2 => (minute(), 1..4_u32, field())
            .prop_map(|(minute, revision, field)| Act::Profile { minute, revision, field }),
        2 => (1..13_u32).prop_map(|goal| Act::Joined { goal }),
        2 => (1..13_u32, cited()).prop_map(|(goal, joins)| Act::Left { goal, joins }),
        2 => (1..4_u32).prop_map(|place| Act::Favourite { place }),
        2 => (1..4_u32, cited()).prop_map(|(place, adds)| Act::Unfavourite { place, adds }),
        1 => (0..3_u8, minute()).prop_map(|(award, minute)| Act::Confirmed { award, minute }),
        1 => (0..3_u8).prop_map(|award| Act::Withdrawn { award }),
    ]
}

fn field() -> impl Strategy<Value = ProfileField> {
    prop_oneof![
        (1..4_u32, 0..3_u32).prop_map(|(word, number)| ProfileField::Alias(Alias { word, number })),
        (0..4_u32).prop_map(ProfileField::Picture),
        prop::sample::select(vec!["fi", "sv"])
            .prop_map(|language| ProfileField::Language(language.to_owned())),
    ]
}

/// A month of ops as the server admitted them.
pub(crate) fn month() -> impl Strategy<Value = Vec<AdmittedOp>> {
    prop::collection::vec(act(), 1..40).prop_map(|acts| written(&acts))
}

/// A month and an order of delivery: every op at least once.
pub(crate) fn delivered() -> impl Strategy<Value = (Vec<AdmittedOp>, Vec<AdmittedOp>)> {
    month().prop_flat_map(|ops| {
        let again = prop::collection::vec(any::<Index>(), 0..10);
        (Just(ops), again).prop_flat_map(|(ops, again)| {
            let extra: Vec<AdmittedOp> =
                again.iter().map(|index| index.get(&ops).clone()).collect();
            let all = [ops.clone(), extra].concat();
            (Just(ops), Just(all).prop_shuffle())
        })
    })
}

/// Acts that cite no other come first, so that their ids are known to those that do.
fn written(acts: &[Act]) -> Vec<AdmittedOp> {
    let plain: Vec<Option<AdmittedOp>> = (0..)
        .zip(acts)
        .map(|(sequence, act)| {
            let (payload, at, strength) = plain(act)?;
            Some(clocked(act, admitted(sequence, &payload, at, strength)))
        })
        .collect();
    let ids: Vec<Option<OpId>> = plain
        .iter()
        .map(|op| op.as_ref().map(AdmittedOp::id))
        .collect();
    let id = |index: &Index| index.get(&ids).unwrap_or(OpId::from_bytes([0xee; 16]));
    let citing = |(sequence, act): (u64, &Act)| {
        let payload = citing(act, &id)?;
        Some(admitted(
            sequence,
            &payload,
            tuesday(0),
            Strength::Unspecified,
        ))
    };
    let citing: Vec<AdmittedOp> = (0..).zip(acts).filter_map(citing).collect();
    plain.into_iter().flatten().chain(citing).collect()
}

/// As admission judged the clock.
fn clocked(act: &Act, mut op: AdmittedOp) -> AdmittedOp {
    let written = op.admission.corrected_at;
    let mut judge = |minutes, received_at, flags| {
        op.admission.corrected_at = written.saturating_add_ms(minutes * MINUTE_MS);
        op.admission.received_at = received_at;
        op.admission.flags = flags;
    };
    match act {
        Act::Steps {
            clock: Clock::Behind(minutes),
            ..
        } => judge(*minutes, tuesday(9_000), Flags::CLOCK_CORRECTED),
        Act::Steps {
            clock: Clock::Ahead,
            ..
        } => judge(
            -24 * 60,
            written.saturating_add_ms(-24 * 60 * MINUTE_MS),
            Flags::CLOCK_UNSURE,
        ),
        _ => {}
    }
    op
}

fn plain(act: &Act) -> Option<(Payload, Timestamp, Strength)> {
    let now = tuesday(0);
    let (payload, at) = match act {
        Act::CheckIn { minute, card, .. } => {
            let strength = if *card {
                Strength::Card
            } else {
                Strength::SelfReport
            };
            return Some((check_in(act)?, tuesday(*minute), strength));
        }
        Act::Steps { quarter, .. } => (steps(act)?, bucket(*quarter)?.begins_at()),
        Act::Profile {
            minute,
            revision,
            field,
        } => {
            let occurred_at = tuesday(*minute);
            (
                Payload::ProfileSet(ProfileSet {
                    occurred_at,
                    field: field.clone(),
                    revision: *revision,
                }),
                occurred_at,
            )
        }
        Act::Joined { goal } => {
            let joined = QuestJoined {
                goal: GoalId::new(*goal),
                occurred_at: now,
            };
            (Payload::QuestJoined(joined), now)
        }
        Act::Favourite { place } => {
            let added = FavouriteAdded {
                place: PlaceId::new(*place),
                occurred_at: now,
            };
            (Payload::FavouriteAdded(added), now)
        }
        Act::Confirmed { award, minute } => (confirmed(*award, tuesday(*minute)), now),
        Act::Withdrawn { award } => {
            let withdrawn = AwardWithdrawn {
                award: AwardId::from_bytes([*award; 16]),
                reason: WithdrawalReason::GrantedByMistake,
                occurred_at: now,
            };
            (Payload::AwardWithdrawn(withdrawn), now)
        }
        Act::Correction { .. } | Act::Left { .. } | Act::Unfavourite { .. } => return None,
    };
    Some((payload, at, Strength::Unspecified))
}

fn check_in(act: &Act) -> Option<Payload> {
    let Act::CheckIn {
        place,
        minute,
        session,
        version,
        card,
    } = act
    else {
        return None;
    };
    Some(Payload::CheckIn(CheckIn {
        place: PlaceId::new(*place),
        occurred_at: tuesday(*minute),
        session: *session,
        manner: if *card {
            Manner::OnSite
        } else {
            Manner::Remote
        },
        catalog_version: *version,
        witness: if *card {
            Witness::PassScan(PASS)
        } else {
            Witness::SelfReport
        },
    }))
}

fn steps(act: &Act) -> Option<Payload> {
    let Act::Steps {
        source,
        quarter,
        count,
        revision,
        measure,
        ..
    } = act
    else {
        return None;
    };
    Some(Payload::StepCount(StepCount {
        source: StepSourceId::from_bytes([*source; 16]),
        bucket: bucket(*quarter)?,
        count: *count,
        revision: *revision,
        measure: *measure,
    }))
}

fn bucket(quarter: u32) -> Option<Quarter> {
    let first = Quarter::containing(tuesday(22 * 60))?.get();
    Some(Quarter::new(first + quarter))
}

fn confirmed(award: u8, occurred_at: Timestamp) -> Payload {
    Payload::AwardConfirmed(AwardConfirmed {
        award: AwardId::from_bytes([award; 16]),
        goal: GoalId::new(1),
        stage: 0,
        rule_version: 1,
        catalog_hash: vec![3; 32],
        occurred_at,
    })
}

fn citing(act: &Act, id: &impl Fn(&Index) -> OpId) -> Option<Payload> {
    let occurred_at = tuesday(0);
    Some(match act {
        Act::Correction {
            of,
            revision,
            verdict,
        } => Payload::Correction(Correction {
            check_in: id(of),
            revision: *revision,
            verdict: *verdict,
            reason: CorrectionReason::ScannedByMistake,
            occurred_at,
        }),
        Act::Left { goal, joins } => Payload::QuestLeft(QuestLeft {
            goal: GoalId::new(*goal),
            occurred_at,
            joined: joins.iter().map(id).collect(),
        }),
        Act::Unfavourite { place, adds } => Payload::FavouriteRemoved(FavouriteRemoved {
            place: PlaceId::new(*place),
            occurred_at,
            added: adds.iter().map(id).collect(),
        }),
        _ => return None,
    })
}
