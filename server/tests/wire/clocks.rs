//! What was written in a boot that is over: on its right day if the device knew that boot's time, marked
//! if not, and never refused.

use askel_proto::v1::{self, frame_outcome::Result as Became};
use askel_sync::{
    admission::{AdmittedOp, Flags, Role},
    lifeboat,
    limits::BOOTS_TOLD_MAX,
    op::OpKind,
    time::{ClockSegment, DAY_MS, Timestamp},
};
use tonic::Code;

use crate::{
    acts,
    catalog::LIBRARY,
    device::Device,
    world::{NOON, World, refused},
};

/// The boot that is over, and the one that sends.
const OVER: u64 = 7;
const NOW: u64 = 8;

/// How far the wall clock was ahead in the boot that is over.
const AHEAD_MS: i64 = 2 * DAY_MS;

/// What the device had learned in that boot, which began a day before noon.
fn told(boot_id: u64) -> v1::BootTime {
    v1::BootTime {
        boot_id,
        server_minus_monotonic_ms: NOON.as_ms() - DAY_MS,
    }
}

/// A check-in at noon, by a clock two days ahead.
fn written(phone: &mut Device) -> v1::SealedBatch {
    let claimed = NOON.saturating_add_ms(AHEAD_MS);
    let mut batch = phone.write(&[acts::check_in(LIBRARY, claimed)]);
    batch.clock_segment = ClockSegment {
        boot_id: OVER,
        wall_minus_monotonic_ms: NOON.as_ms() - DAY_MS + AHEAD_MS,
    };
    phone.seal(&batch)
}

/// Three days later, by a clock that is right.
fn later(world: &World, phone: &mut Device) -> v1::ClientClock {
    let now = NOON.saturating_add_ms(3 * DAY_MS);
    world.set_clock(now);
    phone.now = now;
    v1::ClientClock {
        wall_ms: now.as_ms(),
        segment: Some(v1::ClockSegment {
            boot_id: NOW,
            wall_minus_monotonic_ms: now.as_ms(),
        }),
    }
}

fn judged(ops: &[AdmittedOp]) -> (Timestamp, Flags) {
    let [op] = ops else { panic!("one: {ops:?}") };
    (op.admission.corrected_at, op.admission.flags)
}

async fn handed_in(world: World, boots: Vec<v1::BootTime>) -> (Timestamp, Flags) {
    let mut phone = world.participant().await;
    let sealed = written(&mut phone);
    let request = v1::SyncRequest {
        client_clock: Some(later(&world, &mut phone)),
        boots,
        ..phone.request(vec![sealed])
    };
    let answer = phone.send(&world, request).await.expect("synced");
    assert!(answer.outcome().exceptions.is_empty(), "never refused");
    judged(&answer.ops_of(OpKind::CheckIn))
}

async fn an_op_of_a_boot_whose_time_was_known_stands_on_its_day(world: World) {
    let found = handed_in(world, vec![told(1), told(OVER)]).await;
    assert_eq!(found, (NOON, Flags::CLOCK_CORRECTED));
}

async fn an_op_of_a_boot_of_which_nothing_is_known_is_marked(world: World) {
    let claimed = NOON.saturating_add_ms(AHEAD_MS);
    let found = handed_in(world, vec![told(1)]).await;
    assert_eq!(found, (claimed, Flags::CLOCK_UNSURE));
}

async fn carried(world: World, boots: Vec<v1::BootTime>) -> (Became, Vec<AdmittedOp>) {
    let mut phone = world.participant().await;
    let mut carrier = world.enrolled(Role::Participant, &[]).await;
    let frame = v1::Frame {
        tenant_id: world.tenant.id.to_vec(),
        device_id: phone.id.to_vec(),
        batches: vec![written(&mut phone)],
        boots,
    };
    let ingest = world.tenant.server.ingest().public_key();
    let sealed = lifeboat::seal(&ingest, world.tenant.id, &frame, [7; 32]);
    let request = v1::SyncRequest {
        client_clock: Some(later(&world, &mut carrier)),
        carried_frames: vec![v1::CarriedFrame {
            sealed: sealed.expect("sealed"),
        }],
        ..carrier.request(Vec::new())
    };
    let answer = carrier.send(&world, request).await.expect("synced");
    let ops = phone.sync(&world).await.ops_of(OpKind::CheckIn);
    (answer.frames[0].result(), ops)
}

async fn a_frame_tells_of_its_boots_too(world: World) {
    let (became, ops) = carried(world, vec![told(OVER)]).await;
    assert_eq!(became, Became::Taken);
    assert_eq!(judged(&ops), (NOON, Flags::CLOCK_CORRECTED));
}

async fn what_a_frame_says_nothing_of_is_marked(world: World) {
    let (became, ops) = carried(world, Vec::new()).await;
    assert_eq!(became, Became::Taken);
    assert!(judged(&ops).1.contains(Flags::CLOCK_UNSURE));
}

async fn a_frame_tells_of_so_many_boots(world: World) {
    let boots = |count: u64| (0..count).map(|boot| told(boot + 1)).collect();
    let most = u64::try_from(BOOTS_TOLD_MAX).expect("few");
    let (became, ops) = carried(world, boots(most + 1)).await;
    assert_eq!((became, ops), (Became::Refused, Vec::new()));
}

async fn a_request_tells_of_so_many_boots(world: World) {
    let phone = world.participant().await;
    let request = |count: usize| v1::SyncRequest {
        boots: vec![told(1); count],
        ..v1::SyncRequest::default()
    };
    let most = phone.send(&world, request(BOOTS_TOLD_MAX)).await;
    assert_eq!(most.expect("synced").outcomes, Vec::new());
    let one_more = phone.send(&world, request(BOOTS_TOLD_MAX + 1)).await;
    refused(
        &one_more.expect_err("refused"),
        Code::InvalidArgument,
        "LIMIT_EXCEEDED",
    );
}

on_both_stores!(
    an_op_of_a_boot_whose_time_was_known_stands_on_its_day,
    an_op_of_a_boot_of_which_nothing_is_known_is_marked,
    a_frame_tells_of_its_boots_too,
    what_a_frame_says_nothing_of_is_marked,
);

on_memory!(
    a_frame_tells_of_so_many_boots,
    a_request_tells_of_so_many_boots,
);
