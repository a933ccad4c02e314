//! Sizes and speed of frames: `cargo run --release --example frame_sizes -p askel-sync`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a measurement, not part of the product"
)]

#[path = "../tests/frames/year.rs"]
mod year;

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    time::Instant,
};

use askel_sync::{
    admission::AdmittedOp,
    frame::{
        BatchHints, CONTEXT_OPS_MAX, Chain, FrameLimits, LogRef, decode_ops, encode_batch,
        encode_ops,
    },
    id::{DeviceId, LogId, PlaceId, SlotId},
    key::KeyPair,
    log::Batch,
    op::{CheckIn, Manner, Op, Origin, Payload, SessionRef, Witness},
    time::{ClockSegment, DAY_MS, Timestamp},
};
use year::{Dice, TENANT, year};

const LIMITS: FrameLimits = FrameLimits {
    ops_max: 100_000,
    bytes_max: 10_000_000,
};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let ops = year(365, 1);
    let plain: usize = ops
        .iter()
        .map(|op| prost::Message::encoded_len(&op.to_proto()))
        .sum();
    writeln!(out, "{} ops, {plain} bytes as rows", ops.len())?;
    for context in [0, 64, CONTEXT_OPS_MAX] {
        let size = framed(&ops, 1024, context);
        writeln!(out, "frames of 1024, context {context}: {size} bytes")?;
    }
    let mut chain = Chain::new(TENANT);
    let frames: Vec<Vec<u8>> = ops
        .chunks(1024)
        .map(|ops| chain.encode(&|_| false, ops))
        .collect();
    let size: usize = frames.iter().map(Vec::len).sum();
    writeln!(out, "a chain of frames of 1024: {size} bytes")?;
    for context in [16, 64, CONTEXT_OPS_MAX] {
        writeln!(
            out,
            "daily pages, context {context}: {} bytes",
            daily(&ops, context)
        )?;
    }
    batches(&mut out, &ops)?;
    by_kind(&mut out, &ops)?;
    check_ins(&mut out)?;
    speed(&mut out, &ops, &frames)
}

fn framed(ops: &[AdmittedOp], length: usize, context: usize) -> usize {
    let mut size = 0;
    let mut at = 0;
    while at < ops.len() {
        let end = (at + length).min(ops.len());
        size += encode_ops(
            TENANT,
            &ops[at.saturating_sub(context)..at],
            &|_| false,
            &ops[at..end],
        )
        .len();
        at = end;
    }
    size
}

fn daily(ops: &[AdmittedOp], context: usize) -> usize {
    let day = |op: &AdmittedOp| op.admission.received_at.as_ms() / DAY_MS;
    let mut size = 0;
    let mut at = 0;
    while at < ops.len() {
        let end = at
            + ops[at..]
                .iter()
                .take_while(|op| day(op) == day(&ops[at]))
                .count();
        size += encode_ops(
            TENANT,
            &ops[at.saturating_sub(context)..at],
            &|_| false,
            &ops[at..end],
        )
        .len();
        at = end;
    }
    size
}

/// Each log's daily batches, after its last sixteen ops.
fn batches(out: &mut impl io::Write, ops: &[AdmittedOp]) -> io::Result<()> {
    let mut logs: BTreeMap<LogId, Vec<&AdmittedOp>> = BTreeMap::new();
    for op in ops {
        logs.entry(op.op.origin.log).or_default().push(op);
    }
    for ops in logs.values() {
        let (mut size, mut count, mut at) = (0, 0, 0);
        while at < ops.len() {
            let received = ops[at].admission.received_at;
            let same = |op: &&&AdmittedOp| op.admission.received_at == received;
            let end = at + ops[at..].iter().take_while(same).count();
            let plain = |ops: &[&AdmittedOp]| ops.iter().map(|op| op.op.clone()).collect();
            let context: Vec<Op> = plain(&ops[at.saturating_sub(16)..at]);
            size += batch_size(&context, plain(&ops[at..end]), received);
            count += 1;
            at = end;
        }
        let each = size as f64 / f64::from(count);
        writeln!(
            out,
            "  {count} batches of {} ops: {size} bytes, each {each:.1}",
            ops.len()
        )?;
    }
    Ok(())
}

fn batch_size(context: &[Op], ops: Vec<Op>, wall: Timestamp) -> usize {
    let Origin { log, sequence } = ops[0].origin;
    let device = DeviceId::from_bytes([7; 16]);
    let clock_segment = ClockSegment {
        boot_id: 1,
        wall_minus_monotonic_ms: 1_767_000_000_000,
    };
    let hints = BatchHints {
        tenant: TENANT,
        device,
        log,
        clock_segment,
        wall,
    };
    let batch = Batch {
        log,
        first_sequence: sequence,
        device,
        clock_segment,
        later_segments: Vec::new(),
        ops,
    };
    let sealed = batch.seal(TENANT, &KeyPair::from_seed(&[1; 32]));
    let prefix = LogRef::Prefix(*log.as_bytes().first_chunk().unwrap());
    encode_batch(context, &hints, prefix, &sealed.batch)
        .unwrap()
        .len()
}

/// What each kind costs, roughly: the year without it.
fn by_kind(out: &mut impl io::Write, ops: &[AdmittedOp]) -> io::Result<()> {
    let mut kinds: BTreeMap<u32, usize> = BTreeMap::new();
    for op in ops {
        *kinds.entry(op.op.kind).or_default() += 1;
    }
    let whole = Chain::new(TENANT).encode(&|_| false, ops).len();
    for (kind, count) in kinds {
        let others: Vec<AdmittedOp> = ops
            .iter()
            .filter(|op| op.op.kind != kind)
            .cloned()
            .collect();
        let size = whole.saturating_sub(Chain::new(TENANT).encode(&|_| false, &others).len());
        writeln!(
            out,
            "  kind {kind:2}: {count:5} ops, {size:6} bytes, {:.2} bits each",
            size as f64 * 8.0 / count as f64
        )?;
    }
    Ok(())
}

fn check_ins(out: &mut impl io::Write) -> io::Result<()> {
    let dice = &mut Dice(9);
    let log = LogId::from_bytes(dice.handle());
    let device = DeviceId::from_bytes(dice.handle());
    let segment = ClockSegment {
        boot_id: dice.next(),
        wall_minus_monotonic_ms: dice.next() as i64 >> 20,
    };
    let mut at = 1_767_225_600_000_i64;
    let ops: Vec<Op> = (0..76)
        .map(|sequence| {
            at += dice.below(2 * DAY_MS as u64) as i64;
            let check_in = CheckIn {
                place: PlaceId::new(1 + dice.number(50)),
                occurred_at: Timestamp::from_ms(at),
                session: SessionRef::Slot(SlotId::new(0)),
                manner: Manner::OnSite,
                catalog_version: 3,
                witness: Witness::SelfReport,
            };
            Op::new(Origin { log, sequence }, &Payload::CheckIn(check_in))
        })
        .collect();
    let hints = BatchHints {
        tenant: TENANT,
        device,
        log,
        clock_segment: segment,
        wall: Timestamp::from_ms(at + 1000),
    };
    let key = KeyPair::from_seed(&[1; 32]);
    let prefix = LogRef::Prefix(*log.as_bytes().first_chunk().unwrap());
    let size = |context: usize, count: usize| {
        let batch = Batch {
            log,
            first_sequence: context as u64,
            device,
            clock_segment: segment,
            later_segments: Vec::new(),
            ops: ops[context..context + count].to_vec(),
        };
        let sealed = batch.seal(TENANT, &key);
        (
            encode_batch(&ops[..context], &hints, prefix, &sealed.batch)
                .unwrap()
                .len(),
            sealed.batch.len(),
        )
    };
    for context in [0, 16] {
        let [(one, _), (most, _), (all, plain)] = [1, 59, 60].map(|count| size(context, count));
        writeln!(
            out,
            "check-ins, context {context}: one {one} bytes, 60 {all} bytes ({plain} plain), each {:.2}, one more {}",
            all as f64 / 60.0,
            all - most
        )?;
    }
    Ok(())
}

fn speed(out: &mut impl io::Write, ops: &[AdmittedOp], frames: &[Vec<u8>]) -> io::Result<()> {
    let best = |work: &mut dyn FnMut()| {
        (0..15)
            .map(|_| {
                let start = Instant::now();
                work();
                start.elapsed().as_micros()
            })
            .min()
            .unwrap()
    };
    let encode = best(&mut || {
        let mut chain = Chain::new(TENANT);
        for ops in ops.chunks(1024) {
            std::hint::black_box(chain.encode(&|_| false, ops));
        }
    });
    let decode = best(&mut || {
        let mut chain = Chain::new(TENANT);
        for frame in frames {
            std::hint::black_box(chain.decode(&|_| None, frame, LIMITS).unwrap());
        }
    });
    let page = encode_ops(TENANT, &ops[..256], &|_| false, &ops[256..280]);
    let small = best(&mut || {
        std::hint::black_box(decode_ops(TENANT, &ops[..256], &|_| None, &page, LIMITS).unwrap());
    });
    let bare = best(&mut || {
        std::hint::black_box(Chain::new(TENANT));
    });
    writeln!(
        out,
        "{} ops: encode {encode} us, decode {decode} us; a day after 256: {small} us; a new chain {bare} us",
        ops.len()
    )
}
