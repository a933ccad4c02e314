//! Ops of every kind and of none, as odd as they come.

use std::sync::LazyLock;

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    frame::FrameLimits,
    id::{LogId, ParticipantId},
    op::{Op, Origin},
    time::Timestamp,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::year::year;

/// What tests accept at most.
pub(crate) const LIMITS: FrameLimits = FrameLimits {
    ops_max: 2_000,
    bytes_max: 1_000_000,
};

/// Part of a year.
static LIFE: LazyLock<Vec<AdmittedOp>> = LazyLock::new(|| year(80, 5));

/// Bytes that look like a message: fields with keys, some of them broken.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        any::<u64>(),
        0..300_u64,
        Just(0),
        (1_700_000_000_000..1_800_000_000_000_u64).prop_map(|ms| ms * 2),
    ];
    let field = (1..9_u64, 0..6_u64, number, vec(any::<u8>(), 0..20)).prop_map(
        |(field, wire_type, number, bytes)| {
            let mut out = Vec::new();
            put_varint(field << 3 | wire_type, &mut out);
            match wire_type {
                0 => put_varint(number, &mut out),
                1 => out.extend(number.to_le_bytes()),
                5 => out.extend(&number.to_le_bytes()[..4]),
                _ => {
                    put_varint(bytes.len() as u64, &mut out);
                    out.extend(bytes);
                }
            }
            out
        },
    );
    vec(field, 0..6).prop_map(|fields| fields.concat())
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        message(),
        vec(any::<u8>(), 0..40),
        any::<prop::sample::Index>().prop_map(|at| { at.get(&LIFE[..]).op.payload.to_vec() }),
    ]
}

fn kind() -> impl Strategy<Value = u32> {
    prop_oneof![
        select(vec![
            1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 50, 51, 52
        ]),
        select(vec![0, 6, 99]),
        any::<u32>(),
    ]
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        any::<i64>(),
        1_767_225_600_000..1_767_325_600_000_i64,
        select(vec![0, -1, i64::MIN, i64::MAX, 1_767_225_600_000]),
    ]
    .prop_map(Timestamp::from_ms)
}

fn origin() -> impl Strategy<Value = Origin> {
    let sequence = prop_oneof![any::<u64>(), 0..5_u64, Just(u64::MAX)];
    (0..4_u8, sequence).prop_map(|(log, sequence)| Origin {
        log: LogId::from_bytes([log; 16]),
        sequence,
    })
}

/// An op as odd as they come.
pub(crate) fn odd_op() -> impl Strategy<Value = Op> {
    (kind(), payload(), origin()).prop_map(|(kind, payload, origin)| Op {
        kind,
        payload: payload.into(),
        origin,
    })
}

fn admission() -> impl Strategy<Value = Admission> {
    let strength = select(vec![
        Strength::Unspecified,
        Strength::SelfReport,
        Strength::Poster,
        Strength::Card,
        Strength::Live,
    ]);
    let role = select(vec![
        Role::Unspecified,
        Role::Participant,
        Role::Volunteer,
        Role::Staff,
        Role::Organiser,
        Role::Admin,
        Role::Server,
    ]);
    let subject =
        proptest::option::of((0..3_u8).prop_map(|id| ParticipantId::from_bytes([id; 16])));
    (time(), time(), subject, strength, any::<u32>(), role).prop_map(
        |(corrected_at, received_at, subject, strength, flags, author_role)| Admission {
            corrected_at,
            received_at,
            subject,
            strength,
            flags: Flags::from_bits(flags),
            author_role,
        },
    )
}

/// An admitted op as odd as they come.
pub(crate) fn odd_admitted() -> impl Strategy<Value = AdmittedOp> {
    (odd_op(), admission()).prop_map(|(op, admission)| AdmittedOp { op, admission })
}

/// Ops of a life, with odd ones among them.
pub(crate) fn stream() -> impl Strategy<Value = Vec<AdmittedOp>> {
    let normal =
        (0..1_000_usize, 0..60_usize).prop_map(|(from, length)| LIFE[from..from + length].to_vec());
    let odd = vec((any::<prop::sample::Index>(), odd_admitted()), 0..12);
    (normal, odd).prop_map(|(mut ops, odd)| {
        for (at, op) in odd {
            ops.insert(at.index(ops.len() + 1), op);
        }
        ops
    })
}
