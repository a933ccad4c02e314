//! All that lets someone in, at once: read, replaced, erased.

use askel_sync::id::{DeviceId, ParticipantId};

use super::held::{Enrolment, HeldApproval, Pass, Sheet};
use crate::{
    Erased, Invitation, PassRecord, RecoverySheet,
    journal::{ParticipantImage, StaffImage},
};

impl Enrolment {
    pub(in crate::memory) fn image(&self, participant: ParticipantId) -> Option<ParticipantImage> {
        if !self.participants.contains(&participant) {
            return None;
        }
        let devices: Vec<_> = self.of_participant(Some(participant)).cloned().collect();
        let passes = self.passes.iter();
        let passes = passes.filter(|(_, pass)| pass.participant == participant);
        let sheets = self.sheets.iter();
        let sheets = sheets.filter(|(_, sheet)| sheet.participant == participant);
        let approvals = self.approvals.values();
        let approvals = approvals.filter(|held| held.approval.participant == participant);
        let cards = self.cards.iter();
        let cards = cards.filter(|(_, card)| card.participant == participant);
        let theirs = |invitation: &&Invitation| {
            invitation.participant == Some(participant)
                || devices
                    .iter()
                    .any(|device| invitation.used_by == Some(device.id))
        };
        Some(ParticipantImage {
            participant,
            passes: passes
                .map(|(tag, pass)| PassRecord {
                    pass: *tag,
                    participant,
                    burned_at: pass.burned_at,
                })
                .collect(),
            sheets: sheets
                .map(|(code_hash, sheet)| {
                    let held = RecoverySheet {
                        participant,
                        code_hash: *code_hash,
                        maker: sheet.maker,
                    };
                    (held, sheet.used_by)
                })
                .collect(),
            approvals: approvals.map(|held| (held.approval, held.used)).collect(),
            cards: cards.map(|(request, card)| (*request, card.pass)).collect(),
            invitations: self.invitations.values().filter(theirs).cloned().collect(),
            devices,
        })
    }

    pub(in crate::memory) fn staff_image(&self, device: DeviceId) -> Option<StaffImage> {
        let device = self.devices.get(&device)?.clone();
        let used = |invitation: &&Invitation| invitation.used_by == Some(device.id);
        let invitations = self.invitations.values().filter(used).cloned().collect();
        Some(StaffImage {
            device,
            invitations,
        })
    }

    pub(in crate::memory) fn invitation(&self, id: [u8; 16]) -> Option<Invitation> {
        self.invitations.get(&id).cloned()
    }

    /// Replaces what stands of a participant.
    pub(in crate::memory) fn put_image(&mut self, image: ParticipantImage) {
        let participant = image.participant;
        self.sheets
            .retain(|_, sheet| sheet.participant != participant);
        self.approvals
            .retain(|_, held| held.approval.participant != participant);
        self.participants.insert(participant);
        for pass in &image.passes {
            let held = Pass {
                participant,
                burned_at: pass.burned_at,
            };
            self.passes.insert(pass.pass, held);
        }
        for (request, pass) in &image.cards {
            self.cards
                .insert(*request, PassRecord::good(*pass, participant));
        }
        for (sheet, used_by) in image.sheets {
            let held = Sheet {
                participant,
                maker: sheet.maker,
                used_by,
            };
            self.sheets.insert(sheet.code_hash, held);
        }
        for (approval, used) in image.approvals {
            self.approvals
                .insert(approval.approved, HeldApproval { approval, used });
        }
        for device in image.devices {
            self.devices.insert(device.id, device);
        }
        for invitation in image.invitations {
            self.put_invitation(invitation);
        }
    }

    pub(in crate::memory) fn put_staff(&mut self, image: StaffImage) {
        self.devices.insert(image.device.id, image.device);
        for invitation in image.invitations {
            self.put_invitation(invitation);
        }
    }

    pub(in crate::memory) fn put_invitation(&mut self, invitation: Invitation) {
        let invitation = match self.invitations.remove(&invitation.id) {
            Some(standing) => invitation.over(standing),
            None => invitation,
        };
        self.invitations.insert(invitation.id, invitation);
    }

    /// Takes back an invitation that nobody used.
    pub(in crate::memory) fn take_back(&mut self, id: [u8; 16]) {
        self.invitations
            .retain(|held, invitation| *held != id || invitation.used_by.is_some());
    }

    /// Adds the ids of what is a participant's.
    pub(in crate::memory) fn owned_by(&self, erased: &mut Erased) {
        let participant = erased.participant;
        let devices = self.of_participant(Some(participant));
        erased.devices.extend(devices.map(|device| device.id));
        let passes = self.passes.iter();
        let passes = passes.filter(|(_, pass)| pass.participant == participant);
        erased.passes.extend(passes.map(|(tag, _)| *tag));
    }

    pub(in crate::memory) fn erase(&mut self, erased: &Erased) {
        let participant = erased.participant;
        self.invitations.retain(|_, invitation| {
            invitation.participant != Some(participant)
                && invitation
                    .used_by
                    .is_none_or(|device| !erased.devices.contains(&device))
        });
        self.devices.retain(|id, _| !erased.devices.contains(id));
        self.sheets
            .retain(|_, sheet| sheet.participant != participant);
        self.approvals
            .retain(|_, held| held.approval.participant != participant);
        self.cards.retain(|_, card| card.participant != participant);
        self.passes
            .retain(|_, pass| pass.participant != participant);
        self.participants.remove(&participant);
    }
}
