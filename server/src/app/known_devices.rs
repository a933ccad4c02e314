//! Devices that called a moment ago, so that each call need not look its caller up and check the same
//! signature again.
//!
//! Whatever may change a device on this node empties it at once; what another node changes counts here
//! no later than [`DEVICE_KNOWN_MS`] after. Only devices in good standing are held, and nobody is refused
//! for what is held here. An append takes nothing from a device that is revoked, whatever was held.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use askel_store::{
    Around, Device, DeviceClock, DeviceState, ErrorKind, Store, StoreError, Surrounded,
};
use askel_sync::{
    id::{DeviceId, TenantId},
    time::Timestamp,
};

use crate::{
    cache::Cache,
    limits::{DEVICE_KNOWN_MS, DEVICES_KNOWN_MAX},
};

/// The devices held. Cheap to clone.
#[derive(Clone)]
pub(crate) struct KnownDevices {
    held: Arc<Mutex<Held>>,
}

struct Held {
    devices: Cache<(TenantId, DeviceId), Known>,
    /// Rises whenever devices may have changed: what was looked up before is not held.
    changes: u64,
}

struct Known {
    device: Device,
    /// On the monotonic clock.
    looked_up: Duration,
    /// The last credential whose signature was found good.
    credential: String,
}

/// When a look-up began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    changes: u64,
    at: Duration,
}

/// What is held of a caller.
pub(super) struct HeldCaller {
    pub(super) device: Device,
    /// Whether this very credential was found good before, with this device's key.
    pub(super) is_verified: bool,
}

impl KnownDevices {
    pub(crate) fn new() -> Self {
        Self {
            held: Arc::new(Mutex::new(Held {
                devices: Cache::new(DEVICES_KNOWN_MAX),
                changes: 0,
            })),
        }
    }

    /// The store, as everyone has to use it, so that changes are noticed.
    pub(crate) fn noticing(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Surrounded::with(store, self.clone()))
    }

    /// A device in good standing that was looked up a moment ago.
    pub(super) fn get(
        &self,
        (tenant, device): (TenantId, DeviceId),
        credential: &str,
        (at, now): (Duration, Timestamp),
    ) -> Option<HeldCaller> {
        let held = self.held();
        let known = held.devices.get(&(tenant, device))?;
        let age = at.saturating_sub(known.looked_up);
        let is_fresh = age < Duration::from_millis(DEVICE_KNOWN_MS);
        (is_fresh && is_in_good_standing(&known.device, now)).then(|| HeldCaller {
            device: known.device.clone(),
            is_verified: known.credential == credential,
        })
    }

    /// Before a look-up.
    pub(super) fn look(&self, at: Duration) -> Look {
        Look {
            changes: self.held().changes,
            at,
        }
    }

    /// Holds what a look-up found, unless devices may have changed meanwhile.
    pub(super) fn note(&self, tenant: TenantId, device: &Device, credential: &str, look: Look) {
        let mut held = self.held();
        if held.changes == look.changes && device.state == DeviceState::Active {
            let known = Known {
                device: device.clone(),
                looked_up: look.at,
                credential: credential.to_owned(),
            };
            held.devices.put((tenant, device.id), known);
        }
    }

    /// A device said what its clock is.
    pub(super) fn note_clock(&self, tenant: TenantId, device: DeviceId, clock: DeviceClock) {
        let mut held = self.held();
        if let Some(mut known) = held.devices.take((tenant, device)) {
            known.device.clock = Some(clock);
            held.devices.put((tenant, device), known);
        }
    }

    fn forget_all(&self) {
        let mut held = self.held();
        held.devices.clear();
        held.changes = held.changes.wrapping_add(1);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_in_good_standing(device: &Device, now: Timestamp) -> bool {
    device.state == DeviceState::Active && device.lease_until.is_none_or(|until| now < until)
}

/// Whether a method of the store leaves devices as they are. What is not known to is taken to change
/// them.
fn leaves_devices(method: &str) -> bool {
    const READS: [&str; 6] = ["lookup_", "list_", "read_", "count_", "sum_", "view_"];
    // A clock is told apart.
    const WRITES: [&str; 12] = [
        "append",
        "drop_past",
        "open_stream",
        "take_job",
        "leave_job",
        "note_clock",
        "record_claims",
        "record_enrol_failure",
        "register_push",
        "withdraw_push",
        "lease_pushes",
        "settle_push",
    ];
    READS.iter().any(|prefix| method.starts_with(prefix)) || WRITES.contains(&method)
}

/// Forgets also when the call is given up or fails: it may have been done all the same.
struct Forgets<'a>(&'a KnownDevices);

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        self.0.forget_all();
    }
}

impl Around for KnownDevices {
    async fn around<T, E>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: From<StoreError> + ErrorKind + Send,
    {
        let _forgets = (!leaves_devices(method)).then(|| Forgets(self));
        call.await
    }
}

#[cfg(test)]
mod tests {
    use askel_store::{Audit, AuditAction, DeviceChange, memory::MemoryStore};
    use askel_sync::{admission::Role, key::KeyPair};

    use super::*;

    const TENANT: TenantId = TenantId::from_bytes([1; 16]);
    const NOW: Timestamp = Timestamp::from_ms(1_000);
    const AT: Duration = Duration::from_secs(1);

    fn device(n: u8, state: DeviceState, lease_until: Option<Timestamp>) -> Device {
        Device {
            id: DeviceId::from_bytes([n; 16]),
            public_key: KeyPair::from_seed(&[n; 32]).public_key(),
            role: Role::Staff,
            participant: None,
            scope: None,
            state,
            inviter: None,
            enrolled_at: NOW,
            lease_until,
            pass: None,
            clock: None,
        }
    }

    fn held(known: &KnownDevices, n: u8, at: Duration, now: Timestamp) -> Option<bool> {
        let key = (TENANT, DeviceId::from_bytes([n; 16]));
        let caller = known.get(key, "a", (at, now))?;
        Some(caller.is_verified)
    }

    #[test]
    fn a_device_is_held_for_a_moment_and_while_it_is_in_good_standing() {
        let known = KnownDevices::new();
        let until = NOW.saturating_add_ms(500);
        for (n, state, lease) in [
            (1, DeviceState::Active, None),
            (2, DeviceState::Active, Some(until)),
            (3, DeviceState::Pending, None),
            (4, DeviceState::Revoked, None),
        ] {
            known.note(TENANT, &device(n, state, lease), "a", known.look(AT));
        }
        assert_eq!(held(&known, 1, AT, NOW), Some(true));
        let other = known.get((TENANT, DeviceId::from_bytes([1; 16])), "b", (AT, NOW));
        assert_eq!(other.map(|caller| caller.is_verified), Some(false));
        assert_eq!(held(&known, 2, AT, NOW), Some(true));
        assert_eq!(held(&known, 2, AT, until), None, "the lease is over");
        assert_eq!(held(&known, 3, AT, NOW), None);
        assert_eq!(held(&known, 4, AT, NOW), None);
        let later = AT.saturating_add(Duration::from_millis(DEVICE_KNOWN_MS));
        assert_eq!(held(&known, 1, later, NOW), None);
    }

    #[tokio::test]
    async fn whatever_may_change_devices_empties_it_and_what_was_looked_up_before() {
        let known = KnownDevices::new();
        let store = known.noticing(Arc::new(MemoryStore::new()));
        let active = device(1, DeviceState::Active, None);
        let before = known.look(AT);
        known.note(TENANT, &active, "a", before);
        store.list_tenants().await.expect("memory");
        assert_eq!(held(&known, 1, AT, NOW), Some(true));
        let audit = Audit {
            at: NOW,
            actor: None,
            action: AuditAction::DeviceRevoked,
            target: String::new(),
        };
        let revoked = store.change_device(TENANT, active.id, DeviceChange::REVOKE, &audit);
        revoked.await.expect("memory");
        assert_eq!(held(&known, 1, AT, NOW), None);
        known.note(TENANT, &active, "a", before);
        assert_eq!(held(&known, 1, AT, NOW), None, "looked up before");
        // A call that nobody waits for any more may have been carried out.
        known.note(TENANT, &active, "a", known.look(AT));
        let mut given_up = Box::pin(known.around(
            "change_device",
            std::future::pending::<Result<(), StoreError>>(),
        ));
        assert!(futures::poll!(&mut given_up).is_pending());
        assert_eq!(held(&known, 1, AT, NOW), Some(true));
        drop(given_up);
        assert_eq!(held(&known, 1, AT, NOW), None);
    }

    #[test]
    fn what_is_not_known_to_leave_devices_changes_them() {
        for method in ["enrol", "change_device", "erase", "apply_journal", "renew"] {
            assert!(!leaves_devices(method), "{method}");
        }
        for method in ["lookup_device", "append", "list_work", "view_of_device"] {
            assert!(leaves_devices(method), "{method}");
        }
    }
}
