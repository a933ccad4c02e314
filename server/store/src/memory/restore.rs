//! What follows a restore, in memory.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::id::{LogId, ParticipantId, TenantId};
use async_trait::async_trait;

use super::{MemoryStore, TenantData};
use crate::{
    Claim, Healing, RENEWAL_SEED_BYTES, RestoreStore, StoreError,
    journal::{Entry, ImageOf, ParticipantImage, counted, their_counts},
};

#[derive(Debug, Clone, Default)]
pub(super) struct Restores {
    seeds: BTreeSet<[u8; RENEWAL_SEED_BYTES]>,
    logs: BTreeMap<LogId, u64>,
}

impl TenantData {
    fn claim(&mut self, claim: Claim) {
        match claim {
            Claim::Stream { ancestor, position } => {
                if let Some(ancestor) = self.ops.ancestors.get_mut(&ancestor) {
                    ancestor.claim(position);
                }
            }
            Claim::Log { log, next_sequence } => {
                let claimed = self.restores.logs.entry(log).or_default();
                *claimed = next_sequence.max(*claimed);
            }
        }
    }

    fn healing(&self) -> Healing {
        let mut healing = Healing::default();
        for ancestor in self.ops.ancestors.values() {
            let (healed, missing) = ancestor.count();
            healing.healed = healing.healed.saturating_add(healed);
            healing.missing = healing.missing.saturating_add(missing);
        }
        for (log, claimed) in &self.restores.logs {
            let lost = claimed.saturating_sub(self.ops.next_of(*log));
            if lost > 0 {
                healing.logs = healing.logs.saturating_add(1);
                healing.log_ops = healing.log_ops.saturating_add(lost);
            }
        }
        healing
    }

    fn image(&self, of: &ImageOf) -> Option<Entry> {
        Some(match of {
            ImageOf::Participant(participant) => {
                Entry::Participant(self.enrolment.image(*participant)?)
            }
            ImageOf::Device(device) => match self.enrolment.participant_of(*device) {
                Some(participant) => Entry::Participant(self.enrolment.image(participant)?),
                None => Entry::Staff(Box::new(self.enrolment.staff_image(*device)?)),
            },
            ImageOf::Invitation(id) => self
                .enrolment
                .invitation(*id)
                .map_or(Entry::InvitationDeleted(*id), Entry::Invitation),
            ImageOf::Tenant => Entry::Tenant(self.tenant.clone()?),
            ImageOf::Catalog(version) => Entry::Catalog(self.catalogs.version(*version)?),
        })
    }

    fn replay(&mut self, entry: &Entry, counted: &BTreeSet<ParticipantId>) {
        match entry {
            Entry::Participant(image) => {
                if self.erased_of(&[image.participant.into()]).is_empty() {
                    let standing = self.enrolment.image(image.participant);
                    let standing = standing.unwrap_or(ParticipantImage::new(image.participant));
                    self.enrolment.put_image(image.clone().over(standing));
                }
            }
            Entry::Staff(image) => {
                let standing = self.enrolment.staff_image(image.device.id);
                let image = match standing {
                    Some(standing) => (**image).clone().over(standing),
                    None => (**image).clone(),
                };
                self.enrolment.put_staff(image);
            }
            Entry::Invitation(invitation) => {
                if self.erased_of(&invitation.names()).is_empty() {
                    self.enrolment.put_invitation(invitation.clone());
                }
            }
            Entry::InvitationDeleted(id) => self.enrolment.take_back(*id),
            Entry::Erased { erased, .. } => {
                self.erase(erased.clone(), their_counts(erased.participant, counted));
            }
            Entry::Frozen(told) => self.projection.frozen.raise(told),
            Entry::Tenant(tenant) => {
                self.record(tenant);
            }
            Entry::Catalog(catalog) => {
                // A version that does not follow is of another past: nothing to take up.
                let _ = self.take_up(catalog);
            }
            Entry::Logs(openings) => {
                for opening in openings {
                    if self.erased_of(&[opening.device.into()]).is_empty() {
                        self.ops.open_log(opening);
                    }
                }
            }
        }
    }
}

#[async_trait]
impl RestoreStore for MemoryStore {
    async fn renew_streams(
        &self,
        tenant: TenantId,
        seed: &[u8; RENEWAL_SEED_BYTES],
    ) -> Result<(), StoreError> {
        self.write(tenant, |data| {
            if data.restores.seeds.insert(*seed) {
                data.ops.renew(seed);
                data.pushes = super::push::Pushes::default();
                data.jobs.end_all();
            }
        });
        Ok(())
    }

    async fn record_claims(&self, tenant: TenantId, claims: &[Claim]) -> Result<(), StoreError> {
        self.write(tenant, |data| {
            for claim in claims {
                data.claim(*claim);
            }
        });
        Ok(())
    }

    async fn count_healing(&self, tenant: TenantId) -> Result<Healing, StoreError> {
        Ok(self.read(tenant, TenantData::healing))
    }

    async fn read_image(
        &self,
        tenant: TenantId,
        of: &ImageOf,
    ) -> Result<Option<Entry>, StoreError> {
        Ok(self.read(tenant, |data| data.image(of)))
    }

    async fn apply_journal(&self, tenant: TenantId, journal: &[Entry]) -> Result<(), StoreError> {
        self.write(tenant, |data| {
            let read = |_: &&Entry| !askel_sync::planted!(JournalIgnored);
            let counted = counted(journal);
            for entry in journal.iter().filter(read) {
                data.replay(entry, &counted);
            }
        });
        Ok(())
    }
}
