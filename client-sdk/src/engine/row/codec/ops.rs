//! Rows that hold many ops of a stream.

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    id::{LogId, ParticipantId, StreamId},
    limits::SEQUENCE_MAX,
    op::{Op, Origin},
    time::Timestamp,
};
use bytes::{Bytes, BytesMut};
use prost::Message as _;

use super::{
    super::{Density, HeldOp, PageStanding, SettledRow, WindowRow},
    message as stored,
};

pub(super) fn window_to_stored(row: &WindowRow) -> stored::Window {
    stored::Window {
        stream: row.stream,
        handle: row.handle.to_vec(),
        first_position: row.first_position,
        next_position: row.next_position,
        snapshot: row.density == Density::Snapshot,
        mac: row.mac.clone(),
        received_at_ms: row.received_at.as_ms(),
        standing: match row.standing {
            PageStanding::Held => 0,
            PageStanding::Returnable => 1,
            PageStanding::Returned => 2,
            PageStanding::SetAside => 3,
            PageStanding::Covered => 4,
        },
        ops: encode(&row.ops).into(),
    }
}

pub(super) fn window_from_stored(stored: stored::Window) -> Option<WindowRow> {
    Some(WindowRow {
        stream: stored.stream,
        handle: StreamId::try_from(&*stored.handle).ok()?,
        first_position: stored.first_position,
        next_position: stored.next_position,
        density: if stored.snapshot {
            Density::Snapshot
        } else {
            Density::Dense
        },
        mac: stored.mac,
        received_at: Timestamp::from_ms(stored.received_at_ms),
        standing: match stored.standing {
            0 => PageStanding::Held,
            1 => PageStanding::Returnable,
            2 => PageStanding::Returned,
            3 => PageStanding::SetAside,
            4 => PageStanding::Covered,
            _ => return None,
        },
        ops: decode(stored.ops)?,
    })
}

pub(super) fn settled_to_stored(row: &SettledRow) -> stored::Settled {
    stored::Settled {
        stream: row.stream,
        frame: row.frame.clone(),
    }
}

pub(super) fn settled_from_stored(stored: stored::Settled) -> SettledRow {
    SettledRow {
        stream: stored.stream,
        ops: Vec::new(),
        frame: stored.frame,
    }
}

/// Young ops are not coded: they are read at each opening and written at each sync. What they share is
/// said once, and each field has a column, which is read many times sooner than messages in messages.
fn encode(held: &[HeldOp]) -> Vec<u8> {
    let mut logs: Vec<LogId> = Vec::new();
    let mut subjects: Vec<ParticipantId> = Vec::new();
    let mut stored = stored::Ops::default();
    let mut payloads = BytesMut::new();
    let mut received_before = 0_i64;
    for HeldOp { admitted } in held {
        let AdmittedOp { op, admission } = admitted;
        let subject = admission.subject.map_or(0, |subject| {
            place_of(&mut subjects, subject).saturating_add(1)
        });
        stored.kind.push(op.kind);
        stored.log.push(place_of(&mut logs, op.origin.log));
        stored.sequence.push(op.origin.sequence);
        let bytes = u32::try_from(op.payload.len()).unwrap_or(u32::MAX);
        stored.payload_bytes.push(bytes);
        payloads.extend_from_slice(&op.payload);
        let received_at = admission.received_at.as_ms();
        let corrected_at = admission.corrected_at.as_ms();
        stored
            .received_after_ms
            .push(received_at.wrapping_sub(received_before));
        stored
            .corrected_before_ms
            .push(received_at.wrapping_sub(corrected_at));
        received_before = received_at;
        stored.subject.push(subject);
        stored.strength.push(admission.strength.into());
        stored.flags.push(admission.flags.bits());
        stored.author_role.push(admission.author_role.into());
    }
    stored.payloads = payloads.freeze();
    stored.logs = logs.iter().flat_map(|log| *log.as_bytes()).collect();
    stored.subjects = subjects.iter().flat_map(|one| *one.as_bytes()).collect();
    stored.encode_to_vec()
}

/// Where a value lies among those that were told, to which it is added if it is new.
fn place_of<T: Copy + PartialEq>(told: &mut Vec<T>, value: T) -> u32 {
    let place = told.iter().rposition(|one| *one == value);
    let place = place.unwrap_or_else(|| {
        told.push(value);
        told.len().saturating_sub(1)
    });
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn decode(bytes: Bytes) -> Option<Vec<HeldOp>> {
    let stored = stored::Ops::decode(bytes).ok()?;
    let (logs, rest) = stored.logs.as_chunks();
    let (subjects, other_rest) = stored.subjects.as_chunks();
    let is_cut = !(rest.is_empty() && other_rest.is_empty());
    if is_cut || !is_even(&stored) {
        return None;
    }
    let mut payloads = stored.payloads.clone();
    let mut received_before = 0_i64;
    let mut ops = Vec::with_capacity(stored.kind.len());
    for index in 0..stored.kind.len() {
        let bytes = usize::try_from(*stored.payload_bytes.get(index)?).ok()?;
        let payload = (bytes <= payloads.len()).then(|| payloads.split_to(bytes))?;
        let received_at = received_before.wrapping_add(*stored.received_after_ms.get(index)?);
        received_before = received_at;
        let corrected_at = received_at.wrapping_sub(*stored.corrected_before_ms.get(index)?);
        let subject = match stored.subject.get(index)?.checked_sub(1) {
            Some(place) => Some(*told_at(subjects, place)?),
            None => None,
        };
        let sequence = *stored.sequence.get(index)?;
        if sequence >= SEQUENCE_MAX {
            return None;
        }
        let op = Op {
            kind: *stored.kind.get(index)?,
            payload,
            origin: Origin {
                log: LogId::from_bytes(*told_at(logs, *stored.log.get(index)?)?),
                sequence,
            },
        };
        let admission = Admission {
            corrected_at: Timestamp::from_ms(corrected_at),
            received_at: Timestamp::from_ms(received_at),
            subject: subject.map(ParticipantId::from_bytes),
            strength: Strength::try_from(*stored.strength.get(index)?).ok()?,
            flags: Flags::from_bits(*stored.flags.get(index)?),
            author_role: Role::try_from(*stored.author_role.get(index)?).ok()?,
        };
        let admitted = AdmittedOp { op, admission };
        ops.push(HeldOp { admitted });
    }
    payloads.is_empty().then_some(ops)
}

fn told_at<T>(told: &[T], place: u32) -> Option<&T> {
    told.get(usize::try_from(place).ok()?)
}

/// Whether all columns have one length.
fn is_even(stored: &stored::Ops) -> bool {
    let columns = [
        stored.log.len(),
        stored.sequence.len(),
        stored.payload_bytes.len(),
        stored.received_after_ms.len(),
        stored.corrected_before_ms.len(),
        stored.subject.len(),
        stored.strength.len(),
        stored.flags.len(),
        stored.author_role.len(),
    ];
    columns.iter().all(|length| *length == stored.kind.len())
}
