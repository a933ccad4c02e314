//! Sealed batches in compact form, from which the very bytes under the signature are rebuilt.

use askel_proto::v1;
use bytes::BytesMut;
use prost::Message as _;

use super::{
    FrameError, FrameLimits,
    cite::handle,
    odds::{Bit, Distance, Number, raw},
    prior,
    row::{Reading, Row, Rows},
    segment::Segments,
    shape,
    wire::{Decoder, Encoder, Learner, Wire},
};
use crate::{
    id::{DeviceId, LogId, TenantId},
    log::{LaterSegment, later_from_proto, later_to_proto, origin_to_proto},
    op::{Op, Origin},
    time::{ClockSegment, Timestamp},
};

/// What both sides know of a batch without reading it: what the request says beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHints {
    /// The tenant.
    pub tenant: TenantId,
    /// The device that hands it in.
    pub device: DeviceId,
    /// The batch's log: the writer's own word, or what the reader found by [`log_of_batch`].
    pub log: LogId,
    /// The clock segment of the request.
    pub clock_segment: ClockSegment,
    /// The device's clock, by the request; 0 where it says nothing: the last op that both sides hold
    /// says when it may be.
    pub wall: Timestamp,
}

/// How a batch names its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogRef {
    /// The reader knows the log, and finds it by the first bytes of its id.
    Prefix([u8; LOG_PREFIX_BYTES]),
    /// In full.
    Full(LogId),
}

/// Bytes by which a reader finds a log among those of one device.
pub const LOG_PREFIX_BYTES: usize = 4;

/// Which log a batch is of: what the reader must know to find the ops that it refers to.
///
/// # Errors
/// [`FrameError::Malformed`] when there is no such name.
pub fn log_of_batch(bytes: &[u8]) -> Result<LogRef, FrameError> {
    let (head, _) = Head::read(bytes).ok_or(FrameError::Malformed)?;
    Ok(head.log)
}

/// A batch in compact form; `None` when it can't be rebuilt exactly and must travel as it is.
///
/// `context` holds ops of the same log that both sides hold, in order, and `log` says how the log is
/// named. There is no check value: the batch's signature says whether both sides held the same.
pub fn encode_batch(
    context: &[Op],
    hints: &BatchHints,
    log: LogRef,
    batch: &[u8],
) -> Option<Vec<u8>> {
    let parsed = Written::parse(batch, hints.log)?;
    let log = match log {
        LogRef::Prefix(prefix) if hints.log.as_bytes().starts_with(&prefix) => log,
        _ => LogRef::Full(hints.log),
    };
    let head = Head {
        log,
        ops: u64::try_from(parsed.ops.len()).ok()?,
        has_later_segments: !parsed.later_segments.is_empty(),
    };
    let header = head.to_bytes()?;
    let header_bytes = header.len();
    let mut encoder = Encoder::new(header);
    let mut frame = BatchFrame::new(context, hints);
    let writer = Writer {
        first_sequence: parsed.first_sequence,
        device: parsed.device,
        clock_segment: parsed.clock_segment,
    };
    frame.writer(&mut encoder, writer);
    let mut segments = Segments::new(hints.clock_segment, writer.clock_segment);
    let mut later = parsed.later_segments.iter().peekable();
    for (index, op) in (0..).zip(&parsed.ops) {
        frame.rows.put(&mut encoder, hints.tenant, row(op));
        if head.has_later_segments && index > 0 {
            let begun = later.next_if(|later| later.ops_before == index);
            let begun = begun.map(|later| later.clock_segment);
            segments.code(&mut encoder, frame.rows.claimed(), begun);
        }
    }
    Some(encoder.finish(header_bytes))
}

/// The bytes of a batch, as they were signed, from what [`encode_batch`] wrote with the same context and
/// hints. With others it gives other bytes or an error; the signature tells.
///
/// # Errors
/// [`FrameError`], by the first check that fails.
pub fn decode_batch(
    context: &[Op],
    hints: &BatchHints,
    bytes: &[u8],
    limits: FrameLimits,
) -> Result<Vec<u8>, FrameError> {
    let (head, rest) = Head::read(bytes).ok_or(FrameError::Malformed)?;
    let fits = match head.log {
        LogRef::Prefix(prefix) => hints.log.as_bytes().starts_with(&prefix),
        LogRef::Full(log) => log == hints.log,
    };
    if !fits {
        return Err(FrameError::ContextMismatch);
    }
    let count = usize::try_from(head.ops)
        .ok()
        .filter(|count| *count <= limits.ops_max)
        .ok_or(FrameError::TooManyOps)?;
    let mut decoder = Decoder::new(rest);
    let mut frame = BatchFrame::new(context, hints);
    let unread = Writer {
        first_sequence: 0,
        device: hints.device,
        clock_segment: hints.clock_segment,
    };
    let writer = frame.writer(&mut decoder, unread);
    let mut reading = Reading {
        own: &|_| None,
        is_admitted: false,
        budget: limits.bytes_max,
        scratch: Vec::new(),
        payloads: BytesMut::new(),
    };
    let mut segments = Segments::new(hints.clock_segment, writer.clock_segment);
    let mut later_segments = Vec::new();
    let mut ops = Vec::with_capacity(count);
    for ops_before in (0..).take(count) {
        let (op, _) = frame.rows.get(&mut decoder, hints.tenant, &mut reading)?;
        ops.push(op);
        if head.has_later_segments && ops_before > 0 {
            let begun = segments.code(&mut decoder, frame.rows.claimed(), None);
            later_segments.extend(begun.map(|clock_segment| LaterSegment {
                ops_before,
                clock_segment,
            }));
        }
    }
    let batch = Written {
        first_sequence: writer.first_sequence,
        device: writer.device,
        clock_segment: writer.clock_segment,
        later_segments,
        ops,
    };
    Ok(batch.to_bytes(hints.log))
}

/// What a batch begins with, ahead of the coder's bytes.
struct Head {
    log: LogRef,
    ops: u64,
    /// Whether clock segments begin within it.
    has_later_segments: bool,
}

impl Head {
    /// `None` when a batch can't have so many ops.
    fn to_bytes(&self) -> Option<Vec<u8>> {
        let (naming, id) = match &self.log {
            LogRef::Prefix(prefix) => (PREFIX, prefix.as_slice()),
            LogRef::Full(log) => (FULL, log.as_bytes().as_slice()),
        };
        let mut bytes = Vec::new();
        if self.has_later_segments {
            shape::put_varint(naming, &mut bytes);
            shape::put_varint(self.ops, &mut bytes);
        } else {
            shape::put_varint(self.ops.checked_mul(2)? | naming, &mut bytes);
        }
        bytes.extend(id);
        Some(bytes)
    }

    /// What it says, and the bytes after it.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (first, rest) = shape::take_varint(bytes)?;
        // No batch is without ops: their number follows where it is told to be 0.
        let (ops, rest, has_later_segments) = match first >> 1 {
            0 => {
                let (ops, rest) = shape::take_varint(rest)?;
                (ops, rest, true)
            }
            ops => (ops, rest, false),
        };
        let (log, rest) = if first & 1 == PREFIX {
            let (prefix, rest) = rest.split_first_chunk()?;
            (LogRef::Prefix(*prefix), rest)
        } else {
            let (id, rest) = rest.split_first_chunk()?;
            (LogRef::Full(LogId::from_bytes(*id)), rest)
        };
        let head = Self {
            log,
            ops,
            has_later_segments,
        };
        Some((head, rest))
    }
}

/// Lowest bit of a batch that names its log by a prefix.
const PREFIX: u64 = 0;
/// Lowest bit of a batch that names its log in full.
const FULL: u64 = 1;

/// What a batch says beside its log.
struct Written {
    first_sequence: u64,
    device: DeviceId,
    clock_segment: ClockSegment,
    later_segments: Vec<LaterSegment>,
    ops: Vec<Op>,
}

impl Written {
    /// `None` when the batch has another form than [`Self::to_bytes`] gives, or no ops.
    fn parse(bytes: &[u8], log: LogId) -> Option<Self> {
        let proto = v1::Batch::decode(bytes).ok()?;
        let later_segments = later_from_proto(&proto.later_segments, proto.ops.len())?;
        let op = |(sequence, op): (u64, v1::Op)| {
            let origin = match op.origin {
                Some(origin) => Origin {
                    log: LogId::try_from(&*origin.log_id).ok()?,
                    sequence: origin.sequence,
                },
                None => Origin { log, sequence },
            };
            Some(Op {
                kind: op.kind,
                payload: op.payload,
                origin,
            })
        };
        let ops: Option<Vec<Op>> = places(proto.first_sequence)
            .zip(proto.ops)
            .map(op)
            .collect();
        let written = Self {
            first_sequence: proto.first_sequence,
            device: DeviceId::try_from(&*proto.device_id).ok()?,
            clock_segment: proto.clock_segment?.into(),
            later_segments,
            ops: ops.filter(|ops| !ops.is_empty())?,
        };
        (written.to_bytes(log) == bytes).then_some(written)
    }

    fn to_bytes(&self, log: LogId) -> Vec<u8> {
        let op = |(sequence, op): (u64, &Op)| v1::Op {
            kind: op.kind,
            payload: op.payload.clone(),
            origin: (op.origin != Origin { log, sequence }).then(|| origin_to_proto(op.origin)),
        };
        let ops = places(self.first_sequence).zip(&self.ops).map(op).collect();
        v1::Batch {
            log_id: log.to_vec(),
            first_sequence: self.first_sequence,
            ops,
            clock_segment: Some(self.clock_segment.into()),
            device_id: self.device.to_vec(),
            later_segments: later_to_proto(&self.later_segments),
        }
        .encode_to_vec()
    }
}

/// The places of a batch's ops in its log.
fn places(first: u64) -> impl Iterator<Item = u64> {
    (0..).map(move |index: u64| first.wrapping_add(index))
}

/// Who wrote a batch, from where on, by which clock.
#[derive(Debug, Clone, Copy)]
struct Writer {
    first_sequence: u64,
    device: DeviceId,
    clock_segment: ClockSegment,
}

/// Odds and memories after the context.
struct BatchFrame<'a> {
    rows: Rows,
    hints: &'a BatchHints,
    next: u64,
}

impl<'a> BatchFrame<'a> {
    fn new(context: &[Op], hints: &'a BatchHints) -> Self {
        let mut rows = prior::rows();
        for op in context {
            rows.put(&mut Learner, hints.tenant, row(op));
        }
        let last = context.iter().rfind(|op| op.origin.log == hints.log);
        let next = last.map_or(0, |op| op.origin.sequence.wrapping_add(1));
        Self { rows, hints, next }
    }

    fn writer<W: Wire>(&mut self, wire: &mut W, writer: Writer) -> Writer {
        let hints = self.hints;
        let mut is_next = Bit::LIKELY;
        let first_sequence = if is_next.code(wire, writer.first_sequence == self.next) {
            self.next
        } else {
            let mut odds = Number::NEW;
            odds.code(wire, writer.first_sequence)
        };
        let mut is_as_known = Bit::LIKELY;
        let is_known = writer.device == hints.device
            && writer.clock_segment.boot_id == hints.clock_segment.boot_id;
        let mut read = Writer {
            first_sequence,
            device: hints.device,
            clock_segment: hints.clock_segment,
        };
        if !is_as_known.code(wire, is_known) {
            read.device = DeviceId::from_bytes(handle(wire, *writer.device.as_bytes()));
            read.clock_segment.boot_id = raw(wire, 64, 0, writer.clock_segment.boot_id);
        }
        // Within one boot the offset moves when the wall clock is set, by a little at a time.
        let mut odds = Distance::NEW;
        read.clock_segment.wall_minus_monotonic_ms = odds.code(
            wire,
            hints.clock_segment.wall_minus_monotonic_ms,
            writer.clock_segment.wall_minus_monotonic_ms,
        );
        let first = Origin {
            log: hints.log,
            sequence: first_sequence,
        };
        let near = Some(hints.wall.as_ms()).filter(|wall| *wall != 0);
        self.rows.begin_batch(first, near);
        read
    }
}

fn row(op: &Op) -> Row<'_> {
    Row {
        op,
        admission: None,
        is_own: false,
    }
}
