//! What ops say, as types that can't be wrong, and their conversion from and to payload bytes.

mod attendance;
mod choice;
mod server;
mod steps;

pub use attendance::{
    CheckIn, Correction, CorrectionReason, Evidence, Manner, SessionRef, Tally, Verdict, Witness,
};
pub use choice::{
    Alias, Erase, FavouriteAdded, FavouriteRemoved, LANGUAGES, ProfileField, ProfileSet,
    QuestJoined, QuestLeft,
};
pub use server::{AwardConfirmed, AwardWithdrawn, ChallengeTotal, PassSeen, WithdrawalReason};
pub use steps::{Measure, StepCount};

use askel_proto::v1::{self, OpKind};
use prost::Message;

use super::canonical::{self, NotCanonical};
use crate::{
    id::{OpId, PassTag, WrongIdLength},
    limits::{CITED_OPS_MAX, PAYLOAD_BYTES_MAX},
};

/// A payload of this version.
///
/// The kinds that are carried but not yet read here (catalog and key announcements, links) stay in
/// their message form.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Payload {
    /// A person was seen at a place.
    CheckIn(CheckIn),
    /// People were counted without a name.
    Tally(Tally),
    /// A check-in was judged again.
    Correction(Correction),
    /// A sensor counted.
    StepCount(StepCount),
    /// The raw code of a self-scan.
    Evidence(Evidence),
    /// A participant chose an alias, a picture or a language.
    ProfileSet(ProfileSet),
    /// A participant joined a quest or challenge.
    QuestJoined(QuestJoined),
    /// A participant left it.
    QuestLeft(QuestLeft),
    /// A participant marked a place.
    FavouriteAdded(FavouriteAdded),
    /// A participant unmarked it.
    FavouriteRemoved(FavouriteRemoved),
    /// The server confirmed an award.
    AwardConfirmed(AwardConfirmed),
    /// A person took an award back.
    AwardWithdrawn(AwardWithdrawn),
    /// A pass was seen at a place.
    PassSeen(PassSeen),
    /// A catalog version exists.
    CatalogPublished(v1::CatalogPublished),
    /// A key list exists.
    KeyListPublished(v1::KeyListPublished),
    /// A challenge's sum.
    ChallengeTotal(ChallengeTotal),
    /// An op's outcome changed.
    OutcomeChanged(v1::OutcomeChanged),
    /// A device of the same principal changed.
    DeviceChanged(v1::DeviceChanged),
    /// Scanners forget a pass.
    PassErased(PassTag),
    /// Stands where an erased op was.
    Blank,
    /// Two registrations are one person.
    SamePersonLinked(v1::SamePersonLinked),
    /// They are not.
    SamePersonUnlinked(v1::SamePersonUnlinked),
    /// A participant is to be erased.
    Erase(Erase),
}

/// Why a payload of a known kind is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedPayload {
    /// More bytes than an op may have.
    #[error("a payload has at most {PAYLOAD_BYTES_MAX} bytes")]
    TooLong,
    /// Not in canonical form.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Not the message of its kind.
    #[error("the payload is not the message of its kind")]
    Unreadable,
    /// A field that the kind needs is absent.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// A field is out of its bounds.
    #[error("the field {0} is out of bounds")]
    OutOfBounds(&'static str),
}

impl From<WrongIdLength> for MalformedPayload {
    fn from(_: WrongIdLength) -> Self {
        Self::OutOfBounds("id")
    }
}

impl Payload {
    /// The kind.
    pub fn kind(&self) -> OpKind {
        match self {
            Self::CheckIn(_) => OpKind::CheckIn,
            Self::Tally(_) => OpKind::Tally,
            Self::Correction(_) => OpKind::Correction,
            Self::StepCount(_) => OpKind::StepCount,
            Self::Evidence(_) => OpKind::Evidence,
            Self::ProfileSet(_) => OpKind::ProfileSet,
            Self::QuestJoined(_) => OpKind::QuestJoined,
            Self::QuestLeft(_) => OpKind::QuestLeft,
            Self::FavouriteAdded(_) => OpKind::FavouriteAdded,
            Self::FavouriteRemoved(_) => OpKind::FavouriteRemoved,
            Self::AwardConfirmed(_) => OpKind::AwardConfirmed,
            Self::AwardWithdrawn(_) => OpKind::AwardWithdrawn,
            Self::PassSeen(_) => OpKind::PassSeen,
            Self::CatalogPublished(_) => OpKind::CatalogPublished,
            Self::KeyListPublished(_) => OpKind::KeyListPublished,
            Self::ChallengeTotal(_) => OpKind::ChallengeTotal,
            Self::OutcomeChanged(_) => OpKind::OutcomeChanged,
            Self::DeviceChanged(_) => OpKind::DeviceChanged,
            Self::PassErased(_) => OpKind::PassErased,
            Self::Blank => OpKind::Blank,
            Self::SamePersonLinked(_) => OpKind::SamePersonLinked,
            Self::SamePersonUnlinked(_) => OpKind::SamePersonUnlinked,
            Self::Erase(_) => OpKind::Erase,
        }
    }

    /// The canonical bytes. prost writes fields in ascending order with minimal varints.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::CheckIn(payload) => payload.to_proto().encode_to_vec(),
            Self::Tally(payload) => payload.to_proto().encode_to_vec(),
            Self::Correction(payload) => payload.to_proto().encode_to_vec(),
            Self::StepCount(payload) => payload.to_proto().encode_to_vec(),
            Self::Evidence(payload) => payload.to_proto().encode_to_vec(),
            Self::ProfileSet(payload) => payload.to_proto().encode_to_vec(),
            Self::QuestJoined(payload) => payload.to_proto().encode_to_vec(),
            Self::QuestLeft(payload) => payload.to_proto().encode_to_vec(),
            Self::FavouriteAdded(payload) => payload.to_proto().encode_to_vec(),
            Self::FavouriteRemoved(payload) => payload.to_proto().encode_to_vec(),
            Self::AwardConfirmed(payload) => payload.to_proto().encode_to_vec(),
            Self::AwardWithdrawn(payload) => payload.to_proto().encode_to_vec(),
            Self::PassSeen(payload) => payload.to_proto().encode_to_vec(),
            Self::ChallengeTotal(payload) => payload.to_proto().encode_to_vec(),
            Self::CatalogPublished(payload) => payload.encode_to_vec(),
            Self::KeyListPublished(payload) => payload.encode_to_vec(),
            Self::OutcomeChanged(payload) => payload.encode_to_vec(),
            Self::DeviceChanged(payload) => payload.encode_to_vec(),
            Self::PassErased(pass) => v1::PassErased {
                pass_tag: pass.to_vec(),
            }
            .encode_to_vec(),
            Self::Blank => Vec::new(),
            Self::SamePersonLinked(payload) => payload.encode_to_vec(),
            Self::SamePersonUnlinked(payload) => payload.encode_to_vec(),
            Self::Erase(payload) => payload.to_proto().encode_to_vec(),
        }
    }

    /// Reads a payload; `None` for a kind this version does not know.
    ///
    /// # Errors
    /// [`MalformedPayload`], by the first check that fails.
    pub fn parse(kind: u32, bytes: &[u8]) -> Result<Option<Self>, MalformedPayload> {
        if bytes.len() > PAYLOAD_BYTES_MAX {
            return Err(MalformedPayload::TooLong);
        }
        // Most ops are counts.
        if kind == OpKind::StepCount as u32
            && let Some(count) = StepCount::plain(bytes)
        {
            return Ok(Some(Self::StepCount(count)));
        }
        canonical::check(bytes)?;
        let Some(kind) = i32::try_from(kind)
            .ok()
            .and_then(|kind| OpKind::try_from(kind).ok())
        else {
            return Ok(None);
        };
        Ok(Some(match kind {
            OpKind::Unspecified => return Ok(None),
            OpKind::CheckIn => Self::CheckIn(CheckIn::from_proto(read(bytes)?)?),
            OpKind::Tally => Self::Tally(Tally::from_proto(read(bytes)?)?),
            OpKind::Correction => Self::Correction(Correction::from_proto(&read(bytes)?)?),
            OpKind::StepCount => Self::StepCount(StepCount::from_proto(&read(bytes)?)?),
            OpKind::Evidence => Self::Evidence(Evidence::from_proto(read(bytes)?)?),
            OpKind::ProfileSet => Self::ProfileSet(ProfileSet::from_proto(read(bytes)?)?),
            OpKind::QuestJoined => Self::QuestJoined(QuestJoined::from_proto(&read(bytes)?)),
            OpKind::QuestLeft => Self::QuestLeft(QuestLeft::from_proto(&read(bytes)?)?),
            OpKind::FavouriteAdded => {
                Self::FavouriteAdded(FavouriteAdded::from_proto(&read(bytes)?))
            }
            OpKind::FavouriteRemoved => {
                Self::FavouriteRemoved(FavouriteRemoved::from_proto(&read(bytes)?)?)
            }
            OpKind::AwardConfirmed => {
                Self::AwardConfirmed(AwardConfirmed::from_proto(read(bytes)?)?)
            }
            OpKind::AwardWithdrawn => {
                Self::AwardWithdrawn(AwardWithdrawn::from_proto(&read(bytes)?)?)
            }
            OpKind::PassSeen => Self::PassSeen(PassSeen::from_proto(&read(bytes)?)?),
            OpKind::ChallengeTotal => {
                Self::ChallengeTotal(ChallengeTotal::from_proto(&read(bytes)?))
            }
            OpKind::CatalogPublished => Self::CatalogPublished(read(bytes)?),
            OpKind::KeyListPublished => Self::KeyListPublished(read(bytes)?),
            OpKind::OutcomeChanged => Self::OutcomeChanged(read(bytes)?),
            OpKind::DeviceChanged => Self::DeviceChanged(read(bytes)?),
            OpKind::PassErased => {
                let erased: v1::PassErased = read(bytes)?;
                Self::PassErased(PassTag::try_from(&*erased.pass_tag)?)
            }
            OpKind::Blank => Self::Blank,
            OpKind::SamePersonLinked => Self::SamePersonLinked(read(bytes)?),
            OpKind::SamePersonUnlinked => Self::SamePersonUnlinked(read(bytes)?),
            OpKind::Erase => Self::Erase(Erase::from_proto(&read(bytes)?)?),
        }))
    }
}

fn read<M: Message + Default>(bytes: &[u8]) -> Result<M, MalformedPayload> {
    M::decode(bytes).map_err(|_| MalformedPayload::Unreadable)
}

/// An enum value of this version, not the unspecified one.
fn known<E: TryFrom<i32> + Default + PartialEq>(
    value: i32,
    field: &'static str,
) -> Result<E, MalformedPayload> {
    match E::try_from(value) {
        Ok(known) if known != E::default() => Ok(known),
        Ok(_) => Err(MalformedPayload::Missing(field)),
        Err(_) => Err(MalformedPayload::OutOfBounds(field)),
    }
}

/// The ops an op cites: at least one, at most the limit.
fn cited(ids: &[Vec<u8>], field: &'static str) -> Result<Vec<OpId>, MalformedPayload> {
    if ids.is_empty() {
        return Err(MalformedPayload::Missing(field));
    }
    if ids.len() > CITED_OPS_MAX {
        return Err(MalformedPayload::OutOfBounds(field));
    }
    ids.iter().map(|id| Ok(OpId::try_from(&**id)?)).collect()
}
