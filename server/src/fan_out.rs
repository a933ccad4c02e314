//! Hints for whoever watches, from whoever appended. A lost hint costs a reader some waiting and
//! nothing else.

mod again;
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

use crate::limits::{HINTS_WAITING_MAX, WORK_WAITING_MAX};

/// What watchers of a tenant are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// These streams moved.
    Moved(Arc<[StreamId]>),
    /// The right of this device may have ended; `None` for anyone's.
    Rights(Option<DeviceId>),
    /// This share of the watchers may have missed something: anything may have moved, and any right may
    /// have ended.
    Missed(Share),
}

/// A share of the watchers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    index: u8,
    of: u8,
}

impl Share {
    /// Everyone.
    pub const ALL: Self = Self { index: 0, of: 1 };

    /// Whether a device is of it. Ids are hashes of keys, so all shares are about as large.
    pub fn has(self, device: DeviceId) -> bool {
        let [.., last] = *device.as_bytes();
        last.checked_rem(self.of) == Some(self.index)
    }
}

/// That a device has used some of what it may within a time, on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Who.
    pub device: DeviceId,
    /// What.
    pub what: Use,
}

/// What is limited by device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// So many new ops.
    Ops(u32),
    /// A wrong guess at whom somebody is.
    Guess,
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

    /// Tells the node that projects the tenant, if that is another one, that there is something to
    /// project. Never waits.
    fn publish_work(&self, tenant: TenantId);

    /// Hears from now on which tenants have something to project that other nodes took in.
    fn subscribe_work(&self) -> broadcast::Receiver<TenantId>;

    /// Tells the other nodes what was used here, so that limits hold for all of them together. Never
    /// waits.
    fn publish_used(&self, used: Used);

    /// Hears from now on what was used on other nodes.
    fn subscribe_used(&self) -> broadcast::Receiver<Used>;

    /// Hears the hints of a tenant from now on. A slow listener is told that it lagged.
    fn subscribe(&self, tenant: TenantId) -> broadcast::Receiver<Hint>;
}

/// Within one process.
#[derive(Debug)]
pub struct InProcess {
    tenants: Mutex<HashMap<TenantId, broadcast::Sender<Hint>>>,
    work: broadcast::Sender<TenantId>,
    used: broadcast::Sender<Used>,
}

impl Default for InProcess {
    fn default() -> Self {
        Self {
            tenants: Mutex::default(),
            work: broadcast::Sender::new(WORK_WAITING_MAX),
            used: broadcast::Sender::new(HINTS_WAITING_MAX),
        }
    }
}

impl InProcess {
    /// Tells watchers of all tenants that they may have missed something.
    fn publish_missed(&self, share: Share) {
        for sender in self.tenants().values() {
            let _ = sender.send(Hint::Missed(share));
        }
    }

    /// Tells this node what another one took in.
    fn hear_work(&self, tenant: TenantId) {
        // A node that is not projecting yet looks at all when it begins.
        let _ = self.work.send(tenant);
    }

    /// Tells this node what was used on another.
    fn hear_used(&self, used: Used) {
        // Nobody listening is fine.
        let _ = self.used.send(used);
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

    /// There is no other node.
    fn publish_work(&self, _tenant: TenantId) {}

    fn subscribe_work(&self) -> broadcast::Receiver<TenantId> {
        self.work.subscribe()
    }

    /// There is no other node.
    fn publish_used(&self, _used: Used) {}

    fn subscribe_used(&self) -> broadcast::Receiver<Used> {
        self.used.subscribe()
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
    fn a_device_is_of_one_share_and_of_all() {
        for last in [0, 1, 15, 16, 255] {
            let mut id = [3; 16];
            id[15] = last;
            let device = DeviceId::from_bytes(id);
            assert!(Share::ALL.has(device));
            let shares = (0..16).map(|index| Share { index, of: 16 });
            assert_eq!(shares.filter(|share| share.has(device)).count(), 1);
        }
    }

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
