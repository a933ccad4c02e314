//! Check-ins, tallies and corrections.

use askel_proto::v1;

use super::{MalformedPayload, known};
use crate::{
    id::{OpId, PassTag, PlaceId, SessionId, SlotId},
    limits::{REVISION_MAX, TALLY_DELTA_MAX, VENUE_CODE_BYTES_MAX},
    time::Timestamp,
};

pub use askel_proto::v1::{CorrectionReason, Manner};

/// Which session an act belongs to, as its author names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionRef {
    /// A drop-in: an opening interval, or slot 0 outside any. The fold derives the date.
    Slot(SlotId),
    /// A dated session of the catalog.
    Dated(SessionId),
}

/// One observation that a person was at a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CheckIn {
    /// Where.
    pub place: PlaceId,
    /// When, by the writer's clock.
    pub occurred_at: Timestamp,
    /// Which session.
    pub session: SessionRef,
    /// How.
    pub manner: Manner,
    /// The catalog version the writer held.
    pub catalog_version: u32,
    /// Who saw it, and by what.
    pub witness: Witness,
}

/// What a check-in rests on. The strength is computed at admission, never claimed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Witness {
    /// The author says so of themself.
    SelfReport,
    /// The author scanned a pass.
    PassScan(PassTag),
    /// The author scanned a code that the place shows; the raw code is in an [`Evidence`].
    VenueCode,
}

/// The raw code of a self-scan, as proof of a check-in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// The check-in.
    pub check_in: OpId,
    /// What the poster or screen showed, 1 to 128 bytes.
    pub code: Vec<u8>,
}

/// An anonymous count by staff.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Where.
    pub place: PlaceId,
    /// When, by the writer's clock.
    pub occurred_at: Timestamp,
    /// Which session.
    pub session: SessionRef,
    /// How.
    pub manner: Manner,
    /// -100..=100, not 0.
    pub delta: i32,
}

/// A later judgement of a check-in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Correction {
    /// The check-in.
    pub check_in: OpId,
    /// The highest holds; from 1.
    pub revision: u32,
    /// What it says.
    pub verdict: Verdict,
    /// Why.
    pub reason: CorrectionReason,
    /// When it was made, by the writer's clock.
    pub occurred_at: Timestamp,
}

/// What a correction says of its check-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It counts again.
    Reinstate,
    /// It was at another time or session.
    ReDate {
        /// When it was.
        occurred_at: Timestamp,
        /// Which session.
        session: SessionRef,
    },
    /// It does not count. Last, so that at equal revisions it is the greatest.
    Void,
}

impl SessionRef {
    pub(super) fn to_proto(self) -> v1::SessionRef {
        use v1::session_ref::Session;
        let session = match self {
            Self::Slot(slot) => Session::SlotId(slot.get()),
            Self::Dated(session) => Session::SessionId(session.get()),
        };
        v1::SessionRef {
            session: Some(session),
        }
    }

    pub(super) fn from_proto(proto: Option<v1::SessionRef>) -> Result<Self, MalformedPayload> {
        use v1::session_ref::Session;
        match proto.and_then(|proto| proto.session) {
            Some(Session::SlotId(slot)) => Ok(Self::Slot(SlotId::new(slot))),
            Some(Session::SessionId(session)) => Ok(Self::Dated(SessionId::new(session))),
            None => Err(MalformedPayload::Missing("session")),
        }
    }
}

impl CheckIn {
    pub(super) fn to_proto(&self) -> v1::CheckIn {
        use v1::check_in::Witness as Proto;
        let witness = match &self.witness {
            Witness::SelfReport => Proto::SelfReport(v1::SelfReport {}),
            Witness::PassScan(tag) => Proto::PassScan(v1::PassScan {
                pass_tag: tag.to_vec(),
            }),
            Witness::VenueCode => Proto::VenueCode(v1::VenueCodeScan {}),
        };
        v1::CheckIn {
            place_id: self.place.get(),
            occurred_at_ms: self.occurred_at.as_ms(),
            session: Some(self.session.to_proto()),
            manner: self.manner.into(),
            catalog_version: self.catalog_version,
            witness: Some(witness),
        }
    }

    pub(super) fn from_proto(proto: v1::CheckIn) -> Result<Self, MalformedPayload> {
        use v1::check_in::Witness as Proto;
        let witness = match proto.witness.ok_or(MalformedPayload::Missing("witness"))? {
            Proto::SelfReport(_) => Witness::SelfReport,
            Proto::PassScan(scan) => Witness::PassScan(PassTag::try_from(&*scan.pass_tag)?),
            Proto::VenueCode(_) => Witness::VenueCode,
        };
        Ok(Self {
            place: PlaceId::new(proto.place_id),
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
            session: SessionRef::from_proto(proto.session)?,
            manner: known(proto.manner, "manner")?,
            catalog_version: proto.catalog_version,
            witness,
        })
    }
}

impl Evidence {
    pub(super) fn to_proto(&self) -> v1::Evidence {
        v1::Evidence {
            check_in_op_id: self.check_in.to_vec(),
            code: self.code.clone(),
        }
    }

    pub(super) fn from_proto(proto: v1::Evidence) -> Result<Self, MalformedPayload> {
        if !(1..=VENUE_CODE_BYTES_MAX).contains(&proto.code.len()) {
            return Err(MalformedPayload::OutOfBounds("code"));
        }
        Ok(Self {
            check_in: OpId::try_from(&*proto.check_in_op_id)?,
            code: proto.code,
        })
    }
}

impl Tally {
    pub(super) fn to_proto(&self) -> v1::Tally {
        v1::Tally {
            place_id: self.place.get(),
            occurred_at_ms: self.occurred_at.as_ms(),
            session: Some(self.session.to_proto()),
            manner: self.manner.into(),
            delta: self.delta,
        }
    }

    pub(super) fn from_proto(proto: v1::Tally) -> Result<Self, MalformedPayload> {
        if proto.delta == 0 || !(-TALLY_DELTA_MAX..=TALLY_DELTA_MAX).contains(&proto.delta) {
            return Err(MalformedPayload::OutOfBounds("delta"));
        }
        Ok(Self {
            place: PlaceId::new(proto.place_id),
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
            session: SessionRef::from_proto(proto.session)?,
            manner: known(proto.manner, "manner")?,
            delta: proto.delta,
        })
    }
}

impl Correction {
    pub(super) fn to_proto(&self) -> v1::Correction {
        use v1::correction::Verdict as Proto;
        let verdict = match self.verdict {
            Verdict::Void => Proto::Void(v1::CorrectionVoid {}),
            Verdict::Reinstate => Proto::Reinstate(v1::CorrectionReinstate {}),
            Verdict::ReDate {
                occurred_at,
                session,
            } => Proto::ReDate(v1::CorrectionReDate {
                occurred_at_ms: occurred_at.as_ms(),
                session: Some(session.to_proto()),
            }),
        };
        v1::Correction {
            check_in_op_id: self.check_in.to_vec(),
            revision: self.revision,
            verdict: Some(verdict),
            reason: self.reason.into(),
            occurred_at_ms: self.occurred_at.as_ms(),
        }
    }

    pub(super) fn from_proto(proto: &v1::Correction) -> Result<Self, MalformedPayload> {
        use v1::correction::Verdict as Proto;
        if !(1..=REVISION_MAX).contains(&proto.revision) {
            return Err(MalformedPayload::OutOfBounds("revision"));
        }
        let verdict = match proto
            .verdict
            .as_ref()
            .ok_or(MalformedPayload::Missing("verdict"))?
        {
            Proto::Void(_) => Verdict::Void,
            Proto::Reinstate(_) => Verdict::Reinstate,
            Proto::ReDate(date) => Verdict::ReDate {
                occurred_at: Timestamp::from_ms(date.occurred_at_ms),
                session: SessionRef::from_proto(date.session)?,
            },
        };
        Ok(Self {
            check_in: OpId::try_from(&*proto.check_in_op_id)?,
            revision: proto.revision,
            verdict,
            reason: known(proto.reason, "reason")?,
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
        })
    }
}
