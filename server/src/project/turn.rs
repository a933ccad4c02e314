//! Whose turn it is to project a tenant, when several nodes serve from one store.

use std::time::Duration;

use askel_store::{Job, JobBid, JobLease, StoreError};
use askel_sync::id::TenantId;

use crate::{
    components::Components,
    limits::{JOB_ELSEWHERE_MS, JOB_LEASE_MS, JOB_RENEWED_MS},
};

/// Whether this node may project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is no other node.
    Alone,
    /// By this lease.
    Leased(JobLease),
    /// Another node does, or this one is stopping.
    Elsewhere,
}

/// What this node knows of whose turn it is with a tenant.
#[derive(Debug, Default)]
pub(super) struct Turns {
    held: Option<JobLease>,
    /// Not asked again before, on the monotonic clock.
    ask_at: Duration,
    stopping: bool,
}

impl Turns {
    /// Takes the turn, or keeps it, if it can be had.
    pub(super) async fn take(
        &mut self,
        components: &Components,
        tenant: TenantId,
    ) -> Result<Turn, StoreError> {
        let Some(node) = components.node else {
            return Ok(Turn::Alone);
        };
        let now = components.clock.now();
        if let Some(lease) = self.held
            && lease.until.saturating_ms_since(now) > JOB_RENEWED_MS
        {
            return Ok(Turn::Leased(lease));
        }
        let at = components.clock.monotonic();
        if self.stopping || (self.held.is_none() && at < self.ask_at) {
            return Ok(Turn::Elsewhere);
        }
        let bid = JobBid {
            job: Job::Projection,
            node,
            now,
            ms: JOB_LEASE_MS,
        };
        // A store that is away leaves nothing that could be trusted.
        self.held = None;
        self.held = components.store.take_job(tenant, &bid).await?;
        self.ask_at = at.saturating_add(Duration::from_millis(JOB_ELSEWHERE_MS));
        Ok(self.held.map_or(Turn::Elsewhere, Turn::Leased))
    }

    /// The lease does not stand any more: it is asked for anew.
    pub(super) fn lost(&mut self) {
        self.held = None;
        self.ask_at = Duration::ZERO;
    }

    /// Gives the turn up for good: the node stops.
    pub(super) async fn leave(
        &mut self,
        components: &Components,
        tenant: TenantId,
    ) -> Result<(), StoreError> {
        self.stopping = true;
        match self.held.take() {
            Some(lease) => components.store.leave_job(tenant, &lease).await,
            None => Ok(()),
        }
    }
}
