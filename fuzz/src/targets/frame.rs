//! Compact frames, and frames that others carry.

use askel_proto::v1;
use askel_sync::{
    admission::AdmittedOp,
    frame::{
        BatchHints, CONTEXT_OPS_MAX, FrameLimits, LogRef, decode_batch, decode_ops, encode_batch,
        encode_ops, log_of_batch,
    },
    id::LogId,
    key::Purpose,
    lifeboat,
    limits::{BATCH_BYTES_MAX, OPS_PER_BATCH_MAX},
    log::Batch,
    op::{Op, Origin},
    time::ClockSegment,
};
use prost::Message as _;

use crate::{
    Target,
    targets::page::golden_ops,
    world::{NOON, TENANT, device, golden, ingest, phone},
};

pub(crate) const FRAME: Target = Target {
    name: "frame",
    run: frame,
    seeds: || {
        let ops = golden_ops();
        let own = |op: &Op| op.origin.sequence.is_multiple_of(2);
        vec![
            [&[0], &*encode_ops(TENANT, &[], &|_| false, &ops)].concat(),
            [&[1], &*encode_ops(TENANT, &ops, &|_| false, &ops)].concat(),
            [&[2], &*encode_ops(TENANT, &[], &own, &ops)].concat(),
        ]
    },
};

pub(crate) const COMPACT_BATCH: Target = Target {
    name: "compact-batch",
    run: compact_batch,
    seeds: || {
        let plain = plain_batch("sealed-batch.bin");
        let of_boots = plain_batch("sealed-batch-of-boots.bin");
        let hints = hints(&LogRef::Full(LogId::from_bytes(*b"log-id-123456789")));
        let compact =
            |log, plain: &[u8]| encode_batch(&[], &hints, log, plain).expect("it is in order");
        vec![
            compact(LogRef::Prefix(*b"log-"), &plain),
            compact(LogRef::Full(hints.log), &plain),
            compact(LogRef::Prefix(*b"log-"), &of_boots),
            plain.clone(),
            of_boots.clone(),
        ]
    },
};

pub(crate) const LIFEBOAT: Target = Target {
    name: "lifeboat",
    run: carried,
    seeds: || {
        let sealed = golden("lifeboat-frame.bin");
        let frame = lifeboat::open(&ingest(), TENANT, &sealed).expect("golden");
        vec![sealed, frame.encode_to_vec()]
    },
};

const LIMITS: FrameLimits = FrameLimits {
    ops_max: 2_000,
    bytes_max: 100_000,
};

/// One byte says what the reader holds, then the frame.
fn frame(bytes: &[u8]) {
    let Some((holds, bytes)) = bytes.split_first() else {
        return;
    };
    let golden = golden_ops();
    let context: &[AdmittedOp] = if holds & 1 == 0 { &[] } else { &golden };
    let own = |origin: Origin| {
        let held = golden.iter().filter(|_| holds & 2 != 0);
        held.map(|admitted| &admitted.op)
            .find(|op| op.origin == origin)
            .cloned()
    };
    let Ok(ops) = decode_ops(TENANT, context, &own, bytes, LIMITS) else {
        return;
    };
    assert!(ops.len() <= LIMITS.ops_max);
    let payloads = ops.iter().map(|admitted| admitted.op.payload.len());
    // What is held already is not counted.
    let held: usize = golden.iter().map(|held| held.op.payload.len()).sum();
    let most = held.saturating_mul(ops.len());
    assert!(payloads.sum::<usize>() <= LIMITS.bytes_max.saturating_add(most));
    // Whatever was read can be written, and is read again as the same.
    let again = encode_ops(TENANT, context, &|_| false, &ops);
    let limits = FrameLimits {
        ops_max: ops.len(),
        bytes_max: usize::MAX,
    };
    let read = decode_ops(TENANT, context, &|_| None, &again, limits);
    assert_eq!(read.as_ref(), Ok(&ops));
}

fn plain_batch(name: &str) -> Vec<u8> {
    let sealed = v1::SealedBatch::decode(&*golden(name));
    sealed.expect("golden").batch
}

/// As a server finds them.
fn hints(log: &LogRef) -> BatchHints {
    BatchHints {
        tenant: TENANT,
        device: device(),
        log: match log {
            LogRef::Prefix(_) => LogId::from_bytes(*b"log-id-123456789"),
            LogRef::Full(log) => *log,
        },
        clock_segment: ClockSegment {
            boot_id: 7,
            wall_minus_monotonic_ms: 1_460_000_000_000,
        },
        wall: NOON,
    }
}

/// The bytes as a compact batch, and as a plain one to be made compact.
fn compact_batch(bytes: &[u8]) {
    let limits = FrameLimits {
        ops_max: OPS_PER_BATCH_MAX,
        bytes_max: BATCH_BYTES_MAX,
    };
    let context: Vec<Op> = golden_ops()
        .into_iter()
        .map(|admitted| admitted.op)
        .take(CONTEXT_OPS_MAX)
        .collect();
    if let Ok(log) = log_of_batch(bytes) {
        let hints = hints(&log);
        for context in [&[][..], &context] {
            if let Ok(plain) = decode_batch(context, &hints, bytes, limits) {
                assert!(v1::Batch::decode(&*plain).is_ok());
            }
        }
    }
    let log = LogRef::Prefix(*b"log-");
    let hints = hints(&log);
    if let Some(compact) = encode_batch(&context, &hints, log, bytes) {
        let unbounded = FrameLimits {
            ops_max: usize::MAX,
            bytes_max: usize::MAX,
        };
        // The signature is over these bytes.
        let again = decode_batch(&context, &hints, &compact, unbounded);
        assert_eq!(again.as_deref(), Ok(bytes));
    }
}

/// The bytes as a sealed frame, and as one that was sealed as it should be.
fn carried(bytes: &[u8]) {
    if let Ok(frame) = lifeboat::open(&ingest(), TENANT, bytes) {
        open(&frame);
    }
    let Ok(frame) = v1::Frame::decode(bytes) else {
        return;
    };
    let Ok(sealed) = lifeboat::seal(&ingest().public_key(), TENANT, &frame, [7; 32]) else {
        return;
    };
    if let Ok(opened) = lifeboat::open(&ingest(), TENANT, &sealed) {
        assert_eq!(opened, frame);
        open(&opened);
    }
}

fn open(frame: &v1::Frame) {
    let key = phone().public_key();
    for sealed in &frame.batches {
        let signed = v1::SealedBatch {
            signature: phone().sign(Purpose::Batch, TENANT, &sealed.batch),
            ..sealed.clone()
        };
        for sealed in [sealed, &signed] {
            let _ = Batch::open(sealed, TENANT, device(), &key);
        }
    }
}
