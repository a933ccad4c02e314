//! Frames that one device carries for another: taken once, told to nobody but their writer, counted.

use askel_proto::v1::{self, come_back_request::Right, frame_outcome::Result as Became};
use askel_sync::{
    admission::Role,
    id::LogId,
    lifeboat,
    limits::{CARRIED_FRAMES_MAX, OPS_PER_BATCH_MAX, OPS_PER_HOUR_MAX},
    log::Batch,
    op::OpKind,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    acts,
    catalog::{BASEMENT, LIBRARY},
    coming_back::sheet,
    device::{Answer, Device},
    world::{NOON, World, new_key, refused},
};

/// A device's frame, sealed to the server.
pub(crate) fn frame(
    world: &World,
    writer: &Device,
    batches: Vec<v1::SealedBatch>,
) -> v1::CarriedFrame {
    let frame = v1::Frame {
        tenant_id: world.tenant.id.to_vec(),
        device_id: writer.id.to_vec(),
        batches,
        ..v1::Frame::default()
    };
    let ingest = world.tenant.server.ingest().public_key();
    let sealed = lifeboat::seal(&ingest, world.tenant.id, &frame, [7; 32]);
    v1::CarriedFrame {
        sealed: sealed.expect("sealed"),
    }
}

pub(crate) async fn carry(
    world: &World,
    carrier: &Device,
    frames: Vec<v1::CarriedFrame>,
) -> Vec<Became> {
    let request = v1::SyncRequest {
        carried_frames: frames,
        ..v1::SyncRequest::default()
    };
    results(&carrier.send(world, request).await.expect("synced"))
}

fn results(answer: &Answer) -> Vec<Became> {
    let frames = (0..).zip(&answer.frames);
    frames
        .map(|(index, told): (u32, _)| {
            assert_eq!(told.index, index);
            told.result()
        })
        .collect()
}

async fn check_ins(world: &World, device: &mut Device) -> usize {
    device.sync(world).await.ops_of(OpKind::CheckIn).len()
}

async fn a_frame_is_taken_once_whichever_way_it_comes_first(world: World) {
    let mut phone = world.participant().await;
    let carrier = world.enrolled(Role::Participant, &[]).await;
    let batch = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let sealed = phone.seal(&batch);
    let parcel = frame(&world, &phone, vec![sealed.clone()]);
    let twice = carry(&world, &carrier, vec![parcel.clone(), parcel.clone()]).await;
    assert_eq!(twice, [Became::Taken, Became::Taken]);
    let own = phone.send(&world, phone.request(vec![sealed])).await;
    let own = own.expect("synced");
    assert_eq!(
        (own.outcome().settled_before, own.outcome().exceptions.len()),
        (1, 0)
    );
    assert_eq!(carry(&world, &carrier, vec![parcel]).await, [Became::Taken]);
    assert_eq!(check_ins(&world, &mut phone).await, 1);
}

async fn the_carrier_learns_nothing_of_what_it_carried(world: World) {
    let mut phone = world.participant().await;
    let carrier = world.enrolled(Role::Participant, &[]).await;
    let batch = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let mut request = carrier.request(Vec::new());
    request.carried_frames = vec![frame(&world, &phone, vec![phone.seal(&batch)])];
    let answer = carrier.send(&world, request).await.expect("synced");
    assert_eq!(results(&answer), [Became::Taken]);
    assert!(answer.outcomes.is_empty() && answer.ops_of(OpKind::CheckIn).is_empty());
}

async fn what_is_no_frame_of_a_device_here_is_refused(world: World) {
    let mut phone = world.participant().await;
    let carrier = world.enrolled(Role::Participant, &[]).await;
    let batch = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let good = frame(&world, &phone, vec![phone.seal(&batch)]);
    let mut damaged = good.clone();
    *damaged.sealed.last_mut().expect("some") ^= 1;
    let not_its_own = frame(&world, &carrier, vec![phone.seal(&batch)]);
    let mut nobody = phone.clone();
    nobody.id = askel_sync::id::DeviceId::from_bytes([9; 16]);
    let of_nobody = frame(&world, &nobody, vec![phone.seal(&batch)]);
    let empty = v1::CarriedFrame { sealed: Vec::new() };
    let frames = vec![damaged, not_its_own, of_nobody, empty, good];
    let [bad @ .., good] = &carry(&world, &carrier, frames).await[..] else {
        panic!("five")
    };
    assert_eq!(bad, [Became::Refused; 4]);
    assert_eq!(*good, Became::Taken);
}

async fn a_frame_with_a_gap_before_it_waits(world: World) {
    let mut phone = world.participant().await;
    let carrier = world.enrolled(Role::Participant, &[]).await;
    let first = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let second = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    let (first, second) = (phone.seal(&first), phone.seal(&second));
    let second = frame(&world, &phone, vec![second]);
    let early = carry(&world, &carrier, vec![second.clone()]).await;
    assert_eq!(early, [Became::Later]);
    let first = frame(&world, &phone, vec![first]);
    let both = carry(&world, &carrier, vec![first, second]).await;
    assert_eq!(both, [Became::Taken, Became::Taken]);
}

/// The server has lost what came before, say, and the phone that wrote it is gone.
async fn a_gap_that_nobody_can_fill_any_more_holds_nothing_up(world: World) {
    let mut phone = world.participant().await;
    let code = sheet(&world, &phone).await;
    let first = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let second = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    let third = phone.write(&[acts::steps(NOON, 40), acts::check_in(BASEMENT, NOON)]);
    let [first, second, third] = [first, second, third].map(|batch| phone.seal(&batch));
    let late = frame(&world, &phone, vec![second, third]);
    let key = new_key();
    let back = world.come_back(Right::RecoveryCode(code), &key).await;
    let mut new = Device::new(&world, key, &back.expect("back"));
    let stranger = world.enrolled(Role::Participant, &[]).await;
    let refused = carry(&world, &stranger, vec![late.clone()]).await;
    assert_eq!(refused, [Became::Refused]);
    let twice = carry(&world, &new, vec![late.clone(), late.clone()]).await;
    assert_eq!(twice, [Became::Taken, Became::Taken]);
    let seen = new.sync(&world).await;
    let kinds = [OpKind::FavouriteAdded, OpKind::StepCount, OpKind::CheckIn];
    assert_eq!(kinds.map(|kind| seen.ops_of(kind).len()), [1, 1, 1]);
    // What filled the gap after all is taken too, and then all of it in its place, without effect.
    let first = frame(&world, &phone, vec![first]);
    let all = carry(&world, &new, vec![first, late]).await;
    assert_eq!(all, [Became::Taken, Became::Taken]);
    let seen = new.sync(&world).await;
    assert_eq!(kinds.map(|kind| seen.ops_of(kind).len()), [1, 1, 2]);
}

/// A copy of the phone wrote where the phone did, lost its key, and came back by its person's sheet. Which
/// of the two is heard of first, and by whom, does not matter.
async fn what_a_copy_wrote_where_other_ops_are_is_taken(world: World) {
    for is_ended_first in [false, true] {
        let mut phone = world.participant().await;
        let code = sheet(&world, &phone).await;
        let mut copy = phone.clone();
        phone.check_in(&world, LIBRARY).await;
        let other = copy.write(&[acts::check_in(BASEMENT, NOON), acts::steps(NOON, 40)]);
        let parcel = frame(&world, &copy, vec![copy.seal(&other)]);
        let stranger = world.enrolled(Role::Participant, &[]).await;
        if !is_ended_first {
            let became = carry(&world, &stranger, vec![parcel.clone()]).await;
            assert_eq!(became, [Became::Taken]);
        }
        let key = new_key();
        let back = world.come_back(Right::RecoveryCode(code), &key).await;
        let mut new = Device::new(&world, key, &back.expect("back"));
        let late = carry(&world, &stranger, vec![parcel.clone()]).await;
        assert_eq!(
            late,
            [Became::Refused],
            "an ended device's frame, in other hands"
        );
        for _ in 0..2 {
            let became = carry(&world, &new, vec![parcel.clone()]).await;
            assert_eq!(became, [Became::Taken]);
        }
        let seen = new.sync(&world).await;
        let kinds = [OpKind::CheckIn, OpKind::StepCount];
        assert_eq!(kinds.map(|kind| seen.ops_of(kind).len()), [2, 1]);
    }
}

/// A frame is on its way, the server is put back, and the phone says all of it again in another log.
async fn what_its_writer_has_said_again_is_taken(mut world: World) {
    let mut phone = world.participant().await;
    let carrier = world.enrolled(Role::Participant, &[]).await;
    let backup = world.back_up().await;
    let first = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let request = phone.request(vec![phone.seal(&first)]);
    phone.send(&world, request).await.expect("synced");
    let second = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    let parcel = frame(&world, &phone, vec![phone.seal(&second)]);
    world.go_back_to(backup).await;
    let waits = carry(&world, &carrier, vec![parcel.clone()]).await;
    assert_eq!(waits, [Became::Later]);
    let again = Batch {
        log: LogId::from_bytes([0x44; 16]),
        first_sequence: 0,
        ops: first.ops.iter().chain(&second.ops).cloned().collect(),
        ..first.clone()
    };
    let request = phone.request(vec![phone.seal(&again)]);
    phone.send(&world, request).await.expect("synced");
    assert_eq!(carry(&world, &carrier, vec![parcel]).await, [Became::Taken]);
    assert_eq!(check_ins(&world, &mut phone).await, 1);
}

async fn so_many_frames_and_no_more(world: World) {
    let carrier = world.participant().await;
    let frames = |count: usize| v1::SyncRequest {
        carried_frames: vec![v1::CarriedFrame { sealed: vec![1] }; count],
        ..v1::SyncRequest::default()
    };
    let most = carrier.send(&world, frames(CARRIED_FRAMES_MAX)).await;
    assert_eq!(most.expect("synced").frames.len(), CARRIED_FRAMES_MAX);
    let one_more = carrier.send(&world, frames(CARRIED_FRAMES_MAX + 1)).await;
    let error = one_more.expect_err("refused");
    refused(&error, Code::InvalidArgument, "LIMIT_EXCEEDED");
}

/// Uses up a device's hour, but for `left` ops.
async fn use_up(world: &World, device: &mut Device, left: usize) {
    let full = OPS_PER_HOUR_MAX / OPS_PER_BATCH_MAX;
    let steps: Vec<_> = (1..=OPS_PER_BATCH_MAX)
        .map(|count| acts::steps(NOON, u32::try_from(count).expect("few")))
        .collect();
    for index in 0..full {
        let few = if index == 0 {
            &steps[left..]
        } else {
            &steps[..]
        };
        let batch = device.write(few);
        let request = v1::SyncRequest {
            batches: vec![device.seal(&batch)],
            ..v1::SyncRequest::default()
        };
        device.send(world, request).await.expect("taken in");
    }
}

async fn a_device_hands_in_so_much_within_an_hour(world: World) {
    let mut phone = world.participant().await;
    use_up(&world, &mut phone, 1).await;
    let batch = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let last = v1::SyncRequest {
        batches: vec![phone.seal(&batch)],
        ..v1::SyncRequest::default()
    };
    phone
        .send(&world, last.clone())
        .await
        .expect("the last one");
    let again = phone.send(&world, last).await;
    refused_for_an_hour(&again.expect_err("what comes again needs room too"));
    let batch = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    let one_more = v1::SyncRequest {
        batches: vec![phone.seal(&batch)],
        ..v1::SyncRequest::default()
    };
    let refusal = phone.send(&world, one_more.clone()).await;
    refused_for_an_hour(&refusal.expect_err("refused"));
    // Nor in other hands; theirs are not used up by it.
    let mut carrier = world.enrolled(Role::Participant, &[]).await;
    let parcel = frame(&world, &phone, one_more.batches.clone());
    let later = carry(&world, &carrier, vec![parcel.clone()]).await;
    assert_eq!(later, [Became::Later]);
    let request = v1::SyncRequest {
        carried_frames: vec![parcel],
        ..v1::SyncRequest::default()
    };
    let told = carrier.send(&world, request).await.expect("synced");
    let wait_ms = told.closing.retry_after_ms;
    assert!((1..=3_600_000).contains(&wait_ms), "{wait_ms}");
    carrier.check_in(&world, LIBRARY).await;
    let next_hour = NOON.saturating_add_ms(3_600_000);
    world.set_clock(next_hour);
    phone.now = next_hour;
    phone.send(&world, one_more).await.expect("a new hour");
}

fn refused_for_an_hour(error: &tonic::Status) {
    refused(error, Code::ResourceExhausted, "OPS_LIMITED");
    let retry = error.get_details_retry_info().expect("when to come again");
    let wait = retry.retry_delay.expect("a time").as_secs();
    assert!((1..=3_600).contains(&wait), "{wait}");
}

/// One of the frame's ops was refused for good, which its writer does not say again.
async fn a_frame_with_a_refused_op_is_taken_after_a_restore(mut world: World) {
    let mut phone = world.participant().await;
    let carrier = world.enrolled(Role::Participant, &[]).await;
    let backup = world.back_up().await;
    let first = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let request = phone.request(vec![phone.seal(&first)]);
    phone.send(&world, request).await.expect("synced");
    let refused = acts::scan(LIBRARY, phone.pass.expect("a pass"), NOON);
    let second = phone.write(&[acts::favourite_added(LIBRARY, NOON), refused]);
    let parcel = frame(&world, &phone, vec![phone.seal(&second)]);
    let request = phone.request(vec![phone.seal(&second)]);
    let answer = phone.send(&world, request).await.expect("synced");
    assert_eq!(answer.outcome().exceptions.len(), 1, "{answer:?}");
    world.go_back_to(backup).await;
    assert_eq!(
        carry(&world, &carrier, vec![parcel.clone()]).await,
        [Became::Later]
    );
    let accepted = first.ops.iter().chain(&second.ops[..1]);
    let again = Batch {
        log: LogId::from_bytes([0x44; 16]),
        first_sequence: 0,
        ops: accepted.cloned().collect(),
        ..first.clone()
    };
    let request = phone.request(vec![phone.seal(&again)]);
    phone.send(&world, request).await.expect("synced");
    assert_eq!(carry(&world, &carrier, vec![parcel]).await, [Became::Taken]);
}

/// A phone gave its ops away in a frame and died; restored from a backup of before, it wrote on. Nobody
/// else has what is in the frame.
async fn what_a_phone_gave_away_before_it_was_put_back_is_taken(world: World) {
    let mut phone = world.participant().await;
    phone.check_in(&world, LIBRARY).await;
    let mut restored = phone.clone();
    let given = phone.write(&[acts::check_in(BASEMENT, NOON)]);
    let parcel = frame(&world, &phone, vec![phone.seal(&given)]);
    let later = acts::favourite_added(LIBRARY, NOON);
    restored.hand_in(&world, &[later]).await;
    let friend = world.enrolled(Role::Participant, &[]).await;
    for _ in 0..2 {
        assert_eq!(
            carry(&world, &friend, vec![parcel.clone()]).await,
            [Became::Taken]
        );
        assert_eq!(check_ins(&world, &mut restored).await, 2);
    }
}

on_both_stores!(
    a_frame_is_taken_once_whichever_way_it_comes_first,
    the_carrier_learns_nothing_of_what_it_carried,
    what_is_no_frame_of_a_device_here_is_refused,
    a_frame_with_a_gap_before_it_waits,
    a_gap_that_nobody_can_fill_any_more_holds_nothing_up,
    what_a_copy_wrote_where_other_ops_are_is_taken,
    what_its_writer_has_said_again_is_taken,
    a_frame_with_a_refused_op_is_taken_after_a_restore,
    what_a_phone_gave_away_before_it_was_put_back_is_taken,
    so_many_frames_and_no_more,
);

on_memory!(a_device_hands_in_so_much_within_an_hour);
