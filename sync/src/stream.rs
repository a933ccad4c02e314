//! Streams: the server's ordered lists of admitted ops, one for each class of readers.
//!
//! [`route`] is the table kind → streams. No stream carries an op with fields removed: where sight
//! differs, the server writes a derived op in its own log.

pub mod listed;
mod live;
mod register;
pub mod short;

pub use live::{StreamSum, op_sum};
pub use register::{Rank, rank_of, register_of, value_of};

pub use crate::op::{ProfileRegister, Register};

use askel_proto::v1;

use crate::{
    admission::{Admission, CheckInFact, Facts},
    id::{DeviceId, GoalId, OpId, ParticipantId, PlaceId},
    op::{PassSeen, Payload, SessionRef, Verdict, Witness},
    time::{LocalDate, Timestamp},
};

/// Which stream: what it is and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StreamKey {
    /// Everything about a participant, for their devices.
    Participant(ParticipantId),
    /// Later outcomes, grants and revocations, for one device.
    Device(DeviceId),
    /// What the scanners of a place share for a day.
    PlaceDay(PlaceId, LocalDate),
    /// Catalog and key list versions, for everyone.
    Catalog,
    /// The totals of a challenge, for everyone.
    Challenge(GoalId),
}

/// A selector without a stream, or of a later version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream selector names no stream of this version")]
pub struct UnknownStream;

impl StreamKey {
    /// Completes a selector with whose it is, which the credential says. `None` for a stream that
    /// such a device has not got, a participant's for staff.
    ///
    /// # Errors
    /// [`UnknownStream`] for an empty selector.
    pub fn select(
        selector: &v1::StreamSelector,
        device: DeviceId,
        participant: Option<ParticipantId>,
    ) -> Result<Option<Self>, UnknownStream> {
        use v1::stream_selector::Stream;
        Ok(match selector.stream.as_ref().ok_or(UnknownStream)? {
            Stream::Participant(_) => participant.map(Self::Participant),
            Stream::Device(_) => Some(Self::Device(device)),
            Stream::PlaceDay(day) => Some(Self::PlaceDay(
                PlaceId::new(day.place_id),
                LocalDate::from_days(day.date),
            )),
            Stream::Catalog(_) => Some(Self::Catalog),
            Stream::Challenge(challenge) => Some(Self::Challenge(GoalId::new(challenge.goal_id))),
        })
    }

    /// What it is, without whose.
    pub fn selector(self) -> v1::StreamSelector {
        use v1::stream_selector::Stream;
        let stream = match self {
            Self::Participant(_) => Stream::Participant(v1::ParticipantStream {}),
            Self::Device(_) => Stream::Device(v1::DeviceStream {}),
            Self::PlaceDay(place, date) => Stream::PlaceDay(v1::PlaceDayStream {
                place_id: place.get(),
                date: date.as_days(),
            }),
            Self::Catalog => Stream::Catalog(v1::CatalogStream {}),
            Self::Challenge(goal) => Stream::Challenge(v1::ChallengeStream {
                goal_id: goal.get(),
            }),
        };
        v1::StreamSelector {
            stream: Some(stream),
        }
    }
}

/// Where an accepted op goes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Route {
    /// The streams that carry it.
    pub streams: Vec<StreamKey>,
    /// The op the server derives for readers of lesser sight, with its stream and time.
    pub derived: Option<(StreamKey, PassSeen)>,
    /// Whose awards may change.
    pub dirty: Option<ParticipantId>,
}

/// The table kind → streams. `target` is what the server addresses, for kinds of its own log whose
/// payload does not say it.
pub fn route(
    id: OpId,
    payload: &Payload,
    admission: &Admission,
    target: Option<StreamKey>,
    facts: &impl Facts,
) -> Route {
    let own = || Route {
        streams: admission
            .subject
            .map(StreamKey::Participant)
            .into_iter()
            .collect(),
        derived: None,
        dirty: admission.subject,
    };
    let to = |stream: Option<StreamKey>| Route {
        streams: stream.into_iter().collect(),
        ..Route::default()
    };
    match payload {
        Payload::CheckIn(check_in) => {
            let fact = CheckInFact {
                subject: ParticipantId::from_bytes([0; 16]),
                place: check_in.place,
                corrected_at: admission.corrected_at,
                session: check_in.session,
                pass: match check_in.witness {
                    Witness::PassScan(pass) => Some(pass),
                    _ => None,
                },
                log: None,
            };
            Route {
                derived: pass_seen(id, &fact, None, facts),
                ..own()
            }
        }
        Payload::Correction(correction) => {
            let derived = facts.check_in(correction.check_in).and_then(|fact| {
                let judged = (correction.revision, correction.verdict);
                pass_seen(correction.check_in, &fact, Some(judged), facts)
            });
            Route { derived, ..own() }
        }
        Payload::Tally(tally) => {
            let date = facts.session_date(tally.place, admission.corrected_at, tally.session);
            to(date.map(|date| StreamKey::PlaceDay(tally.place, date)))
        }
        Payload::StepCount(_) | Payload::QuestJoined(_) | Payload::QuestLeft(_) => own(),
        Payload::Evidence(_)
        | Payload::ProfileSet(_)
        | Payload::FavouriteAdded(_)
        | Payload::FavouriteRemoved(_) => Route {
            dirty: None,
            ..own()
        },
        Payload::AwardConfirmed(_)
        | Payload::AwardWithdrawn(_)
        | Payload::SamePersonLinked(_)
        | Payload::SamePersonUnlinked(_)
        | Payload::Erase(_)
        | Payload::PassSeen(_)
        | Payload::OutcomeChanged(_)
        | Payload::DeviceChanged(_)
        | Payload::PassErased(_)
        | Payload::Blank => to(target),
        Payload::CatalogPublished(_) | Payload::KeyListPublished(_) => to(Some(StreamKey::Catalog)),
        Payload::ChallengeTotal(total) => to(Some(StreamKey::Challenge(total.goal))),
    }
}

/// What the scanners of the place learn of a check-in or of its correction.
fn pass_seen(
    check_in: OpId,
    fact: &CheckInFact,
    judged: Option<(u32, Verdict)>,
    facts: &impl Facts,
) -> Option<(StreamKey, PassSeen)> {
    let (revision, verdict) = judged.unwrap_or((0, Verdict::Reinstate));
    let (occurred_at, session): (Timestamp, SessionRef) = match verdict {
        Verdict::ReDate {
            occurred_at,
            session,
        } => (occurred_at, session),
        Verdict::Void | Verdict::Reinstate => (fact.corrected_at, fact.session),
    };
    let seen = PassSeen {
        pass: fact.pass?,
        place: fact.place,
        occurred_at,
        session,
        check_in,
        voided: verdict == Verdict::Void,
        revision,
    };
    // The day of the check-in itself: that is where its readers are.
    let date = facts.local_date(fact.place, fact.corrected_at)?;
    Some((StreamKey::PlaceDay(fact.place, date), seen))
}
