//! Who enrols: an invitation's length says as whom.

use askel_proto::v1;
use askel_sync::{
    admission::Role,
    id::{ParticipantId, PassTag},
    key::{KeyPair, PublicKey, StaffCertificate, device_id},
    pass::{self, PassForm},
    time::Timestamp,
};

use super::{Certifier, Desk, Device, Disturbance, first16};
use crate::common::World;

impl Desk {
    pub(super) fn enrol_key(&self, key: &[u8], code: &str, now: Timestamp) -> v1::EnrolResponse {
        let key = PublicKey::from_bytes(key).expect("a key");
        let device = device_id(self.world.tenant, &key);
        let is_staff = code.len() > 20;
        let is_volunteer = code == World::volunteer_code();
        let role = match (is_staff, is_volunteer) {
            (_, true) => Role::Volunteer,
            (true, _) => Role::Staff,
            (false, _) => Role::Participant,
        };
        // One invitation, one person: whoever comes with it is the same.
        let participant = (!is_staff).then(|| ParticipantId::from_bytes(first16(&[b"person"])));
        let tag = PassTag::from_bytes(first16(&[b"phone", key.as_bytes()]));
        let mut state = self.state();
        state.devices.insert(
            device,
            Device {
                key,
                role,
                participant,
            },
        );
        if let Some(participant) = participant {
            state.passes.insert(tag, participant);
        }
        let uncertified = state.next_disturbance(|one| one == Disturbance::NoCertificate);
        let certified = is_staff && uncertified.is_none();
        let signer = state.next_disturbance(|one| matches!(one, Disturbance::CertifiedBy(_)));
        let signs = match signer {
            Some(Disturbance::CertifiedBy(of)) => self.certifier(of),
            _ => self.world.staff_certifier.clone(),
        };
        let world = &self.world;
        let lease = StaffCertificate {
            device,
            role,
            places: Vec::new(),
            from: now,
            until: now.saturating_add_ms(8 * 24 * 3_600_000),
        };
        let signed_pass = || pass::issue(tag, PassForm::Phone, world.tenant, &world.pass_issuer);
        v1::EnrolResponse {
            device_id: device.to_vec(),
            role: role.into(),
            participant_id: participant.map(ParticipantId::to_vec).unwrap_or_default(),
            state: v1::DeviceState::Active.into(),
            key_list: Some(world.key_list()),
            pass: participant.map(|_| signed_pass()),
            staff_certificate: certified
                .then(|| lease.sign(world.tenant, &signs).expect("eight days")),
            server_time_ms: now.as_ms(),
            audience: "desk".to_owned(),
            ..v1::EnrolResponse::default()
        }
    }

    fn certifier(&self, of: Certifier) -> KeyPair {
        match of {
            Certifier::Revoked => self.world.revoked_certifier.clone(),
            Certifier::PassIssuer => self.world.pass_issuer.clone(),
            Certifier::Stranger => KeyPair::from_seed(&[0x66; 32]),
        }
    }
}
