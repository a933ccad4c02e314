//! Frames of encoding 1, byte for byte. They never change: other bytes are another encoding, which gets
//! a number of its own and vectors beside these.

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    frame::{BatchHints, Chain, LogRef, decode_batch, decode_ops, encode_batch, encode_ops},
    id::{DeviceId, LogId},
    key::KeyPair,
    log::{Batch, segments_of},
    op::{Op, Origin},
    time::{ClockSegment, Timestamp},
};

use crate::{
    strategies::LIMITS,
    year::{TENANT, year},
};

/// Compares with the vector in a file of this name.
fn check(golden: &str, bytes: &[u8]) {
    assert_eq!(hex(bytes), golden.trim());
}

fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(u32::from);
    let digits = bytes.iter().flat_map(digits);
    digits
        .filter_map(|digit| char::from_digit(digit, 16))
        .collect()
}

/// Ops that no model fits.
fn odd_ops() -> Vec<AdmittedOp> {
    let payloads: [(u32, &[u8]); 8] = [
        (0, b""),
        (1, b"\xff\xff\xff"),
        (4, b"\x20\x01\x10\x02"),
        (
            4,
            b"\x0a\x03abc\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ),
        (
            99,
            b"\x08\x01\x12\x05hello\x19\x01\x02\x03\x04\x05\x06\x07\x08",
        ),
        (99, b"\x08\x02\x12\x05hello\x1d\x01\x02\x03\x04"),
        (u32::MAX, b"not a message"),
        (12, b"\x08\x07\x10\x02\x1a\x10sixteen bytes id"),
    ];
    let times = [i64::MIN, i64::MAX, 0, -1];
    let odd = |(index, (kind, payload)): (usize, &(u32, &[u8]))| AdmittedOp {
        op: Op {
            kind: *kind,
            payload: payload.to_vec().into(),
            origin: Origin {
                log: LogId::from_bytes([index as u8 / 3; 16]),
                sequence: [0, u64::MAX, 7][index % 3],
            },
        },
        admission: Admission {
            corrected_at: Timestamp::from_ms(times[index % 4]),
            received_at: Timestamp::from_ms(times[(index + 1) % 4]),
            subject: None,
            strength: Strength::Live,
            flags: Flags::from_bits(u32::MAX),
            author_role: Role::Server,
        },
    };
    payloads.iter().enumerate().map(odd).collect()
}

#[test]
fn a_page() {
    let ops = year(9, 7);
    let (context, page) = ops.split_at(150);
    let bytes = encode_ops(TENANT, context, &|_| false, &page[..60]);
    check(include_str!("golden/page.hex"), &bytes);
    let read = decode_ops(TENANT, context, &|_| None, &bytes, LIMITS);
    assert_eq!(read.as_deref(), Ok(&page[..60]));
}

#[test]
fn a_page_without_own_ops() {
    let ops = year(9, 7);
    let bytes = encode_ops(TENANT, &[], &|op| op.kind == 4, &ops[..60]);
    check(include_str!("golden/own.hex"), &bytes);
    let own = |origin: Origin| {
        let held = ops.iter().find(|held| held.op.origin == origin)?;
        Some(held.op.clone())
    };
    let read = decode_ops(TENANT, &[], &own, &bytes, LIMITS);
    assert_eq!(read.as_deref(), Ok(&ops[..60]));
}

#[test]
fn odd_ops_in_a_page() {
    let ops = odd_ops();
    let bytes = encode_ops(TENANT, &[], &|_| false, &ops);
    check(include_str!("golden/odd.hex"), &bytes);
    let read = decode_ops(TENANT, &[], &|_| None, &bytes, LIMITS);
    assert_eq!(read, Ok(ops));
}

/// Sixteen of the participant's own ops, with the eight before them.
fn own_batch() -> (Batch, Vec<Op>) {
    let log = year(9, 7)[0].op.origin.log;
    let own = year(9, 7).into_iter().map(|held| held.op);
    let mut own: Vec<Op> = own.filter(|op| op.origin.log == log).take(24).collect();
    let batch = Batch {
        log,
        first_sequence: 8,
        device: DeviceId::from_bytes([9; 16]),
        clock_segment: ClockSegment {
            boot_id: 5,
            wall_minus_monotonic_ms: -3,
        },
        later_segments: Vec::new(),
        ops: own.split_off(8),
    };
    (batch, own)
}

/// By a clock that says this of its segment.
fn check_batch(golden: &str, clock_segment: ClockSegment, (batch, context): &(Batch, Vec<Op>)) {
    let hints = BatchHints {
        tenant: TENANT,
        device: batch.device,
        log: batch.log,
        clock_segment,
        wall: Timestamp::from_ms(1_767_225_600_000),
    };
    let plain = batch.seal(TENANT, &KeyPair::from_seed(&[1; 32])).batch;
    let bytes = encode_batch(context, &hints, LogRef::Full(batch.log), &plain).unwrap();
    check(golden, &bytes);
    let read = decode_batch(context, &hints, &bytes, LIMITS);
    assert_eq!(read, Ok(plain));
}

#[test]
fn a_batch() {
    let own = own_batch();
    let golden = include_str!("golden/batch.hex");
    check_batch(golden, own.0.clock_segment, &own);
}

/// Three boots, one of which wrote again after the next one, and a clock that jumps.
#[test]
fn a_batch_of_several_boots() {
    let (batch, context) = own_batch();
    let segment = |boot_id, wall_minus_monotonic_ms| ClockSegment {
        boot_id,
        wall_minus_monotonic_ms,
    };
    let first = segment(0x0123_4567_89AB_CDEF, 1_767_200_000_000);
    let second = segment(0xFEDC_BA98_7654_3210, 1_767_300_000_000);
    let sending = segment(3, 1_767_400_000_000);
    let jumped = segment(3, 1_767_486_400_000);
    let written_in = [
        (first, 5),
        (second, 2),
        (first, 1),
        (sending, 4),
        (jumped, 4),
    ];
    let written_in = written_in.into_iter();
    let written_in = written_in.flat_map(|(segment, ops)| std::iter::repeat_n(segment, ops));
    let (clock_segment, later_segments) = segments_of(written_in);
    let batch = Batch {
        clock_segment,
        later_segments,
        ..batch
    };
    let golden = include_str!("golden/boots.hex");
    check_batch(golden, sending, &(batch, context));
}

#[test]
fn a_year_in_a_chain() {
    let mut chain = Chain::new(TENANT);
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut length = 0_usize;
    for ops in year(365, 7).chunks(500) {
        for byte in chain.encode(&|_| false, ops) {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            length += 1;
        }
    }
    // FNV-1a over all frames.
    let golden = include_str!("golden/year.txt").trim();
    assert_eq!(format!("{length} bytes, {digest:016x}"), golden);
}
