//! What check-ins and corrections come to.

use askel_sync::{
    admission::{AdmittedOp, Flags, Strength},
    fold::{ParticipantState, SessionKey},
    op::{Payload, SessionRef, Verdict},
};

use crate::world::{
    BASEMENT, EVENING, LIBRARY, LUNCH, ME, OUTING, OUTSIDE, catalog_with, check_in, check_in_at,
    correction, day, hours, tuesday,
};

/// Folds in both directions and returns the sessions attended, with the number of witnesses.
fn attended(ops: &[AdmittedOp]) -> Vec<(SessionKey, usize)> {
    let catalog = catalog_with(Vec::new());
    let forwards = ParticipantState::fold(ME, ops, &catalog);
    let backwards = ParticipantState::fold(ME, ops.iter().rev(), &catalog);
    assert_eq!(
        forwards, backwards,
        "a correction may come before what it is about"
    );
    forwards
        .attendances()
        .map(|one| (one.key, one.witnesses.len()))
        .collect()
}

fn key(days: i32, session: SessionRef) -> SessionKey {
    SessionKey {
        place: BASEMENT,
        date: day(days),
        session,
    }
}

/// The same check-in under the second catalog.
fn under_catalog_2(mut admitted: AdmittedOp) -> AdmittedOp {
    if let Ok(Some(Payload::CheckIn(mut check_in))) = admitted.op.parse() {
        check_in.catalog_version = 2;
        admitted.op.payload = Payload::CheckIn(check_in).encode().into();
    }
    admitted
}

#[test]
fn several_witnesses_are_one_attendance_as_strong_as_the_strongest() {
    let mut own = check_in(1, hours(12), LUNCH);
    own.admission.strength = Strength::SelfReport;
    let ops = [
        own,
        check_in(2, hours(13), LUNCH),
        check_in(3, hours(14), LUNCH),
    ];
    assert_eq!(attended(&ops), [(key(0, LUNCH), 3)]);
    let state = ParticipantState::fold(ME, &ops, &catalog_with(Vec::new()));
    let attendance = state.attendance(&key(0, LUNCH)).expect("attended");
    assert_eq!(
        (attendance.strength, attendance.at),
        (Strength::Card, hours(12))
    );
}

#[test]
fn two_slots_of_a_day_and_two_days_of_a_slot_are_different_sessions() {
    let ops = [
        check_in(1, hours(12), LUNCH),
        check_in(2, hours(18), EVENING),
        check_in(3, hours(25), EVENING),
        check_in(4, hours(7 * 24 + 12), LUNCH),
    ];
    let expected = [(key(0, LUNCH), 1), (key(0, EVENING), 2), (key(7, LUNCH), 1)];
    assert_eq!(attended(&ops), expected);
}

#[test]
fn a_drop_in_day_ends_at_four_in_the_morning() {
    let ops = [
        check_in(1, tuesday(28 * 60 - 1), OUTSIDE),
        check_in(2, hours(28), OUTSIDE),
    ];
    assert_eq!(attended(&ops), [(key(0, OUTSIDE), 1), (key(1, OUTSIDE), 1)]);
}

#[test]
fn a_dated_session_is_one_attendance_over_the_cut_and_from_any_door() {
    let ops = [
        check_in_at(1, LIBRARY, hours(24 + 18), OUTING),
        check_in_at(2, BASEMENT, hours(48 + 9), OUTING),
    ];
    let outing = SessionKey {
        place: LIBRARY,
        date: day(1),
        session: OUTING,
    };
    assert_eq!(attended(&ops), [(outing, 2)]);
}

#[test]
fn with_two_catalogs_in_play_the_earlier_slot_holds() {
    let early = check_in(1, hours(12), OUTSIDE);
    let late = under_catalog_2(check_in(2, hours(13), LUNCH));
    assert_eq!(attended(&[early.clone(), late]), [(key(0, OUTSIDE), 2)]);
    let same_catalog = check_in(3, hours(13), LUNCH);
    assert_eq!(attended(&[early.clone(), same_catalog]).len(), 2);
    let other_slot = under_catalog_2(check_in(4, hours(18), EVENING));
    assert_eq!(attended(&[early, other_slot]).len(), 2);
}

/// A phone that is three hours ahead names the evening at lunch.
#[test]
fn a_visit_that_a_wrong_clock_put_into_another_slot_is_one_visit() {
    let scanned = check_in(1, hours(12), LUNCH);
    for flag in [Flags::CLOCK_CORRECTED, Flags::CLOCK_UNSURE] {
        let mut own = check_in(2, hours(13), EVENING);
        own.admission.flags = flag;
        assert_eq!(attended(&[scanned.clone(), own]), [(key(0, LUNCH), 2)]);
    }
    let mut later = check_in(3, hours(18), EVENING);
    later.admission.flags = Flags::CLOCK_CORRECTED;
    assert_eq!(attended(&[scanned, later]).len(), 2);
}

/// A phone that is a year off names a session of a year ago, or none while one is on.
#[test]
fn a_dated_session_that_a_wrong_clock_named_is_told_from_the_corrected_time() {
    let wrong = |place, at, session| {
        let mut own = check_in_at(2, place, at, session);
        own.admission.flags = Flags::CLOCK_CORRECTED;
        own
    };
    let outing = SessionKey {
        place: LIBRARY,
        date: day(1),
        session: OUTING,
    };
    let during = hours(24 + 20);
    assert_eq!(attended(&[wrong(LIBRARY, during, OUTSIDE)]), [(outing, 1)]);
    let scanned = check_in_at(1, LIBRARY, hours(24 + 19), OUTING);
    let both = [scanned, wrong(LIBRARY, during, OUTSIDE)];
    assert_eq!(attended(&both), [(outing, 2)]);
    let long_before = attended(&[wrong(BASEMENT, hours(13), OUTING)]);
    assert_eq!(long_before, [(key(0, LUNCH), 1)]);
    // On the way there, from any door.
    let near = attended(&[wrong(BASEMENT, hours(24 + 15), OUTING)]);
    assert_eq!(near, [(outing, 1)]);
}

#[test]
fn a_void_undoes_the_attendance_with_all_its_witnesses() {
    let scans = [1, 2, 3].map(|sequence| check_in(sequence, hours(12), LUNCH));
    for cited in &scans {
        let void = correction(4, cited.id(), 1, Verdict::Void);
        assert_eq!(attended(&[&scans[..], &[void]].concat()), []);
    }
}

#[test]
fn a_fresh_check_in_does_not_undo_a_void_and_a_reinstatement_does() {
    let (scan, again) = (check_in(1, hours(12), LUNCH), check_in(2, hours(14), LUNCH));
    let void = correction(3, scan.id(), 1, Verdict::Void);
    let late = [scan.clone(), void.clone(), again.clone()];
    assert_eq!(attended(&late), []);
    let weak = correction(4, again.id(), 1, Verdict::Reinstate);
    let strong = correction(5, again.id(), 2, Verdict::Reinstate);
    assert_eq!(
        attended(&[scan.clone(), void.clone(), again.clone(), weak]),
        []
    );
    let state = ParticipantState::fold(ME, &late, &catalog_with(Vec::new()));
    assert_eq!(state.correction_revision(again.id()), 1);
    assert_eq!(attended(&[scan, void, again, strong]), [(key(0, LUNCH), 2)]);
}

#[test]
fn at_equal_revisions_a_void_beats_a_new_date_beats_a_reinstatement() {
    let scan = check_in(1, hours(12), LUNCH);
    let rule = |sequence, verdict| correction(sequence, scan.id(), 1, verdict);
    let moved = Verdict::ReDate {
        occurred_at: hours(18),
        session: EVENING,
    };
    let (void, moved) = (rule(2, Verdict::Void), rule(3, moved));
    let back = rule(4, Verdict::Reinstate);
    let with = |rulings: &[&AdmittedOp]| {
        let ops: Vec<_> = [&scan]
            .into_iter()
            .chain(rulings.iter().copied())
            .cloned()
            .collect();
        attended(&ops)
    };
    assert_eq!(with(&[&back]), [(key(0, LUNCH), 1)]);
    assert_eq!(with(&[&back, &moved]), [(key(0, EVENING), 1)]);
    assert_eq!(with(&[&back, &moved, &void]), []);
}

#[test]
fn a_new_date_lands_on_an_attendance_that_stands_and_outlives_its_void() {
    let (lunch, evening) = (
        check_in(1, hours(12), LUNCH),
        check_in(2, hours(18), EVENING),
    );
    let moved = Verdict::ReDate {
        occurred_at: hours(19),
        session: EVENING,
    };
    let moved = correction(3, lunch.id(), 1, moved);
    let both = [lunch.clone(), evening.clone(), moved.clone()];
    assert_eq!(attended(&both), [(key(0, EVENING), 2)]);
    let void = correction(4, evening.id(), 1, Verdict::Void);
    assert_eq!(
        attended(&[lunch, evening, moved, void]),
        [(key(0, EVENING), 1)]
    );
}

#[test]
fn a_place_that_is_not_in_the_catalog_counts_once_a_catalog_has_it() {
    let elsewhere = check_in_at(1, askel_sync::id::PlaceId::new(99), hours(12), OUTSIDE);
    assert_eq!(attended(&[elsewhere]), []);
}
