//! The judgement of an op: who may write what about whom, and what is said of the rest.

use askel_sync::{
    admission::{
        Author, AuthorStanding, CheckInFact, ClockReading, Clocks, Deferral, Facts, Flags,
        Judgement, PlaceScope, Rejection, Role, Strength, judge,
    },
    id::{DeviceId, GoalId, LogId, OpId, ParticipantId, PassTag, PlaceId, StepSourceId},
    limits::{OWN_CORRECTION_MS_MAX, REVISION_MAX},
    op::{
        CheckIn, Correction, CorrectionReason, FavouriteAdded, FavouriteRemoved, Manner, Measure,
        Op, Origin, Payload, ProfileField, ProfileSet, QuestJoined, QuestLeft, Register,
        SessionRef, StepCount, Tally, Verdict, Witness,
    },
    time::{BootTime, ClockSegment, HOUR_MS, LocalDate, Quarter, Timestamp},
};

use crate::world::{BASEMENT, LIBRARY, LUNCH, ME, PASS, catalog_with, hours};

pub(crate) const DEVICE: DeviceId = DeviceId::from_bytes([1; 16]);
pub(crate) const LOG: LogId = LogId::from_bytes([2; 16]);
const MY_OTHER_LOG: LogId = LogId::from_bytes([3; 16]);
const SOMEONES_LOG: LogId = LogId::from_bytes([4; 16]);
pub(crate) const KNOWN: OpId = OpId::from_bytes([5; 16]);
/// Until three in the afternoon it was mine.
const BURNED: PassTag = PassTag::from_bytes([6; 16]);
/// In which the known check-in was written.
const MY_STAFF_LOG: LogId = LogId::from_bytes([7; 16]);
/// How often the known check-in was corrected.
const KNOWN_REVISION: u32 = 3;

/// How often each of my registers was written.
pub(crate) const REGISTER_REVISION: u32 = 5;
/// A check-in that was refused.
pub(crate) const REFUSED: OpId = OpId::from_bytes([0xe0; 16]);
pub(crate) const ERASED: ParticipantId = ParticipantId::from_bytes([0xe1; 16]);
pub(crate) const ERASED_PASS: PassTag = PassTag::from_bytes([0xe2; 16]);
pub(crate) const ERASED_LOG: LogId = LogId::from_bytes([0xe3; 16]);

/// What a server with one check-in and one pass knows.
pub(crate) struct World;

impl Facts for World {
    fn pass_holder(&self, pass: PassTag, at: Timestamp) -> Option<ParticipantId> {
        let good = pass == PASS || (pass == BURNED && at < hours(15));
        good.then_some(ME)
    }

    fn check_in(&self, id: OpId) -> Option<CheckInFact> {
        (id == KNOWN).then_some(CheckInFact {
            subject: ME,
            place: BASEMENT,
            corrected_at: hours(12),
            session: LUNCH,
            pass: Some(PASS),
            log: Some(MY_STAFF_LOG),
        })
    }

    fn correction_revision(&self, check_in: OpId) -> Option<u32> {
        Some(if check_in == KNOWN { KNOWN_REVISION } else { 0 })
    }

    fn register_revision(&self, subject: ParticipantId, _: &Register) -> Option<u32> {
        (subject == ME).then_some(REGISTER_REVISION)
    }

    fn is_refused(&self, op: OpId) -> bool {
        op == REFUSED
    }

    fn is_erased(&self, participant: ParticipantId) -> bool {
        participant == ERASED
    }

    fn is_pass_erased(&self, pass: PassTag) -> bool {
        pass == ERASED_PASS
    }

    fn is_log_erased(&self, log: LogId) -> bool {
        log == ERASED_LOG
    }

    fn log_writer(&self, log: LogId) -> Option<(DeviceId, Option<ParticipantId>)> {
        match log {
            MY_STAFF_LOG => Some((DEVICE, None)),
            MY_OTHER_LOG => Some((DeviceId::from_bytes([9; 16]), Some(ME))),
            SOMEONES_LOG => Some((DeviceId::from_bytes([8; 16]), None)),
            _ => None,
        }
    }

    fn local_date(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate> {
        catalog_with(Vec::new()).local_date(place, at)
    }

    fn session_date(
        &self,
        place: PlaceId,
        at: Timestamp,
        session: SessionRef,
    ) -> Option<LocalDate> {
        catalog_with(Vec::new()).session_date(place, at, session)
    }
}

pub(crate) fn participant() -> Author {
    Author {
        device: DEVICE,
        role: Role::Participant,
        participant: Some(ME),
        scope: PlaceScope::Only(Vec::new()),
        lease_until: None,
        standing: AuthorStanding::Full,
    }
}

pub(crate) fn staff(role: Role) -> Author {
    Author {
        device: DEVICE,
        role,
        participant: None,
        scope: PlaceScope::Only(vec![BASEMENT]),
        lease_until: Some(hours(20)),
        standing: AuthorStanding::Full,
    }
}

pub(crate) fn clocks() -> Clocks {
    let written_in = ClockSegment {
        boot_id: 1,
        wall_minus_monotonic_ms: 0,
    };
    // The clock of that boot was right.
    let told = BootTime {
        boot_id: 1,
        server_minus_monotonic_ms: 0,
    };
    Clocks {
        written_in,
        sent_with: None,
        told: Some(told),
        received_at: hours(24),
    }
}

pub(crate) fn judge_from(log: LogId, payload: &Payload, author: &Author) -> Judgement {
    let op = Op::new(Origin { log, sequence: 0 }, payload);
    judge(&op, LOG, author, clocks(), &World)
}

pub(crate) fn judged(payload: &Payload, author: &Author) -> Judgement {
    judge_from(LOG, payload, author)
}

/// The rejection; `None` when it is accepted.
pub(crate) fn rejection(payload: &Payload, author: &Author) -> Option<Rejection> {
    match judged(payload, author) {
        Judgement::Accepted { .. } => None,
        Judgement::Rejected(rejection) => Some(rejection),
        Judgement::Deferred(deferral) => panic!("{deferral}"),
    }
}

pub(crate) fn check_in(place: PlaceId, at: Timestamp, witness: Witness) -> Payload {
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

pub(crate) fn correction(check_in: OpId) -> Payload {
    correction_at(check_in, hours(12), 1)
}

fn correction_at(check_in: OpId, occurred_at: Timestamp, revision: u32) -> Payload {
    Payload::Correction(Correction {
        check_in,
        revision,
        verdict: Verdict::Void,
        reason: CorrectionReason::ScannedByMistake,
        occurred_at,
    })
}

pub(crate) fn tally(place: PlaceId) -> Payload {
    let (occurred_at, manner) = (hours(12), Manner::OnSite);
    Payload::Tally(Tally {
        place,
        occurred_at,
        session: LUNCH,
        manner,
        delta: 1,
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
    let poster = admission(
        &check_in(LIBRARY, hours(12), Witness::VenueCode),
        &participant(),
    );
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
    assert_eq!(rejection(&tally(BASEMENT), &staff(Role::Volunteer)), None);
    assert_eq!(rejection(&tally(LIBRARY), &staff(Role::Volunteer)), refused);
    assert_eq!(rejection(&tally(BASEMENT), &participant()), refused);
    assert_eq!(rejection(&correction(KNOWN), &staff(Role::Staff)), None);
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
fn a_scanned_pass_has_to_be_known() {
    let never = PassTag::from_bytes([0; 16]);
    let unknown = rejection(&scan(BASEMENT, never), &staff(Role::Staff));
    assert_eq!(unknown, Some(Rejection::PassUnknown));
}

#[test]
fn a_scan_from_before_the_pass_was_burned_counts() {
    let at = |at| check_in(BASEMENT, at, Witness::PassScan(BURNED));
    let last = at(hours(15).saturating_add_ms(-1));
    assert_eq!(rejection(&last, &staff(Role::Staff)), None);
    assert_eq!(
        rejection(&at(hours(15)), &staff(Role::Staff)),
        Some(Rejection::PassUnknown)
    );
}

#[test]
fn a_volunteer_judges_an_own_check_in_again_for_ten_minutes() {
    let by = |device, at| {
        let author = Author {
            device,
            ..staff(Role::Volunteer)
        };
        rejection(&correction_at(KNOWN, at, 1), &author)
    };
    let last = hours(12).saturating_add_ms(OWN_CORRECTION_MS_MAX);
    assert_eq!(by(DEVICE, hours(12)), None);
    assert_eq!(by(DEVICE, last), None);
    let refused = Some(Rejection::NotAllowed);
    assert_eq!(by(DEVICE, last.saturating_add_ms(1)), refused);
    assert_eq!(by(DEVICE, hours(12).saturating_add_ms(-1)), refused);
    assert_eq!(by(DeviceId::from_bytes([9; 16]), hours(12)), refused);
    let elsewhere = Author {
        scope: PlaceScope::Only(vec![LIBRARY]),
        ..staff(Role::Volunteer)
    };
    assert_eq!(rejection(&correction(KNOWN), &elsewhere), refused);
}

#[test]
fn a_revision_is_at_most_one_above_what_is_known() {
    let of = |revision| {
        rejection(
            &correction_at(KNOWN, hours(12), revision),
            &staff(Role::Staff),
        )
    };
    assert_eq!(of(KNOWN_REVISION), None);
    assert_eq!(of(KNOWN_REVISION + 1), None);
    assert_eq!(of(KNOWN_REVISION + 2), Some(Rejection::RevisionAhead));
    assert_eq!(of(REVISION_MAX), Some(Rejection::RevisionAhead));
}

#[test]
fn a_device_on_probation_adds_and_changes_nothing() {
    let probation = Author {
        standing: AuthorStanding::NewFactsOnly,
        ..participant()
    };
    let (place, goal, occurred_at) = (LIBRARY, GoalId::new(1), hours(12));
    let steps = StepCount {
        source: StepSourceId::from_bytes([1; 16]),
        bucket: Quarter::containing(occurred_at).expect("after 1970"),
        count: 1,
        revision: 1,
        measure: Measure::Steps,
    };
    for fact in [
        check_in(BASEMENT, occurred_at, Witness::SelfReport),
        Payload::StepCount(steps),
        Payload::QuestJoined(QuestJoined { goal, occurred_at }),
        Payload::FavouriteAdded(FavouriteAdded { place, occurred_at }),
    ] {
        assert_eq!(rejection(&fact, &probation), None, "{fact:?}");
    }
    let (added, joined) = (vec![KNOWN], vec![KNOWN]);
    for change in [
        Payload::ProfileSet(ProfileSet {
            occurred_at,
            field: ProfileField::Picture(1),
            revision: 1,
        }),
        Payload::QuestLeft(QuestLeft {
            goal,
            occurred_at,
            joined,
        }),
        Payload::FavouriteRemoved(FavouriteRemoved {
            place,
            occurred_at,
            added,
        }),
    ] {
        assert_eq!(rejection(&change, &participant()), None, "{change:?}");
        assert_eq!(
            rejection(&change, &probation),
            Some(Rejection::NewFactsOnly),
            "{change:?}"
        );
    }
}

#[test]
fn people_counted_at_an_unknown_place_wait_for_the_place() {
    let everywhere = Author {
        scope: PlaceScope::All,
        ..staff(Role::Staff)
    };
    assert_eq!(
        judged(&tally(PlaceId::new(99)), &everywhere),
        Judgement::Deferred(Deferral::PlaceUnknown)
    );
    assert_eq!(rejection(&tally(LIBRARY), &everywhere), None);
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
    assert_eq!(
        of(&op(9_999, vec![0x08, 0x01].into())),
        Judgement::Deferred(Deferral::KindUnknown)
    );
    assert_eq!(
        of(&op(1, vec![0xff].into())),
        Judgement::Rejected(Rejection::Malformed)
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
