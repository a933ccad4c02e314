//! Handing in: outcomes, repetition, forgetful writers, kinds of the future.

use askel_proto::v1::{self, log_conflict::Cause, outcome_exception::Outcome};
use askel_sync::{
    admission::Role,
    id::LogId,
    log::Batch,
    op::{Op, OpKind, Origin, Payload},
};

use crate::{
    acts,
    catalog::{self, BASEMENT, LIBRARY, TOGETHER},
    device::{Device, from_beginning},
    world::{NOON, World},
};

async fn a_check_in_comes_back_with_its_award_in_the_same_answer(world: World) {
    let mut phone = world.participant().await;
    let answer = phone.check_in(&world, BASEMENT).await;
    assert_eq!(answer.outcome().settled_before, 1);
    assert!(answer.outcome().exceptions.is_empty());
    let seen = answer.ops_of(OpKind::CheckIn);
    assert_eq!(seen[0].admission.received_at, NOON);
    assert_eq!(seen[0].admission.subject, phone.participant);
    assert_eq!(answer.ops_of(OpKind::AwardConfirmed).len(), 1);
}

async fn what_is_sent_again_gets_the_same_outcomes_and_counts_once(world: World) {
    let mut phone = world.participant().await;
    let scanned = acts::tally(BASEMENT, 3, NOON);
    let batch = phone.write(&[
        acts::check_in(BASEMENT, NOON),
        scanned,
        acts::steps(NOON, 900),
    ]);
    let request = phone.request(vec![phone.seal(&batch)]);
    let first = phone.send(&world, request.clone()).await.expect("synced");
    assert_eq!(first.outcome().settled_before, 3);
    assert_eq!(first.rejection().reason, "OP_NOT_ALLOWED");
    let before = world.snapshot().await;
    let again = phone
        .send(&world, request.clone())
        .await
        .expect("synced again");
    assert_eq!(again.outcomes, first.outcomes);
    let mut twice = request;
    twice.batches.extend(twice.batches.clone());
    let twice = phone
        .send(&world, twice)
        .await
        .expect("synced twice in one");
    assert_eq!(twice.outcomes, first.outcomes);
    assert_eq!(world.snapshot().await, before);
}

async fn the_words_of_a_rejection_are_in_the_devices_language(world: World) {
    let mut phone = world.participant().await;
    let batch = phone.write(&[acts::tally(BASEMENT, 1, NOON)]);
    let mut request = phone.call(phone.request(vec![phone.seal(&batch)]));
    request
        .metadata_mut()
        .insert("accept-language", "sv-simple".parse().expect("ASCII"));
    let mut client = v1::sync_service_client::SyncServiceClient::new(world.channel.clone());
    let mut parts = client.sync(request).await.expect("synced").into_inner();
    let mut texts = Vec::new();
    while let Some(message) = parts.message().await.expect("a part") {
        if let Some(v1::sync_response::Part::Outcomes(outcomes)) = message.part {
            texts.extend(outcomes.logs[0].exceptions[0].outcome.clone());
        }
    }
    let Some(Outcome::Rejected(rejected)) = texts.pop() else {
        panic!("not rejected")
    };
    let expected = askel_server::rpc::rejection_text("OP_NOT_ALLOWED", "sv");
    assert_eq!(rejected.text, expected);
}

async fn an_unknown_kind_is_deferred_and_keeps_its_place(world: World) {
    let mut phone = world.participant().await;
    let mut batch = phone.write(&[acts::check_in(BASEMENT, NOON), acts::steps(NOON, 1)]);
    batch.ops[0].kind = 9_999;
    let request = phone.request(vec![phone.seal(&batch)]);
    let answer = phone.send(&world, request.clone()).await.expect("synced");
    assert_eq!(answer.outcome().settled_before, 2);
    let [exception] = answer.outcome().exceptions.as_slice() else {
        panic!("one exception")
    };
    assert_eq!(exception.sequence, 0);
    let Some(Outcome::Deferred(deferred)) = &exception.outcome else {
        panic!("not deferred")
    };
    assert_eq!(
        (deferred.until_ms, deferred.reason.as_str()),
        (0, "OP_KIND_UNKNOWN")
    );
    let again = phone.send(&world, request).await.expect("synced again");
    assert_eq!(again.outcomes, answer.outcomes);
    assert_eq!(again.ops_of(OpKind::StepCount).len(), 1);
}

/// The heads of a device's database that has written so much.
fn head(log: LogId, next_sequence: u64, last: Option<&Op>) -> v1::LogHead {
    let prefix = last.map(|op| op.id().as_bytes()[..8].to_vec());
    v1::LogHead {
        log_id: log.to_vec(),
        next_sequence,
        last_op_id_prefix: prefix.unwrap_or_default(),
        ..v1::LogHead::default()
    }
}

fn conflict(outcome: &v1::LogOutcome) -> (Cause, u64) {
    let conflict = outcome.conflict.as_ref().expect("a conflict");
    (conflict.cause(), conflict.server_next_sequence)
}

async fn a_writer_that_has_forgotten_is_told_and_nothing_is_taken(world: World) {
    let mut phone = world.participant().await;
    let forgetful = phone.clone();
    phone
        .hand_in(
            &world,
            &[acts::check_in(BASEMENT, NOON), acts::steps(NOON, 5)],
        )
        .await;
    let before = world.snapshot().await;
    let mut restored = forgetful.clone();
    let batch = restored.write(&[acts::check_in(LIBRARY, NOON)]);
    let request = restored.request(vec![restored.seal(&batch)]);
    let taken = restored
        .send(&world, request.clone())
        .await
        .expect("synced");
    assert_eq!(conflict(taken.outcome()), (Cause::SequenceTaken, 2));
    let heads = vec![head(restored.log, 1, batch.ops.last())];
    let ahead = v1::SyncRequest {
        log_heads: heads,
        ..request
    };
    let ahead = restored.send(&world, ahead).await.expect("synced");
    assert_eq!(conflict(ahead.outcome()), (Cause::HeadAhead, 2));
    let idle = v1::SyncRequest {
        log_heads: vec![head(forgetful.log, 0, None)],
        ..forgetful.request(Vec::new())
    };
    let idle = forgetful.send(&world, idle).await.expect("synced");
    assert_eq!(conflict(idle.outcome()), (Cause::HeadAhead, 2));
    let other = v1::SyncRequest {
        log_heads: vec![head(phone.log, 2, batch.ops.last())],
        ..phone.request(Vec::new())
    };
    let other = phone.send(&world, other).await.expect("synced");
    assert_eq!(conflict(other.outcome()), (Cause::SequenceTaken, 2));
    assert_eq!(world.snapshot().await, before);
}

async fn a_log_of_another_device_is_not_written_to_nor_told_about(world: World) {
    let mut mine = world.participant().await;
    mine.check_in(&world, BASEMENT).await;
    let mut thief = world.enrolled(Role::Participant, &[]).await;
    thief.log = mine.log;
    thief.next = mine.next;
    let before = world.snapshot().await;
    let answer = thief
        .hand_in(&world, &[acts::check_in(BASEMENT, NOON)])
        .await;
    assert_eq!(conflict(answer.outcome()), (Cause::NotTheWriter, 0));
    assert_eq!(answer.outcome().settled_before, 0);
    assert_eq!(world.snapshot().await, before);
}

async fn ops_past_a_gap_wait_for_what_is_missing(world: World) {
    let mut phone = world.participant().await;
    let first = phone.write(&[acts::check_in(BASEMENT, NOON)]);
    let second = phone.write(&[acts::steps(NOON, 7)]);
    let request = phone.request(vec![phone.seal(&second)]);
    let answer = phone.send(&world, request).await.expect("synced");
    assert_eq!(answer.outcome().settled_before, 0);
    let request = phone.request(vec![phone.seal(&first), phone.seal(&second)]);
    let answer = phone.send(&world, request).await.expect("synced");
    assert_eq!(answer.outcome().settled_before, 2);
}

/// Offers a batch's ops again in a new log, each with its origin.
fn offered_again(device: &mut Device, batch: &Batch) -> Batch {
    device.log = LogId::from_bytes([77; 16]);
    device.next = u64::try_from(batch.ops.len()).expect("few");
    Batch {
        log: device.log,
        first_sequence: 0,
        device: device.id,
        ..batch.clone()
    }
}

async fn an_op_offered_again_in_a_new_log_counts_once(world: World) {
    let mut phone = world.participant().await;
    let batch = phone.write(&[acts::check_in(BASEMENT, NOON)]);
    phone
        .send(&world, phone.request(vec![phone.seal(&batch)]))
        .await
        .expect("synced");
    let before = world.snapshot().await;
    let again = offered_again(&mut phone, &batch);
    let answer = phone
        .send(&world, phone.request(vec![phone.seal(&again)]))
        .await;
    let answer = answer.expect("synced");
    assert_eq!(answer.outcome().settled_before, 1);
    assert!(answer.outcome().exceptions.is_empty());
    assert_eq!(world.snapshot().await, before);
}

async fn an_op_of_someone_elses_log_is_not_taken_over(world: World) {
    let mut mine = world.participant().await;
    let batch = mine.write(&[acts::check_in(BASEMENT, NOON)]);
    mine.send(&world, mine.request(vec![mine.seal(&batch)]))
        .await
        .expect("synced");
    let mut thief = world.enrolled(Role::Participant, &[]).await;
    let stolen = offered_again(&mut thief, &batch);
    let before = world.snapshot().await;
    let answer = thief
        .send(&world, thief.request(vec![thief.seal(&stolen)]))
        .await;
    assert_eq!(
        answer.expect("synced").rejection().reason,
        "ORIGIN_NOT_YOURS"
    );
    assert_eq!(world.snapshot().await, before);
}

async fn a_collective_goal_is_reached_together_and_told_to_all(world: World) {
    world.organised().await;
    let mut phones = Vec::new();
    for _ in 0..5 {
        phones.push(world.enrolled(Role::Participant, &[]).await);
    }
    for phone in &mut phones[..4] {
        phone.check_in(&world, BASEMENT).await;
        assert_eq!(phone.awards(&world).await, 1, "no total below five people");
    }
    assert_eq!(
        phones[4]
            .check_in(&world, BASEMENT)
            .await
            .ops_of(OpKind::AwardConfirmed)
            .len(),
        2
    );
    let request = v1::SyncRequest {
        cursors: vec![from_beginning(acts::challenge_stream(TOGETHER))],
        ..v1::SyncRequest::default()
    };
    let told = phones[0].send(&world, request).await.expect("synced");
    let totals = told.ops_of(OpKind::ChallengeTotal);
    assert_eq!(totals.len(), 1);
    for phone in &mut phones {
        assert_eq!(phone.awards(&world).await, 2);
    }
}

/// A total is told once an hour; one that passes a target is told at once.
async fn a_target_that_is_passed_within_the_hour_of_a_telling_is_told_at_once(world: World) {
    let organiser = world.organised().await;
    let content = catalog::build(world.tenant.id, |catalog| {
        catalog.version = 2;
        let rule = catalog.goals[1].rule.as_mut().expect("a rule");
        let Some(v1::rule::Operator::Collective(collective)) = &mut rule.operator else {
            panic!("a collective goal");
        };
        collective.target = 14;
    });
    let published = catalog::publish(&world, &organiser, content).await;
    published.expect("published");
    let mut phones = Vec::new();
    for _ in 0..5 {
        phones.push(world.enrolled(Role::Participant, &[]).await);
    }
    let totals = async |phone: &Device| {
        let request = v1::SyncRequest {
            cursors: vec![from_beginning(acts::challenge_stream(TOGETHER))],
            ..v1::SyncRequest::default()
        };
        let told = phone.send(&world, request).await.expect("synced");
        let told = told.ops_of(OpKind::ChallengeTotal);
        let totals = told.iter().map(|op| match op.op.parse() {
            Ok(Some(Payload::ChallengeTotal(told))) => told.total,
            other => panic!("{other:?}"),
        });
        totals.collect::<Vec<_>>()
    };
    for phone in &mut phones {
        phone.check_in(&world, BASEMENT).await;
    }
    assert_eq!(totals(&phones[4]).await, [10], "five people");
    phones[0].check_in(&world, LIBRARY).await;
    assert_eq!(totals(&phones[4]).await, [10], "not within the hour");
    phones[1].check_in(&world, LIBRARY).await;
    assert_eq!(totals(&phones[4]).await, [10, 14], "the target");
    for phone in &mut phones {
        assert_eq!(phone.awards(&world).await, 2);
    }
}

async fn origins_are_the_first_writers(world: World) {
    let mut phone = world.participant().await;
    phone.check_in(&world, BASEMENT).await;
    let read = phone.sync(&world).await.ops_of(OpKind::CheckIn);
    assert_eq!(
        read[0].op.origin,
        Origin {
            log: phone.log,
            sequence: 0
        }
    );
}

on_both_stores!(
    a_check_in_comes_back_with_its_award_in_the_same_answer,
    what_is_sent_again_gets_the_same_outcomes_and_counts_once,
    the_words_of_a_rejection_are_in_the_devices_language,
    an_unknown_kind_is_deferred_and_keeps_its_place,
    a_writer_that_has_forgotten_is_told_and_nothing_is_taken,
    a_log_of_another_device_is_not_written_to_nor_told_about,
    ops_past_a_gap_wait_for_what_is_missing,
    an_op_offered_again_in_a_new_log_counts_once,
    an_op_of_someone_elses_log_is_not_taken_over,
    a_collective_goal_is_reached_together_and_told_to_all,
    a_target_that_is_passed_within_the_hour_of_a_telling_is_told_at_once,
    origins_are_the_first_writers,
);
