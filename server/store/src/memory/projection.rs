//! What is derived, in memory.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::{
    admission::AdmittedOp,
    id::{GoalId, OpId, ParticipantId, PlaceId, TenantId},
    op::OpKind,
    time::LocalDate,
};
use async_trait::async_trait;

use super::{MemoryStore, TenantData};
use crate::{
    ChallengeSum, Dirty, Erased, Frozen, OutboxDraft, OutboxItem, Projection, ProjectionStore,
    SessionCount, SessionName, StoreError, TallyChange, TheirCounts, Work,
};

#[derive(Debug, Clone, Default)]
pub(super) struct Derived {
    /// The last number given to a reason to be dirty or to an outbox item.
    counter: u64,
    dirty: BTreeMap<ParticipantId, DirtySince>,
    outbox: BTreeMap<u64, OutboxItem>,
    points: BTreeMap<GoalId, BTreeMap<ParticipantId, u64>>,
    attendances: BTreeMap<SessionName, BTreeSet<ParticipantId>>,
    tallies: BTreeMap<OpId, TallyChange>,
    pub(super) frozen: Frozen,
}

#[derive(Debug, Clone, Copy)]
struct DirtySince {
    first: u64,
    generation: u64,
}

impl Derived {
    fn next(&mut self) -> u64 {
        self.counter = self.counter.saturating_add(1);
        self.counter
    }

    pub(super) fn mark_dirty(&mut self, participant: ParticipantId) {
        let generation = self.next();
        self.dirty
            .entry(participant)
            .or_insert(DirtySince {
                first: generation,
                generation,
            })
            .generation = generation;
    }

    pub(super) fn put_out(&mut self, draft: OutboxDraft<'_>) {
        let id = self.next();
        let OutboxDraft {
            stream,
            kind,
            payload,
        } = draft;
        self.outbox.insert(
            id,
            OutboxItem {
                id,
                stream,
                kind,
                payload: payload.to_vec(),
            },
        );
    }

    pub(super) fn count(&mut self, op: OpId, tally: Option<TallyChange>) {
        match tally {
            Some(tally) => self.tallies.insert(op, tally),
            None => self.tallies.remove(&op),
        };
    }

    /// Marks come before cleaning: a reason of this very append keeps its participant dirty.
    pub(super) fn project(&mut self, projection: &Projection) {
        for participant in &projection.dirty {
            self.mark_dirty(*participant);
        }
        for seen in &projection.clean {
            let unchanged = |since: &DirtySince| since.generation == seen.generation;
            if self.dirty.get(&seen.participant).is_some_and(unchanged) {
                self.dirty.remove(&seen.participant);
            }
        }
        for id in &projection.sent {
            self.outbox.remove(id);
        }
        for contribution in &projection.contributions {
            let points = self.points.entry(contribution.goal).or_default();
            if contribution.points == 0 {
                points.remove(&contribution.participant);
            } else {
                points.insert(contribution.participant, contribution.points);
            }
        }
        for people in self.attendances.values_mut() {
            people.retain(|participant| !projection.afresh.contains(participant));
        }
        for (op, tally) in &projection.tallies {
            self.count(*op, *tally);
        }
        for change in &projection.attendances {
            let session = (change.place, change.date, change.session);
            let present = self.attendances.entry(session).or_default();
            if change.present {
                present.insert(change.participant);
            } else {
                present.remove(&change.participant);
            }
        }
    }

    /// Takes out what is of someone.
    pub(super) fn erase(&mut self, erased: &Erased, counts: TheirCounts) {
        let stay = counts == TheirCounts::Added;
        self.dirty.remove(&erased.participant);
        self.outbox
            .retain(|_, item| !erased.takes_out(item.draft()));
        for (goal, points) in &mut self.points {
            if let (Some(points), true) = (points.remove(&erased.participant), stay) {
                self.frozen.give(*goal, points);
            }
        }
        for (session, people) in &mut self.attendances {
            if people.remove(&erased.participant) && stay {
                self.frozen.attend(*session);
            }
        }
    }

    fn frozen(
        &self,
        first: LocalDate,
        last: LocalDate,
    ) -> impl Iterator<Item = (&SessionName, &u64)> {
        let frozen = self.frozen.people.iter();
        frozen.filter(move |((_, date, _), _)| (first..=last).contains(date))
    }

    fn attended(
        &self,
        first: LocalDate,
        last: LocalDate,
    ) -> impl Iterator<Item = (&SessionName, &BTreeSet<ParticipantId>)> {
        self.attendances
            .iter()
            .filter(move |((_, date, _), _)| (first..=last).contains(date))
    }
}

impl Derived {
    fn list_dirty(&self, limit: u32) -> Vec<Dirty> {
        let mut waiting: Vec<_> = self.dirty.iter().collect();
        waiting.sort_by_key(|(_, since)| since.first);
        let dirty = |(participant, since): (&ParticipantId, &DirtySince)| Dirty {
            participant: *participant,
            generation: since.generation,
        };
        let waiting = waiting.into_iter().take(limit_of(limit));
        waiting.map(dirty).collect()
    }

    fn list_outbox(&self, limit: u32) -> Vec<OutboxItem> {
        let items = self.outbox.values().take(limit_of(limit));
        items.cloned().collect()
    }
}

#[async_trait]
impl ProjectionStore for MemoryStore {
    async fn list_dirty(&self, tenant: TenantId, limit: u32) -> Result<Vec<Dirty>, StoreError> {
        Ok(self.read(tenant, |data| data.projection.list_dirty(limit)))
    }

    async fn list_outbox(
        &self,
        tenant: TenantId,
        limit: u32,
    ) -> Result<Vec<OutboxItem>, StoreError> {
        Ok(self.read(tenant, |data| data.projection.list_outbox(limit)))
    }

    async fn list_work(
        &self,
        tenant: TenantId,
        dirty_max: u32,
        outbox_max: u32,
    ) -> Result<Work, StoreError> {
        Ok(self.read(tenant, |data: &TenantData| Work {
            dirty: data.projection.list_dirty(dirty_max),
            outbox: data.projection.list_outbox(outbox_max),
            catalog: data.catalogs.newest().map(|newest| newest.hash),
        }))
    }

    async fn list_tallies(
        &self,
        tenant: TenantId,
        after: Option<OpId>,
        limit: u32,
    ) -> Result<Vec<AdmittedOp>, StoreError> {
        Ok(self.read(tenant, |data| {
            let tallies = data.ops.of_kind(OpKind::Tally, after);
            tallies.take(limit_of(limit)).cloned().collect()
        }))
    }

    async fn sum_challenge(
        &self,
        tenant: TenantId,
        goal: GoalId,
    ) -> Result<ChallengeSum, StoreError> {
        Ok(self.read(tenant, |data| {
            let mut sum = data.projection.frozen.points.get(&goal).copied();
            let sum = sum.get_or_insert_default();
            for points in data.projection.points.get(&goal).into_iter().flatten() {
                sum.total = sum.total.saturating_add(*points.1);
                sum.people = sum.people.saturating_add(1);
            }
            *sum
        }))
    }

    async fn list_contributors(
        &self,
        tenant: TenantId,
        goal: GoalId,
    ) -> Result<Vec<ParticipantId>, StoreError> {
        Ok(self.read(tenant, |data| {
            data.projection
                .points
                .get(&goal)
                .into_iter()
                .flat_map(BTreeMap::keys)
                .copied()
                .collect()
        }))
    }

    async fn count_sessions(
        &self,
        tenant: TenantId,
        place: Option<PlaceId>,
        first: LocalDate,
        last: LocalDate,
    ) -> Result<Vec<SessionCount>, StoreError> {
        Ok(self.read(tenant, |data| {
            let mut counts: BTreeMap<SessionName, SessionCount> = BTreeMap::new();
            let mut count = |session: &SessionName, change: &dyn Fn(&mut SessionCount)| {
                let (place, date, session_ref) = *session;
                change(counts.entry(*session).or_insert(SessionCount {
                    place,
                    date,
                    session: session_ref,
                    attendances: 0,
                    erased: 0,
                    tallies: 0,
                }));
            };
            for (session, people) in data.projection.attended(first, last) {
                if !people.is_empty() {
                    let people = people.len().try_into().unwrap_or(u64::MAX);
                    count(session, &|sum| sum.attendances = people);
                }
            }
            for (session, people) in data.projection.frozen(first, last) {
                count(session, &|sum| {
                    sum.attendances = sum.attendances.saturating_add(*people);
                    sum.erased = *people;
                });
            }
            for tally in data.projection.tallies.values() {
                if (first..=last).contains(&tally.date) {
                    let session = (tally.place, tally.date, tally.session);
                    let delta = i64::from(tally.delta);
                    count(&session, &|sum| {
                        sum.tallies = sum.tallies.saturating_add(delta);
                    });
                }
            }
            let counts = counts.into_values();
            counts
                .filter(|count| place.is_none_or(|place| place == count.place))
                .collect()
        }))
    }

    async fn count_participants(
        &self,
        tenant: TenantId,
        first: LocalDate,
        last: LocalDate,
    ) -> Result<Vec<(Option<PlaceId>, u64)>, StoreError> {
        Ok(self.read(tenant, |data| {
            let mut people: BTreeMap<Option<PlaceId>, BTreeSet<ParticipantId>> = BTreeMap::new();
            people.entry(None).or_default();
            for ((place, _, _), present) in data.projection.attended(first, last) {
                for place in [Some(*place), None] {
                    people.entry(place).or_default().extend(present);
                }
            }
            // Of the erased, the fullest session: there were at least so many of them.
            let mut erased: BTreeMap<Option<PlaceId>, u64> = BTreeMap::new();
            for ((place, _, _), frozen) in data.projection.frozen(first, last) {
                for place in [Some(*place), None] {
                    people.entry(place).or_default();
                    let most = erased.entry(place).or_default();
                    *most = (*most).max(*frozen);
                }
            }
            let count = |(place, people): (Option<PlaceId>, BTreeSet<ParticipantId>)| {
                let erased = erased.get(&place).copied().unwrap_or_default();
                let people = u64::try_from(people.len()).unwrap_or(u64::MAX);
                (place, people.saturating_add(erased))
            };
            let mut counts: Vec<_> = people.into_iter().map(count).collect();
            counts.retain(|(place, people)| place.is_none() || *people > 0);
            // `None` sorts first and is told last.
            counts.rotate_left(1);
            counts
        }))
    }
}

fn limit_of(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
