//! The server's one judgement of an op.
//!
//! [`judge`] is pure: what it has to know of passes, earlier check-ins and places comes in through
//! [`Facts`]. Its result, the [`Admission`], travels with the op in every stream, and folds use it
//! instead of what the op claims.

mod authority;
mod clock;
mod facts;
mod judge;
mod outcome;
mod steps;

pub use authority::{Relation, allows, rows};
pub use clock::{ClockReading, Clocks, CorrectedTime, correct};
pub use facts::{Author, AuthorStanding, CheckInFact, Facts, PlaceScope};
pub use judge::judge;
pub use outcome::{Deferral, Judgement, Rejection};
pub use steps::counted_in;

use askel_proto::v1;

pub use askel_proto::v1::{Role, Strength};

use crate::{
    id::{OpId, ParticipantId},
    log::{origin_from_proto, origin_to_proto},
    op::Op,
    time::Timestamp,
};

/// How an op was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Admission {
    /// When the act happened, by the server's reckoning; never later than `received_at`.
    pub corrected_at: Timestamp,
    /// When the server first saw it.
    pub received_at: Timestamp,
    /// Whom it is about.
    pub subject: Option<ParticipantId>,
    /// How well it is witnessed.
    pub strength: Strength,
    /// For staff to look at.
    pub flags: Flags,
    /// What the author was.
    pub author_role: Role,
}

/// Marks for staff; never a reason to refuse a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Flags(u32);

impl Flags {
    /// The clock was off and the time was corrected.
    pub const CLOCK_CORRECTED: Self = Self(1);
    /// The clock may have been off, and there was nothing to correct it by. Steps of a quarter that had not begun
    /// yet when they were received are not counted.
    pub const CLOCK_UNSURE: Self = Self(2);
    /// The place is not in the catalog.
    pub const PLACE_UNKNOWN: Self = Self(4);

    /// From a message; unknown bits are kept.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// For a message.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// An op with its judgement: what streams carry and folds eat.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AdmittedOp {
    /// The op.
    pub op: Op,
    /// Its judgement.
    pub admission: Admission,
}

/// An admitted op that can't be read from a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the admitted op can't be read")]
pub struct MalformedAdmittedOp;

impl AdmittedOp {
    /// The op's id.
    pub fn id(&self) -> OpId {
        self.op.id()
    }

    /// For a message.
    pub fn to_proto(&self) -> v1::AdmittedOp {
        v1::AdmittedOp {
            kind: self.op.kind,
            payload: self.op.payload.clone(),
            origin: Some(origin_to_proto(self.op.origin)),
            admission: Some(self.admission.to_proto()),
        }
    }

    /// From a message.
    ///
    /// # Errors
    /// [`MalformedAdmittedOp`] when a field is missing or of the wrong length.
    pub fn from_proto(proto: v1::AdmittedOp) -> Result<Self, MalformedAdmittedOp> {
        let origin = proto.origin.as_ref().and_then(origin_from_proto);
        let admission = proto.admission.as_ref().ok_or(MalformedAdmittedOp)?;
        Ok(Self {
            op: Op {
                kind: proto.kind,
                payload: proto.payload,
                origin: origin.ok_or(MalformedAdmittedOp)?,
            },
            admission: Admission::from_proto(admission)?,
        })
    }
}

impl Admission {
    /// For a message.
    pub fn to_proto(&self) -> v1::Admission {
        v1::Admission {
            corrected_at_ms: self.corrected_at.as_ms(),
            received_at_ms: self.received_at.as_ms(),
            subject: self.subject.map(ParticipantId::to_vec).unwrap_or_default(),
            strength: self.strength.into(),
            flags: self.flags.bits(),
            author_role: self.author_role.into(),
        }
    }

    /// From a message.
    ///
    /// # Errors
    /// [`MalformedAdmittedOp`] when the subject has the wrong length.
    pub fn from_proto(proto: &v1::Admission) -> Result<Self, MalformedAdmittedOp> {
        let subject = match &*proto.subject {
            [] => None,
            bytes => Some(ParticipantId::try_from(bytes).map_err(|_| MalformedAdmittedOp)?),
        };
        Ok(Self {
            corrected_at: Timestamp::from_ms(proto.corrected_at_ms),
            received_at: Timestamp::from_ms(proto.received_at_ms),
            subject,
            strength: proto.strength(),
            flags: Flags::from_bits(proto.flags),
            author_role: proto.author_role(),
        })
    }
}
