//! The op: one small immutable fact, its id and its payloads.

mod canonical;
mod payload;
mod register;

pub use canonical::NotCanonical;
pub use payload::{
    Alias, AwardConfirmed, AwardWithdrawn, ChallengeTotal, CheckIn, Correction, CorrectionReason,
    Erase, Evidence, FavouriteAdded, FavouriteRemoved, LANGUAGES, MalformedPayload, Manner,
    Measure, PassSeen, Payload, ProfileField, ProfileSet, QuestJoined, QuestLeft, SessionRef,
    StepCount, Tally, Verdict, WithdrawalReason, Witness,
};

pub use register::{ProfileRegister, Register};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

pub use askel_proto::v1::OpKind;

use crate::{
    id::{LogId, OpId},
    key::first_bytes,
};

/// Where an op was first written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The log.
    pub log: LogId,
    /// Its place in the log, from 0.
    pub sequence: u64,
}

/// An op: what it says, as bytes, and where it was first written.
///
/// The bytes are never re-encoded, so a kind or field of a later version survives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Op {
    /// A value of [`OpKind`], or of a later version's.
    pub kind: u32,
    /// The payload in canonical form.
    pub payload: Bytes,
    /// Where it was first written.
    pub origin: Origin,
}

impl Op {
    /// An op with a payload of this version.
    pub fn new(origin: Origin, payload: &Payload) -> Self {
        Self {
            kind: payload.kind() as u32,
            payload: payload.encode().into(),
            origin,
        }
    }

    /// The first 16 bytes of SHA-256 over `askel/op-id/v1`, a zero byte, the origin log, the origin
    /// sequence (8 bytes, big-endian), the kind (4 bytes, big-endian) and the payload.
    pub fn id(&self) -> OpId {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(b"askel/op-id/v1\0")
            .chain_update(self.origin.log.as_bytes())
            .chain_update(self.origin.sequence.to_be_bytes())
            .chain_update(self.kind.to_be_bytes())
            .chain_update(&self.payload)
            .finalize()
            .into();
        OpId::from_bytes(first_bytes(&digest))
    }

    /// What it says, if this version knows the kind.
    ///
    /// # Errors
    /// [`MalformedPayload`] when a known kind's payload is not canonical, lacks a field or passes a
    /// bound.
    pub fn parse(&self) -> Result<Option<Payload>, MalformedPayload> {
        Payload::parse(self.kind, &self.payload)
    }
}
