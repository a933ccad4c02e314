//! Rows of many ops come back as they were, and nothing else is one.

use std::collections::BTreeMap;

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    id::{LogId, ParticipantId, StreamId},
    limits::SEQUENCE_MAX,
    op::{Op, Origin},
    time::{ClockSegment, Timestamp},
};
use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};
use prost::Message as _;

use super::{
    super::{
        AcceptedOpsRow, Density, HeldOp, OwnOp, PageStanding, Row, Standing, Table, WindowRow,
    },
    message as stored,
};
use crate::storage::RowKey;

fn key(table: Table) -> RowKey {
    RowKey {
        table: table as u8,
        number: 7,
    }
}

fn log(number: u8) -> LogId {
    LogId::from_bytes([number; 16])
}

fn op() -> impl Strategy<Value = Op> {
    let origin = (0_u8..3, 0..SEQUENCE_MAX);
    let parts = (any::<u32>(), vec(any::<u8>(), 0..20), origin);
    parts.prop_map(|(kind, payload, (number, sequence))| Op {
        kind,
        payload: payload.into(),
        origin: Origin {
            log: log(number),
            sequence,
        },
    })
}

fn held() -> impl Strategy<Value = HeldOp> {
    let times = (any::<i64>(), any::<i64>());
    let roles = prop::sample::select(vec![Role::Participant, Role::Server, Role::Unspecified]);
    let strengths = prop::sample::select(vec![Strength::Live, Strength::Unspecified]);
    let judged = (prop::option::of(0_u8..3), strengths, any::<u32>(), roles);
    (op(), times, judged).prop_map(|(op, (received, corrected), judged)| {
        let (subject, strength, flags, author_role) = judged;
        let admission = Admission {
            corrected_at: Timestamp::from_ms(corrected),
            received_at: Timestamp::from_ms(received),
            subject: subject.map(|number| ParticipantId::from_bytes([number; 16])),
            strength,
            flags: Flags::from_bits(flags),
            author_role,
        };
        let admitted = AdmittedOp { op, admission };
        HeldOp { admitted }
    })
}

fn window(ops: Vec<HeldOp>) -> WindowRow {
    WindowRow {
        stream: 1,
        handle: StreamId::from_bytes([9; 16]),
        first_position: 3,
        next_position: 9,
        density: Density::Dense,
        mac: vec![1, 2, 3],
        received_at: Timestamp::from_ms(1_000),
        standing: PageStanding::Held,
        ops,
    }
}

fn accepted() -> impl Strategy<Value = OwnOp> {
    let times = (any::<i64>(), any::<i64>());
    let segment = (0_u64..3, -1_i64..2);
    (op(), 0..SEQUENCE_MAX, segment, times, any::<bool>()).prop_map(
        |(mut op, sequence, segment, (written, at), is_first_here)| {
            if is_first_here {
                op.origin = Origin {
                    log: log(1),
                    sequence,
                };
            }
            let (boot_id, wall_minus_monotonic_ms) = segment;
            OwnOp {
                id: op.id(),
                op,
                log: log(1),
                sequence,
                segment: ClockSegment {
                    boot_id,
                    wall_minus_monotonic_ms,
                },
                written_at: Timestamp::from_ms(written),
                standing: Standing::Accepted {
                    at: Timestamp::from_ms(at),
                },
            }
        },
    )
}

proptest! {
    #[test]
    fn a_page_comes_back_as_it_was(ops in vec(held(), 0..12)) {
        let row = Row::Window(window(ops));
        prop_assert_eq!(Row::decode(key(Table::Window), row.encode().into()), Ok(row));
    }

    #[test]
    fn accepted_ops_come_back_as_they_were(own in vec(accepted(), 0..12)) {
        let ops: BTreeMap<u32, OwnOp> = (4..).zip(own).collect();
        let row = Row::AcceptedOps(AcceptedOpsRow { log: log(1), ops });
        prop_assert_eq!(Row::decode(key(Table::AcceptedOps), row.encode().into()), Ok(row));
    }

    #[test]
    fn accepted_ops_of_an_earlier_version_have_their_ids_computed(own in vec(accepted(), 1..12)) {
        let ops: BTreeMap<u32, OwnOp> = (4..).zip(own).collect();
        let row = Row::AcceptedOps(AcceptedOpsRow { log: log(1), ops });
        let mut stored = stored::AcceptedOps::decode(&*row.encode()).expect("a message");
        let ids = std::mem::take(&mut stored.ids);
        let read = |stored: &stored::AcceptedOps| {
            Row::decode(key(Table::AcceptedOps), stored.encode_to_vec().into())
        };
        prop_assert_eq!(read(&stored), Ok(row));
        stored.ids = ids.slice(1..);
        prop_assert!(read(&stored).is_err());
    }

    #[test]
    fn bytes_that_are_no_row_are_refused_or_read(bytes in vec(any::<u8>(), 0..80)) {
        for table in [Table::Window, Table::AcceptedOps] {
            if let Ok(row) = Row::decode(key(table), bytes.clone().into()) {
                prop_assert_eq!(Row::decode(key(table), row.encode().into()), Ok(row));
            }
        }
    }
}

#[test]
fn columns_of_two_lengths_are_refused() {
    let admission = Admission {
        corrected_at: Timestamp::from_ms(5),
        received_at: Timestamp::from_ms(6),
        subject: Some(ParticipantId::from_bytes([1; 16])),
        strength: Strength::Live,
        flags: Flags::default(),
        author_role: Role::Participant,
    };
    let op = Op {
        kind: 1,
        payload: vec![8, 1].into(),
        origin: Origin {
            log: log(1),
            sequence: 4,
        },
    };
    let admitted = AdmittedOp { op, admission };
    let row = Row::Window(window(vec![HeldOp { admitted }]));
    let window = stored::Window::decode(&*row.encode()).expect("a message");
    let good = stored::Ops::decode(&*window.ops).expect("a message");
    let refused = |change: fn(&mut stored::Ops)| {
        let mut ops = good.clone();
        change(&mut ops);
        let changed = stored::Window {
            ops: ops.encode_to_vec().into(),
            ..window.clone()
        };
        Row::decode(key(Table::Window), changed.encode_to_vec().into()).is_err()
    };
    assert!(!refused(|_| {}));
    assert!(refused(|ops| ops.log.clear()));
    assert!(refused(|ops| ops.author_role = vec![1, 1].into()));
    assert!(refused(|ops| ops.log = vec![1].into()));
    assert!(refused(|ops| ops.sequence = varint(SEQUENCE_MAX)));
    assert!(refused(|ops| ops.sequence = vec![0x84].into()));
    assert!(refused(|ops| ops.subject = vec![2].into()));
    assert!(refused(|ops| ops.logs.truncate(15)));
    assert!(refused(|ops| ops.payload_bytes = vec![3].into()));
    assert!(refused(|ops| ops.payloads = vec![8, 1, 0].into()));
    assert!(refused(|ops| ops.strength = vec![99].into()));
    assert!(refused(|ops| ops.flags = varint(1 << 32)));
}

fn varint(value: u64) -> Bytes {
    let mut bytes = BytesMut::new();
    prost::encoding::encode_varint(value, &mut bytes);
    bytes.freeze()
}

/// The columns as the packed repeated fields that they are.
#[derive(Clone, PartialEq, prost::Message)]
struct Packed {
    #[prost(bytes = "vec", tag = "1")]
    logs: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    subjects: Vec<u8>,
    #[prost(uint32, repeated, tag = "3")]
    kind: Vec<u32>,
    #[prost(uint32, repeated, tag = "4")]
    log: Vec<u32>,
    #[prost(uint64, repeated, tag = "5")]
    sequence: Vec<u64>,
    #[prost(uint32, repeated, tag = "6")]
    payload_bytes: Vec<u32>,
    #[prost(bytes = "vec", tag = "7")]
    payloads: Vec<u8>,
    #[prost(sint64, repeated, tag = "8")]
    received_after_ms: Vec<i64>,
    #[prost(sint64, repeated, tag = "9")]
    corrected_before_ms: Vec<i64>,
    #[prost(uint32, repeated, tag = "10")]
    subject: Vec<u32>,
    #[prost(int32, repeated, tag = "11")]
    strength: Vec<i32>,
    #[prost(uint32, repeated, tag = "12")]
    flags: Vec<u32>,
    #[prost(int32, repeated, tag = "13")]
    author_role: Vec<i32>,
}

proptest! {
    #[test]
    fn columns_are_packed_repeated_fields(ops in vec(held(), 0..12)) {
        let row = Row::Window(window(ops.clone()));
        let stored = stored::Window::decode(&*row.encode()).expect("a message").ops;
        let packed = Packed::decode(&*stored).expect("a message");
        prop_assert_eq!(packed.encode_to_vec(), stored);
        let sequences: Vec<u64> = ops.iter().map(|held| held.admitted.op.origin.sequence).collect();
        prop_assert_eq!(packed.sequence, sequences);
        let mut received_at = 0_i64;
        for (index, held) in ops.iter().enumerate() {
            let admission = held.admitted.admission;
            received_at = received_at.wrapping_add(packed.received_after_ms[index]);
            prop_assert_eq!(received_at, admission.received_at.as_ms());
            let corrected_at = received_at.wrapping_sub(packed.corrected_before_ms[index]);
            prop_assert_eq!(corrected_at, admission.corrected_at.as_ms());
            prop_assert_eq!(packed.flags[index], admission.flags.bits());
            prop_assert_eq!(packed.author_role[index], i32::from(admission.author_role));
        }
    }
}
