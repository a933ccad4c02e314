//! What only the server's own log says.

use askel_proto::v1;

use super::{MalformedPayload, SessionRef, known};
use crate::{
    id::{AwardId, GoalId, OpId, PassTag, PlaceId},
    limits::REVISION_MAX,
    time::Timestamp,
};

pub use askel_proto::v1::WithdrawalReason;

/// Bytes of a SHA-256.
const HASH_BYTES: usize = 32;

/// A confirmed award, with what it was confirmed on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AwardConfirmed {
    /// The award.
    pub award: AwardId,
    /// The goal.
    pub goal: GoalId,
    /// 0 for the goal itself, else the stage from 1.
    pub stage: u32,
    /// The version of the goal's rule.
    pub rule_version: u32,
    /// SHA-256 of the catalog in force, 32 bytes.
    pub catalog_hash: Vec<u8>,
    /// When.
    pub occurred_at: Timestamp,
}

/// An award taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AwardWithdrawn {
    /// The award.
    pub award: AwardId,
    /// Why.
    pub reason: WithdrawalReason,
    /// When.
    pub occurred_at: Timestamp,
}

/// What the scanners of a place learn of a check-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PassSeen {
    /// The pass: never a participant.
    pub pass: PassTag,
    /// Where.
    pub place: PlaceId,
    /// When, corrected.
    pub occurred_at: Timestamp,
    /// Which session.
    pub session: SessionRef,
    /// The check-in it comes from.
    pub check_in: OpId,
    /// Whether a correction voided it.
    pub voided: bool,
    /// The correction's revision, 0 for the check-in itself.
    pub revision: u32,
}

/// The sum of a collective challenge; the highest revision holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChallengeTotal {
    /// Which challenge.
    pub goal: GoalId,
    /// Points together.
    pub total: u64,
    /// People who contributed.
    pub people: u32,
    /// From 1.
    pub revision: u32,
    /// When it was computed.
    pub occurred_at: Timestamp,
}

impl AwardConfirmed {
    pub(super) fn to_proto(&self) -> v1::AwardConfirmed {
        v1::AwardConfirmed {
            award_id: self.award.to_vec(),
            goal_id: self.goal.get(),
            stage: self.stage,
            rule_version: self.rule_version,
            catalog_hash: self.catalog_hash.clone(),
            occurred_at_ms: self.occurred_at.as_ms(),
        }
    }

    pub(super) fn from_proto(proto: v1::AwardConfirmed) -> Result<Self, MalformedPayload> {
        if proto.catalog_hash.len() != HASH_BYTES {
            return Err(MalformedPayload::OutOfBounds("catalog_hash"));
        }
        Ok(Self {
            award: AwardId::try_from(&*proto.award_id)?,
            goal: GoalId::new(proto.goal_id),
            stage: proto.stage,
            rule_version: proto.rule_version,
            catalog_hash: proto.catalog_hash,
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
        })
    }
}

impl AwardWithdrawn {
    pub(super) fn to_proto(self) -> v1::AwardWithdrawn {
        v1::AwardWithdrawn {
            award_id: self.award.to_vec(),
            reason: self.reason.into(),
            occurred_at_ms: self.occurred_at.as_ms(),
        }
    }

    pub(super) fn from_proto(proto: &v1::AwardWithdrawn) -> Result<Self, MalformedPayload> {
        Ok(Self {
            award: AwardId::try_from(&*proto.award_id)?,
            reason: known(proto.reason, "reason")?,
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
        })
    }
}

impl PassSeen {
    pub(super) fn to_proto(self) -> v1::PassSeen {
        v1::PassSeen {
            pass_tag: self.pass.to_vec(),
            place_id: self.place.get(),
            occurred_at_ms: self.occurred_at.as_ms(),
            session: Some(self.session.to_proto()),
            check_in_op_id: self.check_in.to_vec(),
            voided: self.voided,
            revision: self.revision,
        }
    }

    pub(super) fn from_proto(proto: &v1::PassSeen) -> Result<Self, MalformedPayload> {
        if proto.revision > REVISION_MAX {
            return Err(MalformedPayload::OutOfBounds("revision"));
        }
        Ok(Self {
            pass: PassTag::try_from(&*proto.pass_tag)?,
            place: PlaceId::new(proto.place_id),
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
            session: SessionRef::from_proto(proto.session)?,
            check_in: OpId::try_from(&*proto.check_in_op_id)?,
            voided: proto.voided,
            revision: proto.revision,
        })
    }
}

impl ChallengeTotal {
    pub(super) fn to_proto(self) -> v1::ChallengeTotal {
        v1::ChallengeTotal {
            goal_id: self.goal.get(),
            total: self.total,
            people: self.people,
            revision: self.revision,
            occurred_at_ms: self.occurred_at.as_ms(),
        }
    }

    pub(super) fn from_proto(proto: &v1::ChallengeTotal) -> Self {
        Self {
            goal: GoalId::new(proto.goal_id),
            total: proto.total,
            people: proto.people,
            revision: proto.revision,
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
        }
    }
}
