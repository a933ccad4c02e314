//! Whose turn it is to open logs: one append at a time in each tenant.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
};

use askel_sync::id::TenantId;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The tenants in which logs are being opened.
#[derive(Default)]
pub(super) struct Openings {
    tenants: std::sync::Mutex<HashMap<TenantId, Arc<Mutex<()>>>>,
}

impl Openings {
    /// Waits for the turn in a tenant.
    pub(super) async fn turn(&self, tenant: TenantId) -> Turn<'_> {
        let place = Arc::clone(self.held().entry(tenant).or_default());
        let mut turn = Turn {
            openings: self,
            tenant,
            place,
            held: None,
        };
        turn.held = Some(Arc::clone(&turn.place).lock_owned().await);
        turn
    }

    /// In how many tenants someone opens logs, or waits to.
    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        self.held().len()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Mutex<()>>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Someone's turn, or their waiting for it. Dropped, it is the next one's; the last one leaves nothing
/// behind.
pub(super) struct Turn<'a> {
    openings: &'a Openings,
    tenant: TenantId,
    place: Arc<Mutex<()>>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.held = None;
        let mut tenants = self.openings.held();
        // Others hold it only as their own place, which they took from there.
        if Arc::strong_count(&self.place) == 2 {
            tenants.remove(&self.tenant);
        }
    }
}
