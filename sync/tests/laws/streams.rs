//! Where ops go, and the sums by which readers see that nothing is missing.

use askel_proto::v1;
use askel_sync::{
    admission::{Admission, AdmittedOp, Strength},
    id::{DeviceId, GoalId, OpId, ParticipantId},
    op::{
        ChallengeTotal, Correction, CorrectionReason, FavouriteAdded, Manner, Payload, QuestJoined,
        Tally, Verdict,
    },
    stream::{Route, StreamKey, StreamSum, UnknownStream, op_sum, route},
};
use proptest::prelude::*;

use crate::{
    acts::month,
    admission::{DEVICE, KNOWN, World},
    world::{BASEMENT, EVENING, LIBRARY, ME, OUTING, PASS, admitted, check_in, day, hours},
};

fn routed(admitted: &AdmittedOp) -> Route {
    let payload = admitted.op.parse().expect("readable").expect("known");
    route(admitted.id(), &payload, &admitted.admission, None, &World)
}

fn of(payload: &Payload) -> Route {
    routed(&admitted(1, payload, hours(12), Strength::Unspecified))
}

#[test]
fn a_scan_goes_to_its_participant_and_only_its_pass_tag_to_the_scanners() {
    let scan = check_in(1, hours(12), crate::world::LUNCH);
    let route = routed(&scan);
    assert_eq!(route.streams, [StreamKey::Participant(ME)]);
    assert_eq!(route.dirty, Some(ME));
    let (stream, seen) = route.derived.expect("a pass was seen");
    assert_eq!(stream, StreamKey::PlaceDay(BASEMENT, day(0)));
    assert_eq!(
        (seen.pass, seen.check_in, seen.revision),
        (PASS, scan.id(), 0)
    );
    let told = Payload::PassSeen(seen).encode();
    let id = ME.as_bytes();
    assert!(!told.windows(id.len()).any(|window| window == id));
}

#[test]
fn a_correction_goes_where_its_check_in_went() {
    let corrected = |verdict| {
        of(&Payload::Correction(Correction {
            check_in: KNOWN,
            revision: 3,
            verdict,
            reason: CorrectionReason::ScannedByMistake,
            occurred_at: hours(30),
        }))
    };
    let void = corrected(Verdict::Void);
    assert_eq!(
        (void.streams, void.dirty),
        (vec![StreamKey::Participant(ME)], Some(ME))
    );
    let (stream, seen) = void.derived.expect("the scanners learn of it");
    assert_eq!(stream, StreamKey::PlaceDay(BASEMENT, day(0)));
    assert_eq!(
        (seen.voided, seen.revision, seen.check_in),
        (true, 3, KNOWN)
    );
    let moved = Verdict::ReDate {
        occurred_at: hours(42),
        session: EVENING,
    };
    let (stream, seen) = corrected(moved).derived.expect("the scanners learn of it");
    assert_eq!(
        stream,
        StreamKey::PlaceDay(BASEMENT, day(0)),
        "where its readers are"
    );
    assert_eq!(
        (seen.voided, seen.occurred_at, seen.session),
        (false, hours(42), EVENING)
    );
}

#[test]
fn choices_stay_with_the_participant_and_only_facts_make_awards_dirty() {
    let occurred_at = hours(0);
    let favourite = of(&Payload::FavouriteAdded(FavouriteAdded {
        place: BASEMENT,
        occurred_at,
    }));
    assert_eq!(
        (favourite.streams, favourite.dirty),
        (vec![StreamKey::Participant(ME)], None)
    );
    let goal = GoalId::new(4);
    let joined = of(&Payload::QuestJoined(QuestJoined { goal, occurred_at }));
    assert_eq!(joined.dirty, Some(ME));
    let total = ChallengeTotal {
        goal,
        total: 1,
        people: 5,
        revision: 1,
        occurred_at,
    };
    let total = of(&Payload::ChallengeTotal(total));
    assert_eq!(
        (total.streams, total.dirty),
        (vec![StreamKey::Challenge(goal)], None)
    );
}

#[test]
fn a_count_goes_to_the_day_of_its_session() {
    let counted = |place, session| {
        let tally = Tally {
            place,
            occurred_at: hours(48 + 9),
            session,
            manner: Manner::OnSite,
            delta: 1,
        };
        routed(&admitted(
            1,
            &Payload::Tally(tally),
            hours(48 + 9),
            Strength::Unspecified,
        ))
        .streams
    };
    let at = |place, days| [StreamKey::PlaceDay(place, day(days))];
    assert_eq!(counted(LIBRARY, OUTING), at(LIBRARY, 1));
    assert_eq!(counted(LIBRARY, EVENING), at(LIBRARY, 2));
    // The outing is not the basement's.
    assert_eq!(counted(BASEMENT, OUTING), at(BASEMENT, 2));
}

#[test]
fn what_the_server_addresses_goes_to_its_target_and_nowhere_without_one() {
    let payload = Payload::OutcomeChanged(v1::OutcomeChanged::default());
    let admission = admitted(1, &payload, hours(0), Strength::Unspecified).admission;
    let admission = Admission {
        subject: None,
        ..admission
    };
    let target = |target| {
        route(
            OpId::from_bytes([0; 16]),
            &payload,
            &admission,
            target,
            &World,
        )
        .streams
    };
    assert_eq!(
        target(Some(StreamKey::Device(DEVICE))),
        [StreamKey::Device(DEVICE)]
    );
    assert_eq!(target(None), []);
}

#[test]
fn a_selector_says_what_and_the_credential_says_whose() {
    let device = DeviceId::from_bytes([7; 16]);
    let streams = [
        StreamKey::Participant(ME),
        StreamKey::Device(device),
        StreamKey::PlaceDay(BASEMENT, day(0)),
        StreamKey::Catalog,
        StreamKey::Challenge(GoalId::new(3)),
    ];
    for stream in streams {
        let selected = StreamKey::select(&stream.selector(), device, Some(ME));
        assert_eq!(selected, Ok(Some(stream)));
    }
    let selector = StreamKey::Participant(ME).selector();
    assert_eq!(StreamKey::select(&selector, device, None), Ok(None));
    let stranger = ParticipantId::from_bytes([0xff; 16]);
    let own = StreamKey::select(&selector, device, Some(stranger));
    assert_eq!(own, Ok(Some(StreamKey::Participant(stranger))));
    let empty = StreamKey::select(&v1::StreamSelector::default(), device, Some(ME));
    assert_eq!(empty, Err(UnknownStream));
}

proptest! {
    #[test]
    fn a_sum_knows_no_order_and_an_op_can_be_taken_out(ops in month()) {
        let sum = |ops: &mut dyn Iterator<Item = &AdmittedOp>| {
            ops.fold(StreamSum::default(), |sum, op| sum.plus(op_sum(op)))
        };
        let whole = sum(&mut ops.iter());
        prop_assert_eq!(whole, sum(&mut ops.iter().rev()));
        let first = ops.first().expect("one at least");
        prop_assert_eq!(whole.minus(op_sum(first)), sum(&mut ops.iter().skip(1)));
    }

    #[test]
    fn another_admission_is_another_sum(ops in month()) {
        for op in ops {
            let mut other = op.clone();
            other.admission.received_at = hours(999);
            prop_assert_ne!(op_sum(&op), op_sum(&other));
        }
    }
}
