//! How an image meets what stands: the image holds, but for what no image undoes.

use std::collections::BTreeMap;

use super::{ParticipantImage, StaffImage};
use crate::{Approval, Device, DeviceState, Invitation, PassRecord, RecoverySheet};

impl ParticipantImage {
    /// What stands after this image was applied to what stood.
    #[must_use]
    pub fn over(self, standing: Self) -> Self {
        let mut image = Self {
            participant: self.participant,
            devices: merged(standing.devices, self.devices, |row| row.id, newer_device),
            passes: merged(standing.passes, self.passes, |row| row.pass, newer_pass),
            sheets: merged(
                standing
                    .sheets
                    .into_iter()
                    .filter(|(_, used_by)| used_by.is_some()),
                self.sheets,
                |(sheet, _)| sheet.code_hash,
                newer_sheet,
            ),
            approvals: merged(
                standing.approvals.into_iter().filter(|(_, used)| *used),
                self.approvals,
                |(approval, _)| approval.approved,
                newer_approval,
            ),
            cards: merged(standing.cards, self.cards, |row| row.0, |_, new| new),
            invitations: merged(
                standing.invitations,
                self.invitations,
                |row| row.id,
                |standing, image: Invitation| image.over(standing),
            ),
        };
        image.burn_what_no_device_shows();
        image
    }

    /// A device that stays revoked has a pass that stays burned: an older image, told late, names
    /// neither.
    fn burn_what_no_device_shows(&mut self) {
        for device in &mut self.devices {
            if device.state == DeviceState::Revoked {
                device.pass = None;
            }
        }
    }
}

impl StaffImage {
    /// What stands after this image was applied to what stood.
    #[must_use]
    pub fn over(self, standing: Self) -> Self {
        Self {
            device: newer_device(standing.device, self.device),
            invitations: merged(
                standing.invitations,
                self.invitations,
                |row| row.id,
                |standing, image: Invitation| image.over(standing),
            ),
        }
    }
}

/// Both lists, each name once.
fn merged<T, K: Ord>(
    standing: impl IntoIterator<Item = T>,
    image: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
    newer: impl Fn(T, T) -> T,
) -> Vec<T> {
    let mut rows: BTreeMap<K, T> = BTreeMap::new();
    for row in standing.into_iter().chain(image) {
        let name = key(&row);
        let row = match rows.remove(&name) {
            Some(standing) => newer(standing, row),
            None => row,
        };
        rows.insert(name, row);
    }
    rows.into_values().collect()
}

fn newer_device(standing: Device, image: Device) -> Device {
    if standing.state == DeviceState::Revoked {
        standing
    } else {
        Device {
            clock: standing.clock,
            ..image
        }
    }
}

fn newer_pass(standing: PassRecord, image: PassRecord) -> PassRecord {
    PassRecord {
        burned_at: match (standing.burned_at, image.burned_at) {
            (Some(standing), Some(image)) => Some(standing.min(image)),
            (standing, image) => standing.or(image),
        },
        ..image
    }
}

type Sheet = (RecoverySheet, Option<askel_sync::id::DeviceId>);

fn newer_sheet(standing: Sheet, image: Sheet) -> Sheet {
    if standing.1.is_some() {
        standing
    } else {
        image
    }
}

fn newer_approval(standing: (Approval, bool), image: (Approval, bool)) -> (Approval, bool) {
    if standing.1 { standing } else { image }
}
