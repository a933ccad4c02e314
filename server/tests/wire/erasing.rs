//! Erasing: who may, what goes, and that nothing of it comes back.

use std::path::PathBuf;

use askel_proto::v1::{self, reading_service_client::ReadingServiceClient};
use askel_store::{AuditAction, PageRequest};
use askel_sync::{
    admission::{AdmittedOp, Role},
    op::{Correction, OpKind, Payload},
};
use tonic::Code;

use crate::{
    acts,
    catalog::{BASEMENT, LIBRARY},
    device::{Device, from_beginning},
    judging::reasons,
    world::{NOON, World, refused},
};

/// A phone that was seen at the library by a tablet.
async fn seen(world: &World) -> (Device, Device) {
    let mut phone = world.participant().await;
    let mut tablet = world.enrolled(Role::Staff, &[LIBRARY]).await;
    phone.check_in(world, LIBRARY).await;
    let pass = phone.pass.expect("a pass");
    tablet
        .hand_in(world, &[acts::scan(LIBRARY, pass, NOON)])
        .await;
    (phone, tablet)
}

async fn day(world: &World, tablet: &Device) -> crate::device::Answer {
    let request = v1::SyncRequest {
        cursors: vec![from_beginning(acts::place_day(LIBRARY))],
        ..v1::SyncRequest::default()
    };
    tablet.send(world, request).await.expect("synced")
}

/// The files that have this in them, as bytes or in hexadecimal.
fn found(world: &World, what: &[u8]) -> Vec<PathBuf> {
    let hex = data_encoding::HEXLOWER.encode(what);
    let has = |bytes: &[u8]| {
        bytes.windows(what.len()).any(|some| some == what)
            || bytes.windows(hex.len()).any(|some| some == hex.as_bytes())
    };
    let with = world.files().into_iter().filter(|(_, bytes)| has(bytes));
    with.map(|(path, _)| path).collect()
}

async fn who_erases_themselves_is_gone_and_answered_once(world: World) {
    let (mut phone, mut tablet) = seen(&world).await;
    assert_eq!(day(&world, &tablet).await.ops_of(OpKind::PassSeen).len(), 1);
    let participant = phone.participant.expect("a participant");
    let answer = phone
        .hand_in(&world, &[acts::erase(participant, NOON)])
        .await;
    assert_eq!(answer.outcome().settled_before, phone.next);
    assert_eq!(answer.outcome().exceptions, []);
    assert!(answer.pages.is_empty() && answer.opening.streams.is_empty());
    let again = phone.send(&world, phone.request(Vec::new())).await;
    refused(
        &again.expect_err("refused"),
        Code::Unauthenticated,
        "ERASED",
    );
    let known = world.store.list_participants(world.tenant.id).await;
    assert!(!known.expect("listed").contains(&participant));
    // The tablets forget the pass, and a scan of it is refused from now on.
    let day = day(&world, &tablet).await;
    assert!(day.ops_of(OpKind::PassSeen).is_empty(), "{day:?}");
    assert_eq!(day.ops_of(OpKind::PassErased).len(), 1);
    let pass = phone.pass.expect("a pass");
    let late = tablet
        .hand_in(&world, &[acts::scan(LIBRARY, pass, NOON)])
        .await;
    assert_eq!(late.rejection().reason, "ERASED");
    let all = PageRequest {
        size: 1_000,
        after: Vec::new(),
    };
    let audit = world.store.list_audit(world.tenant.id, &all).await;
    let erased =
        |entry: &&askel_store::AuditEntry| entry.audit.action == AuditAction::ParticipantErased;
    assert_eq!(
        audit.expect("listed").items.iter().filter(erased).count(),
        1
    );
}

async fn an_admin_erases_anyone_and_twice_is_once(world: World) {
    let (phone, _) = seen(&world).await;
    let mut admin = world.enrolled(Role::Admin, &[]).await;
    let participant = phone.participant.expect("a participant");
    for _ in 0..2 {
        let answer = admin
            .hand_in(&world, &[acts::erase(participant, NOON)])
            .await;
        assert_eq!(answer.outcome().exceptions, [], "{answer:?}");
        assert_eq!(answer.outcome().settled_before, admin.next);
    }
    let gone = phone.send(&world, phone.request(Vec::new())).await;
    refused(&gone.expect_err("refused"), Code::Unauthenticated, "ERASED");
}

async fn nobody_else_erases(world: World) {
    let (mut phone, mut tablet) = seen(&world).await;
    let other = world.enrolled(Role::Participant, &[]).await;
    let participant = other.participant.expect("a participant");
    for device in [&mut phone, &mut tablet] {
        let answer = device
            .hand_in(&world, &[acts::erase(participant, NOON)])
            .await;
        assert_eq!(answer.rejection().reason, "OP_NOT_ALLOWED");
    }
    other
        .send(&world, other.request(Vec::new()))
        .await
        .expect("still here");
}

/// The journal beside the store, and what others wrote of them before and since, included.
async fn no_file_has_a_key_or_a_hash_of_who_was_erased(world: World) {
    let (mut phone, mut tablet) = seen(&world).await;
    let key = phone.key.public_key();
    let scan = phone.sync(&world).await.ops_of(OpKind::CheckIn);
    let is_scan = |op: &&AdmittedOp| op.admission.author_role == Role::Staff;
    let scan = scan.iter().find(is_scan).expect("seen").id();
    let correction = tablet.write(&[acts::void(scan, NOON)]);
    let request = tablet.request(vec![tablet.seal(&correction)]);
    let told = tablet.send(&world, request).await.expect("synced");
    assert!(told.outcome().exceptions.is_empty(), "{told:?}");
    assert_eq!(
        found(&world, scan.as_bytes()).is_empty(),
        found(&world, key.as_bytes()).is_empty()
    );
    let participant = phone.participant.expect("a participant");
    phone
        .hand_in(&world, &[acts::erase(participant, NOON)])
        .await;
    let pass = phone.pass.expect("a pass");
    let late = tablet.write(&[acts::scan(LIBRARY, pass, NOON)]);
    let request = tablet.request(vec![tablet.seal(&late)]);
    let told = tablet.send(&world, request).await.expect("synced");
    assert_eq!(told.rejection().reason, "ERASED");
    let (correction, late) = (correction.ops[0].id(), late.ops[0].id());
    for (what, canary) in [
        ("the phone's key", &key.as_bytes()[..]),
        ("a scan of them", scan.as_bytes()),
        ("a correction of it", correction.as_bytes()),
        ("a scan of them since", late.as_bytes()),
    ] {
        assert_eq!(found(&world, canary), Vec::<PathBuf>::new(), "{what}");
    }
}

/// Whoever kept the pass could guess place and time against the hash. The scan comes again as well: that is no
/// sign that its tablet has forgotten.
async fn no_file_has_a_hash_of_what_was_refused_about_who_was_erased(world: World) {
    let mut phone = world.participant().await;
    let mut tablet = world.enrolled(Role::Staff, &[LIBRARY]).await;
    let pass = phone.pass.expect("a pass");
    let elsewhere = tablet.write(&[acts::scan(BASEMENT, pass, NOON)]);
    let scan = tablet.write(&[acts::scan(LIBRARY, pass, NOON)]);
    let Payload::Correction(void) = acts::void(scan.ops[0].id(), NOON) else {
        unreachable!("a void is a correction");
    };
    let ahead = Payload::Correction(Correction {
        revision: 7,
        ..void
    });
    let ahead = tablet.write(&[ahead]);
    let of_refused = tablet.write(&[acts::void(elsewhere.ops[0].id(), NOON)]);
    let batches = [&elsewhere, &scan, &ahead, &of_refused].map(|batch| tablet.seal(batch));
    let request = tablet.request(batches.to_vec());
    let told = tablet.send(&world, request.clone()).await.expect("synced");
    assert_eq!(
        reasons(&told),
        ["OP_NOT_ALLOWED", "REVISION_AHEAD", "CITED_OP_UNKNOWN"]
    );
    let erase = acts::erase(phone.participant.expect("a participant"), NOON);
    phone.hand_in(&world, &[erase]).await;
    let told = tablet.send(&world, request).await.expect("synced");
    assert_eq!(told.outcome().conflict, None);
    assert_eq!(reasons(&told), ["ERASED"; 4]);
    for batch in [elsewhere, scan, ahead, of_refused] {
        let id = batch.ops[0].id();
        assert_eq!(found(&world, id.as_bytes()), Vec::<PathBuf>::new());
    }
}

/// What a tablet wrote of someone erased is not there to be compared with: that is no sign that the tablet
/// has forgotten. Another op at that place is.
async fn an_erased_op_at_the_end_of_a_log_is_no_conflict(world: World) {
    let mut phone = world.participant().await;
    let mut tablet = world.enrolled(Role::Staff, &[LIBRARY]).await;
    let pass = phone.pass.expect("a pass");
    let scan = tablet.write(&[acts::scan(LIBRARY, pass, NOON)]);
    let scanned = tablet.request(vec![tablet.seal(&scan)]);
    tablet.send(&world, scanned.clone()).await.expect("synced");
    let erase = acts::erase(phone.participant.expect("a participant"), NOON);
    phone.hand_in(&world, &[erase]).await;
    let id = scan.ops[0].id();
    let head = v1::LogHead {
        log_id: tablet.log.to_vec(),
        next_sequence: 1,
        last_op_id_prefix: id.as_bytes()[..8].to_vec(),
        ..v1::LogHead::default()
    };
    let mut idle = v1::SyncRequest {
        log_heads: vec![head],
        ..tablet.request(Vec::new())
    };
    // It is told so until it names that op no more.
    let told = tablet.send(&world, idle.clone()).await.expect("synced");
    let outcome = told.outcome();
    assert_eq!((outcome.settled_before, &outcome.conflict), (1, &None));
    assert_eq!(outcome.last_op_id_prefix, [0; 8]);
    idle.log_heads[0].last_op_id_prefix = vec![0; 8];
    let told = tablet.send(&world, idle).await.expect("synced");
    assert_eq!(told.outcomes, []);
    // The answer was lost, and the batch comes again.
    let again = tablet.send(&world, scanned).await.expect("synced");
    assert_eq!(again.outcome().conflict, None);
    assert_eq!(again.rejection().reason, "ERASED");
    tablet.next = 0;
    let other = tablet
        .hand_in(&world, &[acts::tally(LIBRARY, 2, NOON)])
        .await;
    assert!(other.outcome().conflict.is_some());
}

/// Nothing tells any more whose check-in a correction cites: it is no sign that its tablet has forgotten.
async fn an_erased_correction_that_comes_again_is_no_conflict(world: World) {
    let mut phone = world.participant().await;
    let mut tablet = world.enrolled(Role::Staff, &[LIBRARY]).await;
    let pass = phone.pass.expect("a pass");
    let scan = tablet.write(&[acts::scan(LIBRARY, pass, NOON)]);
    let correction = tablet.write(&[acts::void(scan.ops[0].id(), NOON)]);
    let request = tablet.request(vec![tablet.seal(&scan), tablet.seal(&correction)]);
    let told = tablet.send(&world, request.clone()).await.expect("synced");
    assert_eq!(told.outcome().exceptions, []);
    let erase = acts::erase(phone.participant.expect("a participant"), NOON);
    phone.hand_in(&world, &[erase]).await;
    let again = tablet.send(&world, request).await.expect("synced");
    let outcome = again.outcome();
    assert_eq!((outcome.settled_before, &outcome.conflict), (2, &None));
    assert_eq!(outcome.exceptions.len(), 2, "{outcome:?}");
    // Another op in its place is one.
    tablet.next = 1;
    let other = tablet
        .hand_in(&world, &[acts::tally(LIBRARY, 2, NOON)])
        .await;
    assert!(other.outcome().conflict.is_some());
}

/// Of an erased scan no id is left: it is known by coming with what is about it.
async fn a_correction_of_a_scan_of_someone_erased_waits_for_nothing(world: World) {
    let mut phone = world.participant().await;
    let mut tablet = world.enrolled(Role::Staff, &[LIBRARY]).await;
    let pass = phone.pass.expect("a pass");
    let erase = acts::erase(phone.participant.expect("a participant"), NOON);
    phone.hand_in(&world, &[erase]).await;
    let scan = tablet.write(&[acts::scan(LIBRARY, pass, NOON)]);
    let correction = tablet.write(&[acts::void(scan.ops[0].id(), NOON)]);
    let request = tablet.request(vec![tablet.seal(&scan), tablet.seal(&correction)]);
    for _ in 0..2 {
        let told = tablet.send(&world, request.clone()).await.expect("synced");
        assert_eq!(reasons(&told), ["ERASED", "CITED_OP_UNKNOWN"]);
    }
}

/// What they did after the backup counts as it did, though nothing of it comes back.
async fn totals_outlast_an_erasure_and_a_restore_from_before(mut world: World) {
    let (mut phone, tablet) = seen(&world).await;
    let mut other = world.participant().await;
    let backup = world.back_up().await;
    phone.check_in(&world, BASEMENT).await;
    other.check_in(&world, BASEMENT).await;
    let totals = async |world: &World, tablet: &Device| {
        let mut reading = ReadingServiceClient::new(world.channel.clone());
        let mut found = Vec::new();
        for place in [LIBRARY, BASEMENT] {
            let request = v1::GetPlaceDayRequest {
                name: format!("places/{place}/days/2016-04-12"),
            };
            let day = reading.get_place_day(tablet.call(request)).await;
            found.push(day.expect("read").into_inner().encounters);
        }
        found
    };
    let mut staff = world.enrolled(Role::Staff, &[]).await;
    assert_eq!(totals(&world, &staff).await, [1, 2]);
    let erase = acts::erase(phone.participant.expect("a participant"), NOON);
    phone.hand_in(&world, &[erase]).await;
    assert_eq!(totals(&world, &staff).await, [1, 2]);
    world.go_back_to(backup).await;
    // The other phone's own check-in is lost with the backup, until that phone is back.
    assert_eq!(totals(&world, &staff).await, [1, 1]);
    let day = day(&world, &tablet).await;
    assert!(day.ops_of(OpKind::PassSeen).is_empty(), "{day:?}");
    let pass = phone.pass.expect("a pass");
    let late = staff
        .hand_in(&world, &[acts::scan(LIBRARY, pass, NOON)])
        .await;
    assert_eq!(late.rejection().reason, "ERASED");
    assert_eq!(totals(&world, &staff).await, [1, 1]);
}

on_both_stores!(
    totals_outlast_an_erasure_and_a_restore_from_before,
    no_file_has_a_key_or_a_hash_of_who_was_erased,
    no_file_has_a_hash_of_what_was_refused_about_who_was_erased,
    an_erased_op_at_the_end_of_a_log_is_no_conflict,
    an_erased_correction_that_comes_again_is_no_conflict,
    a_correction_of_a_scan_of_someone_erased_waits_for_nothing,
    who_erases_themselves_is_gone_and_answered_once,
    an_admin_erases_anyone_and_twice_is_once,
    nobody_else_erases,
);
