//! What the scanners of a place see of a day.

use askel_sync::{
    admission::{AdmittedOp, Strength},
    fold::{PlaceDay, SessionCounts},
    id::{OpId, PassTag},
    op::{CheckIn, Manner, PassSeen, Payload, Tally, Verdict, Witness},
};
use proptest::prelude::*;

use crate::world::{
    BASEMENT, EVENING, LIBRARY, LUNCH, OUTING, PASS, admitted, catalog_with, check_in, check_in_at,
    correction, day, hours,
};

const OTHER_PASS: PassTag = PassTag::from_bytes([8; 16]);

fn folded<'a>(ops: impl IntoIterator<Item = &'a AdmittedOp>) -> PlaceDay {
    let catalog = catalog_with(Vec::new());
    let mut place_day = PlaceDay::new(BASEMENT, day(0));
    for op in ops {
        place_day.apply(op, &catalog);
    }
    place_day
}

fn counts(ops: &[AdmittedOp]) -> (u64, u64) {
    let catalog = catalog_with(Vec::new());
    let SessionCounts {
        scanned,
        anonymous,
        encounters,
    } = folded(ops).counts(LUNCH, &catalog);
    assert_eq!(encounters, scanned + anonymous);
    assert_eq!(folded(ops), folded(ops.iter().rev()));
    (scanned, anonymous)
}

fn seen(sequence: u64, pass: PassTag, check_in: OpId, revision: u32, voided: bool) -> AdmittedOp {
    let seen = PassSeen {
        pass,
        place: BASEMENT,
        occurred_at: hours(13),
        session: LUNCH,
        check_in,
        voided,
        revision,
    };
    admitted(
        sequence,
        &Payload::PassSeen(seen),
        hours(13),
        Strength::Unspecified,
    )
}

fn tally(sequence: u64, delta: i32) -> AdmittedOp {
    let tally = Tally {
        place: BASEMENT,
        occurred_at: hours(13),
        session: LUNCH,
        manner: Manner::OnSite,
        delta,
    };
    admitted(
        sequence,
        &Payload::Tally(tally),
        hours(13),
        Strength::Unspecified,
    )
}

#[test]
fn a_pass_scanned_by_two_devices_is_one_and_the_server_telling_of_it_adds_nothing() {
    let own = check_in(1, hours(13), LUNCH);
    let told = seen(50, PASS, own.id(), 0, false);
    let by_the_other = seen(51, PASS, OpId::from_bytes([5; 16]), 0, false);
    let someone_else = seen(52, OTHER_PASS, OpId::from_bytes([6; 16]), 0, false);
    let ops = [
        own,
        told,
        by_the_other,
        someone_else,
        tally(2, 2),
        tally(3, 1),
        tally(4, -1),
    ];
    assert_eq!(counts(&ops), (2, 2));
    let doubled = [&ops[..], &ops[..]].concat();
    assert_eq!(counts(&doubled), (2, 2));
    let catalog = catalog_with(Vec::new());
    assert!(folded(&ops).seen(PASS, LUNCH, &catalog));
    assert!(!folded(&ops).seen(PASS, EVENING, &catalog));
}

#[test]
fn a_void_takes_the_pass_out_until_it_is_reinstated() {
    let own = check_in(1, hours(13), LUNCH);
    let void = correction(2, own.id(), 1, Verdict::Void);
    let again = check_in(3, hours(14), LUNCH);
    assert_eq!(counts(&[own.clone(), void.clone(), again.clone()]), (0, 0));
    let place_day = folded(&[own.clone(), void.clone()]);
    assert_eq!(place_day.voided(PASS, LUNCH), Some((own.id(), 1)));
    let told = [own.clone(), seen(50, PASS, own.id(), 1, true)];
    assert_eq!(counts(&told), (0, 0));
    let back = correction(4, own.id(), 2, Verdict::Reinstate);
    assert_eq!(counts(&[own.clone(), void.clone(), back.clone()]), (1, 0));
    assert_eq!(folded(&[own.clone(), void, back]).voided(PASS, LUNCH), None);
    assert_eq!(
        counts(&[own.clone(), seen(51, PASS, own.id(), 2, false)]),
        (1, 0)
    );
}

#[test]
fn a_new_date_moves_the_pass_to_another_session_or_out_of_the_day() {
    let own = check_in(1, hours(13), LUNCH);
    let catalog = catalog_with(Vec::new());
    let moved = |occurred_at| {
        let verdict = Verdict::ReDate {
            occurred_at,
            session: EVENING,
        };
        let place_day = folded(&[own.clone(), correction(2, own.id(), 1, verdict)]);
        [LUNCH, EVENING].map(|session| place_day.counts(session, &catalog).scanned)
    };
    assert_eq!(moved(hours(18)), [0, 1]);
    assert_eq!(moved(hours(18 - 24)), [0, 0]);
}

#[test]
fn other_places_days_and_self_reports_are_not_the_scanners_business() {
    let mut own = check_in(3, hours(13), LUNCH);
    let report = CheckIn {
        place: BASEMENT,
        occurred_at: hours(13),
        session: LUNCH,
        manner: Manner::OnSite,
        catalog_version: 1,
        witness: Witness::SelfReport,
    };
    own.op.payload = Payload::CheckIn(report).encode().into();
    let elsewhere = check_in_at(1, LIBRARY, hours(13), LUNCH);
    let tomorrow = check_in(2, hours(37), LUNCH);
    assert_eq!(counts(&[elsewhere, tomorrow, own]), (0, 0));
}

#[test]
fn anonymous_counts_never_show_below_zero() {
    assert_eq!(counts(&[tally(1, -3), tally(2, 1)]), (0, 0));
}

/// An outing from Wednesday evening to Thursday morning is counted on Wednesday.
#[test]
fn a_count_of_a_dated_session_is_of_the_day_the_session_begins() {
    let catalog = catalog_with(Vec::new());
    let counted = Tally {
        place: LIBRARY,
        occurred_at: hours(48 + 9),
        session: OUTING,
        manner: Manner::OnSite,
        delta: 3,
    };
    let counted = admitted(
        1,
        &Payload::Tally(counted),
        hours(48 + 9),
        Strength::Unspecified,
    );
    let on = |days| {
        let mut place_day = PlaceDay::new(LIBRARY, day(days));
        place_day.apply(&counted, &catalog);
        place_day.counts(OUTING, &catalog).anonymous
    };
    assert_eq!([on(0), on(1), on(2)], [0, 3, 0]);
}

#[test]
fn an_erased_pass_is_gone_whenever_the_erasure_comes() {
    let own = check_in(1, hours(13), LUNCH);
    let told = seen(50, PASS, OpId::from_bytes([5; 16]), 0, false);
    let other = seen(51, OTHER_PASS, OpId::from_bytes([6; 16]), 0, false);
    let erased = admitted(
        60,
        &Payload::PassErased(PASS),
        hours(14),
        Strength::Unspecified,
    );
    let blank = admitted(61, &Payload::Blank, hours(14), Strength::Unspecified);
    assert_eq!(counts(&[own, told, other.clone(), erased.clone()]), (1, 0));
    assert_eq!(counts(&[blank, other, erased]), (1, 0));
}

proptest! {
    #[test]
    fn order_and_repetition_change_nothing(
        (written, delivered) in crate::acts::delivered(),
        deltas in prop::collection::vec(-5..5_i32, 0..5),
    ) {
        let deltas = deltas.into_iter().filter(|delta| *delta != 0);
        let tallies: Vec<_> = (100..).zip(deltas).map(|(at, delta)| tally(at, delta)).collect();
        let one = folded(written.iter().chain(&tallies));
        let other = folded(tallies.iter().rev().chain(&delivered).chain(&tallies));
        prop_assert_eq!(one, other);
    }
}
