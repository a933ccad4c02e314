//! What a participant chooses: profile, quests, favourites, to be erased.

use askel_proto::v1;

use super::{MalformedPayload, cited};
use crate::{
    id::{GoalId, OpId, ParticipantId, PlaceId},
    limits::{ALIAS_NUMBER_MAX, PICTURE_MAX, REVISION_MAX},
    time::Timestamp,
};

/// One field of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProfileSet {
    /// When, by the writer's clock.
    pub occurred_at: Timestamp,
    /// Which field, and its value.
    pub field: ProfileField,
    /// The highest holds; from 1.
    pub revision: u32,
}

/// A field of a profile with its value. There is none for a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProfileField {
    /// A word of the catalog and a number.
    Alias(Alias),
    /// One of the fixed set of drawings.
    Picture(u32),
    /// One of [`LANGUAGES`].
    Language(String),
}

/// The languages of texts.
pub const LANGUAGES: [&str; 5] = ["fi", "sv", "en", "fi-simple", "sv-simple"];

/// "moon-14", say: the catalog's alias word and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias {
    /// The id of a word in the catalog.
    pub word: u32,
    /// 0..=9999.
    pub number: u32,
}

/// A participant joined a quest or challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuestJoined {
    /// Which.
    pub goal: GoalId,
    /// When, by the writer's clock.
    pub occurred_at: Timestamp,
}

/// A participant left it: removes the joins it names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QuestLeft {
    /// Which.
    pub goal: GoalId,
    /// When, by the writer's clock.
    pub occurred_at: Timestamp,
    /// The joins the writer saw.
    pub joined: Vec<OpId>,
}

/// A participant marked a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FavouriteAdded {
    /// Which.
    pub place: PlaceId,
    /// When, by the writer's clock.
    pub occurred_at: Timestamp,
}

/// A participant unmarked it: removes the additions it names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FavouriteRemoved {
    /// Which.
    pub place: PlaceId,
    /// When, by the writer's clock.
    pub occurred_at: Timestamp,
    /// The additions the writer saw.
    pub added: Vec<OpId>,
}

/// Everything of a participant is to be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Erase {
    /// Who.
    pub participant: ParticipantId,
    /// When it was asked for, by the writer's clock.
    pub occurred_at: Timestamp,
}

impl Erase {
    pub(super) fn to_proto(self) -> v1::Erase {
        v1::Erase {
            participant_id: self.participant.to_vec(),
            occurred_at_ms: self.occurred_at.as_ms(),
        }
    }

    pub(super) fn from_proto(proto: &v1::Erase) -> Result<Self, MalformedPayload> {
        Ok(Self {
            participant: ParticipantId::try_from(&*proto.participant_id)?,
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
        })
    }
}

impl ProfileSet {
    pub(super) fn to_proto(&self) -> v1::ProfileSet {
        use v1::profile_set::Field;
        let field = match &self.field {
            ProfileField::Alias(alias) => Field::Alias(v1::Alias {
                word: alias.word,
                number: alias.number,
            }),
            ProfileField::Picture(picture) => Field::Picture(*picture),
            ProfileField::Language(language) => Field::Language(language.clone()),
        };
        v1::ProfileSet {
            occurred_at_ms: self.occurred_at.as_ms(),
            field: Some(field),
            revision: self.revision,
        }
    }

    pub(super) fn from_proto(proto: v1::ProfileSet) -> Result<Self, MalformedPayload> {
        use v1::profile_set::Field;
        if !(1..=REVISION_MAX).contains(&proto.revision) {
            return Err(MalformedPayload::OutOfBounds("revision"));
        }
        let field = match proto.field.ok_or(MalformedPayload::Missing("field"))? {
            Field::Alias(alias) if alias.number <= ALIAS_NUMBER_MAX => ProfileField::Alias(Alias {
                word: alias.word,
                number: alias.number,
            }),
            Field::Alias(_) => return Err(MalformedPayload::OutOfBounds("alias")),
            Field::Picture(picture) if picture <= PICTURE_MAX => ProfileField::Picture(picture),
            Field::Picture(_) => return Err(MalformedPayload::OutOfBounds("picture")),
            Field::Language(language) if LANGUAGES.contains(&&*language) => {
                ProfileField::Language(language)
            }
            Field::Language(_) => return Err(MalformedPayload::OutOfBounds("language")),
        };
        Ok(Self {
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
            field,
            revision: proto.revision,
        })
    }
}

impl QuestJoined {
    pub(super) fn to_proto(self) -> v1::QuestJoined {
        v1::QuestJoined {
            goal_id: self.goal.get(),
            occurred_at_ms: self.occurred_at.as_ms(),
        }
    }

    pub(super) fn from_proto(proto: &v1::QuestJoined) -> Self {
        Self {
            goal: GoalId::new(proto.goal_id),
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
        }
    }
}

impl QuestLeft {
    pub(super) fn to_proto(&self) -> v1::QuestLeft {
        v1::QuestLeft {
            goal_id: self.goal.get(),
            occurred_at_ms: self.occurred_at.as_ms(),
            joined_op_ids: self.joined.iter().map(|id| id.to_vec()).collect(),
        }
    }

    pub(super) fn from_proto(proto: &v1::QuestLeft) -> Result<Self, MalformedPayload> {
        Ok(Self {
            goal: GoalId::new(proto.goal_id),
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
            joined: cited(&proto.joined_op_ids, "joined_op_ids")?,
        })
    }
}

impl FavouriteAdded {
    pub(super) fn to_proto(self) -> v1::FavouriteAdded {
        v1::FavouriteAdded {
            place_id: self.place.get(),
            occurred_at_ms: self.occurred_at.as_ms(),
        }
    }

    pub(super) fn from_proto(proto: &v1::FavouriteAdded) -> Self {
        Self {
            place: PlaceId::new(proto.place_id),
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
        }
    }
}

impl FavouriteRemoved {
    pub(super) fn to_proto(&self) -> v1::FavouriteRemoved {
        v1::FavouriteRemoved {
            place_id: self.place.get(),
            occurred_at_ms: self.occurred_at.as_ms(),
            added_op_ids: self.added.iter().map(|id| id.to_vec()).collect(),
        }
    }

    pub(super) fn from_proto(proto: &v1::FavouriteRemoved) -> Result<Self, MalformedPayload> {
        Ok(Self {
            place: PlaceId::new(proto.place_id),
            occurred_at: Timestamp::from_ms(proto.occurred_at_ms),
            added: cited(&proto.added_op_ids, "added_op_ids")?,
        })
    }
}
