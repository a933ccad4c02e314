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

#[cfg(test)]
mod tests {
    use super::*;
    use askel_sync::{
        id::StreamId,
        stream::{StreamKey, StreamSum},
    };
    use tokio::sync::broadcast::error::TryRecvError;

    #[test]
    fn a_watcher_that_leaves_too_many_hints_unread_is_told_that_it_lagged() {
        let tenant = TenantId::from_bytes([1; 16]);
        let moved = StreamHead {
            key: StreamKey::Catalog,
            id: StreamId::from_bytes([2; 16]),
            head: 1,
            sum: StreamSum::default(),
        };
        for (hints, lagged) in [(HINTS_WAITING_MAX, false), (HINTS_WAITING_MAX + 1, true)] {
            let fan_out = InProcess::default();
            let mut watcher = fan_out.subscribe(tenant);
            for _ in 0..hints {
                fan_out.publish(tenant, vec![moved]);
            }
            let told = watcher.try_recv();
            assert_eq!(matches!(told, Err(TryRecvError::Lagged(1))), lagged);
            assert_eq!(told.is_ok(), !lagged);
        }
    }
}
