//! What the server's own records decide about an op: passes, corrections, places.

use askel_proto::v1::{
    self, come_back_request::Right, enrolment_service_client::EnrolmentServiceClient,
    outcome_exception::Outcome,
};
use askel_sync::{
    admission::Role,
    id::PassTag,
    limits::REVISION_MAX,
    op::{Correction, CorrectionReason, Op, OpKind, Payload, Verdict},
    time::{HOUR_MS, MINUTE_MS, Timestamp},
};

use crate::{
    acts,
    catalog::{self, BASEMENT},
    device::{Answer, Device},
    world::{NOON, World, new_key},
};

/// The tablet hears of the lost phone only after the fact.
async fn a_scan_made_before_a_phone_was_lost_counts(world: World) {
    let phone = world.participant().await;
    let mut tablet = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let pass = phone.pass.expect("a pass");
    let mut client = EnrolmentServiceClient::new(world.channel.clone());
    let sheet = client
        .create_recovery_sheet(phone.call(v1::CreateRecoverySheetRequest {}))
        .await
        .expect("a sheet")
        .into_inner();
    let lost_at = NOON.saturating_add_ms(3 * HOUR_MS);
    world.set_clock(lost_at);
    let key = new_key();
    let back = world
        .come_back(Right::RecoveryCode(sheet.code), &key)
        .await
        .expect("back");
    world.set_clock(NOON.saturating_add_ms(6 * HOUR_MS));
    let scans = [NOON, lost_at].map(|at| acts::scan(BASEMENT, pass, at));
    let answer = tablet.hand_in(&world, &scans).await;
    assert_eq!(answer.rejection().reason, "PASS_UNKNOWN");
    assert_eq!(answer.outcome().exceptions[0].sequence, 1);
    let told = Device::new(&world, key, &back).sync(&world).await;
    assert_eq!(told.ops_of(OpKind::CheckIn).len(), 1);
}

fn correction(check_in: &Op, revision: u32, verdict: Verdict) -> Payload {
    Payload::Correction(Correction {
        check_in: check_in.id(),
        revision,
        verdict,
        reason: CorrectionReason::ScannedByMistake,
        occurred_at: NOON,
    })
}

/// One void at the greatest revision could never be undone.
async fn a_correction_is_at_most_one_revision_above_the_last(world: World) {
    let phone = world.participant().await;
    let mut tablet = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let scan = acts::scan(BASEMENT, phone.pass.expect("a pass"), NOON);
    let batch = tablet.write(&[scan]);
    let request = tablet.request(vec![tablet.seal(&batch)]);
    tablet.send(&world, request).await.expect("synced");
    let scanned = &batch.ops[0];
    for revision in [REVISION_MAX, 2] {
        let ahead = correction(scanned, revision, Verdict::Void);
        let answer = tablet.hand_in(&world, &[ahead]).await;
        assert_eq!(answer.rejection().reason, "REVISION_AHEAD");
    }
    // One after the other, in one batch and in the next.
    let both = [
        correction(scanned, 1, Verdict::Void),
        correction(scanned, 2, Verdict::Reinstate),
    ];
    let answer = tablet.hand_in(&world, &both).await;
    assert!(answer.outcome().exceptions.is_empty());
    let third = [correction(scanned, 3, Verdict::Void)];
    let answer = tablet.hand_in(&world, &third).await;
    assert!(answer.outcome().exceptions.is_empty());
}

async fn a_volunteer_takes_an_own_scan_back_for_ten_minutes(world: World) {
    let phone = world.participant().await;
    let mut volunteer = world.enrolled(Role::Volunteer, &[BASEMENT]).await;
    let mut other = world.enrolled(Role::Volunteer, &[BASEMENT]).await;
    let at = |minutes: i64| NOON.saturating_add_ms(minutes * MINUTE_MS);
    world.set_clock(at(30));
    volunteer.now = at(30);
    let batch = volunteer.write(&[acts::scan(BASEMENT, phone.pass.expect("a pass"), NOON)]);
    let request = volunteer.request(vec![volunteer.seal(&batch)]);
    volunteer.send(&world, request).await.expect("synced");
    let scanned = batch.ops[0].id();
    let void = |at: Timestamp| [acts::void(scanned, at)];
    let answer = other.hand_in(&world, &void(at(5))).await;
    assert_eq!(answer.rejection().reason, "OP_NOT_ALLOWED");
    let answer = volunteer.hand_in(&world, &void(at(11))).await;
    assert_eq!(answer.rejection().reason, "OP_NOT_ALLOWED");
    let answer = volunteer.hand_in(&world, &void(at(10))).await;
    assert!(answer.outcome().exceptions.is_empty());
}

/// The reason of the only deferral.
fn deferred(answer: &Answer) -> &str {
    match answer.outcome().exceptions.as_slice() {
        [
            v1::OutcomeException {
                outcome: Some(Outcome::Deferred(deferred)),
                ..
            },
        ] => &deferred.reason,
        other => panic!("not one deferral: {other:?}"),
    }
}

/// The reasons of all rejections, in order; nothing is deferred.
pub(crate) fn reasons(answer: &Answer) -> Vec<&str> {
    let exceptions = answer.outcome().exceptions.iter();
    let reasons = exceptions.map(|one| match &one.outcome {
        Some(Outcome::Rejected(rejected)) => rejected.reason.as_str(),
        other => panic!("not refused: {other:?}"),
    });
    reasons.collect()
}

/// Whether it is refused with its correction, before it, or while another's correction waits for it.
async fn a_correction_of_what_is_refused_waits_for_nothing(world: World) {
    let mut tablet = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let mut other = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let unknown = PassTag::from_bytes([6; 16]);
    let scan = acts::scan(BASEMENT, unknown, NOON);
    let scan = tablet.write(&[scan]).ops.remove(0);
    tablet.next = 0;
    let batch = other.write(&[acts::void(scan.id(), NOON)]);
    let waiting = other.request(vec![other.seal(&batch)]);
    let answer = other.send(&world, waiting.clone()).await.expect("synced");
    assert_eq!(deferred(&answer), "CITED_OP_UNKNOWN");
    let both = [
        scan.parse().ok().flatten().expect("a scan"),
        acts::void(scan.id(), NOON),
    ];
    let batch = tablet.write(&both);
    assert_eq!(batch.ops[0].id(), scan.id());
    let request = tablet.request(vec![tablet.seal(&batch)]);
    for _ in 0..2 {
        let answer = tablet.send(&world, request.clone()).await.expect("synced");
        assert_eq!(reasons(&answer), ["PASS_UNKNOWN", "CITED_OP_UNKNOWN"]);
    }
    let later = [acts::void(scan.id(), NOON)];
    let answer = tablet.hand_in(&world, &later).await;
    assert_eq!(answer.rejection().reason, "CITED_OP_UNKNOWN");
    let answer = other.send(&world, waiting).await.expect("synced");
    assert_eq!(answer.rejection().reason, "CITED_OP_UNKNOWN");
}

/// Whose op another may not offer is not refused by that.
async fn what_another_offers_in_vain_is_still_waited_for(world: World) {
    let phone = world.participant().await;
    let mut thief = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let mut tablet = world.enrolled(Role::Staff, &[BASEMENT]).await;
    tablet
        .hand_in(&world, &[acts::tally(BASEMENT, 1, NOON)])
        .await;
    let scan = acts::scan(BASEMENT, phone.pass.expect("a pass"), NOON);
    let scan = tablet.write(&[scan]);
    let mut stolen = thief.write(&[acts::tally(BASEMENT, 1, NOON)]);
    stolen.ops = scan.ops.clone();
    let request = thief.request(vec![thief.seal(&stolen)]);
    let answer = thief.send(&world, request).await.expect("synced");
    assert_eq!(answer.rejection().reason, "ORIGIN_NOT_YOURS");
    let answer = thief
        .hand_in(&world, &[acts::void(scan.ops[0].id(), NOON)])
        .await;
    assert_eq!(deferred(&answer), "CITED_OP_UNKNOWN");
}

async fn people_counted_at_a_place_before_the_catalog_has_it_count_once_it_does(world: World) {
    let organiser = world.organised().await;
    let mut tablet = world.enrolled(Role::Staff, &[]).await;
    let batch = tablet.write(&[acts::tally(9, 4, NOON)]);
    let request = tablet.request(vec![tablet.seal(&batch)]);
    let answer = tablet.send(&world, request.clone()).await.expect("synced");
    assert_eq!(deferred(&answer), "PLACE_UNKNOWN");
    let content = catalog::build(world.tenant.id, |catalog| {
        let mut place = catalog.places[0].clone();
        place.id = 9;
        catalog.places.push(place);
        catalog.version = 2;
    });
    catalog::publish(&world, &organiser, content)
        .await
        .expect("published");
    let answer = tablet.send(&world, request).await.expect("synced");
    assert!(answer.outcome().exceptions.is_empty());
    let read = v1::SyncRequest {
        cursors: vec![crate::device::from_beginning(acts::place_day(9))],
        ..tablet.request(Vec::new())
    };
    let answer = tablet.send(&world, read).await.expect("synced");
    assert_eq!(answer.ops_of(OpKind::Tally).len(), 1);
}

on_both_stores!(
    a_scan_made_before_a_phone_was_lost_counts,
    a_correction_is_at_most_one_revision_above_the_last,
    a_volunteer_takes_an_own_scan_back_for_ten_minutes,
    a_correction_of_what_is_refused_waits_for_nothing,
    what_another_offers_in_vain_is_still_waited_for,
    people_counted_at_a_place_before_the_catalog_has_it_count_once_it_does,
);
