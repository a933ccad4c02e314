//! Room in memory for bodies of requests. Strangers have a part of their own: however many send as much as
//! they may and then no more, devices of this server's find room; and no device takes that of all others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Whose;
use crate::limits::{BODY_FREE_BYTES, DEVICE_BODIES_KIB_MAX};

const KIB: usize = 1_024;

/// The room there is, in KiB.
#[derive(Clone)]
pub(crate) struct Room(Arc<Shared>);

struct Shared {
    of_devices: usize,
    of_strangers: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    strangers: usize,
    devices: usize,
    each_device: HashMap<Whose, usize>,
}

impl Room {
    /// So many KiB for devices of this server's, all in all, and so many for strangers.
    pub(crate) fn new(of_devices: usize, of_strangers: usize) -> Self {
        Self(Arc::new(Shared {
            of_devices,
            of_strangers,
            taken: Mutex::default(),
        }))
    }

    /// Nothing yet, for a stranger's body.
    pub(crate) fn hold(&self) -> Held {
        Held {
            room: self.clone(),
            whose: None,
            kib: 0,
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is held for one body, until it is dropped.
pub(crate) struct Held {
    room: Room,
    /// None for a stranger.
    whose: Option<Whose>,
    kib: usize,
}

impl Held {
    /// Whether it is known whose body it is.
    pub(crate) fn is_known(&self) -> bool {
        self.whose.is_some()
    }

    /// From now on it is this device's, which nothing is held for yet.
    pub(crate) fn know(&mut self, whose: Whose) {
        self.let_go();
        self.whose = Some(whose);
    }

    /// Holds room for a body that has grown to so many bytes; `false` when there is none. The first
    /// [`BODY_FREE_BYTES`] take none, as little as the head of a request does.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        if bytes <= BODY_FREE_BYTES {
            return true;
        }
        let more = bytes.div_ceil(KIB).saturating_sub(self.kib);
        let mut taken = self.room.taken();
        let has_room = match self.whose {
            None => {
                let all = taken.strangers.saturating_add(more);
                let has_room = all <= self.room.0.of_strangers;
                if has_room {
                    taken.strangers = all;
                }
                has_room
            }
            Some(whose) => {
                let all = taken.devices.saturating_add(more);
                let own = taken.each_device.get(&whose).copied().unwrap_or_default();
                let own = own.saturating_add(more);
                let has_room = all <= self.room.0.of_devices && own <= DEVICE_BODIES_KIB_MAX;
                if has_room {
                    taken.devices = all;
                    taken.each_device.insert(whose, own);
                }
                has_room
            }
        };
        if has_room {
            self.kib = self.kib.saturating_add(more);
        }
        has_room
    }

    fn let_go(&mut self) {
        let kib = std::mem::take(&mut self.kib);
        if kib == 0 {
            return;
        }
        let mut taken = self.room.taken();
        let Some(whose) = self.whose else {
            taken.strangers = taken.strangers.saturating_sub(kib);
            return;
        };
        taken.devices = taken.devices.saturating_sub(kib);
        if let Some(own) = taken.each_device.get_mut(&whose) {
            *own = own.saturating_sub(kib);
            if *own == 0 {
                taken.each_device.remove(&whose);
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.let_go();
    }
}

#[cfg(test)]
mod tests {
    use askel_sync::id::{DeviceId, TenantId};

    use super::*;

    fn device(id: u8) -> Whose {
        Whose {
            tenant: TenantId::from_bytes([1; 16]),
            device: DeviceId::from_bytes([id; 16]),
        }
    }

    fn of(room: &Room, id: u8) -> Held {
        let mut held = room.hold();
        held.know(device(id));
        held
    }

    #[test]
    fn strangers_and_devices_have_room_of_their_own_until_it_is_let_go() {
        let room = Room::new(4, 2);
        let mut stranger = room.hold();
        assert!(stranger.grow(2 * KIB) && !stranger.grow(2 * KIB + 1));
        assert!(!room.hold().grow(BODY_FREE_BYTES + 1), "strangers have all");
        let mut one = of(&room, 1);
        assert!(one.grow(3 * KIB));
        let mut other = of(&room, 2);
        assert!(!other.grow(2 * KIB), "devices have all");
        stranger.know(device(3));
        assert!(room.hold().grow(2 * KIB), "it has left the strangers'");
        assert!(!stranger.grow(2 * KIB));
        drop(one);
        assert!(other.grow(2 * KIB) && stranger.grow(2 * KIB));
        drop((other, stranger));
        assert!(of(&room, 4).grow(4 * KIB));
        let taken = room.taken();
        assert!(taken.strangers == 0 && taken.devices == 0 && taken.each_device.is_empty());
    }

    #[test]
    fn a_device_does_not_take_the_room_of_all() {
        let room = Room::new(3 * DEVICE_BODIES_KIB_MAX, 0);
        let mut held = of(&room, 1);
        assert!(held.grow(DEVICE_BODIES_KIB_MAX * KIB));
        let mut more = of(&room, 1);
        assert!(!more.grow(BODY_FREE_BYTES + 1), "one more of the same");
        assert!(of(&room, 2).grow(DEVICE_BODIES_KIB_MAX * KIB));
        drop(held);
        assert!(more.grow(DEVICE_BODIES_KIB_MAX * KIB));
        assert!(!more.grow(DEVICE_BODIES_KIB_MAX * KIB + 1));
    }

    #[test]
    fn a_small_body_needs_no_room() {
        let room = Room::new(0, 0);
        for mut held in [room.hold(), of(&room, 1)] {
            assert!(held.grow(BODY_FREE_BYTES));
            assert!(!held.grow(BODY_FREE_BYTES + 1));
        }
    }
}
