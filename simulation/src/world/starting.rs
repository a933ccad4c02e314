//! Devices that are started again, put back or copied.

use askel_client_sdk::Error;

use super::World;
use crate::{cast::name, oracle::Look};

impl World {
    /// Devices whose power went are started again.
    pub(super) fn revive(&mut self) {
        let dead: Vec<usize> = self
            .devices
            .iter()
            .filter(|(_, there)| there.disk.is_dead())
            .map(|(index, _)| *index)
            .collect();
        for device in dead {
            self.trace
                .note(format!("{} is started again", name(device)));
            self.restart(device, Look::Started);
        }
    }

    pub(super) fn restart(&mut self, device: usize, look: Look) {
        let owner = self.cast.owner(device);
        let owner = owner.and_then(|owner| self.people.get(&owner)).copied();
        let Some(there) = self.devices.get_mut(&device) else {
            return;
        };
        there.stop();
        let mut opened = there.open();
        // A phone whose person was erased has other keys than its backup.
        if let Err(Error::EnrolAgain(_)) = opened
            && owner.is_some_and(|person| self.oracle.erasure(person).is_some())
        {
            opened = there.start_fresh();
        }
        match opened {
            Ok(client) if client.enrolled().is_none() => self.oracle.left(device),
            Ok(client) => {
                let seen = client.seen_ops();
                let forgets = !self.server_was_restored
                    && look == Look::PutBack
                    && self.oracle.forgets(device, &seen, client.status().healed);
                there
                    .must_heal
                    .expect(forgets.then(|| client.status().healed));
                self.oracle.look(device, seen, look);
            }
            Err(error) => {
                let what = format!("{} does not open: {error}: {}", name(device), error.cause());
                self.oracle.violation(what);
            }
        }
    }

    pub(super) fn clone_phone(&mut self, device: usize) {
        let (original, copy) = (self.cast.original(device), self.cast.copy(device));
        let Some(there) = self.devices.get(&original) else {
            return;
        };
        let (image, keys) = (there.disk.image(), there.keys.clone());
        self.devices
            .entry(original)
            .and_modify(|there| there.was_put_back = true);
        // A copy of a phone that has other keys by now does not go on with what was copied before.
        let id = |index| Some(self.enrolled(index)?.enrolled()?.device);
        let is_another = id(copy) != id(original);
        let mut twin = match self.devices.remove(&copy) {
            Some(twin) => twin,
            None => self.new_device(copy),
        };
        twin.stop();
        twin.disk.put_back(&image);
        twin.was_put_back = true;
        twin.keys = keys;
        // Another phone's keys don't open it.
        twin.backup = None;
        let must_heal = twin.must_heal.clone();
        self.devices.insert(copy, twin);
        self.restart(copy, Look::PutBack);
        if is_another {
            must_heal.expect(None);
        }
    }
}
