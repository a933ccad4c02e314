//! Sealed batches in compact form.

use askel_sync::{
    frame::{
        BatchHints, FrameError, FrameLimits, LogRef, decode_batch, encode_batch, log_of_batch,
    },
    id::{DeviceId, LogId, PlaceId, SlotId},
    key::KeyPair,
    log::Batch,
    op::{CheckIn, Manner, Op, Origin, Payload, SessionRef, Witness},
    time::{ClockSegment, DAY_MS, Timestamp},
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
        ops,
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

proptest! {
    #[test]
    fn the_very_bytes_come_back(
        ops in vec((odd_op(), any::<bool>()), 0..20),
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
        let batch = sealed(&Batch {
            device: DeviceId::from_bytes([device; 16]),
            clock_segment: ClockSegment { boot_id, wall_minus_monotonic_ms: offset },
            ..batch(first_sequence, ops.collect())
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
    ) {
        let mut bytes = sealed(&batch(3, own_ops()[3..9].to_vec()));
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

#[test]
fn sixty_check_ins_take_six_bytes_each_at_most() {
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
        Op::new(Origin { log: LOG, sequence }, &payload)
    };
    let plain = sealed(&batch(0, (0..60).map(check_in).collect()));
    let bytes = encode_batch(&[], &hints(), LogRef::Full(LOG), &plain).unwrap();
    assert!(bytes.len() < 60 * 6, "{}", bytes.len());
}
