//! A small world: one tenant, two places, a drop-in with two slots a day, an overnight outing, and
//! goals with every operator.

use std::sync::Arc;

use askel_proto::v1;
use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    catalog::{self, Catalog},
    id::{LogId, OpId, ParticipantId, PassTag, PlaceId, SessionId, SlotId, TenantId},
    op::{
        CheckIn, Correction, CorrectionReason, Manner, Op, Origin, Payload, SessionRef, Verdict,
        Witness,
    },
    time::{HOUR_MS, LocalDate, MINUTE_MS, Timestamp},
};

pub(crate) const TENANT: TenantId = TenantId::from_bytes([1; 16]);
pub(crate) const ME: ParticipantId = ParticipantId::from_bytes([2; 16]);
pub(crate) const BASEMENT: PlaceId = PlaceId::new(1);
pub(crate) const LIBRARY: PlaceId = PlaceId::new(2);
pub(crate) const LUNCH: SessionRef = SessionRef::Slot(SlotId::new(1));
pub(crate) const EVENING: SessionRef = SessionRef::Slot(SlotId::new(2));
pub(crate) const OUTSIDE: SessionRef = SessionRef::Slot(SlotId::new(0));
pub(crate) const OUTING: SessionRef = SessionRef::Dated(SessionId::new(1));
pub(crate) const PASS: PassTag = PassTag::from_bytes([7; 16]);

/// Tuesday, 12 April 2016: days since 1970-01-01.
pub(crate) const TUESDAY: i32 = 16_903;
/// That day's midnight in Helsinki (UTC+3).
pub(crate) const MIDNIGHT: Timestamp = Timestamp::from_ms(1_460_408_400_000);

/// So many minutes after Tuesday's midnight in Helsinki.
pub(crate) fn tuesday(minutes: i64) -> Timestamp {
    MIDNIGHT.saturating_add_ms(minutes * MINUTE_MS)
}

/// So many hours after Tuesday's midnight in Helsinki.
pub(crate) fn hours(hours: i64) -> Timestamp {
    MIDNIGHT.saturating_add_ms(hours * HOUR_MS)
}

pub(crate) fn day(days_after_tuesday: i32) -> LocalDate {
    LocalDate::from_days(TUESDAY + days_after_tuesday)
}

pub(crate) fn text(words: &str) -> Option<v1::LocalizedText> {
    let variant = v1::TextVariant {
        language: "en".to_owned(),
        text: words.to_owned(),
    };
    Some(v1::LocalizedText {
        variants: vec![variant],
    })
}

pub(crate) fn helsinki() -> v1::TimeZone {
    v1::TimeZone {
        id: 1,
        name: "Europe/Helsinki".to_owned(),
        first_offset_minutes: 120,
        transitions: vec![
            v1::Transition {
                at_s: 1_459_040_400,
                offset_minutes: 180,
            },
            v1::Transition {
                at_s: 1_477_789_200,
                offset_minutes: 120,
            },
        ],
    }
}

fn interval(slot_id: u32, weekday: u32, from: u32, until: u32) -> v1::OpeningInterval {
    v1::OpeningInterval {
        slot_id,
        weekday,
        from_minute: from * 60,
        until_minute: until * 60,
        activity_id: 1,
    }
}

fn place(id: u32, opening_intervals: Vec<v1::OpeningInterval>, keyword: &str) -> v1::Place {
    v1::Place {
        id,
        organisation_id: 1,
        name: text("a place"),
        time_zone_id: 1,
        opening_intervals,
        keywords: vec![keyword.to_owned()],
        ..v1::Place::default()
    }
}

fn activity(id: u32, kind: v1::ActivityKind, keyword: &str) -> v1::Activity {
    v1::Activity {
        id,
        kind: kind.into(),
        name: text("an activity"),
        keywords: vec![keyword.to_owned()],
        organisation_id: 1,
        ..v1::Activity::default()
    }
}

/// A catalog without goals.
pub(crate) fn bare_catalog() -> v1::Catalog {
    // The basement: Tuesday 12-15 and 17-26, that is until two in the night.
    let basement = vec![interval(1, 2, 12, 15), interval(2, 2, 17, 26)];
    v1::Catalog {
        version: 1,
        tenant_id: TENANT.to_vec(),
        time_zones: vec![helsinki()],
        organisations: vec![v1::Organisation {
            id: 1,
            name: text("an organisation"),
        }],
        places: vec![
            place(1, basement, "downstairs"),
            place(2, vec![interval(1, 3, 9, 20)], "books"),
        ],
        activities: vec![
            activity(1, v1::ActivityKind::DropIn, "coffee"),
            activity(2, v1::ActivityKind::Outing, "forest"),
        ],
        // An outing from the library: Wednesday 18:00 to Thursday 10:00.
        sessions: vec![v1::Session {
            id: 1,
            activity_id: 2,
            place_id: 2,
            starts_at_ms: hours(24 + 18).as_ms(),
            ends_at_ms: hours(48 + 10).as_ms(),
        }],
        badges: (1..=20)
            .map(|id| v1::Badge {
                id,
                name: text("a badge"),
                ..v1::Badge::default()
            })
            .collect(),
        ..v1::Catalog::default()
    }
}

/// A goal with badge 1.
pub(crate) fn goal(id: u32, rule: v1::Rule) -> v1::Goal {
    v1::Goal {
        id,
        kind: v1::GoalKind::Badge.into(),
        name: text("a goal"),
        rule_version: 1,
        rule: Some(rule),
        badge_id: 1,
        ..v1::Goal::default()
    }
}

pub(crate) fn season(first: i32, last: i32) -> Option<v1::Season> {
    let (first_date, last_date) = (TUESDAY + first, TUESDAY + last);
    Some(v1::Season {
        first_date,
        last_date,
        time_zone_id: 1,
    })
}

/// A catalog with these goals.
pub(crate) fn catalog_with(goals: Vec<v1::Goal>) -> Arc<Catalog> {
    let proto = v1::Catalog {
        goals,
        ..bare_catalog()
    };
    Arc::new(Catalog::parse(&catalog::encode(&proto)).expect("a good catalog"))
}

/// An op at a place of the world's one log.
pub(crate) fn op(sequence: u64, payload: &Payload) -> Op {
    Op::new(
        Origin {
            log: LogId::from_bytes([9; 16]),
            sequence,
        },
        payload,
    )
}

/// An op as the server admits it at an instant.
pub(crate) fn admitted(
    sequence: u64,
    payload: &Payload,
    at: Timestamp,
    strength: Strength,
) -> AdmittedOp {
    AdmittedOp {
        op: op(sequence, payload),
        admission: Admission {
            corrected_at: at,
            received_at: at,
            subject: Some(ME),
            strength,
            flags: Flags::default(),
            author_role: Role::Participant,
        },
    }
}

/// A check-in at the basement by a card.
pub(crate) fn check_in(sequence: u64, at: Timestamp, session: SessionRef) -> AdmittedOp {
    check_in_at(sequence, BASEMENT, at, session)
}

pub(crate) fn check_in_at(
    sequence: u64,
    place: PlaceId,
    at: Timestamp,
    session: SessionRef,
) -> AdmittedOp {
    let payload = CheckIn {
        place,
        occurred_at: at,
        session,
        manner: Manner::OnSite,
        catalog_version: 1,
        witness: Witness::PassScan(PASS),
    };
    admitted(sequence, &Payload::CheckIn(payload), at, Strength::Card)
}

pub(crate) fn correction(
    sequence: u64,
    check_in: OpId,
    revision: u32,
    verdict: Verdict,
) -> AdmittedOp {
    let payload = Correction {
        check_in,
        revision,
        verdict,
        reason: CorrectionReason::ScannedByMistake,
        occurred_at: hours(20),
    };
    admitted(
        sequence,
        &Payload::Correction(payload),
        hours(20),
        Strength::Unspecified,
    )
}
