//! Accepted, rejected or deferred.

use askel_proto::v1::{OpKind, Role, Strength};

use super::{
    Admission, ClockReading, CorrectedTime, Flags, Relation, allows, authority::is_new_fact,
    correct,
};
use crate::{
    id::{DeviceId, LogId, OpId, ParticipantId, PassTag, PlaceId},
    limits::OWN_CORRECTION_MS_MAX,
    op::{CheckIn, MalformedPayload, Op, Payload, SessionRef, Witness},
    time::{ClockSegment, LocalDate, Timestamp},
};

/// Whoever sealed the batch, by the server's own records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The device.
    pub device: DeviceId,
    /// Its principal's role.
    pub role: Role,
    /// Whom it belongs to, if a participant's.
    pub participant: Option<ParticipantId>,
    /// Where its principal works.
    pub scope: PlaceScope,
    /// Until when, for staff.
    pub lease_until: Option<Timestamp>,
    /// What it may write of what its role may.
    pub standing: AuthorStanding,
}

/// How much of what its role may write a device may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AuthorStanding {
    /// All of it.
    #[default]
    Full,
    /// New facts; nothing that changes or undoes what was before. For a device on probation.
    NewFactsOnly,
}

/// Places a principal works at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceScope {
    /// All of the tenant's.
    All,
    /// These.
    Only(Vec<PlaceId>),
}

impl PlaceScope {
    /// Whether it covers a place.
    pub fn covers(&self, place: PlaceId) -> bool {
        match self {
            Self::All => true,
            Self::Only(places) => places.contains(&place),
        }
    }
}

/// What a judgement has to know; fetched before, so that [`judge`] waits for nothing.
pub trait Facts {
    /// Whose pass this was at a corrected time; `None` when it is unknown, or was burned by then. A
    /// scan from before the pass was burned counts, however late it arrives.
    fn pass_holder(&self, pass: PassTag, at: Timestamp) -> Option<ParticipantId>;
    /// An accepted check-in.
    fn check_in(&self, id: OpId) -> Option<CheckInFact>;
    /// The greatest revision that may decide about a check-in, 0 for none; `None` where that is not
    /// for this machine to say.
    fn correction_revision(&self, check_in: OpId) -> Option<u32>;
    /// Whose log this is: the device and, if it is a participant's, the participant.
    fn log_writer(&self, log: LogId) -> Option<(DeviceId, Option<ParticipantId>)>;
    /// The local day (04:00 cut) of an instant at a place; `None` for a place not in the catalog.
    fn local_date(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate>;
}

/// What is known of an accepted check-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckInFact {
    /// Whom it is about.
    pub subject: ParticipantId,
    /// Where.
    pub place: PlaceId,
    /// When, corrected.
    pub corrected_at: Timestamp,
    /// Which session.
    pub session: SessionRef,
    /// The pass that was scanned, if one was.
    pub pass: Option<PassTag>,
    /// The log it was written in, where that is known.
    pub log: Option<LogId>,
}

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
    /// The op it cites is not known.
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
    /// Its revision is more than one above the greatest that is known.
    #[error("REVISION_AHEAD")]
    RevisionAhead,
}

impl From<MalformedPayload> for Rejection {
    fn from(_: MalformedPayload) -> Self {
        Self::Malformed
    }
}

/// Judges one op of an opened batch.
pub fn judge(
    op: &Op,
    carrier: LogId,
    author: &Author,
    clocks: Clocks,
    facts: &impl Facts,
) -> Judgement {
    let payload = match op.parse() {
        Ok(Some(payload)) => payload,
        Ok(None) => return Judgement::Deferred(Deferral::KindUnknown),
        Err(malformed) => return Judgement::Rejected(malformed.into()),
    };
    if !is_own_origin(op, carrier, author, facts) {
        return Judgement::Rejected(Rejection::OriginNotYours);
    }
    match admit(&payload, author, clocks, facts) {
        Ok(_) if awaits_a_later_version(payload.kind()) => {
            Judgement::Deferred(Deferral::KindUnknown)
        }
        Ok(admission)
            if admission.flags.contains(Flags::PLACE_UNKNOWN)
                && payload.kind() == OpKind::Tally =>
        {
            Judgement::Deferred(Deferral::PlaceUnknown)
        }
        Ok(admission) => Judgement::Accepted { admission, payload },
        Err(rejection) => Judgement::Rejected(rejection),
    }
}

/// The clocks a judgement reckons with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// Of the batch.
    pub written_in: ClockSegment,
    /// Of the request.
    pub sent_with: Option<ClockReading>,
    /// The server's.
    pub received_at: Timestamp,
}

/// Kinds whose effect this version does not have yet: the phone keeps them until it does.
fn awaits_a_later_version(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::SamePersonLinked | OpKind::SamePersonUnlinked | OpKind::Erase
    )
}

fn admit(
    payload: &Payload,
    author: &Author,
    clocks: Clocks,
    facts: &impl Facts,
) -> Result<Admission, Rejection> {
    let claimed = claimed_at(payload).unwrap_or(clocks.received_at);
    let corrected = correct(
        claimed,
        clocks.written_in,
        clocks.sent_with,
        clocks.received_at,
    );
    let about = about(payload, corrected, author, facts)?;
    if !allows(payload.kind(), author.role, about.relation) {
        return Err(Rejection::NotAllowed);
    }
    if author.standing == AuthorStanding::NewFactsOnly && !is_new_fact(payload.kind()) {
        return Err(Rejection::NewFactsOnly);
    }
    if author
        .lease_until
        .is_some_and(|until| corrected.at >= until)
    {
        return Err(Rejection::LeaseEnded);
    }
    if let Payload::Correction(correction) = payload
        && facts
            .correction_revision(correction.check_in)
            .is_some_and(|known| correction.revision > known.saturating_add(1))
    {
        return Err(Rejection::RevisionAhead);
    }
    let place_unknown =
        place_of(payload).is_some_and(|place| facts.local_date(place, corrected.at).is_none());
    let flags = if place_unknown {
        Flags::PLACE_UNKNOWN
    } else {
        Flags::default()
    };
    Ok(Admission {
        corrected_at: corrected.at,
        received_at: clocks.received_at,
        subject: about.subject,
        strength: strength(payload),
        flags: corrected.flags.with(flags),
        author_role: author.role,
    })
}

/// An op of another log is taken from that log's device, or one of the same participant.
fn is_own_origin(op: &Op, carrier: LogId, author: &Author, facts: &impl Facts) -> bool {
    if op.origin.log == carrier {
        return true;
    }
    match facts.log_writer(op.origin.log) {
        // A log the server never saw: nothing of it can be anyone else's yet.
        None => true,
        Some((device, participant)) => {
            device == author.device || (participant.is_some() && participant == author.participant)
        }
    }
}

/// Whom an op is about, and how its author stands to that.
struct About {
    subject: Option<ParticipantId>,
    relation: Relation,
}

fn about(
    payload: &Payload,
    corrected: CorrectedTime,
    author: &Author,
    facts: &impl Facts,
) -> Result<About, Rejection> {
    let in_scope = |place| {
        if author.scope.covers(place) {
            Relation::InScope
        } else {
            Relation::None
        }
    };
    Ok(match payload {
        Payload::CheckIn(CheckIn {
            witness: Witness::PassScan(pass),
            place,
            ..
        }) => About {
            relation: if author.participant.is_some() {
                Relation::None
            } else {
                in_scope(*place)
            },
            subject: Some(
                facts
                    .pass_holder(*pass, corrected.at)
                    .ok_or(Rejection::PassUnknown)?,
            ),
        },
        Payload::Tally(tally) => About {
            subject: None,
            relation: in_scope(tally.place),
        },
        Payload::Correction(correction) => {
            let check_in = facts
                .check_in(correction.check_in)
                .ok_or(Rejection::CitedOpUnknown)?;
            About {
                subject: Some(check_in.subject),
                relation: match in_scope(check_in.place) {
                    Relation::InScope
                        if is_fresh_own(&check_in, corrected, author.device, facts) =>
                    {
                        Relation::OwnCheckIn
                    }
                    relation => relation,
                },
            }
        }
        _ if author.participant.is_some() => About {
            subject: author.participant,
            relation: Relation::Own,
        },
        _ => About {
            subject: None,
            relation: if author.scope == PlaceScope::All {
                Relation::Tenant
            } else {
                Relation::None
            },
        },
    })
}

/// Whether a device made a check-in itself, a short while before.
fn is_fresh_own(
    check_in: &CheckInFact,
    judged: CorrectedTime,
    device: DeviceId,
    facts: &impl Facts,
) -> bool {
    let writer = check_in.log.and_then(|log| facts.log_writer(log));
    let age_ms = judged.at.saturating_ms_since(check_in.corrected_at);
    writer.is_some_and(|(writer, _)| writer == device)
        && (0..=OWN_CORRECTION_MS_MAX).contains(&age_ms)
}

fn claimed_at(payload: &Payload) -> Option<Timestamp> {
    match payload {
        Payload::CheckIn(payload) => Some(payload.occurred_at),
        Payload::Tally(payload) => Some(payload.occurred_at),
        Payload::Correction(payload) => Some(payload.occurred_at),
        Payload::StepCount(payload) => Some(payload.bucket.begins_at()),
        Payload::ProfileSet(payload) => Some(payload.occurred_at),
        Payload::QuestJoined(payload) => Some(payload.occurred_at),
        Payload::QuestLeft(payload) => Some(payload.occurred_at),
        Payload::FavouriteAdded(payload) => Some(payload.occurred_at),
        Payload::FavouriteRemoved(payload) => Some(payload.occurred_at),
        _ => None,
    }
}

fn place_of(payload: &Payload) -> Option<PlaceId> {
    match payload {
        Payload::CheckIn(payload) => Some(payload.place),
        Payload::Tally(payload) => Some(payload.place),
        _ => None,
    }
}

/// Static passes count as a card, on paper and phone alike. A venue code proves nothing until the
/// server can check it.
fn strength(payload: &Payload) -> Strength {
    match payload {
        Payload::CheckIn(CheckIn {
            witness: Witness::PassScan(_),
            ..
        }) => Strength::Card,
        Payload::CheckIn(_) => Strength::SelfReport,
        _ => Strength::Unspecified,
    }
}
