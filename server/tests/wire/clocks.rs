//! What was written in a boot that is over: on its right day if the device knew that boot's time, marked
//! if not, and never refused.

use askel_proto::v1::{self, frame_outcome::Result as Became};
use askel_sync::{
    admission::{AdmittedOp, Flags, Role},
    frame::{BatchHints, ENCODING, LogRef, encode_batch},
    id::{LogId, StreamId},
    lifeboat,
    limits::BOOTS_TOLD_MAX,
    log::{Batch, LaterSegment, segments_of},
    op::OpKind,
    time::{ClockSegment, DAY_MS, HOUR_MS, Timestamp},
};
use tonic::Code;

use crate::{
    acts,
    catalog::LIBRARY,
    device::{Answer, Device, at},
    world::{NOON, World, refused},
};

/// The boot that is over, and the one that sends.
const OVER: u64 = 7;
const NOW: u64 = 8;

/// How far the wall clock was ahead in the boot that is over.
const AHEAD_MS: i64 = 2 * DAY_MS;

/// How far it was behind in a boot of which nothing is known.
const YEARS_MS: i64 = 4 * 365 * DAY_MS;

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

/// In one batch: by a clock two days ahead in a boot whose time was known, by one years behind in a boot
/// of which nothing is known, in the boot that is over again, and an hour before sending.
fn written_in_three_boots(phone: &mut Device) -> Batch {
    let ahead = NOON.saturating_add_ms(AHEAD_MS);
    let behind = NOON.saturating_add_ms(-YEARS_MS);
    let before_sending = NOON.saturating_add_ms(3 * DAY_MS - HOUR_MS);
    let claimed = [
        ahead,
        behind,
        ahead.saturating_add_ms(HOUR_MS),
        before_sending,
    ];
    let ops = claimed.map(|at| acts::check_in(LIBRARY, at));
    let segment = |boot_id, wall_minus_monotonic_ms| ClockSegment {
        boot_id,
        wall_minus_monotonic_ms,
    };
    let over = segment(OVER, NOON.as_ms() - DAY_MS + AHEAD_MS);
    let unknown = segment(9, behind.as_ms() - HOUR_MS);
    let now = segment(NOW, NOON.as_ms() + 3 * DAY_MS);
    let (clock_segment, later_segments) = segments_of([over, unknown, over, now]);
    Batch {
        clock_segment,
        later_segments,
        ..phone.write(&ops)
    }
}

async fn judged_by_their_boots(world: World, is_compact: bool) {
    let mut phone = world.participant().await;
    let batch = written_in_three_boots(&mut phone);
    let clock = later(&world, &mut phone);
    let sealed = phone.seal(&batch);
    let sealed = if is_compact {
        compact(&phone, sealed, clock)
    } else {
        sealed
    };
    let request = v1::SyncRequest {
        client_clock: Some(clock),
        boots: vec![told(OVER)],
        ..phone.request(vec![sealed])
    };
    let answer = phone.send(&world, request).await.expect("synced");
    assert_eq!(answer.outcome().settled_before, 4);
    let ops = answer.ops_of(OpKind::CheckIn);
    let found: Vec<_> = ops
        .iter()
        .map(|op| (op.admission.corrected_at, op.admission.flags))
        .collect();
    let expected = [
        (NOON, Flags::CLOCK_CORRECTED),
        (NOON.saturating_add_ms(-YEARS_MS), Flags::CLOCK_UNSURE),
        (NOON.saturating_add_ms(HOUR_MS), Flags::CLOCK_CORRECTED),
        (
            NOON.saturating_add_ms(3 * DAY_MS - HOUR_MS),
            Flags::default(),
        ),
    ];
    assert_eq!(found, expected);
}

fn compact(phone: &Device, sealed: v1::SealedBatch, clock: v1::ClientClock) -> v1::SealedBatch {
    let hints = BatchHints {
        tenant: phone.tenant,
        device: phone.id,
        log: phone.log,
        clock_segment: clock.segment.expect("told").into(),
        wall: Timestamp::from_ms(clock.wall_ms),
    };
    let columns = encode_batch(&[], &hints, LogRef::Full(phone.log), &sealed.batch);
    v1::SealedBatch {
        batch: Vec::new(),
        encoding: ENCODING,
        columns: columns.expect("in form"),
        ..sealed
    }
}

async fn each_op_of_a_batch_is_judged_by_its_own_boot(world: World) {
    judged_by_their_boots(world, false).await;
}

async fn each_op_of_a_compact_batch_is_judged_by_its_own_boot(world: World) {
    judged_by_their_boots(world, true).await;
}

async fn boots_that_begin_at_no_op_are_refused_and_nothing_is_taken_in(world: World) {
    let mut phone = world.participant().await;
    let good = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let batch = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    for ops_before in [0, 1] {
        let later = LaterSegment {
            ops_before,
            clock_segment: ClockSegment::default(),
        };
        let out_of_order = Batch {
            later_segments: vec![later],
            ..batch.clone()
        };
        let sealed = [&good, &out_of_order].map(|batch| phone.seal(batch));
        let request = phone.request(sealed.to_vec());
        let refusal = phone.send(&world, request).await.expect_err("refused");
        refused(&refusal, Code::InvalidArgument, "BATCH_MALFORMED");
        let answer = phone.sync(&world).await;
        assert_eq!(answer.ops_of(OpKind::CheckIn), Vec::new());
    }
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

/// What was accepted on its day and lost by a restore since, and what its writer had read.
struct Lost {
    phone: Device,
    batch: Batch,
    read: Answer,
}

async fn lost(world: &mut World) -> Lost {
    let mut phone = world.participant().await;
    phone
        .hand_in(world, &[acts::favourite_added(LIBRARY, NOON)])
        .await;
    let backup = world.back_up().await;
    let claimed = NOON.saturating_add_ms(AHEAD_MS);
    let ops = [
        acts::check_in(LIBRARY, claimed),
        acts::steps(claimed, 4_000),
    ];
    let batch = Batch {
        clock_segment: ClockSegment {
            boot_id: OVER,
            wall_minus_monotonic_ms: NOON.as_ms() - DAY_MS + AHEAD_MS,
        },
        ..phone.write(&ops)
    };
    let request = v1::SyncRequest {
        client_clock: Some(later(world, &mut phone)),
        boots: vec![told(OVER)],
        ..phone.request(vec![phone.seal(&batch)])
    };
    let read = phone.send(world, request).await.expect("synced");
    assert_eq!(on_their_day(&read), [true, true]);
    world.go_back_to(backup).await;
    Lost { phone, batch, read }
}

fn on_their_day(answer: &Answer) -> Vec<bool> {
    let kinds = [OpKind::CheckIn, OpKind::StepCount];
    let ops = kinds.into_iter().flat_map(|kind| answer.ops_of(kind));
    let day = (NOON, Flags::CLOCK_CORRECTED);
    ops.map(|op| judged(&[op]) == day).collect()
}

impl Lost {
    /// Their writer offers them in a new log.
    async fn offered_again(&mut self, world: &World, boots: Vec<v1::BootTime>) -> Answer {
        let again = Batch {
            log: LogId::from_bytes([0x44; 16]),
            first_sequence: 0,
            ..self.batch.clone()
        };
        let request = v1::SyncRequest {
            client_clock: Some(later(world, &mut self.phone)),
            boots,
            ..self.phone.request(vec![self.phone.seal(&again)])
        };
        self.phone.send(world, request).await.expect("synced")
    }
}

async fn what_is_offered_again_with_its_boots_time_stands_as_it_did(mut world: World) {
    let mut lost = lost(&mut world).await;
    let answer = lost.offered_again(&world, vec![told(OVER)]).await;
    assert_eq!(on_their_day(&answer), [true, true]);
}

/// Also where its writer offers it later, and can't say any more what the time was.
async fn what_a_reader_hands_back_stands_as_it_did(mut world: World) {
    let mut lost = lost(&mut world).await;
    let info = lost.read.stream(&acts::own_stream());
    let own = StreamId::try_from(&*info.stream_id).expect("an id");
    let ahead = v1::SyncRequest {
        cursors: vec![at(acts::own_stream(), own, info.head)],
        ..v1::SyncRequest::default()
    };
    lost.phone.send(&world, ahead).await.expect("synced");
    let pages = lost.read.pages.iter();
    let pages = pages.filter(|page| page.stream_id == own.to_vec());
    let request = v1::SyncRequest {
        returned_pages: pages.cloned().collect(),
        ..v1::SyncRequest::default()
    };
    lost.phone.send(&world, request).await.expect("synced");
    let answer = lost.offered_again(&world, Vec::new()).await;
    assert_eq!(on_their_day(&answer), [true, true]);
}

on_both_stores!(
    what_is_offered_again_with_its_boots_time_stands_as_it_did,
    what_a_reader_hands_back_stands_as_it_did,
    an_op_of_a_boot_whose_time_was_known_stands_on_its_day,
    an_op_of_a_boot_of_which_nothing_is_known_is_marked,
    each_op_of_a_batch_is_judged_by_its_own_boot,
    each_op_of_a_compact_batch_is_judged_by_its_own_boot,
    boots_that_begin_at_no_op_are_refused_and_nothing_is_taken_in,
    a_frame_tells_of_its_boots_too,
    what_a_frame_says_nothing_of_is_marked,
);

on_memory!(
    a_frame_tells_of_so_many_boots,
    a_request_tells_of_so_many_boots,
);
