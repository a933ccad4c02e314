//! Hints that streams moved, from whoever appended to whoever watches. A lost hint costs a reader
//! some waiting and nothing else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use askel_store::StreamHead;
use askel_sync::id::TenantId;
use tokio::sync::broadcast;

use crate::limits::HINTS_WAITING_MAX;

/// The streams one append moved.
pub type Moved = Arc<[StreamHead]>;

/// Passes hints on.
pub trait FanOut: Send + Sync {
    /// Tells all watchers of a tenant.
    fn publish(&self, tenant: TenantId, moved: Vec<StreamHead>);

    /// Hears of what moves in a tenant from now on. A slow listener is told that it lagged.
    fn subscribe(&self, tenant: TenantId) -> broadcast::Receiver<Moved>;
}

/// Within one process.
#[derive(Debug, Default)]
pub struct InProcess {
    tenants: Mutex<HashMap<TenantId, broadcast::Sender<Moved>>>,
}

impl FanOut for InProcess {
    fn publish(&self, tenant: TenantId, moved: Vec<StreamHead>) {
        if moved.is_empty() {
            return;
        }
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = tenants.get(&tenant) {
            // Nobody listening is fine.
            let _ = sender.send(moved.into());
        }
    }

    fn subscribe(&self, tenant: TenantId) -> broadcast::Receiver<Moved> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants
            .entry(tenant)
            .or_insert_with(|| broadcast::Sender::new(HINTS_WAITING_MAX))
            .subscribe()
    }
}
