//! Confirming: what ops lead to, worked out with the same folds and rules as on phones.
//!
//! An append marks participants dirty and puts derived ops into the outbox; the projector folds the
//! dirty ones, confirms what they have reached, writes the outbox's ops and keeps the rows that make
//! reading cheap. Each round is one transaction, and a round that is lost is done again. It runs
//! inline after ingest when nobody else runs it, and catches up at the start. Of several nodes one
//! projects a tenant, by a lease; what it folded is void with the lease's generation.

mod challenge;
mod findings;
mod replay;
mod round;
mod turn;

pub(crate) use challenge::collective_target;
pub(crate) use replay::{Replayed, replay};

use std::{
    collections::{BTreeSet, HashMap},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use askel_sync::id::{ParticipantId, TenantId};
use tokio::sync::{Notify, broadcast::error::RecvError};
use tracing::Instrument as _;

use crate::{
    catalogs::Catalogs,
    components::Components,
    config::ProjectorConfig,
    lifecycle::Stop,
    limits::{
        PROJECTOR_LOOK_MS, PROJECTOR_ROUNDS_MAX, PROJECTOR_SHARED_LOOK_MS, PROJECTOR_WAIT_MS,
        PROJECTOR_WAITING_MAX,
    },
    meters::meters,
    server_log::ServerLog,
    spans,
};
use round::{Outcome, TenantProjection};

/// Counts a call while it waits, also when its caller hangs up.
struct Waits<'a>(&'a Slot);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What projecting needs.
pub(crate) struct Desk {
    pub(crate) components: Components,
    pub(crate) catalogs: Arc<Catalogs>,
    pub(crate) server_log: Arc<ServerLog>,
}

/// A tenant's projection, and who waits for it.
struct Slot {
    projection: tokio::sync::Mutex<TenantProjection>,
    /// How often it was asked for.
    asked: AtomicU64,
    /// Calls that wait for it now.
    waiting: AtomicU64,
    /// How many of those who asked did so before the last look began that left nothing to do here.
    answered: AtomicU64,
}

/// Projects, one round a tenant at a time.
pub(crate) struct Projector {
    desk: Desk,
    config: ProjectorConfig,
    tenants: Mutex<HashMap<TenantId, Arc<Slot>>>,
    left: Mutex<Left>,
    more: Notify,
}

/// What is left to [`Projector::run`].
#[derive(Debug, Default)]
struct Left {
    /// Whatever there is.
    all: bool,
    tenants: BTreeSet<TenantId>,
}

impl Projector {
    pub(crate) fn new(desk: Desk, config: ProjectorConfig) -> Self {
        Self {
            desk,
            config,
            tenants: Mutex::default(),
            left: Mutex::default(),
            more: Notify::new(),
        }
    }

    /// Forgets what was folded of participants who are erased.
    pub(crate) async fn forget(&self, tenant: TenantId, erased: &[ParticipantId]) {
        let slot = self.slot(tenant);
        let mut projection = slot.projection.lock().await;
        for participant in erased {
            projection.forget(*participant);
        }
    }

    /// Projects what a call has made dirty, if few others wait for the same: then the call's answer has
    /// what came of it. Else [`Self::run`] does it for all of them together.
    pub(crate) async fn settle_if_idle(&self, tenant: TenantId) {
        let slot = self.slot(tenant);
        let others = slot.waiting.fetch_add(1, Ordering::SeqCst);
        let waits = Waits(&slot);
        if others < PROJECTOR_WAITING_MAX {
            self.settle(tenant).await;
        } else {
            self.leave_to_run(Some(tenant));
        }
        drop(waits);
    }

    /// Projects what is dirty in a tenant, unless someone else is at it for long or there is more
    /// than a call should wait for: then [`Self::run`] does the rest, here or on another node.
    pub(crate) async fn settle(&self, tenant: TenantId) {
        if self.project(tenant).await == Some(Outcome::Elsewhere) {
            self.desk.components.fan_out.publish_work(tenant);
        }
    }

    /// What the last round found; `None` when it failed. One look is enough for all who asked before it
    /// began.
    async fn project(&self, tenant: TenantId) -> Option<Outcome> {
        if !self.desk.server_log.can_write(tenant) {
            // Made while this node was running: one that has its keys projects it, and would wait for a
            // lease that this one could do nothing with.
            return Some(Outcome::Clean);
        }
        let slot = self.slot(tenant);
        let own = slot.asked.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let wait = Duration::from_millis(PROJECTOR_WAIT_MS);
        let Ok(mut projection) = tokio::time::timeout(wait, slot.projection.lock()).await else {
            self.leave_to_run(Some(tenant));
            return Some(Outcome::Worked);
        };
        if own <= slot.answered.load(Ordering::SeqCst) {
            return Some(Outcome::Clean);
        }
        let span = spans::project();
        for round in 1..=PROJECTOR_ROUNDS_MAX {
            span.record("askel.rounds", round);
            let asked = slot.asked.load(Ordering::SeqCst);
            let clock = &self.desk.components.clock;
            let started = clock.monotonic();
            let done = projection.round(&self.desk, tenant);
            let done = done.instrument(span.clone()).await;
            let took = clock.monotonic().saturating_sub(started);
            meters().round_ended(name(done.as_ref().ok()), took);
            match done {
                Ok(Outcome::Worked) => {}
                Ok(found) => {
                    slot.answered.store(asked, Ordering::SeqCst);
                    return Some(found);
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "a projection failed and will be done again");
                    return None;
                }
            }
        }
        self.leave_to_run(Some(tenant));
        Some(Outcome::Worked)
    }

    /// Has [`Self::run`] look soon: a call failed that may have written something all the same.
    pub(crate) fn look_soon(&self) {
        self.leave_to_run(None);
    }

    /// A tenant, or all of them.
    fn leave_to_run(&self, tenant: Option<TenantId>) {
        {
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            match tenant {
                Some(tenant) => drop(left.tenants.insert(tenant)),
                None => left.all = true,
            }
        }
        self.more.notify_one();
    }

    fn take_left(&self) -> Left {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut left)
    }

    /// Catches up with all tenants, again when told that there is more, and now and then; with one
    /// when another node tells that there is something.
    pub(crate) async fn run(&self, mut stop: Stop) {
        let components = &self.desk.components;
        let mut work = components.fan_out.subscribe_work();
        let mut telling = true;
        let pause = Duration::from_millis(match components.node {
            None => PROJECTOR_LOOK_MS,
            Some(_) => PROJECTOR_SHARED_LOOK_MS,
        });
        loop {
            self.look_at_all().await;
            let mut look = pin!(tokio::time::sleep(pause));
            loop {
                tokio::select! {
                    biased;
                    () = stop.begun() => return self.leave().await,
                    () = self.more.notified() => {
                        let left = self.take_left();
                        if left.all {
                            break;
                        }
                        for tenant in left.tenants {
                            self.settle(tenant).await;
                        }
                    }
                    () = &mut look => break,
                    told = work.recv(), if telling => match told {
                        Ok(tenant) => {
                            self.project(tenant).await;
                        }
                        Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => telling = false,
                    },
                }
            }
        }
    }

    async fn look_at_all(&self) {
        match self.desk.components.store.list_tenants().await {
            Ok(tenants) => {
                for tenant in tenants {
                    self.project(tenant.id).await;
                }
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the projector can't list tenants");
            }
        }
    }

    /// Other nodes need not wait for the end of this one's leases.
    async fn leave(&self) {
        if self.desk.components.node.is_none() {
            return;
        }
        let slots: Vec<_> = self
            .tenants()
            .iter()
            .map(|(id, slot)| (*id, Arc::clone(slot)))
            .collect();
        for (tenant, slot) in slots {
            if let Err(error) = slot.projection.lock().await.leave(&self.desk, tenant).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "a job could not be left to other nodes");
            }
            self.desk.components.fan_out.publish_work(tenant);
        }
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Slot>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, tenant: TenantId) -> Arc<Slot> {
        let new = || {
            let projection = TenantProjection::new(self.config.cached_participants_max);
            Arc::new(Slot {
                projection: tokio::sync::Mutex::new(projection),
                asked: AtomicU64::new(0),
                waiting: AtomicU64::new(0),
                answered: AtomicU64::new(0),
            })
        };
        Arc::clone(self.tenants().entry(tenant).or_insert_with(new))
    }
}

/// What a round found, for measurements.
const fn name(found: Option<&Outcome>) -> &'static str {
    match found {
        Some(Outcome::Clean) => "clean",
        Some(Outcome::Worked) => "worked",
        Some(Outcome::Elsewhere) => "elsewhere",
        None => "failed",
    }
}

#[cfg(test)]
mod tests {
    use askel_store::memory::MemoryStore;
    use askel_store::{Job, JobBid, JobLeaseStore as _, NodeId, Tenant, TenantStore as _};
    use askel_sync::time::Timestamp;

    use super::*;
    use crate::{
        clock::SystemClock, credential_file::Credentials, entropy::SystemEntropy,
        fan_out::InProcess, push::LogPush,
    };

    const TENANT: TenantId = TenantId::from_bytes([1; 16]);
    const OTHER: NodeId = NodeId::from_bytes([2; 16]);

    /// A projector of a node whose key file knows no tenant.
    fn projector(store: &Arc<MemoryStore>) -> Projector {
        let components = Components {
            clock: Arc::new(SystemClock::start()),
            entropy: Arc::new(SystemEntropy),
            store: Arc::clone(store) as _,
            fan_out: Arc::new(InProcess::default()),
            push: Arc::new(LogPush),
            node: Some(NodeId::from_bytes([1; 16])),
        };
        let catalogs = Arc::new(Catalogs::new(
            Arc::clone(&components.store),
            Arc::clone(&components.clock),
        ));
        let credentials = Arc::new(Credentials::default());
        let desk = Desk {
            server_log: Arc::new(ServerLog::new(
                components.clone(),
                credentials,
                Arc::clone(&catalogs),
            )),
            components,
            catalogs,
        };
        Projector::new(desk, ProjectorConfig::default())
    }

    #[tokio::test]
    async fn a_node_without_a_tenants_keys_leaves_it_to_those_that_have_them() {
        let store = Arc::new(MemoryStore::new());
        let tenant = Tenant {
            id: TENANT,
            root_hash: [1; 32],
            signed_key_list: Vec::new(),
            key_list_version: 1,
            created_at: Timestamp::from_ms(1),
        };
        store.record_tenant(&tenant).await.expect("memory");
        let projector = projector(&store);
        projector.look_at_all().await;
        projector.settle(TENANT).await;
        let bid = JobBid {
            job: Job::Projection,
            node: OTHER,
            now: projector.desk.components.clock.now(),
            ms: 30_000,
        };
        let lease = store.take_job(TENANT, &bid).await.expect("memory");
        assert!(lease.is_some(), "the job is free");
    }
}
