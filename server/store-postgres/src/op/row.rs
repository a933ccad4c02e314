//! Ops and streams as rows.

use askel_store::{StoreError, StreamHead, StreamOp};
use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Strength},
    id::OpId,
    op::{Op, Origin},
    stream::StreamSum,
    time::Timestamp,
};

use crate::column::{id, number, optional_id, role, stream};

/// An op at a position, or at an index of what was asked for.
pub(crate) struct OpRow {
    pub(crate) position: i64,
    pub(crate) op: Vec<u8>,
    pub(crate) origin_log: Vec<u8>,
    pub(crate) origin_sequence: i64,
    pub(crate) kind: i64,
    pub(crate) payload: Vec<u8>,
    pub(crate) corrected_at_ms: i64,
    pub(crate) received_at_ms: i64,
    pub(crate) subject: Option<Vec<u8>>,
    pub(crate) strength: i16,
    pub(crate) flags: i64,
    pub(crate) author_role: i16,
}

impl TryFrom<OpRow> for StreamOp {
    type Error = StoreError;

    /// Recomputes the op's id: a row that was damaged is not handed on.
    fn try_from(row: OpRow) -> Result<Self, StoreError> {
        let strength = Strength::try_from(i32::from(row.strength)).ok();
        let origin = Origin {
            log: id(&row.origin_log)?,
            sequence: number(row.origin_sequence)?,
        };
        let admitted = AdmittedOp {
            op: Op {
                kind: number(row.kind)?,
                payload: row.payload.into(),
                origin,
            },
            admission: Admission {
                corrected_at: Timestamp::from_ms(row.corrected_at_ms),
                received_at: Timestamp::from_ms(row.received_at_ms),
                subject: optional_id(row.subject.as_deref())?,
                strength: strength.ok_or(StoreError::Inconsistent("a strength is not known"))?,
                flags: Flags::from_bits(number(row.flags)?),
                author_role: role(row.author_role)?,
            },
        };
        if admitted.id() != id::<OpId>(&row.op)? {
            return Err(StoreError::Inconsistent("an op is not what its id says"));
        }
        Ok(Self {
            position: number(row.position)?,
            admitted,
        })
    }
}

/// A stream.
pub(crate) struct StreamRow {
    pub(crate) stream: Vec<u8>,
    pub(crate) handle: Vec<u8>,
    pub(crate) head: i64,
    pub(crate) sum: i64,
}

impl TryFrom<StreamRow> for StreamHead {
    type Error = StoreError;

    fn try_from(row: StreamRow) -> Result<Self, StoreError> {
        Ok(Self {
            key: stream(&row.stream)?,
            id: id(&row.handle)?,
            head: number(row.head)?,
            sum: StreamSum::from_bits(row.sum.cast_unsigned()),
        })
    }
}

/// A place in a stream, with its op unless it was erased.
pub(crate) struct PlaceRow {
    pub(crate) position: i64,
    pub(crate) op: Option<Vec<u8>>,
    pub(crate) origin_log: Option<Vec<u8>>,
    pub(crate) origin_sequence: Option<i64>,
    pub(crate) kind: Option<i64>,
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) corrected_at_ms: Option<i64>,
    pub(crate) received_at_ms: Option<i64>,
    pub(crate) subject: Option<Vec<u8>>,
    pub(crate) strength: Option<i16>,
    pub(crate) flags: Option<i64>,
    pub(crate) author_role: Option<i16>,
}

impl PlaceRow {
    /// The op; `None` where it was erased.
    fn op(self) -> Option<OpRow> {
        Some(OpRow {
            position: self.position,
            op: self.op?,
            origin_log: self.origin_log?,
            origin_sequence: self.origin_sequence?,
            kind: self.kind?,
            payload: self.payload?,
            corrected_at_ms: self.corrected_at_ms?,
            received_at_ms: self.received_at_ms?,
            subject: self.subject,
            strength: self.strength?,
            flags: self.flags?,
            author_role: self.author_role?,
        })
    }
}

impl TryFrom<PlaceRow> for StreamOp {
    type Error = StoreError;

    fn try_from(row: PlaceRow) -> Result<Self, StoreError> {
        let position = row.position;
        match row.op() {
            Some(row) => row.try_into(),
            None => Ok(Self::blank(number(position)?)),
        }
    }
}
