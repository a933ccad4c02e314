//! What a participant's phone writes of its person's wishes.

use askel_sync::{
    admission::ClockReading,
    id::{GoalId, OpId, PlaceId},
    limits::{ALIAS_NUMBER_MAX, CITED_OPS_MAX, PICTURE_MAX, REVISION_MAX},
    op::{
        Alias, FavouriteAdded, FavouriteRemoved, LANGUAGES, Payload, ProfileField, ProfileSet,
        QuestJoined, QuestLeft,
    },
    stream::StreamKey,
};

use super::{Decided, Engine, draft::Draft, model::Register, row::Standing, view::ParticipantView};
use crate::{Cause, Error};

impl Engine {
    /// One field of the profile.
    pub(crate) fn set_profile(
        &self,
        field: ProfileField,
        now: ClockReading,
    ) -> Result<Decided<()>, Error> {
        let view = self.participant()?;
        let profile = view.shown.profile();
        let (register, same) = match &field {
            ProfileField::Alias(Alias { number, .. }) if *number > ALIAS_NUMBER_MAX => {
                return Err(Cause::OutOfBounds("the alias").into());
            }
            ProfileField::Picture(picture) if *picture > PICTURE_MAX => {
                return Err(Cause::OutOfBounds("the picture").into());
            }
            ProfileField::Language(language) if !LANGUAGES.contains(&&**language) => {
                return Err(Cause::OutOfBounds("the language").into());
            }
            ProfileField::Alias(alias) => (Register::Alias, profile.alias == Some(*alias)),
            ProfileField::Picture(picture) => {
                (Register::Picture, profile.picture == Some(*picture))
            }
            ProfileField::Language(language) => (
                Register::Language,
                profile.language.as_ref() == Some(language),
            ),
            _ => return Err(Cause::OutOfBounds("the field").into()),
        };
        let mut draft = Draft::new(&self.model);
        if !same {
            let payload = Payload::ProfileSet(ProfileSet {
                occurred_at: now.wall,
                field,
                revision: self.next_profile_revision(register)?,
            });
            let own = self.model.own_register(register);
            match own.filter(|(_, own)| self.model.is_unsealed(own)) {
                Some((number, held)) => {
                    draft.rewrite_op(number, held, &payload, now);
                }
                None => {
                    draft.write_op(&payload, now)?;
                }
            }
        }
        Ok(Decided::new(draft.finish(), ()))
    }

    /// One above what is known and can't change any more: an op in its own slot keeps its revision.
    fn next_profile_revision(&self, register: Register) -> Result<u32, Error> {
        let slot = self.model.own_register(register);
        let in_slot = slot.filter(|(_, own)| self.model.is_unsealed(own));
        let known = self.known_revision_of(register, in_slot.map(|(_, own)| own.id));
        next_revision(known)
    }

    /// The greatest revision of a register, leaving out one own op; 0 for none.
    pub(super) fn known_revision_of(&self, register: Register, but: Option<OpId>) -> u32 {
        let enrolment = self.model.enrolment();
        let stream = enrolment
            .and_then(|enrolment| enrolment.participant)
            .and_then(|id| self.model.stream_by_key(StreamKey::Participant(id)));
        let confirmed = stream.map_or(0, |(number, _)| {
            self.model.live().revision(number, register.in_stream())
        });
        let own = self.model.own.values().filter(|own| Some(own.id) != but);
        let own = own.filter(|own| !matches!(own.standing, Standing::Rejected { .. }));
        own.filter_map(|own| own.op.parse().ok()?)
            .filter(|payload| Register::of(payload) == Some(register))
            .filter_map(|payload| match payload {
                Payload::StepCount(count) => Some(count.revision),
                Payload::ProfileSet(set) => Some(set.revision),
                _ => None,
            })
            .fold(confirmed, u32::max)
    }

    /// Marks a place; once is enough.
    pub(crate) fn add_favourite(
        &self,
        place: PlaceId,
        now: ClockReading,
    ) -> Result<Decided<()>, Error> {
        self.check_place(place)?;
        let held = !self.participant()?.shown.favourite_ops(place).is_empty();
        let payload = FavouriteAdded {
            place,
            occurred_at: now.wall,
        };
        self.write_unless(held, &Payload::FavouriteAdded(payload), now)
    }

    /// Unmarks a place: removes the additions this phone knows.
    pub(crate) fn remove_favourite(
        &self,
        place: PlaceId,
        now: ClockReading,
    ) -> Result<Decided<()>, Error> {
        let added = self.participant()?.shown.favourite_ops(place);
        self.write_citing(added, now, |added| {
            let removed = FavouriteRemoved {
                place,
                occurred_at: now.wall,
                added,
            };
            Payload::FavouriteRemoved(removed)
        })
    }

    /// Joins a quest or challenge; once is enough.
    pub(crate) fn join_quest(&self, goal: GoalId, now: ClockReading) -> Result<Decided<()>, Error> {
        if self.view.catalog.goal(goal).is_none() {
            return Err(self.unknown("goal"));
        }
        let held = !self.participant()?.shown.joined_ops(goal).is_empty();
        let payload = QuestJoined {
            goal,
            occurred_at: now.wall,
        };
        self.write_unless(held, &Payload::QuestJoined(payload), now)
    }

    /// Leaves it: removes the joins this phone knows.
    pub(crate) fn leave_quest(
        &self,
        goal: GoalId,
        now: ClockReading,
    ) -> Result<Decided<()>, Error> {
        let joined = self.participant()?.shown.joined_ops(goal);
        self.write_citing(joined, now, |joined| {
            Payload::QuestLeft(QuestLeft {
                goal,
                occurred_at: now.wall,
                joined,
            })
        })
    }

    fn write_unless(
        &self,
        held: bool,
        payload: &Payload,
        now: ClockReading,
    ) -> Result<Decided<()>, Error> {
        let mut draft = Draft::new(&self.model);
        if !held {
            draft.write_op(payload, now)?;
        }
        Ok(Decided::new(draft.finish(), ()))
    }

    /// Writes ops that cite others, which are sealed first; none if there is nothing to cite.
    fn write_citing(
        &self,
        cited: impl IntoIterator<Item = OpId>,
        now: ClockReading,
        payload: impl Fn(Vec<OpId>) -> Payload,
    ) -> Result<Decided<()>, Error> {
        let cited: Vec<OpId> = cited.into_iter().collect();
        let mut draft = Draft::new(&self.model);
        self.seal_cited(&mut draft, &cited)?;
        for some in cited.chunks(CITED_OPS_MAX) {
            draft.write_op(&payload(some.to_vec()), now)?;
        }
        Ok(Decided::new(draft.finish(), ()))
    }

    /// What is cited can't change any more.
    pub(super) fn seal_cited(&self, draft: &mut Draft<'_>, cited: &[OpId]) -> Result<(), Error> {
        let unsealed = |id: &OpId| {
            self.model
                .own_op(*id)
                .is_some_and(|(_, own)| self.model.is_unsealed(own))
        };
        if cited.iter().any(unsealed) {
            draft.seal(self.enrolment()?, &self.key)
        } else {
            Ok(())
        }
    }

    /// A place of the catalog; any, while there is none.
    pub(super) fn check_place(&self, place: PlaceId) -> Result<(), Error> {
        let known = self.catalog_version().is_none() || self.view.catalog.place(place).is_some();
        if known {
            Ok(())
        } else {
            Err(Cause::Unknown("place").into())
        }
    }

    fn unknown(&self, what: &'static str) -> Error {
        match self.catalog_version() {
            Some(_) => Cause::Unknown(what).into(),
            None => Cause::NoCatalog.into(),
        }
    }

    pub(super) fn participant(&self) -> Result<&ParticipantView, Error> {
        self.enrolment()?;
        Ok(self
            .view
            .participant
            .as_ref()
            .ok_or(Cause::NotAParticipant)?)
    }
}

/// One above what is known. A value above the last revision could be read by nobody.
pub(super) fn next_revision(known: u32) -> Result<u32, Error> {
    let next = known.saturating_add(1);
    if next > REVISION_MAX {
        return Err(Cause::OutOfBounds("the number of changes").into());
    }
    Ok(next)
}
