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

use super::{Entry, LogOpening, Noted, ParticipantImage, StaffImage};
use crate::{CatalogVersion, Erased, Frozen, Invitation, Tenant, Tombstone};

/// Days after which an expired invitation is forgotten.
const EXPIRED_DAYS: i64 = 35;

/// One tenant's entries, in order, as fewer of the same effect on every store.
pub fn folded(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let notes = folded_notes(entries.into_iter().map(Noted::from));
    notes.into_iter().map(|noted| noted.entry).collect()
}

/// The same with their times: each is as old as the newest that went into it.
pub fn folded_notes(notes: impl IntoIterator<Item = Noted>) -> Vec<Noted> {
    let mut folding = Folding::default();
    for noted in notes {
        folding.take(noted);
    }
    folding.finish()
}

/// What several servers wrote down of one tenant, as one would have: by the times of their entries, some
/// of which may be folded already. Those without a time come first, journal after journal.
pub fn merged(journals: impl IntoIterator<Item = Vec<Noted>>) -> Vec<Entry> {
    let mut notes: Vec<Noted> = journals.into_iter().flatten().collect();
    // What one server wrote in one millisecond stays in its order.
    notes.sort_by_key(|noted| noted.at);
    let notes = folded_notes(notes);
    notes.into_iter().map(|noted| noted.entry).collect()
}

/// When something was written down last.
type At = Option<Timestamp>;

#[derive(Default)]
struct Folding {
    tenant: Option<(At, Tenant)>,
    catalogs: BTreeMap<u32, (At, CatalogVersion)>,
    invitations: BTreeMap<[u8; 16], (At, Invitation)>,
    deleted: BTreeMap<[u8; 16], At>,
    participants: BTreeMap<ParticipantId, (At, ParticipantImage)>,
    staff: BTreeMap<DeviceId, (At, StaffImage)>,
    erased: BTreeMap<ParticipantId, (At, Erased)>,
    counted: BTreeSet<ParticipantId>,
    /// Erased since the totals were told whole.
    uncounted: BTreeSet<ParticipantId>,
    frozen: (At, Frozen),
    /// What was told since of the totals: all of it stands only once the erasure is said to be counted.
    in_part: (At, Frozen),
    logs: BTreeMap<LogId, (At, LogOpening)>,
    latest: Option<Timestamp>,
}

impl Folding {
    fn take(&mut self, noted: Noted) {
        let Noted { at, entry } = noted;
        match entry {
            Entry::Tenant(tenant) => {
                self.saw(tenant.created_at);
                let newer =
                    |held: &(At, Tenant)| held.1.key_list_version <= tenant.key_list_version;
                if self.tenant.as_ref().is_none_or(newer) {
                    self.tenant = Some((at, tenant));
                }
            }
            Entry::Catalog(catalog) => {
                self.saw(catalog.published_at);
                // The first of a version is the one that was published.
                self.catalogs
                    .entry(catalog.version)
                    .or_insert((at, catalog));
            }
            Entry::Invitation(invitation) => {
                self.saw(invitation.created_at);
                self.deleted.remove(&invitation.id);
                let invitation = match self.invitations.remove(&invitation.id) {
                    Some((_, held)) => invitation.over(held),
                    None => invitation,
                };
                self.invitations.insert(invitation.id, (at, invitation));
            }
            Entry::InvitationDeleted(id) => {
                self.deleted.insert(id, at);
            }
            Entry::Participant(image) => {
                for device in &image.devices {
                    self.saw(device.enrolled_at);
                }
                self.used(at, &image.invitations);
                let image = match self.participants.remove(&image.participant) {
                    Some((_, held)) => image.over(ParticipantImage {
                        // One that was taken back since would come back with it.
                        invitations: Vec::new(),
                        ..held
                    }),
                    None => image,
                };
                self.participants.insert(image.participant, (at, image));
            }
            Entry::Staff(image) => {
                self.saw(image.device.enrolled_at);
                self.used(at, &image.invitations);
                let image = match self.staff.remove(&image.device.id) {
                    Some((_, held)) => (*image).over(StaffImage {
                        invitations: Vec::new(),
                        ..held
                    }),
                    None => *image,
                };
                self.staff.insert(image.device.id, (at, image));
            }
            Entry::Erased { erased, is_counted } => self.erase(at, &erased, is_counted),
            Entry::Frozen(told) if self.uncounted.is_empty() => raise(&mut self.frozen, at, &told),
            Entry::Frozen(told) => raise(&mut self.in_part, at, &told),
            Entry::Logs(openings) => {
                for opening in openings {
                    self.saw(opening.opened_at);
                    let held = self.logs.get(&opening.log);
                    // The last word, of several servers too.
                    if held.is_none_or(|(_, held)| held.opened_at <= opening.opened_at) {
                        self.logs.insert(opening.log, (at, opening));
                    }
                }
            }
        }
    }

    /// What is said of invitations with those who used them: one that was noted before, and goes with
    /// who used it, would come back unused.
    fn used(&mut self, at: At, invitations: &[Invitation]) {
        for invitation in invitations {
            if let Some(noted) = self.invitations.get_mut(&invitation.id) {
                *noted = (at, invitation.clone().over(noted.1.clone()));
            }
        }
    }

    fn erase(&mut self, at: At, erased: &Erased, is_counted: bool) {
        let who = erased.participant;
        let (since, held) = self.erased.entry(who).or_insert_with(|| {
            self.uncounted.insert(who);
            (at, Erased::new(who))
        });
        held.add(erased);
        // What is known to be theirs, in case the erasure did not come to its end.
        if let Some((_, image)) = self.participants.remove(&who) {
            held.add(&Erased {
                devices: image.devices.iter().map(|device| device.id).collect(),
                passes: image.passes.iter().map(|pass| pass.pass).collect(),
                ..Erased::new(who)
            });
            // A store of before has them unused.
            for invitation in image.invitations {
                self.invitations.remove(&invitation.id);
                self.deleted.insert(invitation.id, at);
            }
        }
        if is_counted {
            *since = at;
            self.counted.insert(who);
            self.uncounted.clear();
            let (at, told) = std::mem::take(&mut self.in_part);
            raise(&mut self.frozen, at, &told);
        }
    }

    fn saw(&mut self, at: Timestamp) {
        self.latest = self.latest.max(Some(at));
    }

    fn finish(mut self) -> Vec<Noted> {
        self.let_go();
        // In the order in which one may need the other.
        let mut notes = Vec::new();
        notes.extend(
            self.tenant
                .map(|(at, tenant)| noted(at, Entry::Tenant(tenant))),
        );
        notes.extend(all(self.catalogs, Entry::Catalog));
        notes.extend(all(self.invitations, Entry::Invitation));
        notes.extend(all(self.participants, Entry::Participant));
        notes.extend(all(self.staff, |image| Entry::Staff(Box::new(image))));
        let deleted = self.deleted.into_iter();
        notes.extend(deleted.map(|(id, at)| noted(at, Entry::InvitationDeleted(id))));
        // Those who come before the totals are in them; what a store of before still counts of the
        // others is added to the totals, and where those are told with them already it comes to that.
        let (since, before): (Vec<_>, Vec<_>) = self
            .erased
            .into_iter()
            .partition(|(who, _)| self.uncounted.contains(who));
        // Who is said to be counted says it of those named before.
        let (last, first): (Vec<_>, Vec<_>) = before
            .into_iter()
            .partition(|(who, _)| self.counted.contains(who));
        let erasure = |(who, (at, erased)): (ParticipantId, (At, Erased))| {
            let is_counted = self.counted.contains(&who);
            noted(at, Entry::Erased { erased, is_counted })
        };
        notes.extend(first.into_iter().chain(last).map(erasure));
        notes.extend(totals(self.frozen));
        notes.extend(since.into_iter().map(erasure));
        notes.extend(totals(self.in_part));
        let logs: Vec<(At, LogOpening)> = self.logs.into_values().collect();
        notes.extend(logs.chunks(OPENINGS_MAX).map(|some| {
            let at = some.iter().map(|(at, _)| *at).max().flatten();
            noted(
                at,
                Entry::Logs(some.iter().map(|(_, opening)| *opening).collect()),
            )
        }));
        notes
    }

    /// Forgets what the erased had, and invitations that are good no more.
    fn let_go(&mut self) {
        let erased = self.erased.values();
        let gone: BTreeSet<Tombstone> =
            erased.flat_map(|(_, erased)| erased.tombstones()).collect();
        self.participants
            .retain(|participant, _| !self.erased.contains_key(participant));
        self.logs
            .retain(|_, (_, opening)| !gone.contains(&opening.device.into()));
        let since = self.latest.map(|latest| {
            latest.saturating_add_ms(EXPIRED_DAYS.saturating_mul(DAY_MS).saturating_neg())
        });
        let expired =
            |invitation: &Invitation| since.is_some_and(|since| invitation.expires_at < since);
        let deleted = &mut self.deleted;
        self.invitations.retain(|id, (at, invitation)| {
            if expired(invitation) {
                deleted.remove(id);
                return false;
            }
            let stays = !invitation.names().iter().any(|name| gone.contains(name));
            if !stays {
                // A store of before has it unused.
                deleted.insert(*id, *at);
            }
            stays
        });
    }
}

fn noted(at: At, entry: Entry) -> Noted {
    Noted { at, entry }
}

fn all<K, T>(held: BTreeMap<K, (At, T)>, say: impl Fn(T) -> Entry) -> impl Iterator<Item = Noted> {
    let held = held.into_values();
    held.map(move |(at, thing)| noted(at, say(thing)))
}

fn totals((at, totals): (At, Frozen)) -> impl Iterator<Item = Noted> {
    let parts = totals.parts(FROZEN_COUNTS_MAX).into_iter();
    parts.map(move |part| noted(at, Entry::Frozen(part)))
}

/// Raises totals, which are then as old as the newest of them.
fn raise(totals: &mut (At, Frozen), at: At, told: &Frozen) {
    totals.0 = totals.0.max(at);
    totals.1.raise(told);
}

/// Counts of one entry.
pub const FROZEN_COUNTS_MAX: usize = 4_096;
/// Logs of one entry.
pub const OPENINGS_MAX: usize = 1_024;
