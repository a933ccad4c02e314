//! Fewer entries that say the same: what a journal of years comes to.
//!
//! Of each thing the newest image stays, with what no image undoes of those before it. Nothing is
//! left out that a backup of any age may need: only invitations that had expired long before the
//! journal's newest entry, for which no code is good any more, and all that belonged to the erased.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::{
    id::{DeviceId, LogId, ParticipantId},
    time::{DAY_MS, Timestamp},
};

use super::{Entry, LogOpening, ParticipantImage, StaffImage};
use crate::{CatalogVersion, Erased, Frozen, Invitation, Tenant, Tombstone};

/// Days after which an expired invitation is forgotten.
const EXPIRED_DAYS: i64 = 35;

/// One tenant's entries, in order, as fewer of the same effect on every store.
pub fn folded(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let mut folding = Folding::default();
    for entry in entries {
        folding.take(entry);
    }
    folding.finish()
}

#[derive(Default)]
struct Folding {
    tenant: Option<Tenant>,
    catalogs: BTreeMap<u32, CatalogVersion>,
    invitations: BTreeMap<[u8; 16], Invitation>,
    deleted: BTreeSet<[u8; 16]>,
    participants: BTreeMap<ParticipantId, ParticipantImage>,
    staff: BTreeMap<DeviceId, StaffImage>,
    erased: BTreeMap<ParticipantId, Erased>,
    counted: BTreeSet<ParticipantId>,
    /// Erased since the totals were told whole.
    uncounted: BTreeSet<ParticipantId>,
    frozen: Frozen,
    /// What was told since of the totals: all of it stands only once the erasure is said to be counted.
    in_part: Frozen,
    logs: BTreeMap<LogId, LogOpening>,
    latest: Option<Timestamp>,
}

impl Folding {
    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Tenant(tenant) => {
                self.saw(tenant.created_at);
                let newer = |held: &Tenant| held.key_list_version <= tenant.key_list_version;
                if self.tenant.as_ref().is_none_or(newer) {
                    self.tenant = Some(tenant);
                }
            }
            Entry::Catalog(catalog) => {
                self.saw(catalog.published_at);
                // The first of a version is the one that was published.
                self.catalogs.entry(catalog.version).or_insert(catalog);
            }
            Entry::Invitation(invitation) => {
                self.saw(invitation.created_at);
                self.deleted.remove(&invitation.id);
                let invitation = match self.invitations.remove(&invitation.id) {
                    Some(held) => invitation.over(held),
                    None => invitation,
                };
                self.invitations.insert(invitation.id, invitation);
            }
            Entry::InvitationDeleted(id) => {
                self.deleted.insert(id);
            }
            Entry::Participant(image) => {
                for device in &image.devices {
                    self.saw(device.enrolled_at);
                }
                let image = match self.participants.remove(&image.participant) {
                    Some(held) => image.over(ParticipantImage {
                        // One that was taken back since would come back with it.
                        invitations: Vec::new(),
                        ..held
                    }),
                    None => image,
                };
                self.participants.insert(image.participant, image);
            }
            Entry::Staff(image) => {
                self.saw(image.device.enrolled_at);
                let image = match self.staff.remove(&image.device.id) {
                    Some(held) => (*image).over(StaffImage {
                        invitations: Vec::new(),
                        ..held
                    }),
                    None => *image,
                };
                self.staff.insert(image.device.id, image);
            }
            Entry::Erased { erased, is_counted } => self.erase(&erased, is_counted),
            Entry::Frozen(told) if self.uncounted.is_empty() => self.frozen.raise(&told),
            Entry::Frozen(told) => self.in_part.raise(&told),
            Entry::Logs(openings) => {
                for opening in openings {
                    self.saw(opening.opened_at);
                    self.logs.insert(opening.log, opening);
                }
            }
        }
    }

    fn erase(&mut self, erased: &Erased, is_counted: bool) {
        let who = erased.participant;
        let held = self.erased.entry(who).or_insert_with(|| {
            self.uncounted.insert(who);
            Erased::new(who)
        });
        held.add(erased);
        if is_counted {
            self.counted.insert(who);
            self.uncounted.clear();
            self.frozen.raise(&std::mem::take(&mut self.in_part));
        }
    }

    fn saw(&mut self, at: Timestamp) {
        self.latest = self.latest.max(Some(at));
    }

    fn finish(mut self) -> Vec<Entry> {
        let gone: BTreeSet<Tombstone> = self.erased.values().flat_map(Erased::tombstones).collect();
        self.participants
            .retain(|participant, _| !self.erased.contains_key(participant));
        self.logs
            .retain(|_, opening| !gone.contains(&opening.device.into()));
        let since = self.latest.map(|latest| {
            latest.saturating_add_ms(EXPIRED_DAYS.saturating_mul(DAY_MS).saturating_neg())
        });
        let expired =
            |invitation: &Invitation| since.is_some_and(|since| invitation.expires_at < since);
        let mut over = BTreeSet::new();
        self.invitations.retain(|id, invitation| {
            let is_over =
                expired(invitation) || invitation.names().iter().any(|name| gone.contains(name));
            if is_over {
                over.insert(*id);
            }
            !is_over
        });
        self.deleted.retain(|id| !over.contains(id));
        // In the order in which one may need the other.
        let mut entries: Vec<Entry> = self.tenant.map(Entry::Tenant).into_iter().collect();
        entries.extend(self.catalogs.into_values().map(Entry::Catalog));
        entries.extend(self.invitations.into_values().map(Entry::Invitation));
        entries.extend(self.participants.into_values().map(Entry::Participant));
        entries.extend(
            self.staff
                .into_values()
                .map(|image| Entry::Staff(Box::new(image))),
        );
        entries.extend(self.deleted.into_iter().map(Entry::InvitationDeleted));
        // Those who come before the totals are in them; what a store of before still counts of the
        // others is added to the totals, and where those are told with them already it comes to that.
        let (since, before): (Vec<_>, Vec<_>) = self
            .erased
            .into_values()
            .map(|erased| Entry::Erased {
                is_counted: self.counted.contains(&erased.participant),
                erased,
            })
            .partition(|entry| {
                matches!(entry, Entry::Erased { erased, .. } if self.uncounted.contains(&erased.participant))
            });
        // Who is said to be counted says it of those named before.
        let is_counted = |entry: &Entry| {
            matches!(
                entry,
                Entry::Erased {
                    is_counted: true,
                    ..
                }
            )
        };
        let (last, first): (Vec<_>, Vec<_>) = before.into_iter().partition(is_counted);
        entries.extend(first.into_iter().chain(last));
        let told = |totals: &Frozen| {
            totals
                .parts(FROZEN_COUNTS_MAX)
                .into_iter()
                .map(Entry::Frozen)
        };
        entries.extend(told(&self.frozen));
        entries.extend(since);
        entries.extend(told(&self.in_part));
        let logs: Vec<LogOpening> = self.logs.into_values().collect();
        entries.extend(
            logs.chunks(OPENINGS_MAX)
                .map(|some| Entry::Logs(some.to_vec())),
        );
        entries
    }
}

/// Counts of one entry.
pub const FROZEN_COUNTS_MAX: usize = 4_096;
/// Logs of one entry.
pub const OPENINGS_MAX: usize = 1_024;
