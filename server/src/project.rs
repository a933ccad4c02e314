//! Confirming: what ops lead to, worked out with the same folds and rules as on phones.
//!
//! An append marks participants dirty and puts derived ops into the outbox; the projector folds the
//! dirty ones, confirms what they have reached, writes the outbox's ops and keeps the rows that make
//! reading cheap. Each round is one transaction, and a round that is lost is done again. It runs
//! inline after ingest when nobody else runs it, and catches up at the start.

mod cache;
mod challenge;
mod replay;
mod round;

pub(crate) use challenge::collective_target;
pub(crate) use replay::{Replayed, replay};

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use askel_sync::id::{ParticipantId, TenantId};
use tokio::sync::Notify;

use crate::{
    catalogs::Catalogs,
    components::Components,
    config::ProjectorConfig,
    lifecycle::Stop,
    limits::{PROJECTOR_LOOK_MS, PROJECTOR_ROUNDS_MAX, PROJECTOR_WAIT_MS},
    server_log::ServerLog,
};
use round::{Outcome, TenantProjection};

/// What projecting needs.
pub(crate) struct Desk {
    pub(crate) components: Components,
    pub(crate) catalogs: Arc<Catalogs>,
    pub(crate) server_log: Arc<ServerLog>,
}

/// Projects, one round a tenant at a time.
pub(crate) struct Projector {
    desk: Desk,
    config: ProjectorConfig,
    tenants: Mutex<HashMap<TenantId, Arc<tokio::sync::Mutex<TenantProjection>>>>,
    more: Notify,
}

impl Projector {
    pub(crate) fn new(desk: Desk, config: ProjectorConfig) -> Self {
        Self {
            desk,
            config,
            tenants: Mutex::default(),
            more: Notify::new(),
        }
    }

    /// Forgets what was folded of participants who are erased.
    pub(crate) async fn forget(&self, tenant: TenantId, erased: &[ParticipantId]) {
        let slot = self.slot(tenant);
        let mut projection = slot.lock().await;
        for participant in erased {
            projection.forget(*participant);
        }
    }

    /// Projects what is dirty in a tenant, unless someone else is at it for long or there is more
    /// than a call should wait for: then [`Self::run`] does the rest.
    pub(crate) async fn settle(&self, tenant: TenantId) {
        let slot = self.slot(tenant);
        let wait = Duration::from_millis(PROJECTOR_WAIT_MS);
        let Ok(mut projection) = tokio::time::timeout(wait, slot.lock()).await else {
            return self.more.notify_one();
        };
        for _ in 0..PROJECTOR_ROUNDS_MAX {
            match projection.round(&self.desk, tenant).await {
                Ok(Outcome::Clean) => return,
                Ok(Outcome::Worked) => {}
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "a projection failed and will be done again");
                    return;
                }
            }
        }
        self.more.notify_one();
    }

    /// Has [`Self::run`] look soon: a call failed that may have written something all the same.
    pub(crate) fn look_soon(&self) {
        self.more.notify_one();
    }

    /// Catches up with all tenants, again when told that there is more, and now and then.
    pub(crate) async fn run(&self, mut stop: Stop) {
        loop {
            match self.desk.components.store.list_tenants().await {
                Ok(tenants) => {
                    for tenant in tenants {
                        self.settle(tenant.id).await;
                    }
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "the projector can't list tenants");
                }
            }
            tokio::select! {
                biased;
                () = stop.begun() => return,
                () = self.more.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(PROJECTOR_LOOK_MS)) => {}
            }
        }
    }

    fn slot(&self, tenant: TenantId) -> Arc<tokio::sync::Mutex<TenantProjection>> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let projection = TenantProjection::new(self.config.cached_participants_max);
            Arc::new(tokio::sync::Mutex::new(projection))
        };
        Arc::clone(tenants.entry(tenant).or_insert_with(new))
    }
}
