//! The judgement of erasures, proofs and registers, and of ops about what is erased or not known.

use askel_sync::{
    admission::{
        Author, AuthorStanding, Clocks, Deferral, Judgement, PlaceScope, Rejection, Role, judge,
    },
    id::{LogId, OpId, ParticipantId, StepSourceId},
    limits::{CITED_OP_WAIT_MS_MAX, REVISION_AHEAD_MAX, REVISION_MAX},
    op::{
        Erase, Evidence, Measure, Op, Origin, Payload, ProfileField, ProfileSet, StepCount, Witness,
    },
    time::{BootTime, Quarter},
};

use crate::{
    admission::{
        ERASED, ERASED_LOG, ERASED_PASS, KNOWN, LOG, REFUSED, REGISTER_REVISION, World, check_in,
        clocks, correction, judge_from, judged, participant, rejection, staff, tally,
    },
    world::{BASEMENT, ME, PASS, hours},
};

const NOBODY_KNOWS: OpId = OpId::from_bytes([0; 16]);
const SOMEONE: ParticipantId = ParticipantId::from_bytes([0xaa; 16]);

fn admin() -> Author {
    Author {
        scope: PlaceScope::All,
        lease_until: None,
        ..staff(Role::Admin)
    }
}

fn erase(participant: ParticipantId) -> Payload {
    let occurred_at = hours(12);
    Payload::Erase(Erase {
        participant,
        occurred_at,
    })
}

#[test]
fn people_erase_themselves_and_an_admin_erases_anyone() {
    let refused = Some(Rejection::NotAllowed);
    assert_eq!(rejection(&erase(ME), &participant()), None);
    assert_eq!(rejection(&erase(SOMEONE), &participant()), refused);
    assert_eq!(rejection(&erase(SOMEONE), &admin()), None);
    for role in [Role::Volunteer, Role::Staff, Role::Organiser] {
        let everywhere = Author { role, ..admin() };
        assert_eq!(rejection(&erase(ME), &everywhere), refused, "{role:?}");
    }
    let of_one_place = Author {
        scope: PlaceScope::Only(vec![BASEMENT]),
        ..admin()
    };
    assert_eq!(rejection(&erase(ME), &of_one_place), refused);
    let probation = Author {
        standing: AuthorStanding::NewFactsOnly,
        ..participant()
    };
    let too_new = Some(Rejection::NewFactsOnly);
    assert_eq!(rejection(&erase(ME), &probation), too_new);
    match judged(&erase(SOMEONE), &admin()) {
        Judgement::Accepted { admission, .. } => assert_eq!(admission.subject, Some(SOMEONE)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_by_or_about_the_erased_is_taken() {
    let erased = Some(Rejection::Erased);
    let report = check_in(BASEMENT, hours(12), Witness::SelfReport);
    let ghost = Author {
        participant: Some(ERASED),
        ..participant()
    };
    assert_eq!(rejection(&report, &ghost), erased);
    let scan = check_in(BASEMENT, hours(12), Witness::PassScan(ERASED_PASS));
    assert_eq!(rejection(&scan, &staff(Role::Staff)), erased);
    assert_eq!(rejection(&erase(ERASED), &admin()), erased);
    let again = judge_from(ERASED_LOG, &report, &participant());
    assert_eq!(again, Judgement::Rejected(Rejection::Erased));
    assert_eq!(rejection(&tally(BASEMENT), &staff(Role::Staff)), None);
}

#[test]
fn a_correction_waits_for_its_check_in_and_not_for_ever() {
    let payload = correction(NOBODY_KNOWS);
    let handed_in = |age_ms, author: &Author, told: Option<BootTime>| {
        let op = Op::new(
            Origin {
                log: LOG,
                sequence: 0,
            },
            &payload,
        );
        let clocks = Clocks {
            received_at: hours(12).saturating_add_ms(age_ms),
            told,
            ..clocks()
        };
        judge(&op, LOG, author, clocks, &World)
    };
    let after = |age_ms, author: &Author| handed_in(age_ms, author, clocks().told);
    let author = Author {
        lease_until: None,
        ..staff(Role::Staff)
    };
    let waits = Judgement::Deferred(Deferral::CitedOpUnknown);
    assert_eq!(after(0, &author), waits);
    assert_eq!(after(CITED_OP_WAIT_MS_MAX - 1, &author), waits);
    assert_eq!(
        after(CITED_OP_WAIT_MS_MAX, &author),
        Judgement::Rejected(Rejection::CitedOpUnknown)
    );
    assert_eq!(
        handed_in(CITED_OP_WAIT_MS_MAX, &author, None),
        waits,
        "nobody knows how old it is"
    );
    assert_eq!(
        after(0, &participant()),
        Judgement::Rejected(Rejection::NotAllowed),
        "who may never correct does not wait"
    );
}

#[test]
fn what_is_about_a_refused_op_waits_for_nothing() {
    let about = |cited| judged(&correction(cited), &staff(Role::Staff));
    let waits = Judgement::Deferred(Deferral::CitedOpUnknown);
    assert_eq!(about(NOBODY_KNOWS), waits);
    let refused = Judgement::Rejected(Rejection::CitedOpUnknown);
    assert_eq!(about(REFUSED), refused);
}

#[test]
fn evidence_is_of_an_own_check_in_that_is_known() {
    let evidence = |check_in| {
        Payload::Evidence(Evidence {
            check_in,
            code: vec![1],
        })
    };
    assert_eq!(rejection(&evidence(KNOWN), &participant()), None);
    assert_eq!(
        rejection(&evidence(NOBODY_KNOWS), &participant()),
        Some(Rejection::CitedOpUnknown)
    );
    let refused = Some(Rejection::NotAllowed);
    let someone = Author {
        participant: Some(SOMEONE),
        ..participant()
    };
    assert_eq!(rejection(&evidence(KNOWN), &someone), refused);
    assert_eq!(rejection(&evidence(KNOWN), &staff(Role::Staff)), refused);
}

fn steps(revision: u32) -> Payload {
    Payload::StepCount(StepCount {
        source: StepSourceId::from_bytes([1; 16]),
        bucket: Quarter::containing(hours(10)).expect("after 1970"),
        count: 1,
        revision,
        measure: Measure::Steps,
    })
}

fn picture(revision: u32) -> Payload {
    Payload::ProfileSet(ProfileSet {
        occurred_at: hours(10),
        field: ProfileField::Picture(1),
        revision,
    })
}

#[test]
fn a_register_goes_so_far_ahead_and_no_further() {
    let most = REGISTER_REVISION + REVISION_AHEAD_MAX;
    let ahead = Some(Rejection::RevisionAhead);
    for value in [steps, picture] {
        assert_eq!(
            rejection(&value(1), &participant()),
            None,
            "late is no harm"
        );
        assert_eq!(rejection(&value(most), &participant()), None);
        assert_eq!(rejection(&value(most + 1), &participant()), ahead);
        assert_eq!(rejection(&value(REVISION_MAX), &participant()), ahead);
    }
    // Whoever can't know what is live does not judge by it.
    let someone = Author {
        participant: Some(SOMEONE),
        ..participant()
    };
    assert_eq!(rejection(&steps(most + 1), &someone), None);
}

#[test]
fn a_log_that_nobody_erased_is_offered_again() {
    let scan = check_in(BASEMENT, hours(12), Witness::PassScan(PASS));
    let from = |log| judge_from(log, &scan, &staff(Role::Staff));
    let unheard_of = LogId::from_bytes([0; 16]);
    assert!(matches!(from(unheard_of), Judgement::Accepted { .. }));
}
