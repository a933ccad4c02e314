//! The judgement of an op: who may write what about whom, and what is said of the rest.

use askel_sync::{
    admission::{
        Author, CheckInFact, ClockReading, Clocks, Facts, Flags, Judgement, PlaceScope, Rejection,
        Role, Strength, judge,
    },
    id::{DeviceId, GoalId, LogId, OpId, ParticipantId, PassTag, PlaceId},
    op::{
        CheckIn, Correction, CorrectionReason, Manner, Op, Origin, Payload, QuestJoined, Tally,
        Verdict, Witness,
    },
    time::{ClockSegment, HOUR_MS, LocalDate, Timestamp},
};

use crate::world::{BASEMENT, LIBRARY, LUNCH, ME, PASS, catalog_with, hours};

pub(crate) const DEVICE: DeviceId = DeviceId::from_bytes([1; 16]);
const LOG: LogId = LogId::from_bytes([2; 16]);
const MY_OTHER_LOG: LogId = LogId::from_bytes([3; 16]);
const SOMEONES_LOG: LogId = LogId::from_bytes([4; 16]);
pub(crate) const KNOWN: OpId = OpId::from_bytes([5; 16]);
const BURNED: PassTag = PassTag::from_bytes([6; 16]);

/// What a server with one check-in and one pass knows.
pub(crate) struct World;

impl Facts for World {
    fn pass_holder(&self, pass: PassTag) -> Option<ParticipantId> {
        (pass == PASS).then_some(ME)
    }

    fn check_in(&self, id: OpId) -> Option<CheckInFact> {
        (id == KNOWN).then_some(CheckInFact {
            subject: ME,
            place: BASEMENT,
            corrected_at: hours(12),
            session: LUNCH,
            pass: Some(PASS),
        })
    }

    fn log_writer(&self, log: LogId) -> Option<(DeviceId, Option<ParticipantId>)> {
        match log {
            MY_OTHER_LOG => Some((DeviceId::from_bytes([9; 16]), Some(ME))),
            SOMEONES_LOG => Some((DeviceId::from_bytes([8; 16]), None)),
            _ => None,
        }
    }

    fn local_date(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate> {
        catalog_with(Vec::new()).local_date(place, at)
    }
}

fn participant() -> Author {
    Author {
        device: DEVICE,
        role: Role::Participant,
        participant: Some(ME),
        scope: PlaceScope::Only(Vec::new()),
        lease_until: None,
    }
}

fn staff(role: Role) -> Author {
    Author {
        device: DEVICE,
        role,
        participant: None,
        scope: PlaceScope::Only(vec![BASEMENT]),
        lease_until: Some(hours(20)),
    }
}

fn clocks() -> Clocks {
    let written_in = ClockSegment::default();
    Clocks {
        written_in,
        sent_with: None,
        received_at: hours(24),
    }
}

fn judge_from(log: LogId, payload: &Payload, author: &Author) -> Judgement {
    let op = Op::new(Origin { log, sequence: 0 }, payload);
    judge(&op, LOG, author, clocks(), &World)
}

fn judged(payload: &Payload, author: &Author) -> Judgement {
    judge_from(LOG, payload, author)
}

/// The rejection; `None` when it is accepted.
fn rejection(payload: &Payload, author: &Author) -> Option<Rejection> {
    match judged(payload, author) {
        Judgement::Accepted { .. } => None,
        Judgement::Rejected(rejection) => Some(rejection),
        Judgement::Deferred => panic!("deferred"),
    }
}

fn check_in(place: PlaceId, at: Timestamp, witness: Witness) -> Payload {
    let (occurred_at, session, manner) = (at, LUNCH, Manner::OnSite);
    Payload::CheckIn(CheckIn {
        place,
        occurred_at,
        session,
        manner,
        catalog_version: 1,
        witness,
    })
}

fn scan(place: PlaceId, pass: PassTag) -> Payload {
    check_in(place, hours(12), Witness::PassScan(pass))
}

fn correction(check_in: OpId) -> Payload {
    Payload::Correction(Correction {
        check_in,
        revision: 1,
        verdict: Verdict::Void,
        reason: CorrectionReason::ScannedByMistake,
        occurred_at: hours(12),
    })
}

#[test]
fn strength_and_subject_are_computed_and_never_claimed() {
    let admission = |payload: &Payload, author: &Author| match judged(payload, author) {
        Judgement::Accepted { admission, .. } => admission,
        other => panic!("{other:?}"),
    };
    let scanned = admission(&scan(BASEMENT, PASS), &staff(Role::Volunteer));
    assert_eq!(
        (scanned.subject, scanned.strength),
        (Some(ME), Strength::Card)
    );
    assert_eq!(scanned.author_role, Role::Volunteer);
    let own = admission(
        &check_in(LIBRARY, hours(12), Witness::SelfReport),
        &participant(),
    );
    assert_eq!(
        (own.subject, own.strength),
        (Some(ME), Strength::SelfReport)
    );
    let poster = Witness::VenueCode(vec![1, 2, 3]);
    let poster = admission(&check_in(LIBRARY, hours(12), poster), &participant());
    assert_eq!(poster.strength, Strength::SelfReport);
}

#[test]
fn nobody_writes_beyond_their_row() {
    let refused = Some(Rejection::NotAllowed);
    let report = check_in(BASEMENT, hours(12), Witness::SelfReport);
    assert_eq!(rejection(&scan(BASEMENT, PASS), &participant()), refused);
    assert_eq!(
        rejection(&scan(LIBRARY, PASS), &staff(Role::Staff)),
        refused
    );
    assert_eq!(rejection(&report, &staff(Role::Staff)), refused);
    let tally = |place| {
        let (occurred_at, manner) = (hours(12), Manner::OnSite);
        Payload::Tally(Tally {
            place,
            occurred_at,
            session: LUNCH,
            manner,
            delta: 1,
        })
    };
    assert_eq!(rejection(&tally(BASEMENT), &staff(Role::Volunteer)), None);
    assert_eq!(rejection(&tally(LIBRARY), &staff(Role::Volunteer)), refused);
    assert_eq!(rejection(&tally(BASEMENT), &participant()), refused);
    assert_eq!(rejection(&correction(KNOWN), &staff(Role::Staff)), None);
    assert_eq!(
        rejection(&correction(KNOWN), &staff(Role::Volunteer)),
        refused
    );
    assert_eq!(rejection(&correction(KNOWN), &participant()), refused);
    let joined = QuestJoined {
        goal: GoalId::new(1),
        occurred_at: hours(12),
    };
    let joined = Payload::QuestJoined(joined);
    assert_eq!(rejection(&joined, &participant()), None);
    assert_eq!(rejection(&joined, &staff(Role::Organiser)), refused);
}

#[test]
fn what_is_cited_has_to_be_known() {
    let unknown = rejection(&scan(BASEMENT, BURNED), &staff(Role::Staff));
    assert_eq!(unknown, Some(Rejection::PassUnknown));
    let unknown = rejection(&correction(OpId::from_bytes([0; 16])), &staff(Role::Staff));
    assert_eq!(unknown, Some(Rejection::CitedOpUnknown));
}

#[test]
fn an_op_of_another_log_is_taken_from_the_same_device_or_participant_only() {
    let report = check_in(BASEMENT, hours(12), Witness::SelfReport);
    let from = |log| {
        matches!(
            judge_from(log, &report, &participant()),
            Judgement::Accepted { .. }
        )
    };
    assert!(from(LOG));
    assert!(from(MY_OTHER_LOG));
    assert!(from(LogId::from_bytes([0; 16])));
    let foreign = judge_from(SOMEONES_LOG, &report, &participant());
    assert_eq!(foreign, Judgement::Rejected(Rejection::OriginNotYours));
}

#[test]
fn a_lease_covers_what_happened_before_its_end() {
    let at = |at| check_in(BASEMENT, at, Witness::PassScan(PASS));
    let last = at(hours(20).saturating_add_ms(-1));
    assert_eq!(rejection(&last, &staff(Role::Staff)), None);
    assert_eq!(
        rejection(&at(hours(20)), &staff(Role::Staff)),
        Some(Rejection::LeaseEnded)
    );
}

#[test]
fn an_unknown_place_is_flagged_and_an_unknown_kind_deferred() {
    let elsewhere = check_in(PlaceId::new(99), hours(12), Witness::SelfReport);
    match judged(&elsewhere, &participant()) {
        Judgement::Accepted { admission, .. } => {
            assert_eq!(admission.flags, Flags::PLACE_UNKNOWN);
        }
        other => panic!("{other:?}"),
    }
    let origin = Origin {
        log: LOG,
        sequence: 0,
    };
    let op = |kind, payload| Op {
        kind,
        payload,
        origin,
    };
    let of = |op: &Op| judge(op, LOG, &participant(), clocks(), &World);
    assert_eq!(of(&op(9_999, vec![0x08, 0x01])), Judgement::Deferred);
    assert_eq!(
        of(&op(1, vec![0xff])),
        Judgement::Rejected(Rejection::Malformed)
    );
    assert_eq!(
        of(&op(52, Vec::new())),
        Judgement::Deferred,
        "an erasure waits for its version"
    );
}

#[test]
fn a_clock_that_was_set_in_between_is_corrected_and_told() {
    let behind_ms = -5 * HOUR_MS;
    let wall = hours(24).saturating_add_ms(behind_ms);
    let segment = ClockSegment {
        boot_id: 7,
        wall_minus_monotonic_ms: behind_ms,
    };
    let clocks = Clocks {
        written_in: segment,
        sent_with: Some(ClockReading { wall, segment }),
        ..clocks()
    };
    let claimed = hours(12).saturating_add_ms(behind_ms);
    let payload = check_in(BASEMENT, claimed, Witness::SelfReport);
    let op = Op::new(
        Origin {
            log: LOG,
            sequence: 0,
        },
        &payload,
    );
    match judge(&op, LOG, &participant(), clocks, &World) {
        Judgement::Accepted { admission, .. } => {
            assert_eq!(admission.corrected_at, hours(12));
            assert_eq!(admission.flags, Flags::CLOCK_CORRECTED);
        }
        other => panic!("{other:?}"),
    }
}
