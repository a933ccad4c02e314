//! Sealed batches in compact form.

use askel_sync::{
    frame::{
        BatchHints, FrameError, FrameLimits, LogRef, decode_batch, encode_batch, log_of_batch,
    },
    id::{DeviceId, LogId, PlaceId, SlotId},
    key::KeyPair,
    log::{Batch, LaterSegment, segments_of},
    op::{CheckIn, Manner, Op, Origin, Payload, SessionRef, Witness},
    time::{ClockSegment, DAY_MS, HOUR_MS, Timestamp},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    strategies::{LIMITS, odd_op},
    year::{Dice, TENANT, year},
};

const LOG: LogId = LogId::from_bytes(*b"the log it is of");

fn hints() -> BatchHints {
    BatchHints {
        tenant: TENANT,
        device: DeviceId::from_bytes([2; 16]),
        log: LOG,
        clock_segment: ClockSegment {
            boot_id: 77,
            wall_minus_monotonic_ms: 1_767_000_000_000,
        },
        wall: Timestamp::from_ms(1_767_225_600_000),
    }
}

fn prefix() -> LogRef {
    LogRef::Prefix(*LOG.as_bytes().first_chunk().unwrap())
}

fn sealed(batch: &Batch) -> Vec<u8> {
    batch.seal(TENANT, &KeyPair::from_seed(&[1; 32])).batch
}

fn batch(first_sequence: u64, ops: Vec<Op>) -> Batch {
    Batch {
        log: LOG,
        first_sequence,
        device: hints().device,
        clock_segment: hints().clock_segment,
        later_segments: Vec::new(),
        ops,
    }
}

fn boot(boot_id: u64) -> ClockSegment {
    ClockSegment {
        boot_id,
        ..hints().clock_segment
    }
}

/// The participant's own ops of a year, as the first of this log.
fn own_ops() -> Vec<Op> {
    let steps = year(20, 4).into_iter().filter(|held| held.op.kind < 30);
    let ops = steps.zip(0..).map(|(held, sequence)| Op {
        origin: Origin { log: LOG, sequence },
        ..held.op
    });
    ops.collect()
}

/// Boots that come again, clocks that jump, and what a clock never says.
fn odd_segment() -> impl Strategy<Value = ClockSegment> {
    let boot_id = prop_oneof![Just(77_u64), 0..3_u64, any::<u64>()];
    let offset = prop_oneof![
        1_767_000_000_000_i64..1_767_300_000_000,
        Just(0),
        any::<i64>()
    ];
    (boot_id, offset).prop_map(|(boot_id, wall_minus_monotonic_ms)| ClockSegment {
        boot_id,
        wall_minus_monotonic_ms,
    })
}

proptest! {
    #[test]
    fn the_very_bytes_come_back(
        ops in vec((odd_op(), any::<bool>()), 1..20),
        begun in vec(prop::option::of(odd_segment()), 20),
        context in vec(odd_op(), 0..16),
        first_sequence in prop_oneof![0..100_u64, Just((1 << 48) - 30)],
        device in 0..4_u8,
        boot_id in prop_oneof![Just(77_u64), any::<u64>()],
        offset in prop_oneof![Just(1_767_000_000_000_i64), any::<i64>()],
        is_known in any::<bool>(),
    ) {
        let ops = (first_sequence..).zip(ops).map(|(sequence, (op, is_again))| {
            let origin = if is_again { op.origin } else { Origin { log: LOG, sequence } };
            Op { origin, ..op }
        });
        let ops: Vec<Op> = ops.collect();
        // Also one that begins where it held before.
        let later = (1_u32..).zip(begun).take(ops.len() - 1);
        let later = later.filter_map(|(ops_before, begun)| {
            Some(LaterSegment { ops_before, clock_segment: begun? })
        });
        let batch = sealed(&Batch {
            device: DeviceId::from_bytes([device; 16]),
            clock_segment: ClockSegment { boot_id, wall_minus_monotonic_ms: offset },
            later_segments: later.collect(),
            ..batch(first_sequence, ops)
        });
        let log = if is_known { prefix() } else { LogRef::Full(LOG) };
        let bytes = encode_batch(&context, &hints(), log, &batch).unwrap();
        prop_assert_eq!(log_of_batch(&bytes), Ok(log));
        prop_assert_eq!(decode_batch(&context, &hints(), &bytes, LIMITS), Ok(batch));
    }

    #[test]
    fn another_form_of_a_batch_is_rebuilt_or_refused(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        is_more in any::<bool>(),
        boots in 1..4_u64,
    ) {
        let (clock_segment, later_segments) = segments_of((0..6).map(|index| boot(index % boots)));
        let mut bytes = sealed(&Batch {
            clock_segment,
            later_segments,
            ..batch(3, own_ops()[3..9].to_vec())
        });
        let at = at.index(bytes.len());
        if is_more {
            bytes.insert(at, byte);
        } else {
            bytes[at] = byte;
        }
        if let Some(columns) = encode_batch(&[], &hints(), prefix(), &bytes) {
            prop_assert_eq!(decode_batch(&[], &hints(), &columns, LIMITS), Ok(bytes));
        }
    }
}

#[test]
fn a_batch_of_another_log_or_form_is_refused() {
    let plain = sealed(&batch(0, own_ops()[..4].to_vec()));
    let other = BatchHints {
        log: LogId::from_bytes([9; 16]),
        ..hints()
    };
    assert_eq!(
        encode_batch(&[], &other, LogRef::Full(other.log), &plain),
        None
    );
    assert_eq!(encode_batch(&[], &hints(), prefix(), &[7; 40]), None);
    let mut unknown_field = plain.clone();
    unknown_field.extend([0x78, 1]);
    assert_eq!(encode_batch(&[], &hints(), prefix(), &unknown_field), None);
    let columns = encode_batch(&[], &hints(), prefix(), &plain).unwrap();
    let read = decode_batch(&[], &other, &columns, LIMITS);
    assert_eq!(read, Err(FrameError::ContextMismatch));
}

#[test]
fn a_batch_without_ops_or_with_segments_out_of_order_stays_as_it_is() {
    let ops = own_ops()[..4].to_vec();
    let with = |ops_before: [u32; 2], ops: &[Op]| {
        let later = ops_before.map(|ops_before| LaterSegment {
            ops_before,
            clock_segment: boot(u64::from(ops_before)),
        });
        let batch = Batch {
            later_segments: later.to_vec(),
            ..batch(0, ops.to_vec())
        };
        encode_batch(&[], &hints(), prefix(), &sealed(&batch))
    };
    assert!(with([1, 3], &ops).is_some());
    for out_of_order in [[0, 1], [2, 2], [3, 1], [1, 4]] {
        assert_eq!(with(out_of_order, &ops), None, "{out_of_order:?}");
    }
    let empty = sealed(&batch(0, Vec::new()));
    assert_eq!(encode_batch(&[], &hints(), prefix(), &empty), None);
}

#[test]
fn a_batch_keeps_to_its_limits() {
    let plain = sealed(&batch(0, own_ops()[..30].to_vec()));
    let columns = encode_batch(&[], &hints(), prefix(), &plain).unwrap();
    let read = |ops_max| {
        let limits = FrameLimits {
            ops_max,
            bytes_max: 10_000,
        };
        decode_batch(&[], &hints(), &columns, limits)
    };
    assert_eq!(read(30), Ok(plain.clone()));
    assert_eq!(read(29), Err(FrameError::TooManyOps));
}

#[test]
fn what_both_sides_hold_makes_a_batch_smaller() {
    let ops = own_ops();
    let plain = sealed(&batch(16, ops[16..40].to_vec()));
    let alone = encode_batch(&[], &hints(), prefix(), &plain).unwrap();
    let after = encode_batch(&ops[..16], &hints(), prefix(), &plain).unwrap();
    assert!(
        after.len() + 16 < alone.len(),
        "{} {}",
        after.len(),
        alone.len()
    );
    let read = decode_batch(&ops[..16], &hints(), &after, LIMITS);
    assert_eq!(read, Ok(plain));
}

/// Check-ins of two months, with when each was.
fn sixty_check_ins() -> Vec<(Timestamp, Op)> {
    let mut dice = Dice(5);
    let mut at = 1_760_000_000_000_i64;
    let check_in = |sequence| {
        at += dice.below(2 * DAY_MS as u64) as i64;
        let payload = Payload::CheckIn(CheckIn {
            place: PlaceId::new(1 + dice.number(50)),
            occurred_at: Timestamp::from_ms(at),
            session: SessionRef::Slot(SlotId::new(0)),
            manner: Manner::OnSite,
            catalog_version: 2,
            witness: Witness::SelfReport,
        });
        let op = Op::new(Origin { log: LOG, sequence }, &payload);
        (Timestamp::from_ms(at), op)
    };
    (0..60).map(check_in).collect()
}

#[test]
fn sixty_check_ins_take_six_bytes_each_at_most() {
    let ops = sixty_check_ins().into_iter().map(|(_, op)| op);
    let plain = sealed(&batch(0, ops.collect()));
    let bytes = encode_batch(&[], &hints(), LogRef::Full(LOG), &plain).unwrap();
    assert!(bytes.len() < 60 * 6, "{}", bytes.len());
}

/// Eight bytes name a boot, and three say when it began.
#[test]
fn a_boot_of_its_own_adds_twelve_bytes_to_an_op_at_most() {
    let mut dice = Dice(7);
    let check_ins = sixty_check_ins();
    let boots = check_ins.iter().map(|(at, _)| ClockSegment {
        boot_id: dice.below(u64::MAX),
        wall_minus_monotonic_ms: at.as_ms() - dice.below(20 * HOUR_MS as u64) as i64,
    });
    let (clock_segment, later_segments) = segments_of(boots);
    assert_eq!(later_segments.len(), 59);
    let ops = check_ins.iter().map(|(_, op)| op.clone()).collect();
    let plain = sealed(&Batch {
        clock_segment,
        later_segments,
        ..batch(0, ops)
    });
    let bytes = encode_batch(&[], &hints(), LogRef::Full(LOG), &plain).unwrap();
    assert!(bytes.len() < 60 * (6 + 12), "{}", bytes.len());
    assert_eq!(
        decode_batch(&[], &hints(), &bytes, LIMITS).as_ref(),
        Ok(&plain)
    );
}
