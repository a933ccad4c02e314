//! What becomes of an op.

use super::Admission;
use crate::op::{MalformedPayload, Payload};

/// The outcome of an op.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// It counts.
    Accepted {
        /// Its judgement.
        admission: Admission,
        /// What it says.
        payload: Payload,
    },
    /// It does not, for good.
    Rejected(Rejection),
    /// It can't be told yet; to be offered again later.
    Deferred(Deferral),
}

/// Why an op is deferred; the names are those of the table of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Deferral {
    /// This version does not know the kind, or has no effect for it yet.
    #[error("OP_KIND_UNKNOWN")]
    KindUnknown,
    /// People were counted at a place that is not in the catalog: a count belongs to a day, and
    /// without the place's zone there is none.
    #[error("PLACE_UNKNOWN")]
    PlaceUnknown,
    /// The op it is about has not arrived, and may be on its way.
    #[error("CITED_OP_UNKNOWN")]
    CitedOpUnknown,
}

/// Why an op is rejected; the names are those of the table of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The payload is not canonical, lacks a field or passes a bound.
    #[error("PAYLOAD_MALFORMED")]
    Malformed,
    /// The authority table has no row for it.
    #[error("OP_NOT_ALLOWED")]
    NotAllowed,
    /// The pass is not known, or was burned by then.
    #[error("PASS_UNKNOWN")]
    PassUnknown,
    /// The op it is about is not known, and by now never will be.
    #[error("CITED_OP_UNKNOWN")]
    CitedOpUnknown,
    /// It was offered again by someone who may not.
    #[error("ORIGIN_NOT_YOURS")]
    OriginNotYours,
    /// The staff lease had run out when it happened.
    #[error("LEASE_ENDED")]
    LeaseEnded,
    /// The device is on probation, and the kind changes or undoes something.
    #[error("NEW_FACTS_ONLY")]
    NewFactsOnly,
    /// Its revision is further above the greatest that is known than a writer can have come.
    #[error("REVISION_AHEAD")]
    RevisionAhead,
    /// Whoever wrote it, or whom it is about, was erased.
    #[error("ERASED")]
    Erased,
}

impl From<Rejection> for Judgement {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Deferral> for Judgement {
    fn from(deferral: Deferral) -> Self {
        Self::Deferred(deferral)
    }
}

impl From<MalformedPayload> for Rejection {
    fn from(_: MalformedPayload) -> Self {
        Self::Malformed
    }
}
