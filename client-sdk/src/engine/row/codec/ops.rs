//! Rows that hold many ops of a stream.

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags},
    id::{LogId, ParticipantId, StreamId},
    limits::SEQUENCE_MAX,
    op::{Op, Origin},
    time::Timestamp,
};
use bytes::{Bytes, BytesMut};
use prost::Message as _;

use super::{
    super::{Density, HeldOp, PageStanding, SettledRow, WindowRow},
    column::{Reader, Writer},
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
    let mut columns: [Writer; 10] = Default::default();
    let mut payloads = BytesMut::new();
    let mut received_before = 0_i64;
    for HeldOp { admitted } in held {
        let AdmittedOp { op, admission } = admitted;
        let subject = admission.subject.map_or(0, |subject| {
            place_of(&mut subjects, subject).saturating_add(1)
        });
        let [
            kind,
            log,
            sequence,
            payload_bytes,
            received_after_ms,
            corrected_before_ms,
            about,
            strength,
            flags,
            author_role,
        ] = &mut columns;
        kind.number(op.kind);
        log.number(place_of(&mut logs, op.origin.log));
        sequence.number(op.origin.sequence);
        payload_bytes.number(u32::try_from(op.payload.len()).unwrap_or(u32::MAX));
        payloads.extend_from_slice(&op.payload);
        let received_at = admission.received_at.as_ms();
        let corrected_at = admission.corrected_at.as_ms();
        received_after_ms.signed(received_at.wrapping_sub(received_before));
        corrected_before_ms.signed(received_at.wrapping_sub(corrected_at));
        received_before = received_at;
        about.number(subject);
        strength.number(admission.strength as u32);
        flags.number(admission.flags.bits());
        author_role.number(admission.author_role as u32);
    }
    let [
        kind,
        log,
        sequence,
        payload_bytes,
        received_after_ms,
        corrected_before_ms,
        subject,
        strength,
        flags,
        author_role,
    ] = columns.map(Writer::into_bytes);
    let stored = stored::Ops {
        logs: logs.iter().flat_map(|log| *log.as_bytes()).collect(),
        subjects: subjects.iter().flat_map(|one| *one.as_bytes()).collect(),
        kind,
        log,
        sequence,
        payload_bytes,
        payloads: payloads.freeze(),
        received_after_ms,
        corrected_before_ms,
        subject,
        strength,
        flags,
        author_role,
    };
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
    if !(rest.is_empty() && other_rest.is_empty()) {
        return None;
    }
    let mut columns = Columns::of(&stored);
    let mut received_before = 0_i64;
    // A kind takes a byte at least.
    let mut ops = Vec::with_capacity(stored.kind.len());
    while !columns.kind.is_read() {
        let received_at = received_before.wrapping_add(columns.received_after_ms.signed()?);
        received_before = received_at;
        let corrected_at = received_at.wrapping_sub(columns.corrected_before_ms.signed()?);
        let subject = match columns.subject.number()?.checked_sub(1) {
            Some(place) => Some(*told_at(subjects, place)?),
            None => None,
        };
        let sequence = columns.sequence.wide()?;
        if sequence >= SEQUENCE_MAX {
            return None;
        }
        let op = Op {
            kind: columns.kind.number()?,
            payload: columns.payload()?,
            origin: Origin {
                log: LogId::from_bytes(*told_at(logs, columns.log.number()?)?),
                sequence,
            },
        };
        let admission = Admission {
            corrected_at: Timestamp::from_ms(corrected_at),
            received_at: Timestamp::from_ms(received_at),
            subject: subject.map(ParticipantId::from_bytes),
            strength: enumerated(&mut columns.strength)?,
            flags: Flags::from_bits(columns.flags.number()?),
            author_role: enumerated(&mut columns.author_role)?,
        };
        let admitted = AdmittedOp { op, admission };
        ops.push(HeldOp { admitted });
    }
    columns.are_read().then_some(ops)
}

/// The columns of a page, each as far as it is read.
struct Columns {
    kind: Reader,
    log: Reader,
    sequence: Reader,
    payload_bytes: Reader,
    payloads: Bytes,
    received_after_ms: Reader,
    corrected_before_ms: Reader,
    subject: Reader,
    strength: Reader,
    flags: Reader,
    author_role: Reader,
}

impl Columns {
    fn of(stored: &stored::Ops) -> Self {
        Self {
            kind: Reader::new(stored.kind.clone()),
            log: Reader::new(stored.log.clone()),
            sequence: Reader::new(stored.sequence.clone()),
            payload_bytes: Reader::new(stored.payload_bytes.clone()),
            payloads: stored.payloads.clone(),
            received_after_ms: Reader::new(stored.received_after_ms.clone()),
            corrected_before_ms: Reader::new(stored.corrected_before_ms.clone()),
            subject: Reader::new(stored.subject.clone()),
            strength: Reader::new(stored.strength.clone()),
            flags: Reader::new(stored.flags.clone()),
            author_role: Reader::new(stored.author_role.clone()),
        }
    }

    fn payload(&mut self) -> Option<Bytes> {
        let bytes = usize::try_from(self.payload_bytes.number()?).ok()?;
        (bytes <= self.payloads.len()).then(|| self.payloads.split_to(bytes))
    }

    /// Whether no column is longer than another.
    fn are_read(&self) -> bool {
        let columns = [
            &self.kind,
            &self.log,
            &self.sequence,
            &self.payload_bytes,
            &self.received_after_ms,
            &self.corrected_before_ms,
            &self.subject,
            &self.strength,
            &self.flags,
            &self.author_role,
        ];
        self.payloads.is_empty() && columns.iter().all(|column| column.is_read())
    }
}

fn enumerated<E: TryFrom<i32>>(column: &mut Reader) -> Option<E> {
    E::try_from(i32::try_from(column.number()?).ok()?).ok()
}

fn told_at<T>(told: &[T], place: u32) -> Option<&T> {
    told.get(usize::try_from(place).ok()?)
}
