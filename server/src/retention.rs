//! Dropping what is past its time: streams of places' days, and rights to come in that ended long ago.
//!
//! Once an hour, of several nodes on one of them, by a lease; some rows at a time with a pause between, so
//! that calls don't wait for it. A node that ends in the middle leaves the rest to the next.

use std::{collections::HashMap, time::Duration};

use askel_store::{Job, JobBid, JobLease, Past, StoreError};
use askel_sync::{
    id::{PlaceId, TenantId},
    time::{DAY_MS, Timestamp},
};

use crate::{
    components::Components,
    config::RetentionConfig,
    lifecycle::Stop,
    limits::{
        ENROL_FAILURES_KEPT_MS, RETENTION_EVERY_MS, RETENTION_LEASE_MS, RETENTION_PAUSE_MS,
        RETENTION_ROWS_MAX, RIGHTS_KEPT_DAYS,
    },
    meters::meters,
};

/// Drops what is past its time, tenant by tenant.
pub(crate) struct Retention {
    components: Components,
    config: RetentionConfig,
    tenants: HashMap<TenantId, Turn>,
}

/// What this node knows of a tenant.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    held: Option<JobLease>,
    /// When everything was done that there was to do, if this node did it.
    done_at: Option<Timestamp>,
}

impl Turn {
    /// Whether it is time again; also when the clock was set back.
    fn is_due(&self, now: Timestamp) -> bool {
        self.done_at.is_none_or(|done_at| {
            let since = now.saturating_ms_since(done_at);
            !(0..RETENTION_EVERY_MS).contains(&since)
        })
    }
}

/// What is past its time now.
fn past(config: &RetentionConfig, now: Timestamp, under: Option<JobLease>) -> Past {
    let rights_ms = RIGHTS_KEPT_DAYS.saturating_mul(DAY_MS);
    Past {
        place_days: config.first_day_kept(now),
        rights: now.saturating_add_ms(rights_ms.saturating_neg()),
        failures: now.saturating_add_ms(ENROL_FAILURES_KEPT_MS.saturating_neg()),
        rows_max: RETENTION_ROWS_MAX,
        from: PlaceId::new(0),
        under,
    }
}

impl Retention {
    pub(crate) fn new(components: Components, config: RetentionConfig) -> Self {
        Self {
            components,
            config,
            tenants: HashMap::new(),
        }
    }

    /// Looks until the stop begins, and leaves the job to the other nodes. The first look is not at the
    /// start, when there is enough to do.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        let pause = Duration::from_millis(self.config.look_ms);
        loop {
            tokio::select! {
                biased;
                () = stop.begun() => return self.leave().await,
                () = tokio::time::sleep(pause) => self.look(&mut stop).await,
            }
        }
    }

    async fn look(&mut self, stop: &mut Stop) {
        let tenants = match self.components.store.list_tenants().await {
            Ok(tenants) => tenants,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "what is past its time can't be looked for");
                return;
            }
        };
        for tenant in tenants {
            if stop.has_begun() {
                return;
            }
            if let Err(error) = self.sweep(tenant.id, stop).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    error,
                    "what is past its time could not be dropped and will be"
                );
            }
        }
    }

    /// Drops what there is to drop, if it is time and nobody else does.
    async fn sweep(&mut self, tenant: TenantId, stop: &mut Stop) -> Result<(), StoreError> {
        let now = self.components.clock.now();
        let turn = self.tenants.entry(tenant).or_default();
        if !turn.is_due(now) {
            return Ok(());
        }
        let store = &self.components.store;
        if let Some(node) = self.components.node {
            let bid = JobBid {
                job: Job::Retention,
                node,
                now,
                ms: RETENTION_LEASE_MS,
            };
            turn.held = None;
            turn.held = store.take_job(tenant, &bid).await?;
            if turn.held.is_none() {
                return Ok(());
            }
        }
        let mut past = past(&self.config, now, turn.held);
        while let Some(dropped) = store.drop_past(tenant, &past).await? {
            meters().dropped(&dropped);
            let Some(next) = dropped.next else {
                turn.done_at = Some(now);
                return Ok(());
            };
            past.from = next;
            tokio::select! {
                biased;
                () = stop.begun() => return Ok(()),
                () = tokio::time::sleep(Duration::from_millis(RETENTION_PAUSE_MS)) => {}
            }
        }
        // The lease does not stand: at the next look it is asked for anew.
        turn.held = None;
        Ok(())
    }

    /// Other nodes need not wait for the end of this one's leases.
    async fn leave(&mut self) {
        for (tenant, turn) in &mut self.tenants {
            let Some(lease) = turn.held.take() else {
                continue;
            };
            if let Err(error) = self.components.store.leave_job(*tenant, &lease).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "a job could not be left to other nodes");
            }
        }
    }
}
