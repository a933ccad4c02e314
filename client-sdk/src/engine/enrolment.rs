//! Becoming someone: enrolling, and coming back.

use askel_proto::v1;
use askel_sync::{
    admission::Role,
    id::{DeviceId, LogId, ParticipantId},
    invitation::{Link, LinkKind, normalise},
    key::{KeyList, PublicKey, device_id, prove_enrolment},
    stream::short::standard_streams,
    time::Timestamp,
};

use super::{
    Decided, Engine,
    draft::Draft,
    row::{Enrolment, Installation, LogRow, ONLY, Row, StreamRow},
};
use crate::{Cause, ComeBack, Enrolled, Error, OwnDevice, RecoverySheet};

/// The versions of the protocol this SDK speaks.
pub(super) const VERSIONS: v1::VersionRange = v1::VersionRange {
    lowest: 1,
    highest: 1,
};

/// What an installation hands in to become someone.
#[derive(Debug, Clone)]
pub(crate) enum Right {
    New(v1::EnrolRequest),
    Known(v1::ComeBackRequest),
}

impl Engine {
    /// The request for an invitation.
    pub(crate) fn enrol_request(&self, link: &str) -> Result<(Link, Right), Error> {
        let link = self.link(link)?;
        if link.kind != LinkKind::Invitation {
            return Err(Cause::Link("it is not an invitation of a new principal").into());
        }
        let request = v1::EnrolRequest {
            tenant_id: link.tenant.to_vec(),
            invitation_code: link.code.clone(),
            device_public_key: self.public_key().as_bytes().to_vec(),
            proof: self.prove(&link, &link.code)?,
            versions: Some(VERSIONS),
        };
        Ok((link, Right::New(request)))
    }

    /// The request of a new device of a known participant.
    pub(crate) fn come_back_request(&self, right: &ComeBack) -> Result<(Link, Right), Error> {
        use v1::come_back_request::Right as Proto;
        let (text, kind) = match right {
            ComeBack::RecoverySheet(text) => (text, LinkKind::RecoverySheet),
            ComeBack::ReInvitation(text) => (text, LinkKind::ReInvitation),
            ComeBack::Approved(text) => (text, LinkKind::Approval),
        };
        let link = self.link(text)?;
        // After an approval any link of the tenant says where to go.
        if kind != LinkKind::Approval && link.kind != kind {
            return Err(Cause::Link("it is of another kind").into());
        }
        let (right, code) = match kind {
            LinkKind::RecoverySheet => (Proto::RecoveryCode(link.code.clone()), &*link.code),
            LinkKind::ReInvitation => (Proto::ReInvitationCode(link.code.clone()), &*link.code),
            LinkKind::Invitation | LinkKind::Approval => {
                (Proto::Approval(v1::DeviceApproval {}), "")
            }
        };
        let request = v1::ComeBackRequest {
            tenant_id: link.tenant.to_vec(),
            right: Some(right),
            device_public_key: self.public_key().as_bytes().to_vec(),
            proof: self.prove(&link, code)?,
            versions: Some(VERSIONS),
        };
        Ok((link, Right::Known(request)))
    }

    fn link(&self, text: &str) -> Result<Link, Error> {
        if self.model.enrolment().is_some() {
            return Err(Cause::AlreadyEnrolled.into());
        }
        text.parse()
            .map_err(|_| Cause::Link("it is no link of Askel").into())
    }

    fn prove(&self, link: &Link, code: &str) -> Result<Vec<u8>, Error> {
        let code = match code {
            "" => String::new(),
            code => normalise(code).map_err(|_| Cause::Link("its code is none"))?,
        };
        Ok(prove_enrolment(&self.key, link.tenant, &code))
    }

    /// Takes in the server's answer: who this is, whom to trust, the first log and what to follow.
    pub(crate) fn take_enrolment(
        &self,
        link: &Link,
        response: v1::EnrolResponse,
        now: Timestamp,
        fresh_log: LogId,
    ) -> Result<Decided<Enrolled>, Error> {
        if self.model.enrolment().is_some() {
            return Err(Cause::AlreadyEnrolled.into());
        }
        let sheet = response.recovery_sheet.clone();
        let server_time_ms = response.server_time_ms;
        let enrolment = self.read_enrolment(link, response)?;
        let mut draft = Draft::new(&self.model);
        draft.open_log(LogRow::fresh(fresh_log))?;
        let none = std::iter::empty();
        for key in standard_streams(enrolment.device, enrolment.participant, none) {
            draft.append(Row::Stream(StreamRow::fresh(key.selector())))?;
        }
        let mut attempt = self.model.attempt.clone();
        attempt.server_offset_ms = server_time_ms.saturating_sub(now.as_ms());
        draft.put(ONLY, Row::Attempt(attempt));
        let enrolled = Enrolled {
            recovery_sheet: sheet.map(|sheet| recovery_sheet(&enrolment, sheet.code)),
            ..enrolled(&enrolment)
        };
        let installation = Installation {
            enrolment: Some(enrolment),
        };
        draft.put(ONLY, Row::Installation(Box::new(installation)));
        Ok(Decided::new(draft.finish(), enrolled))
    }

    fn read_enrolment(&self, link: &Link, response: v1::EnrolResponse) -> Result<Enrolment, Error> {
        let device = device_id(link.tenant, &self.public_key());
        if response.device_id != device.as_bytes() {
            return Err(Cause::Answer("it is for another device").into());
        }
        let key_list = response
            .key_list
            .ok_or(Cause::Answer("it has no key list"))?;
        KeyList::verify(&key_list, link.tenant, &link.root_hash, 0)
            .map_err(|_| Cause::Answer("its key list is not of the invitation's root"))?;
        let role = Role::try_from(response.role)
            .map_err(|_| Cause::Answer("it has a role of a later version"))?;
        let participant = match (&*response.participant_id, role) {
            ([], Role::Participant) => {
                return Err(Cause::Answer("it names no participant").into());
            }
            ([], _) => None,
            (id, _) => Some(
                ParticipantId::try_from(id)
                    .map_err(|_| Cause::Answer("its participant id is none"))?,
            ),
        };
        Ok(Enrolment {
            server_url: link.server_url.clone(),
            tenant: link.tenant,
            root_hash: link.root_hash,
            device,
            role,
            participant,
            state: v1::DeviceState::try_from(response.state)
                .unwrap_or(v1::DeviceState::Unspecified),
            key_list,
            pass: response.pass,
            staff_certificate: response.staff_certificate,
            audience: response.audience,
        })
    }

    /// Who this installation is.
    pub(crate) fn enrolled(&self) -> Option<Enrolled> {
        self.model.enrolment().map(enrolled)
    }

    /// Where the server is.
    pub(crate) fn server_url(&self) -> Option<&str> {
        self.model
            .enrolment()
            .map(|enrolment| &*enrolment.server_url)
    }

    /// A sheet's text.
    pub(crate) fn recovery_sheet(&self, sheet: v1::RecoverySheet) -> Result<RecoverySheet, Error> {
        Ok(recovery_sheet(self.enrolment()?, sheet.code))
    }

    /// The request to approve another device.
    pub(crate) fn approve_request(
        key: &PublicKey,
        replaces: Option<DeviceId>,
    ) -> v1::ApproveDeviceRequest {
        v1::ApproveDeviceRequest {
            device_public_key: key.as_bytes().to_vec(),
            replaced_device_id: replaces.map(DeviceId::to_vec).unwrap_or_default(),
        }
    }
}

fn enrolled(enrolment: &Enrolment) -> Enrolled {
    Enrolled {
        device: enrolment.device,
        role: enrolment.role,
        participant: enrolment.participant,
        state: enrolment.state,
        recovery_sheet: None,
    }
}

fn recovery_sheet(enrolment: &Enrolment, code: String) -> RecoverySheet {
    let link = Link {
        server_url: enrolment.server_url.clone(),
        tenant: enrolment.tenant,
        root_hash: enrolment.root_hash,
        kind: LinkKind::RecoverySheet,
        code,
    };
    RecoverySheet {
        text: link.to_string(),
    }
}

/// Reads the server's list of own devices.
pub(crate) fn own_devices(list: v1::ListOwnDevicesResponse) -> Result<Vec<OwnDevice>, Error> {
    let device = |device: v1::OwnDevice| {
        Ok(OwnDevice {
            device: DeviceId::try_from(&*device.device_id)
                .map_err(|_| Cause::Answer("a device without an id"))?,
            state: device.state(),
            enrolled_at: Timestamp::from_ms(device.enrolled_at_ms),
            current: device.current,
        })
    };
    list.devices.into_iter().map(device).collect()
}
