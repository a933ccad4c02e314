//! One group's transaction: read, decide, append; again when another writer came first or the
//! store was away.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use askel_store::{AppendError, Audit, AuditAction, EntryOutcome, StoreError, StreamHead};
use askel_sync::id::TenantId;
use data_encoding::HEXLOWER;

use super::{
    Conflict, IngestError, Receipt, Submission,
    decide::decide,
    decided::Decided,
    ends::Ends,
    facts::{self, Known},
};
use crate::{
    catalogs::Catalogs,
    components::Components,
    limits::{RACES_MAX, STORE_RETRIES_MAX, STORE_RETRIES_MS_MAX, STORE_RETRY_DELAY_MS},
    meters::meters,
    push,
};

/// When it is looked who was revoked or erased meanwhile, and where logs end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// Not before the append, which refuses what is from a revoked device, of the erased, or goes on where
    /// a log does not end: nearly never.
    LeftToTheAppend,
    /// Before anything is decided.
    First,
}

/// What a group is answered, in its order.
type Receipts = Vec<Result<Receipt, IngestError>>;

/// What those are answered who are erased by it, by their index in the group.
type Farewells = BTreeMap<usize, Receipt>;

/// What committing needs.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) components: Components,
    pub(super) catalogs: Arc<Catalogs>,
    pub(super) ends: Arc<Ends>,
}

impl Desk {
    /// Takes a group in. The receipts are in the group's order.
    pub(super) async fn commit(
        &self,
        tenant: TenantId,
        group: &[Submission],
    ) -> Result<Receipts, IngestError> {
        let (mut races, mut retries) = (0, 0);
        let mut looks = Looks::LeftToTheAppend;
        let mut delay = Duration::from_millis(STORE_RETRY_DELAY_MS);
        let clock = &self.components.clock;
        let repeated_for = Duration::from_millis(STORE_RETRIES_MS_MAX);
        let repeated_until = clock.monotonic().saturating_add(repeated_for);
        loop {
            let failed = match self.attempt(tenant, group, looks).await {
                Ok((receipts, moved)) => {
                    self.components.fan_out.publish_moved(tenant, &moved);
                    return Ok(receipts);
                }
                Err(error) => {
                    self.ends.forget(tenant, group);
                    error
                }
            };
            match failed {
                AppendError::Raced if races < RACES_MAX => {
                    races = races.saturating_add(1);
                    looks = Looks::First;
                }
                AppendError::Store(StoreError::Unavailable(_))
                    if retries < STORE_RETRIES_MAX && clock.monotonic() < repeated_until =>
                {
                    retries = retries.saturating_add(1);
                    tokio::time::sleep(delay).await;
                    delay = delay.saturating_mul(2);
                }
                error => return Err(give_up(&error)),
            }
        }
    }

    async fn attempt(
        &self,
        tenant: TenantId,
        group: &[Submission],
        looks: Looks,
    ) -> Result<(Receipts, Vec<StreamHead>), AppendError> {
        let mut decided = self.decided(tenant, group, looks).await?;
        let append_looks = decided.erasures.is_empty() && decided.is_all_good_news();
        if looks == Looks::LeftToTheAppend && !append_looks {
            decided = self.decided(tenant, group, Looks::First).await?;
        }
        let mut farewells = Farewells::new();
        // Who is to be erased is gone before anything else is written, and the rest is decided anew.
        while !decided.erasures.is_empty() {
            self.erase(tenant, group, &decided, &mut farewells).await?;
            decided = self.decided(tenant, group, Looks::First).await?;
        }
        for (index, receipt) in farewells {
            if let Some(last) = decided.receipts.get_mut(index) {
                *last = Ok(receipt);
            }
        }
        let now = self.components.clock.now();
        decided.append.audits = decided
            .corrected
            .iter()
            .map(|(device, origin)| Audit {
                at: now,
                actor: Some(*device),
                action: AuditAction::CheckInCorrected,
                // By its place in its writer's log: the hash of an op about someone goes with them.
                target: format!(
                    "corrections/{}-{}",
                    HEXLOWER.encode(origin.log.as_bytes()),
                    origin.sequence
                ),
            })
            .collect();
        push::plan(&mut decided.append, now, &*self.components.entropy)
            .map_err(|_| StoreError::Inconsistent("no randomness for a push"))?;
        let moved = self.append(tenant, &decided).await?;
        measure(&decided);
        self.ends.note(tenant, decided.ends);
        Ok((decided.receipts, moved))
    }

    async fn decided(
        &self,
        tenant: TenantId,
        group: &[Submission],
        looks: Looks,
    ) -> Result<Decided, StoreError> {
        let store = &*self.components.store;
        let catalog = self.catalogs.newest(tenant).await?;
        let gone_on_with = match looks {
            Looks::LeftToTheAppend => self.ends.gone_on_with(tenant, group),
            Looks::First => HashMap::new(),
        };
        let known = Known::from_before(catalog, gone_on_with);
        let mut known = facts::read(store, tenant, known, group, looks).await?;
        let handles = self.catalogs.new_handles(tenant).await?;
        let new_stream_id = |key| handles.of(key, &*self.components.entropy);
        decide(group, &mut known, &new_stream_id)
            .map_err(|_| StoreError::Inconsistent("no randomness for a stream id"))
    }

    /// Erases whom the group's ops say, and keeps what those are answered who erase themselves: of
    /// them nothing is written any more.
    async fn erase(
        &self,
        tenant: TenantId,
        group: &[Submission],
        decided: &Decided,
        farewells: &mut Farewells,
    ) -> Result<(), StoreError> {
        for &(participant, by) in &decided.erasures {
            let audit = Audit {
                at: self.components.clock.now(),
                actor: Some(by),
                action: AuditAction::ParticipantErased,
                target: format!("participants/{}", HEXLOWER.encode(participant.as_bytes())),
            };
            self.components
                .store
                .erase(tenant, participant, &audit)
                .await?;
            self.components.tell_rights(tenant, None);
            let receipts = group.iter().zip(&decided.receipts).enumerate();
            for (index, (submission, receipt)) in receipts {
                if let (true, Ok(receipt)) =
                    (submission.author.participant == Some(participant), receipt)
                {
                    let mut receipt = receipt.clone();
                    receipt.erased.push(participant);
                    receipt.stirred = true;
                    farewells.entry(index).or_insert(receipt);
                }
            }
        }
        Ok(())
    }

    async fn append(
        &self,
        tenant: TenantId,
        decided: &Decided,
    ) -> Result<Vec<StreamHead>, AppendError> {
        if decided.is_empty() || askel_sync::planted!(AnsweredBeforeCommit) {
            return Ok(Vec::new());
        }
        self.components
            .store
            .append(tenant, &decided.append, self.components.clock.now())
            .await
    }
}

/// Counts what became of a group's ops, once it is written.
fn measure(decided: &Decided) {
    let (mut accepted, mut rejected, mut deferred) = (0_u64, 0_u64, 0_u64);
    for entry in &decided.append.entries {
        let count = match entry.outcome {
            EntryOutcome::Accepted { .. } => &mut accepted,
            EntryOutcome::Rejected { .. } => &mut rejected,
            EntryOutcome::Deferred => &mut deferred,
        };
        *count = count.saturating_add(1);
    }
    let meters = meters();
    meters.ops_settled("accepted", accepted);
    meters.ops_settled("rejected", rejected);
    meters.ops_settled("deferred", deferred);
    let logs = decided
        .receipts
        .iter()
        .flatten()
        .flat_map(|receipt| &receipt.logs);
    for conflict in logs.filter_map(|verdict| verdict.conflict) {
        meters.log_conflicted(match conflict {
            Conflict::SequenceTaken => "sequence_taken",
            Conflict::HeadAhead => "head_ahead",
            Conflict::NotTheWriter => "not_the_writer",
        });
    }
}

fn give_up(error: &AppendError) -> IngestError {
    let cause: &dyn std::error::Error = error;
    tracing::error!(error = cause, "a group of ops could not be taken in");
    match error {
        AppendError::Raced => IngestError::Busy,
        AppendError::Store(StoreError::Unavailable(_)) => IngestError::StoreAway,
        AppendError::Store(StoreError::Full(_)) => IngestError::StoreFull,
        _ => IngestError::Broken,
    }
}
