//! How things end: people are erased, devices revoked, keys and phones lost.

use std::sync::Arc;

use askel_client_sdk::{Client, ComeBack, DeviceId, MemoryKeyStore};
use askel_sync::limits::CARRIED_FRAME_BYTES_MAX;

use super::World;
use crate::{
    cast::name,
    chance::Chance,
    link::{Blocked, Weather},
    oracle::Look,
};

/// How often someone tries to come back before giving up.
const TRIES: usize = 5;

impl World {
    /// The client of a device that is there and enrolled.
    pub(super) fn enrolled(&self, device: usize) -> Option<Client> {
        let client = self.devices.get(&device)?.client.clone()?;
        client.enrolled().map(|_| client)
    }

    /// The devices that someone's person has enrolled.
    fn ids_of(&self, owner: usize) -> Vec<DeviceId> {
        let phones = (0..self.cast.first_scanner())
            .filter(|phone| self.cast.owner(*phone) == Some(owner))
            .filter_map(|phone| self.enrolled(phone)?.enrolled())
            .map(|enrolled| enrolled.device);
        let newer = self.newer.iter().map(|newer| newer.device.id);
        phones.chain(newer.filter(|_| owner == 0)).collect()
    }

    /// Someone asks to be erased. Whether that is on disk, nobody knows before it is looked at.
    pub(super) fn erase(&mut self, device: usize) {
        let person = self.enrolled(device).and_then(|client| client.enrolled());
        let Some(person) = person.and_then(|enrolled| enrolled.participant) else {
            return;
        };
        self.oracle.asks_erasure(person);
        self.write(device, Client::erase_me);
    }

    /// A phone of the same person ends a phone; the organiser ends a scanner.
    pub(super) async fn revoke(&mut self, device: usize) {
        let Some(id) = self.enrolled(device).and_then(|client| client.enrolled()) else {
            return;
        };
        let id = id.device;
        let told = match self.cast.owner(device) {
            None => {
                self.oracle.asks_revocation(id);
                let now = self.true_time.now();
                self.organiser.revoke(id, now).await.is_ok()
            }
            Some(owner) => {
                let mut others = 0..self.cast.first_scanner();
                let another = others.find_map(|other| {
                    let same = self.cast.owner(other) == Some(owner);
                    let client = self.enrolled(other).filter(|_| same)?;
                    let is_other = client.enrolled().is_some_and(|other| other.device != id);
                    is_other.then_some(client)
                });
                let Some(another) = another else { return };
                self.oracle.asks_revocation(id);
                another.revoke_own_device(id).await.is_ok()
            }
        };
        if told {
            self.oracle.hears_of_revocation(id);
        }
        self.trace
            .note(format!("{} · revoked: {told}", name(device)));
    }

    /// The keys of a phone are gone; its person comes back on it with the sheet they kept.
    pub(super) async fn lose_key(&mut self, device: usize) {
        self.settle().await;
        let owner = self.cast.owner(device);
        let Some(owner) = owner.filter(|_| self.enrolled(device).is_some()) else {
            return;
        };
        let Some(person) = self.people.get(&owner).copied() else {
            return;
        };
        if self.oracle.erasure(person).is_some() {
            return;
        }
        let Some(sheet) = self.sheets.get(&owner).cloned() else {
            return;
        };
        let mut former: Vec<DeviceId> = self.ids_of(owner);
        former.extend(self.oracle.lost_of(person));
        for id in &former {
            // The sheet ends them.
            self.oracle.asks_revocation(*id);
        }
        let Some(there) = self.devices.get_mut(&device) else {
            return;
        };
        there.stop();
        there.keys = MemoryKeyStore::new();
        there.backup = None;
        there.must_heal.expect(None);
        self.oracle.goes(device, None, Some(device));
        let client = match there.open() {
            Ok(client) => client,
            Err(error) => {
                let what = format!("{} does not begin anew: {error}", name(device));
                self.oracle.violation(what);
                return;
            }
        };
        let link = Arc::clone(&there.link);
        link.block(Blocked::default());
        link.set_weather(Weather::default(), Chance::of(self.seed, "calm", 2));
        let mut last = String::new();
        for _ in 0..TRIES {
            self.host.start().await;
            let right = ComeBack::RecoverySheet(sheet.clone());
            match client.come_back(right).await {
                Ok(enrolled) => {
                    let next = enrolled.recovery_sheet.map(|next| next.text);
                    self.sheets.insert(owner, next.unwrap_or_default());
                    for id in former {
                        self.oracle.hears_of_revocation(id);
                    }
                    self.trace.note(format!("{} · is back", name(device)));
                    self.oracle.look(device, client.seen_ops(), Look::PutBack);
                    return;
                }
                Err(error) => last = error.cause().to_string(),
            }
        }
        let what = format!("{} can't come back with a good sheet: {last}", name(device));
        self.oracle.violation(what);
    }

    /// What a phone has unconfirmed goes to another device, in frames; the phone may be lost after that.
    pub(super) fn hand_over(&mut self, from: usize, by: usize, is_lost: bool) {
        let (Some(writer), Some(carrier)) = (self.enrolled(from), self.enrolled(by)) else {
            return;
        };
        // On a full disk nothing is sealed, and so nothing is given away.
        let Ok(frames) = writer.lifeboat(CARRIED_FRAME_BYTES_MAX) else {
            self.trace.note(format!("{} · makes no frame", name(from)));
            return;
        };
        let taken = frames.iter().all(|frame| carrier.carry(frame).is_ok());
        self.trace.note(format!(
            "{} · carries {} frames of {}: {taken}",
            name(by),
            frames.len(),
            name(from)
        ));
        let is_dead = |device: usize| self.devices[&device].disk.is_dead();
        if is_dead(from) || is_dead(by) {
            return;
        }
        self.oracle.look(from, writer.seen_ops(), Look::Wrote);
        if is_lost
            && taken
            && let Some(mut there) = self.devices.remove(&from)
        {
            there.stop();
            // Of a log that has a twin, either may be behind: then what is in the frames waits for a
            // writer that is not there any more.
            let carrier = (!there.was_put_back).then_some(by);
            let id = writer.enrolled().map(|me| me.device);
            self.oracle.goes(from, id, carrier);
            self.trace.note(format!("{} is lost for good", name(from)));
        }
    }
}
