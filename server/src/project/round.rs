//! One round of a tenant: some dirty participants and some of the outbox, in one transaction.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use askel_store::{AttendanceChange, Contribution, Dirty, JobLease, Projection, TallyChange};
use askel_sync::{
    admission::AdmittedOp,
    award::Eligible,
    catalog::Catalog,
    fold::SessionKey,
    id::{GoalId, OpId, ParticipantId, TenantId},
    op::{AwardConfirmed, Payload, Tally},
    rule,
    stream::StreamKey,
    time::Timestamp,
};

use super::{
    Desk,
    cache::Cache,
    challenge::Challenges,
    replay::Folded,
    turn::{Turn, Turns},
};
use crate::{
    app::AppError,
    limits::{
        PROJECTED_OUTBOX_MAX, PROJECTED_PARTICIPANTS_MAX, PROJECTED_TALLIES_MAX, RECOUNTED_MS,
    },
    server_log::{Beside, Draft},
};

/// What a round found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing is left.
    Clean,
    /// There may be more.
    Worked,
    /// Whatever there is, another node does it.
    Elsewhere,
}

/// What the projector keeps of a tenant between rounds; all of it can be worked out anew.
pub(super) struct TenantProjection {
    cache: Cache<Folded>,
    /// The catalog that the cache and the challenges are of.
    current: Option<(Arc<Catalog>, Challenges)>,
    recount: Recount,
    /// When they are counted once more, on the monotonic clock: some may have come in meanwhile that were
    /// counted by the catalog before.
    recount_at: Option<Duration>,
    turns: Turns,
    /// The lease under which all this was read; its end makes it void.
    under: Option<JobLease>,
}

/// How far the anonymous counts are counted by the current catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recount {
    /// All are.
    Done,
    /// None is.
    FromStart,
    /// Those up to this op are.
    After(OpId),
}

impl TenantProjection {
    pub(super) fn new(participants_max: usize) -> Self {
        Self {
            cache: Cache::new(participants_max),
            current: None,
            recount: Recount::Done,
            recount_at: None,
            turns: Turns::default(),
            under: None,
        }
    }

    /// Forgets what was folded of a participant.
    pub(super) fn forget(&mut self, participant: ParticipantId) {
        self.cache.take(participant);
    }

    /// Does one round, if it is this node's turn.
    pub(super) async fn round(
        &mut self,
        desk: &Desk,
        tenant: TenantId,
    ) -> Result<Outcome, AppError> {
        let under = match self.turns.take(&desk.components, tenant).await? {
            Turn::Alone => None,
            Turn::Leased(lease) => Some(lease),
            Turn::Elsewhere => {
                self.forget_all();
                return Ok(Outcome::Elsewhere);
            }
        };
        let generation = |lease: JobLease| lease.generation;
        if under.map(generation) != self.under.map(generation) {
            self.forget_all();
        }
        self.under = under;
        match self.work(desk, tenant).await {
            Err(AppError::LeaseLost) => {
                self.forget_all();
                self.turns.lost();
                Ok(Outcome::Worked)
            }
            worked => worked,
        }
    }

    /// Lets another node take over: this one stops.
    pub(super) async fn leave(&mut self, desk: &Desk, tenant: TenantId) -> Result<(), AppError> {
        self.forget_all();
        Ok(self.turns.leave(&desk.components, tenant).await?)
    }

    fn forget_all(&mut self) {
        self.cache.clear();
        self.current = None;
        self.recount = Recount::Done;
        self.recount_at = None;
    }

    async fn work(&mut self, desk: &Desk, tenant: TenantId) -> Result<Outcome, AppError> {
        let store = &desk.components.store;
        // Before the catalog: a newer one makes everyone dirty anew, and these stay so.
        let dirty = store.list_dirty(tenant, PROJECTED_PARTICIPANTS_MAX).await?;
        let catalog = if dirty.is_empty() {
            desk.catalogs.newest(tenant).await?
        } else {
            desk.catalogs.look(tenant).await?
        };
        let mut round = Round::under(self.under);
        for item in store.list_outbox(tenant, PROJECTED_OUTBOX_MAX).await? {
            round.projection.sent.push(item.id);
            round
                .drafts
                .push(Draft::encoded(item.kind, item.payload, item.stream));
        }
        if let Some(catalog) = &catalog {
            self.follow(desk, tenant, catalog).await?;
            self.recount(desk, tenant, catalog, &mut round).await?;
            for dirty in dirty {
                self.participant(desk, tenant, dirty, &mut round).await?;
            }
        }
        let idle = round.is_empty();
        if !idle {
            desk.server_log
                .write(tenant, &round.drafts, round.beside())
                .await?;
        }
        if let Some(last) = round.recounted {
            self.recount = Recount::After(last);
        }
        let Some((catalog, challenges)) = &mut self.current else {
            return Ok(if idle {
                Outcome::Clean
            } else {
                Outcome::Worked
            });
        };
        for contribution in &round.projection.contributions {
            challenges.touch(contribution.goal);
        }
        for folded in round.folded {
            self.cache.put(folded.state.participant(), folded);
        }
        let told = challenges.tell(desk, tenant, catalog, self.under).await?;
        Ok(if idle && !told {
            Outcome::Clean
        } else {
            Outcome::Worked
        })
    }

    /// Takes up a new catalog: everything that was derived with the one before is void.
    async fn follow(
        &mut self,
        desk: &Desk,
        tenant: TenantId,
        catalog: &Arc<Catalog>,
    ) -> Result<(), AppError> {
        let same = |(current, _): &(Arc<Catalog>, _)| current.hash() == catalog.hash();
        let now = desk.components.clock.monotonic();
        if !self.current.as_ref().is_some_and(same) {
            let replaced = self.current.is_some();
            let later = now.saturating_add(Duration::from_millis(RECOUNTED_MS));
            self.recount_at = replaced.then_some(later);
            self.cache.clear();
            let challenges = Challenges::load(desk, tenant, catalog).await?;
            self.current = Some((Arc::clone(catalog), challenges));
            self.recount = Recount::FromStart;
        } else if self.recount_at.is_some_and(|at| at <= now) {
            self.recount_at = None;
            self.recount = Recount::FromStart;
        }
        Ok(())
    }

    /// Puts some of the anonymous counts where they belong by the current catalog.
    async fn recount(
        &mut self,
        desk: &Desk,
        tenant: TenantId,
        catalog: &Catalog,
        round: &mut Round,
    ) -> Result<(), AppError> {
        let after = match self.recount {
            Recount::Done => return Ok(()),
            Recount::FromStart => None,
            Recount::After(op) => Some(op),
        };
        let store = &desk.components.store;
        let read = store
            .list_tallies(tenant, after, PROJECTED_TALLIES_MAX)
            .await?;
        let counted = |admitted: &AdmittedOp| match admitted.op.parse() {
            Ok(Some(Payload::Tally(tally))) => {
                let at = admitted.admission.corrected_at;
                Some((admitted.id(), counted(&tally, at, catalog)))
            }
            _ => None,
        };
        round
            .projection
            .tallies
            .extend(read.iter().filter_map(counted));
        round.recounted = read.last().map(AdmittedOp::id);
        if read.is_empty() {
            self.recount = Recount::Done;
        }
        Ok(())
    }

    /// Folds a dirty participant on, and notes what that leads to.
    async fn participant(
        &mut self,
        desk: &Desk,
        tenant: TenantId,
        dirty: Dirty,
        round: &mut Round,
    ) -> Result<(), AppError> {
        let Some((catalog, challenges)) = &self.current else {
            return Ok(());
        };
        let participant = dirty.participant;
        let held = self.cache.take(participant);
        if held.is_none() {
            round.projection.afresh.push(participant);
        }
        let mut folded = held.unwrap_or_else(|| Folded::new(participant, catalog));
        let attendances = folded
            .advance(&*desk.components.store, tenant, catalog)
            .await?;
        round.note_attendances(participant, attendances);
        let eligible = folded.tracker.evaluation(&challenges.totals).eligible;
        let to_confirm = folded.state.awards(&eligible).to_confirm();
        let now = desk.components.clock.now();
        for eligible in eligible
            .iter()
            .filter(|eligible| to_confirm.contains(&eligible.award))
        {
            let confirmed = confirmed(eligible, catalog, now);
            let to = StreamKey::Participant(participant);
            round
                .drafts
                .push(Draft::new(&Payload::AwardConfirmed(confirmed), to));
        }
        let contributions = contributions(&folded, catalog);
        round.note_contributions(participant, &folded.contributed, &contributions);
        folded.contributed = contributions;
        round.projection.clean.push(dirty);
        round.folded.push(folded);
        Ok(())
    }
}

/// What a round writes, and what it keeps once that is written.
#[derive(Default)]
struct Round {
    drafts: Vec<Draft>,
    projection: Projection,
    folded: Vec<Folded>,
    /// The last anonymous count that this round counts by the current catalog.
    recounted: Option<OpId>,
    under: Option<JobLease>,
}

impl Round {
    fn under(lease: Option<JobLease>) -> Self {
        Self {
            under: lease,
            ..Self::default()
        }
    }

    fn is_empty(&self) -> bool {
        self.drafts.is_empty() && self.projection == Projection::default()
    }

    fn beside(&self) -> Beside {
        Beside {
            projection: self.projection.clone(),
            under: self.under,
            ..Beside::default()
        }
    }

    fn note_attendances(
        &mut self,
        participant: ParticipantId,
        attendances: BTreeMap<SessionKey, bool>,
    ) {
        self.projection
            .attendances
            .extend(attendances.into_iter().map(|(key, present)| {
                let SessionKey {
                    place,
                    date,
                    session,
                } = key;
                AttendanceChange {
                    participant,
                    place,
                    date,
                    session,
                    present,
                }
            }));
    }

    fn note_contributions(
        &mut self,
        participant: ParticipantId,
        before: &BTreeMap<GoalId, u64>,
        now: &BTreeMap<GoalId, u64>,
    ) {
        for (goal, points) in now {
            if before.get(goal) != Some(points) {
                let contribution = Contribution {
                    goal: *goal,
                    participant,
                    points: *points,
                };
                self.projection.contributions.push(contribution);
            }
        }
    }
}

/// Where and when an anonymous count belongs; `None` for a place the catalog does not know.
pub(crate) fn counted(tally: &Tally, at: Timestamp, catalog: &Catalog) -> Option<TallyChange> {
    let key = SessionKey::of(tally.place, at, tally.session, catalog)?;
    Some(TallyChange {
        place: key.place,
        date: key.date,
        session: key.session,
        delta: tally.delta,
    })
}

/// What a participant gives to each collective goal.
fn contributions(folded: &Folded, catalog: &Catalog) -> BTreeMap<GoalId, u64> {
    catalog
        .goals()
        .filter(|goal| goal.rule.collective().is_some())
        .map(|goal| (goal.id, rule::contribution(&folded.state, goal.id, catalog)))
        .collect()
}

fn confirmed(eligible: &Eligible, catalog: &Catalog, now: Timestamp) -> AwardConfirmed {
    AwardConfirmed {
        award: if askel_sync::planted!(ConfirmedAgain) {
            askel_sync::id::AwardId::from_bytes([7; 16])
        } else {
            eligible.award
        },
        goal: eligible.goal,
        stage: eligible.stage,
        rule_version: catalog
            .goal(eligible.goal)
            .map_or(0, |goal| goal.rule_version),
        catalog_hash: catalog.hash().to_vec(),
        occurred_at: now,
    }
}
