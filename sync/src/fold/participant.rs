//! One participant's state, from the ops of their own stream.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Attendance, FactChange, Profile, SessionKey,
    attendance::Attendances,
    awards::ServerAwards,
    canonical::Canonical,
    claim::WitnessFact,
    profile::ProfileRegisters,
    sets::{EditedSet, SetChange},
    steps::{Reading, Register, Steps},
};
use crate::{
    admission::{Admission, AdmittedOp, Flags, counted_in},
    award::{Awards, Eligible},
    catalog::Catalog,
    id::{AwardId, GoalId, OpId, ParticipantId, PlaceId, StepSourceId},
    op::{AwardConfirmed, AwardWithdrawn, CheckIn, Measure, Payload, StepCount},
    time::{LocalDate, Quarter},
};

/// Everything that is derived of one participant.
///
/// An op's judgement is part of what is folded. A phone's own pending ops have only its estimate,
/// so a phone folds the confirmed ops into one state and lays the pending ones on a copy of it;
/// never both into one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantState {
    participant: ParticipantId,
    /// The catalog that days, sessions and activities were derived with.
    catalog_hash: Option<[u8; 32]>,
    // Copies share what is large until one of them changes.
    pub(super) attendances: Arc<Attendances>,
    pub(super) steps: Arc<Steps>,
    pub(super) profile: ProfileRegisters,
    pub(super) favourites: EditedSet<PlaceId>,
    pub(super) joined: EditedSet<GoalId>,
    pub(super) awards: ServerAwards,
}

impl ParticipantState {
    /// Nothing yet.
    pub fn new(participant: ParticipantId) -> Self {
        Self {
            participant,
            catalog_hash: None,
            attendances: Arc::default(),
            steps: Arc::default(),
            profile: ProfileRegisters::default(),
            favourites: EditedSet::default(),
            joined: EditedSet::default(),
            awards: ServerAwards::default(),
        }
    }

    /// Folds ops from scratch.
    pub fn fold<'a>(
        participant: ParticipantId,
        ops: impl IntoIterator<Item = &'a AdmittedOp>,
        catalog: &Catalog,
    ) -> Self {
        let mut state = Self::new(participant);
        state.apply_all(ops, catalog);
        state
    }

    /// Takes in one op and tells what it changed. With another catalog than before, what was folded
    /// is first derived anew; that is not told, see [`Self::rebase`]. An op about another
    /// participant changes nothing.
    pub fn apply(&mut self, admitted: &AdmittedOp, catalog: &Catalog) -> Vec<FactChange> {
        self.rebase(catalog);
        if !self.is_subject(&admitted.admission) {
            return Vec::new();
        }
        match admitted.op.parse() {
            Ok(Some(payload)) => self.take(admitted.id(), &admitted.admission, payload, catalog),
            Ok(None) | Err(_) => Vec::new(),
        }
    }

    /// Derives the same facts with another catalog; does nothing with the same one. A tracker of
    /// the former catalog is void then.
    pub fn rebase(&mut self, catalog: &Catalog) {
        if self.catalog_hash.as_ref() != Some(catalog.hash()) {
            self.catalog_hash = Some(*catalog.hash());
            Arc::make_mut(&mut self.attendances).rebase(catalog);
            Arc::make_mut(&mut self.steps).rebase(catalog);
        }
    }

    /// Whether an op is about this participant, or about nobody.
    pub(super) fn is_subject(&self, admission: &Admission) -> bool {
        admission
            .subject
            .is_none_or(|subject| subject == self.participant)
    }

    pub(super) fn take(
        &mut self,
        id: OpId,
        admission: &Admission,
        payload: Payload,
        catalog: &Catalog,
    ) -> Vec<FactChange> {
        match payload {
            Payload::CheckIn(check_in) => {
                let fact = witness(&check_in, admission);
                Arc::make_mut(&mut self.attendances).check_in(id, fact, catalog)
            }
            Payload::Correction(correction) => {
                Arc::make_mut(&mut self.attendances).correction(id, &correction, catalog)
            }
            Payload::StepCount(count) => reading(&count, admission)
                .map(|(register, reading)| {
                    Arc::make_mut(&mut self.steps).apply(register, reading, catalog)
                })
                .unwrap_or_default(),
            Payload::ProfileSet(set) => {
                let changed = self
                    .profile
                    .set(set.field, (set.revision, admission.corrected_at, id));
                changed.then_some(FactChange::Profile).into_iter().collect()
            }
            Payload::QuestJoined(joined) => quest(joined.goal, self.joined.add(id, joined.goal)),
            Payload::QuestLeft(left) => {
                quest(left.goal, self.joined.remove(&left.joined, left.goal))
            }
            Payload::FavouriteAdded(added) => favourite(self.favourites.add(id, added.place)),
            Payload::FavouriteRemoved(removed) => {
                favourite(self.favourites.remove(&removed.added, removed.place))
            }
            Payload::AwardConfirmed(confirmed) => {
                let change = FactChange::AwardConfirmed(confirmed.award);
                self.awards
                    .confirm(id, confirmed)
                    .then_some(change)
                    .into_iter()
                    .collect()
            }
            Payload::AwardWithdrawn(withdrawn) => {
                let change = FactChange::AwardWithdrawn(withdrawn.award);
                self.awards
                    .withdraw(id, withdrawn)
                    .then_some(change)
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A check-in as the fold keeps it.
pub(super) fn witness(check_in: &CheckIn, admission: &Admission) -> WitnessFact {
    WitnessFact {
        place: check_in.place,
        at: admission.corrected_at,
        session: check_in.session,
        manner: check_in.manner,
        strength: admission.strength,
        catalog_version: check_in.catalog_version,
        clock_off: admission.flags.contains(Flags::CLOCK_CORRECTED)
            || admission.flags.contains(Flags::CLOCK_UNSURE),
    }
}

/// A count as the fold keeps it; `None` for one that counts nowhere.
pub(super) fn reading(count: &StepCount, admission: &Admission) -> Option<(Register, Reading)> {
    let reading = Reading {
        revision: count.revision,
        count: count.count,
        quarter: counted_in(count, admission)?,
    };
    Some(((count.measure, count.source, count.bucket), reading))
}

fn quest(goal: GoalId, change: Option<SetChange>) -> Vec<FactChange> {
    let change = change.map(|change| match change {
        SetChange::Came => FactChange::QuestJoined(goal),
        SetChange::Went => FactChange::QuestLeft(goal),
    });
    change.into_iter().collect()
}

fn favourite(change: Option<SetChange>) -> Vec<FactChange> {
    change.map(|_| FactChange::Favourites).into_iter().collect()
}

/// What is asked of a state.
impl ParticipantState {
    /// Whose it is.
    pub fn participant(&self) -> ParticipantId {
        self.participant
    }

    /// Attendances by place, day and session.
    pub fn attendances(&self) -> impl ExactSizeIterator<Item = &Attendance> + use<'_> {
        self.attendances.standing().values()
    }

    /// One attendance.
    pub fn attendance(&self, key: &SessionKey) -> Option<&Attendance> {
        self.attendances.standing().get(key)
    }

    /// The greatest revision of the corrections that may decide about a check-in; 0 for none. The
    /// next correction has one more.
    pub fn correction_revision(&self, check_in: OpId) -> u32 {
        self.attendances.revision(check_in)
    }

    /// Day totals of a measure; a day that was counted and had none stands with 0.
    pub fn day_steps(&self, measure: Measure) -> BTreeMap<LocalDate, u64> {
        self.days(measure).collect()
    }

    /// Day totals of a measure, by day.
    pub fn days(&self, measure: Measure) -> impl Iterator<Item = (LocalDate, u64)> + use<'_> {
        self.steps.days_of(measure)
    }

    /// Day totals of every measure, by measure and day.
    pub fn all_days(&self) -> impl Iterator<Item = ((Measure, LocalDate), u64)> + use<'_> {
        self.steps.days()
    }

    /// The revision of a step register; 0 when nothing was written. The next has one more.
    pub fn step_revision(&self, source: StepSourceId, measure: Measure, bucket: Quarter) -> u32 {
        self.steps
            .reading((measure, source, bucket))
            .map_or(0, |reading| reading.revision)
    }

    /// The count of a step register.
    pub fn step_count(
        &self,
        source: StepSourceId,
        measure: Measure,
        bucket: Quarter,
    ) -> Option<u32> {
        self.steps
            .reading((measure, source, bucket))
            .map(|reading| reading.count)
    }

    /// The quarter in which a step register counts: another than the one that names it where the writer's
    /// clock was corrected.
    pub fn step_quarter(
        &self,
        source: StepSourceId,
        measure: Measure,
        bucket: Quarter,
    ) -> Option<Quarter> {
        self.steps
            .reading((measure, source, bucket))
            .map(|reading| reading.quarter)
    }

    /// Whether the clock that a check-in was written by was off; `None` for one that is not here.
    pub fn is_clock_off(&self, check_in: OpId) -> Option<bool> {
        let witness = self.attendances.witnesses().get(&check_in)?;
        Some(witness.clock_off)
    }

    /// The counts of all step registers, by measure, source and quarter.
    pub fn step_counts(
        &self,
    ) -> impl Iterator<Item = ((Measure, StepSourceId, Quarter), u32)> + use<'_> {
        let registers = self.steps.registers();
        registers.map(|(register, reading)| (register, reading.count))
    }

    /// The profile as it stands.
    pub fn profile(&self) -> Profile {
        self.profile.profile()
    }

    /// The language that was chosen, one of [`crate::op::LANGUAGES`].
    pub fn language(&self) -> Option<&str> {
        self.profile.language()
    }

    /// Marked places.
    pub fn favourites(&self) -> &BTreeSet<PlaceId> {
        self.favourites.members()
    }

    /// The additions a marked place stands on: a removal names them.
    pub fn favourite_ops(&self, place: PlaceId) -> BTreeSet<OpId> {
        self.favourites.adds(place)
    }

    /// Joined goals.
    pub fn joined(&self) -> &BTreeSet<GoalId> {
        self.joined.members()
    }

    /// The joins a goal stands on: leaving names them.
    pub fn joined_ops(&self, goal: GoalId) -> BTreeSet<OpId> {
        self.joined.adds(goal)
    }

    /// What the server confirmed, by award.
    pub fn confirmed(&self) -> impl ExactSizeIterator<Item = &AwardConfirmed> + use<'_> {
        self.awards
            .confirmed()
            .values()
            .map(|(_, confirmed)| confirmed)
    }

    /// What was taken back, by award.
    pub fn withdrawn(&self) -> impl ExactSizeIterator<Item = &AwardWithdrawn> + use<'_> {
        self.awards
            .withdrawn()
            .values()
            .map(|(_, withdrawn)| withdrawn)
    }

    /// The three sets of awards, with what the rules grant.
    pub fn awards<'a>(&self, eligible: impl IntoIterator<Item = &'a Eligible>) -> Awards {
        let ids = |ids: &mut dyn Iterator<Item = AwardId>| ids.collect();
        Awards {
            eligible: ids(&mut eligible.into_iter().map(|eligible| eligible.award)),
            confirmed: ids(&mut self.awards.confirmed().keys().copied()),
            withdrawn: ids(&mut self.awards.withdrawn().keys().copied()),
        }
    }

    /// The same bytes for the same state in every process, for comparing across them. Not a format:
    /// nothing reads it back.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = Canonical::default();
        bytes.state(self);
        bytes.finish()
    }

    /// The catalog that days, sessions and activities were derived with; `None` before the first.
    pub fn catalog_hash(&self) -> Option<&[u8; 32]> {
        self.catalog_hash.as_ref()
    }
}
