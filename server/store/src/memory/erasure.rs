//! Erasing people in memory.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::id::{ParticipantId, TenantId};
use async_trait::async_trait;

use super::{MemoryStore, TenantData};
use crate::{Audit, Erased, ErasureStore, Frozen, OutboxDraft, StoreError, TheirCounts, Tombstone};

/// Who was erased.
#[derive(Debug, Clone, Default)]
pub(super) struct Graveyard {
    people: BTreeMap<ParticipantId, Erased>,
    ids: BTreeSet<Tombstone>,
}

impl TenantData {
    /// Those of the ids that are erased.
    pub(super) fn erased_of<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a Tombstone>,
    ) -> BTreeSet<Tombstone> {
        let ids = ids.into_iter().copied();
        ids.filter(|id| self.erased.ids.contains(id)).collect()
    }

    /// Erases what is known of someone, and what a journal says is theirs.
    pub(super) fn erase(&mut self, known: Erased, counts: TheirCounts) -> Erased {
        let mut erased = known;
        self.enrolment.owned_by(&mut erased);
        let logs = self.ops.logs_of(&erased.devices);
        erased.logs.extend(logs);
        if let Some(before) = self.erased.people.get(&erased.participant) {
            erased.add(before);
        }
        // In order, each once.
        erased.add(&Erased::new(erased.participant));
        self.enrolment.erase(&erased);
        self.projection.erase(&erased, counts);
        let blanking = self.ops.erase(&erased);
        for (stream, kind, payload) in &blanking.notices() {
            self.projection.put_out(OutboxDraft {
                stream: *stream,
                kind: *kind,
                payload,
            });
        }
        self.jobs.end_generations();
        self.erased.ids.extend(erased.tombstones());
        self.erased
            .people
            .insert(erased.participant, erased.clone());
        erased
    }
}

#[async_trait]
impl ErasureStore for MemoryStore {
    async fn erase(
        &self,
        tenant: TenantId,
        participant: ParticipantId,
        audit: &Audit,
    ) -> Result<Erased, StoreError> {
        Ok(self.write(tenant, |data| {
            if !data.erased.people.contains_key(&participant) {
                data.audit.note(tenant, audit);
            }
            data.erase(Erased::new(participant), TheirCounts::Added)
        }))
    }

    async fn read_frozen(&self, tenant: TenantId) -> Result<Frozen, StoreError> {
        Ok(self.read(tenant, |data| data.projection.frozen.clone()))
    }

    async fn lookup_erased(
        &self,
        tenant: TenantId,
        ids: &[Tombstone],
    ) -> Result<BTreeSet<Tombstone>, StoreError> {
        Ok(self.read(tenant, |data| data.erased_of(ids)))
    }
}
