//! Leases of jobs in memory.

use std::collections::BTreeMap;

use askel_sync::{id::TenantId, time::Timestamp};
use async_trait::async_trait;

use super::MemoryStore;
use crate::{Job, JobBid, JobLease, JobLeaseStore, NodeId, StoreError};

/// Who does what.
#[derive(Debug, Clone, Default)]
pub(super) struct Jobs {
    leases: BTreeMap<Job, JobLease>,
}

impl Jobs {
    /// Who does a job, under which generation.
    pub(super) fn holder(&self, job: Job) -> Option<(NodeId, u64)> {
        let lease = self.leases.get(&job)?;
        Some((lease.node, lease.generation))
    }

    /// What was read under the generations of before is void.
    pub(super) fn end_generations(&mut self) {
        for lease in self.leases.values_mut() {
            lease.generation = lease.generation.saturating_add(1);
        }
    }

    /// Nobody does anything any more, and what was read before is void: the nodes that did are of before
    /// a restore.
    pub(super) fn end_all(&mut self) {
        self.end_generations();
        for lease in self.leases.values_mut() {
            lease.until = Timestamp::from_ms(0);
        }
    }
}

#[async_trait]
impl JobLeaseStore for MemoryStore {
    async fn take_job(
        &self,
        tenant: TenantId,
        bid: &JobBid,
    ) -> Result<Option<JobLease>, StoreError> {
        Ok(self.write(tenant, |data| {
            let lease = bid.decide(data.jobs.leases.get(&bid.job))?;
            data.jobs.leases.insert(bid.job, lease);
            Some(lease)
        }))
    }

    async fn leave_job(&self, tenant: TenantId, lease: &JobLease) -> Result<(), StoreError> {
        self.write(tenant, |data| {
            let standing = data.jobs.leases.get_mut(&lease.job);
            if let Some(standing) = standing.filter(|standing| standing.node == lease.node) {
                standing.until = Timestamp::from_ms(0);
            }
        });
        Ok(())
    }
}
