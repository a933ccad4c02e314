//! One round of a tenant: some dirty participants and some of the outbox, in one transaction.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use askel_store::{Dirty, JobLease, StreamOp, Work};
use askel_sync::{
    admission::AdmittedOp,
    catalog::Catalog,
    id::{OpId, ParticipantId, TenantId},
    op::Payload,
    stream::StreamKey,
};

use super::{
    Desk,
    challenge::Challenges,
    findings::{Round, confirmed, contributions, counted},
    replay::Folded,
    turn::{Turn, Turns},
};
use crate::{
    app::AppError,
    cache::Cache,
    limits::{
        PROJECTED_FIRST_OPS, PROJECTED_OUTBOX_MAX, PROJECTED_PARTICIPANTS_MAX,
        PROJECTED_TALLIES_MAX, RECOUNTED_MS,
    },
    server_log::Draft,
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
    cache: Cache<ParticipantId, Folded>,
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

/// Whether there was no more to do at the moment of looking.
fn is_all(work: &Work) -> bool {
    let fits = |count: usize, most: u32| u32::try_from(count).is_ok_and(|count| count < most);
    fits(work.dirty.len(), PROJECTED_PARTICIPANTS_MAX)
        && fits(work.outbox.len(), PROJECTED_OUTBOX_MAX)
}

/// Whether nothing is left of what there was at the moment of looking.
const fn found(nothing_left: bool) -> Outcome {
    if nothing_left {
        Outcome::Clean
    } else {
        Outcome::Worked
    }
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
        let now = desk.components.clock.monotonic();
        let work = store
            .list_work(tenant, PROJECTED_PARTICIPANTS_MAX, PROJECTED_OUTBOX_MAX)
            .await?;
        let is_all = is_all(&work);
        // The newest at the same moment: a newer one makes everyone dirty anew, and these stay so.
        let catalog = desk.catalogs.known_by(tenant, work.catalog, now).await?;
        let mut round = Round::under(self.under);
        for item in work.outbox {
            round.projection.sent.push(item.id);
            round
                .drafts
                .push(Draft::encoded(item.kind, item.payload, item.stream));
        }
        if let Some(catalog) = &catalog {
            self.follow(desk, tenant, catalog).await?;
            self.recount(desk, tenant, catalog, &mut round).await?;
            self.participants(desk, tenant, work.dirty, &mut round)
                .await?;
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
        let is_recounted = self.recount == Recount::Done;
        let Some((catalog, challenges)) = &mut self.current else {
            return Ok(found(idle || is_all));
        };
        for gift in &round.gifts {
            challenges.grow(gift.goal, gift.more);
        }
        for folded in round.folded {
            self.cache.put(folded.state.participant(), folded);
        }
        let told = challenges.tell(desk, tenant, catalog, self.under).await?;
        Ok(found(!told && (idle || (is_all && is_recounted))))
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

    /// Folds dirty participants on.
    async fn participants(
        &mut self,
        desk: &Desk,
        tenant: TenantId,
        dirty: Vec<Dirty>,
        round: &mut Round,
    ) -> Result<(), AppError> {
        let Some((catalog, _)) = &self.current else {
            return Ok(());
        };
        let mut before = Vec::with_capacity(dirty.len());
        let mut seen = BTreeSet::new();
        for participant in dirty.iter().map(|reason| reason.participant) {
            if !seen.insert(participant) {
                continue;
            }
            let held = self.cache.take(participant);
            if held.is_none() {
                round.projection.afresh.push(participant);
            }
            before.push((
                participant,
                held.unwrap_or_else(|| Folded::new(participant, catalog)),
            ));
        }
        let position = |(participant, folded): &(ParticipantId, Folded)| {
            (StreamKey::Participant(*participant), folded.position())
        };
        let wanted: Vec<_> = before.iter().map(position).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let store = &desk.components.store;
        let limit = PROJECTED_FIRST_OPS;
        let read = store.read_streams(tenant, &wanted, limit).await?;
        for ((participant, folded), first) in before.into_iter().zip(read) {
            self.participant(desk, tenant, (participant, folded, first), round)
                .await?;
        }
        round.projection.clean.extend(dirty);
        Ok(())
    }

    /// Folds a dirty participant on, by the first ops that are new, and notes what that leads to.
    async fn participant(
        &mut self,
        desk: &Desk,
        tenant: TenantId,
        (participant, mut folded, first): (ParticipantId, Folded, Vec<StreamOp>),
        round: &mut Round,
    ) -> Result<(), AppError> {
        let Some((catalog, challenges)) = &self.current else {
            return Ok(());
        };
        let store = &*desk.components.store;
        let attendances = folded
            .advance((store, tenant), catalog, (first, PROJECTED_FIRST_OPS))
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
        round.folded.push(folded);
        Ok(())
    }
}
