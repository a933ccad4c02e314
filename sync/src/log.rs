//! Logs: dense sequences of ops by one writer, and the sealed batches they travel in.

use askel_proto::v1;
use prost::Message as _;

use crate::{
    id::{DeviceId, LogId, TenantId},
    key::{KeyPair, PublicKey, Purpose},
    limits::{BATCH_BYTES_MAX, OPS_PER_BATCH_MAX, SEQUENCE_MAX},
    op::{Op, Origin},
    time::{BootTime, ClockSegment},
};

/// Consecutive ops of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The log.
    pub log: LogId,
    /// The sequence of the first op.
    pub first_sequence: u64,
    /// The writer.
    pub device: DeviceId,
    /// The clock segment that the first op was written in.
    pub clock_segment: ClockSegment,
    /// The clock segments that begin at later ops, in their order.
    pub later_segments: Vec<LaterSegment>,
    /// The ops; their origins may lie in an earlier log of the same person.
    pub ops: Vec<Op>,
}

/// A clock segment that begins within a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaterSegment {
    /// How many ops of the batch were written before it: 1 up to their number less 1.
    pub ops_before: u32,
    /// The segment of the next op, and of those after it.
    pub clock_segment: ClockSegment,
}

/// Why a sealed batch is refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// More bytes than a batch may have.
    #[error("a batch has at most {BATCH_BYTES_MAX} bytes")]
    TooLong,
    /// More ops than a batch may have.
    #[error("a batch has at most {OPS_PER_BATCH_MAX} ops")]
    TooManyOps,
    /// Not a batch, or empty.
    #[error("the batch can't be read")]
    Malformed,
    /// A clock segment that begins nowhere, or before one that is named ahead of it.
    #[error("the batch's clock segments do not begin at its ops in their order")]
    SegmentsOutOfOrder,
    /// An encoding of a later version.
    #[error("the batch's encoding is not known")]
    UnknownEncoding,
    /// The batch names another device than the one that signed it.
    #[error("the batch's writer is not its signer")]
    WriterIsNotSigner,
    /// The signature does not fit.
    #[error("the batch's signature does not fit")]
    BadSignature,
}

/// The only encoding of this version: plain protobuf.
const PLAIN: u32 = 0;

impl Batch {
    /// Encodes and signs. The result is kept and resent byte for byte until it is answered.
    pub fn seal(&self, tenant: TenantId, key: &KeyPair) -> v1::SealedBatch {
        let batch = self.to_proto().encode_to_vec();
        let signature = key.sign(Purpose::Batch, tenant, &batch);
        v1::SealedBatch {
            batch,
            signature,
            encoding: PLAIN,
            ..v1::SealedBatch::default()
        }
    }

    /// Verifies and opens a batch that `signer` handed in with `key`.
    ///
    /// # Errors
    /// [`BatchError`], by the first check that fails; nothing of the batch is used then.
    pub fn open(
        sealed: &v1::SealedBatch,
        tenant: TenantId,
        signer: DeviceId,
        key: &PublicKey,
    ) -> Result<Self, BatchError> {
        if sealed.batch.len() > BATCH_BYTES_MAX {
            return Err(BatchError::TooLong);
        }
        if sealed.encoding != PLAIN {
            return Err(BatchError::UnknownEncoding);
        }
        let batch = Self::from_proto(
            v1::Batch::decode(&*sealed.batch).map_err(|_| BatchError::Malformed)?,
        )?;
        if batch.device != signer {
            return Err(BatchError::WriterIsNotSigner);
        }
        key.verify(Purpose::Batch, tenant, &sealed.batch, &sealed.signature)
            .map_err(|_| BatchError::BadSignature)?;
        Ok(batch)
    }

    /// The ops with their sequences in this log, and the clock segments they were written in.
    pub fn sequenced(&self) -> impl Iterator<Item = (u64, ClockSegment, &Op)> {
        let mut later = self.later_segments.iter().peekable();
        let mut written_in = self.clock_segment;
        (0_u32..).zip(&self.ops).map(move |(index, op)| {
            while let Some(begun) = later.next_if(|later| later.ops_before <= index) {
                written_in = begun.clock_segment;
            }
            // The last sequence of all has none after it.
            let sequence = self.first_sequence.saturating_add(u64::from(index));
            (sequence, written_in, op)
        })
    }

    fn to_proto(&self) -> v1::Batch {
        let op = |(sequence, _, op): (u64, ClockSegment, &Op)| v1::Op {
            kind: op.kind,
            payload: op.payload.clone(),
            origin: (op.origin
                != Origin {
                    log: self.log,
                    sequence,
                })
            .then(|| origin_to_proto(op.origin)),
        };
        v1::Batch {
            log_id: self.log.to_vec(),
            first_sequence: self.first_sequence,
            ops: self.sequenced().map(op).collect(),
            clock_segment: Some(self.clock_segment.into()),
            device_id: self.device.to_vec(),
            later_segments: later_to_proto(&self.later_segments),
        }
    }

    fn from_proto(proto: v1::Batch) -> Result<Self, BatchError> {
        if proto.ops.len() > OPS_PER_BATCH_MAX {
            return Err(BatchError::TooManyOps);
        }
        let count = u64::try_from(proto.ops.len()).unwrap_or(u64::MAX);
        let end = proto.first_sequence.saturating_add(count);
        if proto.ops.is_empty() || end > SEQUENCE_MAX {
            return Err(BatchError::Malformed);
        }
        let log = LogId::try_from(&*proto.log_id).map_err(|_| BatchError::Malformed)?;
        let op = |(sequence, op): (u64, v1::Op)| {
            let origin = match op.origin {
                // An op that says it is of this very log can only be at its own place.
                Some(origin) => origin_from_proto(&origin)
                    .filter(|origin| origin.log != log || origin.sequence == sequence)?,
                None => Origin { log, sequence },
            };
            Some(Op {
                kind: op.kind,
                payload: op.payload,
                origin,
            })
        };
        let ops: Option<Vec<Op>> = (proto.first_sequence..).zip(proto.ops).map(op).collect();
        let ops = ops.ok_or(BatchError::Malformed)?;
        let later_segments = later_from_proto(&proto.later_segments, ops.len());
        Ok(Self {
            log,
            first_sequence: proto.first_sequence,
            device: DeviceId::try_from(&*proto.device_id).map_err(|_| BatchError::Malformed)?,
            clock_segment: proto.clock_segment.unwrap_or_default().into(),
            later_segments: later_segments.ok_or(BatchError::SegmentsOutOfOrder)?,
            ops,
        })
    }
}

/// The clock segment of the first op and those that begin later, where each op was written in one.
pub fn segments_of(
    written_in: impl IntoIterator<Item = ClockSegment>,
) -> (ClockSegment, Vec<LaterSegment>) {
    let mut all = written_in.into_iter();
    let first = all.next().unwrap_or_default();
    let mut last = first;
    let mut later = Vec::new();
    for (ops_before, clock_segment) in (1..).zip(all) {
        if clock_segment != last {
            last = clock_segment;
            later.push(LaterSegment {
                ops_before,
                clock_segment,
            });
        }
    }
    (first, later)
}

/// From a message with so many ops; `None` unless each begins at one of them, after the one before.
pub(crate) fn later_from_proto(
    proto: &[v1::LaterSegment],
    ops: usize,
) -> Option<Vec<LaterSegment>> {
    let mut begun = 0;
    let later = proto.iter().map(|later| {
        let is_in_order = later.ops_before > begun;
        begun = later.ops_before;
        let is_at_an_op = usize::try_from(begun).is_ok_and(|before| before < ops);
        Some(LaterSegment {
            ops_before: begun,
            clock_segment: later
                .clock_segment
                .filter(|_| is_in_order && is_at_an_op)?
                .into(),
        })
    });
    later.collect()
}

/// For a message.
pub fn origin_to_proto(origin: Origin) -> v1::OpOrigin {
    v1::OpOrigin {
        log_id: origin.log.to_vec(),
        sequence: origin.sequence,
    }
}

/// From a message; `None` when the log id has the wrong length or the sequence is out of range.
pub fn origin_from_proto(proto: &v1::OpOrigin) -> Option<Origin> {
    let log = LogId::try_from(&*proto.log_id).ok()?;
    (proto.sequence < SEQUENCE_MAX).then_some(Origin {
        log,
        sequence: proto.sequence,
    })
}

impl From<v1::ClockSegment> for ClockSegment {
    fn from(proto: v1::ClockSegment) -> Self {
        Self {
            boot_id: proto.boot_id,
            wall_minus_monotonic_ms: proto.wall_minus_monotonic_ms,
        }
    }
}

impl From<ClockSegment> for v1::ClockSegment {
    fn from(segment: ClockSegment) -> Self {
        Self {
            boot_id: segment.boot_id,
            wall_minus_monotonic_ms: segment.wall_minus_monotonic_ms,
        }
    }
}

impl From<LaterSegment> for v1::LaterSegment {
    fn from(later: LaterSegment) -> Self {
        Self {
            ops_before: later.ops_before,
            clock_segment: Some(later.clock_segment.into()),
        }
    }
}

/// For a message.
pub(crate) fn later_to_proto(later: &[LaterSegment]) -> Vec<v1::LaterSegment> {
    later.iter().copied().map(Into::into).collect()
}

impl From<v1::BootTime> for BootTime {
    fn from(proto: v1::BootTime) -> Self {
        Self {
            boot_id: proto.boot_id,
            server_minus_monotonic_ms: proto.server_minus_monotonic_ms,
        }
    }
}

impl From<BootTime> for v1::BootTime {
    fn from(boot: BootTime) -> Self {
        Self {
            boot_id: boot.boot_id,
            server_minus_monotonic_ms: boot.server_minus_monotonic_ms,
        }
    }
}
