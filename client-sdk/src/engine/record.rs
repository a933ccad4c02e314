//! What a participant's phone writes.

use std::collections::BTreeMap;

use askel_sync::{
    admission::ClockReading,
    id::{GoalId, OpId, PlaceId, StepSourceId},
    limits::{
        ALIAS_NUMBER_MAX, CITED_OPS_MAX, CLOCK_SKEW_TOLERATED_MS, PICTURE_MAX, REVISION_MAX,
        STEPS_PER_BUCKET_MAX,
    },
    op::{
        Alias, FavouriteAdded, FavouriteRemoved, LANGUAGES, Measure, Payload, ProfileField,
        ProfileSet, QuestJoined, QuestLeft, StepCount,
    },
    stream::StreamKey,
    time::Quarter,
};

use super::{Decided, Engine, draft::Draft, model::Register, row::Standing, view::ParticipantView};
use crate::{Cause, Error, StepReading};

/// Step registers, written or left.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StepsMade {
    pub(crate) written: usize,
    pub(crate) unchanged: usize,
}

impl Engine {
    /// What sensors counted. All readings or none.
    pub(crate) fn record_steps(
        &self,
        source: StepSourceId,
        measure: Measure,
        readings: &[StepReading],
        now: ClockReading,
    ) -> Result<Decided<StepsMade>, Error> {
        let view = self.participant()?;
        if measure == Measure::Unspecified {
            return Err(Cause::OutOfBounds("the measure").into());
        }
        // Later ones would count for nothing: they are for when their time has come.
        let latest = self
            .server_time(now.wall)
            .saturating_add_ms(CLOCK_SKEW_TOLERATED_MS);
        // Of several readings of one bucket the last holds.
        let mut newest = BTreeMap::new();
        for reading in readings {
            if reading.count > STEPS_PER_BUCKET_MAX {
                return Err(Cause::OutOfBounds("a step count").into());
            }
            let bucket = Quarter::containing(reading.at)
                .filter(|bucket| bucket.begins_at() <= latest)
                .ok_or(Cause::OutOfBounds("the time of a reading"))?;
            newest.insert(bucket, reading.count);
        }
        // What is archived of a quarter decides as if it had been folded.
        let is_here = newest.keys().all(|bucket| view.has_registers_of(*bucket));
        let whole = (!is_here).then(|| self.whole_view());
        let whole = whole.as_ref().and_then(|view| view.participant.as_ref());
        let view = whole.unwrap_or(view);
        let mut draft = Draft::new(&self.model);
        let mut made = StepsMade::default();
        for (bucket, count) in newest {
            if view.shown.step_count(source, measure, bucket) == Some(count) {
                continue;
            }
            let register = StepCount {
                source,
                bucket,
                count,
                revision: 1,
                measure,
            };
            self.set_steps(&mut draft, view, register, now)?;
            made.written = made.written.saturating_add(1);
        }
        made.unchanged = readings.len().saturating_sub(made.written);
        Ok(Decided::new(draft.finish(), made))
    }

    /// In the register's own slot while it is unsealed, else as a new op; one revision above what is
    /// known and can't change any more.
    fn set_steps(
        &self,
        draft: &mut Draft<'_>,
        view: &ParticipantView,
        register: StepCount,
        now: ClockReading,
    ) -> Result<(), Error> {
        let StepCount {
            source,
            bucket,
            measure,
            ..
        } = register;
        let own = self
            .model
            .own_register(Register::steps(source, measure, bucket));
        if let Some((number, held)) = own.filter(|(_, own)| self.model.is_unsealed(own)) {
            let in_slot = match held.op.parse() {
                Ok(Some(Payload::StepCount(count))) => count.revision,
                _ => 1,
            };
            let confirmed = view.confirmed().step_revision(source, measure, bucket);
            let revision = in_slot.max(next_revision(confirmed)?);
            let payload = Payload::StepCount(StepCount {
                revision,
                ..register
            });
            draft.rewrite_op(number, held, &payload, now);
        } else {
            let known = view.shown.step_revision(source, measure, bucket);
            let revision = next_revision(known)?;
            let payload = Payload::StepCount(StepCount {
                revision,
                ..register
            });
            draft.write_op(&payload, now)?;
        }
        Ok(())
    }

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
