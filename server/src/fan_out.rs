//! Hints for whoever watches, from whoever appended. A lost hint costs a reader some waiting and
//! nothing else.

mod message;
mod redis;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use askel_store::StreamHead;
use askel_sync::id::{DeviceId, StreamId, TenantId};
use tokio::sync::broadcast;

pub use redis::{RedisFanOut, RedisFanOutError};

use crate::limits::HINTS_WAITING_MAX;

/// What watchers of a tenant are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// These streams moved.
    Moved(Arc<[StreamId]>),
    /// The right of this device may have ended; `None` for anyone's.
    Rights(Option<DeviceId>),
    /// Something may have been missed: anything may have moved, and any right may have ended.
    Missed,
}

/// Passes hints on.
pub trait FanOut: Send + Sync {
    /// Tells all watchers of a tenant. Never waits.
    fn publish(&self, tenant: TenantId, hint: Hint);

    /// Tells all watchers of a tenant which streams an append moved.
    fn publish_moved(&self, tenant: TenantId, heads: &[StreamHead]) {
        if !heads.is_empty() {
            let streams = heads.iter().map(|head| head.id).collect();
            self.publish(tenant, Hint::Moved(streams));
        }
    }

    /// Hears the hints of a tenant from now on. A slow listener is told that it lagged.
    fn subscribe(&self, tenant: TenantId) -> broadcast::Receiver<Hint>;
}

/// Within one process.
#[derive(Debug, Default)]
pub struct InProcess {
    tenants: Mutex<HashMap<TenantId, broadcast::Sender<Hint>>>,
}

impl InProcess {
    /// Tells all watchers of all tenants that they may have missed something.
    pub(crate) fn publish_missed(&self) {
        for sender in self.tenants().values() {
            let _ = sender.send(Hint::Missed);
        }
    }

    fn tenants(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, broadcast::Sender<Hint>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FanOut for InProcess {
    fn publish(&self, tenant: TenantId, hint: Hint) {
        if let Some(sender) = self.tenants().get(&tenant) {
            // Nobody listening is fine.
            let _ = sender.send(hint);
        }
    }

    fn subscribe(&self, tenant: TenantId) -> broadcast::Receiver<Hint> {
        self.tenants()
            .entry(tenant)
            .or_insert_with(|| broadcast::Sender::new(HINTS_WAITING_MAX))
            .subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::broadcast::error::TryRecvError;

    #[test]
    fn a_watcher_that_leaves_too_many_hints_unread_is_told_that_it_lagged() {
        let tenant = TenantId::from_bytes([1; 16]);
        for (hints, lagged) in [(HINTS_WAITING_MAX, false), (HINTS_WAITING_MAX + 1, true)] {
            let fan_out = InProcess::default();
            let mut watcher = fan_out.subscribe(tenant);
            for _ in 0..hints {
                fan_out.publish(tenant, Hint::Rights(None));
            }
            let told = watcher.try_recv();
            assert_eq!(matches!(told, Err(TryRecvError::Lagged(1))), lagged);
            assert_eq!(told.is_ok(), !lagged);
        }
    }
}
