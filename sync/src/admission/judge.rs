//! Accepted, rejected or deferred.

use askel_proto::v1::{OpKind, Strength};

use super::{
    Admission, Author, AuthorStanding, CheckInFact, Clocks, CorrectedTime, Deferral, Facts, Flags,
    Judgement, PlaceScope, Rejection, Relation, allows, authority::is_new_fact, correct, rows,
};
use crate::{
    id::{DeviceId, LogId, ParticipantId, PassTag, PlaceId},
    limits::{CITED_OP_WAIT_MS_MAX, OWN_CORRECTION_MS_MAX, REVISION_AHEAD_MAX},
    op::{CheckIn, Op, Payload, Register, Witness},
    time::Timestamp,
};

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
        Ok(None) if crate::planted!(UnknownRefused) => return Rejection::Malformed.into(),
        Ok(None) => return Judgement::Deferred(Deferral::KindUnknown),
        Err(malformed) => return Judgement::Rejected(malformed.into()),
    };
    let is_erased = author
        .participant
        .is_some_and(|author| facts.is_erased(author));
    if is_erased || facts.is_log_erased(op.origin.log) {
        return Rejection::Erased.into();
    }
    if !is_own_origin(op, carrier, author, facts) {
        return Rejection::OriginNotYours.into();
    }
    match admit(&payload, author, clocks, facts) {
        Ok(_) if awaits_a_later_version(payload.kind()) => Deferral::KindUnknown.into(),
        Ok(admission)
            if admission.flags.contains(Flags::PLACE_UNKNOWN)
                && payload.kind() == OpKind::Tally =>
        {
            Deferral::PlaceUnknown.into()
        }
        Ok(admission) => Judgement::Accepted { admission, payload },
        Err(judgement) => judgement,
    }
}

/// Kinds whose effect this version does not have yet: the phone keeps them until it does.
fn awaits_a_later_version(kind: OpKind) -> bool {
    matches!(kind, OpKind::SamePersonLinked | OpKind::SamePersonUnlinked)
}

fn admit(
    payload: &Payload,
    author: &Author,
    clocks: Clocks,
    facts: &impl Facts,
) -> Result<Admission, Judgement> {
    let claimed = claimed_at(payload).unwrap_or(clocks.received_at);
    let corrected = correct(claimed, &clocks);
    let about = about(payload, corrected, clocks.received_at, author, facts)?;
    if !allows(payload.kind(), author.role, about.relation) {
        return Err(Rejection::NotAllowed.into());
    }
    if about
        .subject
        .is_some_and(|subject| facts.is_erased(subject))
    {
        return Err(Rejection::Erased.into());
    }
    if author.standing == AuthorStanding::NewFactsOnly && !is_new_fact(payload.kind()) {
        return Err(Rejection::NewFactsOnly.into());
    }
    if author
        .lease_until
        .is_some_and(|until| corrected.at >= until)
    {
        return Err(Rejection::LeaseEnded.into());
    }
    if is_revision_ahead(payload, about.subject, facts) {
        return Err(Rejection::RevisionAhead.into());
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

/// Whether a revision is further ahead than its writer can have come. A correction cites one check-in
/// and goes one beyond what is known of it. A register's writer counts on by itself while it is
/// offline, and a gap does no harm.
fn is_revision_ahead(
    payload: &Payload,
    subject: Option<ParticipantId>,
    facts: &impl Facts,
) -> bool {
    let (known, revision, ahead_max) = match payload {
        Payload::Correction(correction) => (
            facts.correction_revision(correction.check_in),
            correction.revision,
            1,
        ),
        Payload::StepCount(count) => (
            known_revision(payload, subject, facts),
            count.revision,
            REVISION_AHEAD_MAX,
        ),
        Payload::ProfileSet(set) => (
            known_revision(payload, subject, facts),
            set.revision,
            REVISION_AHEAD_MAX,
        ),
        _ => return false,
    };
    known.is_some_and(|known| revision > known.saturating_add(ahead_max))
}

fn known_revision(
    payload: &Payload,
    subject: Option<ParticipantId>,
    facts: &impl Facts,
) -> Option<u32> {
    facts.register_revision(subject?, &Register::of(payload)?)
}

/// An op of another log is taken from that log's device, or one of the same participant.
fn is_own_origin(op: &Op, carrier: LogId, author: &Author, facts: &impl Facts) -> bool {
    if op.origin.log == carrier || crate::planted!(OriginUnchecked) {
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
    received_at: Timestamp,
    author: &Author,
    facts: &impl Facts,
) -> Result<About, Judgement> {
    Ok(match payload {
        Payload::CheckIn(CheckIn {
            witness: Witness::PassScan(pass),
            place,
            ..
        }) => About {
            subject: Some(holder(*pass, corrected.at, facts)?),
            relation: match author.participant {
                Some(_) => Relation::None,
                None => at_place(author, *place),
            },
        },
        Payload::Tally(tally) => About {
            subject: None,
            relation: at_place(author, tally.place),
        },
        Payload::Correction(correction) => {
            let check_in = facts.check_in(correction.check_in).ok_or_else(|| {
                let is_refused = facts.is_refused(correction.check_in);
                missing(payload, is_refused, (corrected, received_at), author)
            })?;
            let relation = match at_place(author, check_in.place) {
                Relation::InScope if is_fresh_own(&check_in, corrected, author.device, facts) => {
                    Relation::OwnCheckIn
                }
                relation => relation,
            };
            About {
                subject: Some(check_in.subject),
                relation,
            }
        }
        Payload::Evidence(evidence) => {
            // It says nothing of its time, so that there is no waiting for a check-in that is not
            // known: a phone writes and sends the check-in first.
            let check_in = facts
                .check_in(evidence.check_in)
                .ok_or(Rejection::CitedOpUnknown)?;
            About::person(check_in.subject, author)
        }
        Payload::Erase(erase) if author.participant.is_none() => About {
            subject: Some(erase.participant),
            relation: of_tenant(author),
        },
        Payload::Erase(erase) => About::person(erase.participant, author),
        _ => match author.participant {
            Some(participant) => About::person(participant, author),
            None => About {
                subject: None,
                relation: of_tenant(author),
            },
        },
    })
}

impl About {
    /// An op about a person that they alone may write.
    fn person(subject: ParticipantId, author: &Author) -> Self {
        Self {
            subject: Some(subject),
            relation: if author.participant == Some(subject) {
                Relation::Own
            } else {
                Relation::None
            },
        }
    }
}

/// Whose pass was scanned.
fn holder(pass: PassTag, at: Timestamp, facts: &impl Facts) -> Result<ParticipantId, Rejection> {
    if facts.is_pass_erased(pass) {
        return Err(Rejection::Erased);
    }
    facts.pass_holder(pass, at).ok_or(Rejection::PassUnknown)
}

fn at_place(author: &Author, place: PlaceId) -> Relation {
    if author.scope.covers(place) {
        Relation::InScope
    } else {
        Relation::None
    }
}

fn of_tenant(author: &Author) -> Relation {
    if author.scope == PlaceScope::All {
        Relation::Tenant
    } else {
        Relation::None
    }
}

/// What becomes of an op about one that is not known: for a while that may still arrive, unless it came
/// and was refused.
fn missing(
    payload: &Payload,
    is_refused: bool,
    (corrected, received_at): (CorrectedTime, Timestamp),
    author: &Author,
) -> Judgement {
    let may_ever = rows(payload.kind())
        .iter()
        .any(|(role, _)| *role == author.role);
    let age_ms = received_at.saturating_ms_since(corrected.at);
    // A clock that nobody can vouch for tells no age, and is no reason to refuse.
    let is_young = age_ms < CITED_OP_WAIT_MS_MAX || corrected.flags.contains(Flags::CLOCK_UNSURE);
    if !may_ever {
        Rejection::NotAllowed.into()
    } else if is_young && !is_refused {
        Deferral::CitedOpUnknown.into()
    } else {
        Rejection::CitedOpUnknown.into()
    }
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
        Payload::Erase(payload) => Some(payload.occurred_at),
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
