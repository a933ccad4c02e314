//! Pages in columns and compact batches: the same ops in fewer bytes.

use askel_proto::v1;
use askel_sync::{
    admission::{AdmittedOp, ClockReading},
    frame::{BatchHints, Chain, FrameError, FrameLimits, LogRef, decode_ops, encode_batch},
    id::StreamId,
    limits::PAYLOAD_BYTES_MAX,
    op::{Op, OpKind, Payload},
    page::{PageSpan, digest},
    stream::{StreamSum, op_sum},
    time::{ClockSegment, DAY_MS},
};
use prost::Message as _;

use crate::{
    acts,
    catalog::{BASEMENT, LIBRARY},
    device::{Answer, Device, at},
    world::{NOON, World},
};

const LIMITS: FrameLimits = FrameLimits {
    ops_max: 1_000,
    bytes_max: 1_000 * PAYLOAD_BYTES_MAX,
};

/// The ops of a stream's pages with their positions' span, each page read with those before it.
fn read(world: &World, answer: &Answer, stream: &StreamId, own: &[Op]) -> Vec<AdmittedOp> {
    let find = |origin| own.iter().find(|op| op.origin == origin).cloned();
    let mut held: Vec<AdmittedOp> = Vec::new();
    let mut chain = Chain::new(world.tenant.id);
    let mut next_position = 0;
    let pages = answer.pages.iter();
    for page in pages.filter(|page| page.stream_id == stream.to_vec()) {
        assert_eq!((page.encoding, page.ops.len()), (1, 0));
        // All before it came with this answer, or none counts.
        let context = if page.context_ops == 0 {
            &[]
        } else {
            &held[..]
        };
        if !page.goes_on {
            chain = Chain::new(world.tenant.id);
            chain.learn(context);
        }
        let ops = chain.decode(&find, &page.columns, LIMITS);
        let ops = ops.expect("readable");
        let span = PageSpan {
            stream: *stream,
            first_position: if page.goes_on {
                next_position + 1
            } else {
                page.first_position
            },
            next_position: page.next_position,
        };
        next_position = page.next_position;
        let digest = digest(world.tenant.id, &span, &ops);
        assert!(world.tenant.server.page_mac().verifies(&digest, &page.mac));
        held.extend(ops);
    }
    held
}

/// Steps of many quarters, each told three times.
fn walked(quarters: i64) -> Vec<Payload> {
    let start = NOON.saturating_add_ms(-7 * DAY_MS);
    let count = |quarter: i64, revision: u32| {
        let at = start.saturating_add_ms(quarter * 15 * 60_000);
        let Payload::StepCount(mut count) = acts::steps(at, 100 * revision) else {
            panic!("steps")
        };
        count.revision = revision;
        Payload::StepCount(count)
    };
    (0..quarters)
        .flat_map(|quarter| (1..=3).map(move |revision| count(quarter, revision)))
        .collect()
}

fn own_stream(answer: &Answer) -> StreamId {
    let told = answer.stream(&acts::own_stream());
    StreamId::try_from(&*told.stream_id).expect("an id")
}

async fn a_first_sync_is_what_is_live_in_small_pages(world: World) {
    let mut phone = world.participant().await;
    for some in walked(600).chunks(300) {
        phone.hand_in(&world, some).await;
    }
    phone.has_codec = true;
    let answer = phone.sync(&world).await;
    let own = own_stream(&answer);
    let live = read(&world, &answer, &own, &[]);
    let steps = live
        .iter()
        .filter(|op| op.op.kind == OpKind::StepCount as u32);
    assert_eq!(steps.count(), 600);
    let pages: Vec<_> = answer
        .pages
        .iter()
        .filter(|page| page.stream_id == own.to_vec())
        .collect();
    assert!(
        pages
            .iter()
            .all(|page| page.snapshot && page.encoded_len() <= 4 * 1024)
    );
    let sum = live
        .iter()
        .map(op_sum)
        .fold(StreamSum::default(), StreamSum::plus);
    let last = pages.last().expect("one");
    assert_eq!(last.sum, sum.bits());
    assert_eq!(last.next_position, answer.stream(&acts::own_stream()).head);
}

async fn own_ops_that_the_reader_names_are_left_out(world: World) {
    let mut phone = world.participant().await;
    phone.check_in(&world, LIBRARY).await;
    phone.has_codec = true;
    let before = phone.sync(&world).await;
    let own = own_stream(&before);
    let context = [read(&world, &before, &own, &[]).remove(0)];
    let batch = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    let op = batch.ops[0].clone();
    let request = |context_ops: u32| v1::SyncRequest {
        batches: vec![phone.seal(&batch)],
        cursors: vec![at(acts::own_stream(), own, 1)],
        log_heads: vec![v1::LogHead {
            log_id: phone.log.to_vec(),
            next_sequence: phone.next,
            last_op_id_prefix: op.id().as_bytes()[..8].to_vec(),
            ..v1::LogHead::default()
        }],
        context_ops,
        ..v1::SyncRequest::default()
    };
    let short = phone.send(&world, request(1)).await.expect("synced");
    let page = &short.pages[0];
    assert_eq!((page.context_ops, page.first_position), (1, 2));
    let find = |origin| (op.origin == origin).then(|| op.clone());
    let told = decode_ops(phone.tenant, &context, &find, &page.columns, LIMITS);
    assert!(told.expect("readable").iter().any(|told| told.op == op));
    let without = decode_ops(phone.tenant, &context, &|_| None, &page.columns, LIMITS);
    assert_eq!(without, Err(FrameError::OwnOpMissing));
    // Whoever holds nothing asks without a context, and nothing is left out.
    let whole = phone.send(&world, request(0)).await.expect("synced");
    let ops = read(&world, &whole, &own, &[]);
    assert!(ops.iter().any(|told| told.op == op));
    assert!(short.pages[0].columns.len() < whole.pages[0].columns.len());
}

fn hints(phone: &Device) -> (BatchHints, v1::ClientClock) {
    let clock = ClockReading {
        wall: NOON,
        segment: ClockSegment::default(),
    };
    let hints = BatchHints {
        tenant: phone.tenant,
        device: phone.id,
        log: phone.log,
        clock_segment: clock.segment,
        wall: clock.wall,
    };
    let told = v1::ClientClock {
        wall_ms: NOON.as_ms(),
        segment: Some(v1::ClockSegment::default()),
    };
    (hints, told)
}

async fn a_compact_batch_is_taken_in_or_wanted_in_plain(world: World) {
    let mut phone = world.participant().await;
    let first = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let second = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    let third = phone.write(&[acts::favourite_added(BASEMENT, NOON)]);
    let (hints, clock) = hints(&phone);
    let compact = |batch: &askel_sync::log::Batch, context: &[Op], log: LogRef| {
        let sealed = phone.seal(batch);
        let columns = encode_batch(context, &hints, log, &sealed.batch).expect("in form");
        v1::SealedBatch {
            signature: sealed.signature,
            encoding: 1,
            columns,
            context_ops: u32::try_from(context.len()).expect("few"),
            ..v1::SealedBatch::default()
        }
    };
    let send_all = async |batches: Vec<v1::SealedBatch>| {
        let request = v1::SyncRequest {
            batches,
            client_clock: Some(clock),
            ..v1::SyncRequest::default()
        };
        phone.send(&world, request).await.expect("synced")
    };
    let send = async |batch| send_all(vec![batch]).await;
    let prefix = LogRef::Prefix(*phone.log.as_bytes().first_chunk().expect("four"));
    // Nothing of the log is here yet: neither its name nor what came before.
    let early = send(compact(&second, &first.ops, LogRef::Full(phone.log))).await;
    assert!(early.outcome().plain_wanted, "{early:?}");
    assert_eq!(early.outcome().settled_before, 0);
    let told = send(compact(&first, &[], LogRef::Full(phone.log))).await;
    assert_eq!(told.outcome().settled_before, 1);
    let told = send(compact(&second, &first.ops, prefix)).await;
    assert_eq!(
        (told.outcome().settled_before, told.outcome().plain_wanted),
        (2, false)
    );
    // Another op in its place: what is rebuilt is not what was signed.
    let wrong = send(compact(&second, &second.ops, prefix)).await;
    assert!(wrong.outcome().plain_wanted, "{wrong:?}");
    // Nothing is settled beside what could not be read, though a later batch was.
    let wrong = compact(&second, &second.ops, prefix);
    let beside = send_all(vec![wrong, compact(&third, &[], prefix)]).await;
    assert!(beside.outcome().plain_wanted, "{beside:?}");
    assert_eq!(beside.outcome().settled_before, 0);
    let told = send(compact(&third, &[], prefix)).await;
    assert_eq!(told.outcome().settled_before, 3);
}

on_both_stores!(
    a_first_sync_is_what_is_live_in_small_pages,
    own_ops_that_the_reader_names_are_left_out,
    a_compact_batch_is_taken_in_or_wanted_in_plain,
);
