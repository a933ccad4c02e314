//! The compact encoding of ops: bytes that an old phone without a data plan can afford.
//!
//! A frame is for transport and storage only. Reading it gives the very ops that were written, byte for
//! byte, of any kind and however odd; nothing is put in order or in another form. Each op is predicted
//! from those before it, and only what the prediction leaves open takes bytes (docs/encoding.md).
//!
//! This is encoding 1. Whatever changes the bytes of a frame, a table of odds as much as the order of
//! fields, is another encoding with a number of its own; the golden frames of the tests say when.

mod act;
mod batch;
mod blob;
mod cite;
mod field;
mod fingerprint;
mod judgement;
mod mix;
mod odds;
mod origin;
mod payload;
mod prior;
mod row;
mod schema;
mod season;
mod segment;
mod shape;
mod steps;
mod text;
mod wire;

pub use batch::{BatchHints, LOG_PREFIX_BYTES, LogRef, decode_batch, encode_batch, log_of_batch};

use bytes::BytesMut;

use crate::{
    admission::AdmittedOp,
    id::TenantId,
    op::{Op, Origin},
};
use row::{Reading, Row, Rows};
use wire::{Decoder, Encoder, Learner};

/// The number of this encoding.
pub const ENCODING: u32 = 1;

/// Ops before a page that it may refer to.
pub const CONTEXT_OPS_MAX: usize = 256;

/// What a reader accepts at most, so that few bytes can't make many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Ops in the frame.
    pub ops_max: usize,
    /// Bytes of their payloads together.
    pub bytes_max: usize,
}

/// Why a frame can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Not a frame.
    #[error("the frame can't be read")]
    Malformed,
    /// More ops than the reader accepts.
    #[error("the frame has more ops than are accepted")]
    TooManyOps,
    /// More bytes than the reader accepts.
    #[error("the frame's ops have more bytes than are accepted")]
    TooManyBytes,
    /// The frame leaves out an op that the reader does not hold.
    #[error("the frame leaves out an op that is not held here")]
    OwnOpMissing,
    /// Read with what the reader holds, the ops are not those that were written: the reader holds
    /// other ops than the writer thought, or the bytes were damaged.
    #[error("the frame was written for a reader that holds other ops")]
    ContextMismatch,
}

/// A row of frames, each of which refers to all before it: the fewest bytes for what is kept together
/// and read in order.
///
/// Both sides begin with [`Chain::new`] and take the same ops in, in the same order.
#[derive(Debug, Clone)]
pub struct Chain {
    tenant: TenantId,
    rows: Rows,
}

impl Chain {
    /// Nothing held yet.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            rows: prior::rows(),
        }
    }

    /// Takes in ops that both sides hold.
    pub fn learn<'a>(&mut self, ops: impl IntoIterator<Item = &'a AdmittedOp>) {
        for admitted in ops {
            self.rows
                .put(&mut Learner, self.tenant, row(admitted, false));
        }
    }

    /// Takes in ops that both sides hold, and of which only one knows how they were judged.
    pub fn learn_unjudged<'a>(&mut self, ops: impl IntoIterator<Item = &'a Op>) {
        for op in ops {
            let row = Row {
                op,
                admission: None,
                is_own: false,
            };
            self.rows.put(&mut Learner, self.tenant, row);
        }
    }

    /// The next frame. Ops that `elide` says yes to are left out, but for their origin and judgement:
    /// the reader holds them.
    pub fn encode(&mut self, elide: &dyn Fn(&Op) -> bool, ops: &[AdmittedOp]) -> Vec<u8> {
        let mut header = vec![0; CHECK_BYTES];
        shape::put_varint(u64::try_from(ops.len()).unwrap_or(u64::MAX), &mut header);
        let header_bytes = header.len();
        let mut encoder = Encoder::new(header);
        for admitted in ops {
            let row = row(admitted, elide(&admitted.op));
            self.rows.put(&mut encoder, self.tenant, row);
        }
        let mut bytes = encoder.finish(header_bytes);
        for (slot, byte) in bytes.iter_mut().zip(self.rows.fingerprint.check()) {
            *slot = byte;
        }
        bytes
    }

    /// Reads the next frame. `own` finds the ops that were left out. After an error the chain is of no
    /// use any more.
    ///
    /// # Errors
    /// [`FrameError`], by the first check that fails.
    pub fn decode(
        &mut self,
        own: &dyn Fn(Origin) -> Option<Op>,
        bytes: &[u8],
        limits: FrameLimits,
    ) -> Result<Vec<AdmittedOp>, FrameError> {
        let (check, rest) = bytes
            .split_first_chunk::<CHECK_BYTES>()
            .ok_or(FrameError::Malformed)?;
        let (count, rest) = shape::take_varint(rest).ok_or(FrameError::Malformed)?;
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= limits.ops_max)
            .ok_or(FrameError::TooManyOps)?;
        let mut decoder = Decoder::new(rest);
        let mut reading = Reading {
            own,
            is_admitted: true,
            budget: limits.bytes_max,
            scratch: Vec::new(),
            payloads: BytesMut::new(),
        };
        let mut ops = Vec::with_capacity(count);
        for _ in 0..count {
            let (op, admission) = self.rows.get(&mut decoder, self.tenant, &mut reading)?;
            let admission = admission.ok_or(FrameError::Malformed)?;
            ops.push(AdmittedOp { op, admission });
        }
        if *check == self.rows.fingerprint.check() {
            Ok(ops)
        } else {
            Err(FrameError::ContextMismatch)
        }
    }
}

/// Bytes of the check value.
const CHECK_BYTES: usize = 2;

fn row(admitted: &AdmittedOp, is_own: bool) -> Row<'_> {
    Row {
        op: &admitted.op,
        admission: Some(&admitted.admission),
        is_own,
    }
}

/// One frame that refers to `context`: ops that both sides hold, in the same order, of which the last
/// [`CONTEXT_OPS_MAX`] count.
///
/// Ops that `elide` says yes to are left out, but for their origin and judgement: the reader holds them.
pub fn encode_ops(
    tenant: TenantId,
    context: &[AdmittedOp],
    elide: &dyn Fn(&Op) -> bool,
    ops: &[AdmittedOp],
) -> Vec<u8> {
    knowing(tenant, context).encode(elide, ops)
}

/// Reads what [`encode_ops`] wrote with the same `context`.
///
/// # Errors
/// [`FrameError`], by the first check that fails.
pub fn decode_ops(
    tenant: TenantId,
    context: &[AdmittedOp],
    own: &dyn Fn(Origin) -> Option<Op>,
    bytes: &[u8],
    limits: FrameLimits,
) -> Result<Vec<AdmittedOp>, FrameError> {
    knowing(tenant, context).decode(own, bytes, limits)
}

fn knowing(tenant: TenantId, context: &[AdmittedOp]) -> Chain {
    let mut chain = Chain::new(tenant);
    let skipped = context.len().saturating_sub(CONTEXT_OPS_MAX);
    chain.learn(context.iter().skip(skipped));
    chain
}
