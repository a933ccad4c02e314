//! `EnrolmentService`: devices come in, and come back.

use std::sync::Arc;

use askel_proto::v1::{self, enrolment_service_server::EnrolmentService};
use askel_store::{Device, DeviceState};
use askel_sync::{
    id::{DeviceId, ParticipantId, TenantId},
    key::PublicKey,
};
use tonic::{Request, Response, Status};

use super::{caller, error::status, paging, sync::VERSION};
use crate::{
    app::{
        App, AppError, Caller, EnrolRight, Enrolled, Enrolment, Reason, RecoverySheet,
        approve_device, create_recovery_sheet, enrol, list_own_devices, refuse_device,
        revoke_own_device,
    },
    limits::CODE_BYTES_MAX,
};

/// The service.
pub(super) struct EnrolmentRpc {
    pub(super) app: Arc<App>,
}

#[tonic::async_trait]
impl EnrolmentService for EnrolmentRpc {
    async fn enrol(
        &self,
        request: Request<v1::EnrolRequest>,
    ) -> Result<Response<v1::EnrolResponse>, Status> {
        let message = request.into_inner();
        let enrolment = decode_enrol(message).map_err(|error| status(&error))?;
        answer(&self.app, &enrolment).await
    }

    async fn come_back(
        &self,
        request: Request<v1::ComeBackRequest>,
    ) -> Result<Response<v1::EnrolResponse>, Status> {
        let message = request.into_inner();
        let enrolment = decode_come_back(message).map_err(|error| status(&error))?;
        answer(&self.app, &enrolment).await
    }

    async fn create_recovery_sheet(
        &self,
        request: Request<v1::CreateRecoverySheetRequest>,
    ) -> Result<Response<v1::RecoverySheet>, Status> {
        let caller = caller(&request)?;
        let sheet = create_recovery_sheet(&self.app, &caller).await;
        Ok(Response::new(sheet_of(
            sheet.map_err(|error| status(&error))?,
        )))
    }

    async fn approve_device(
        &self,
        request: Request<v1::ApproveDeviceRequest>,
    ) -> Result<Response<v1::ApproveDeviceResponse>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let approved = decode_approval(&message).map_err(|error| status(&error))?;
        let (key, replaced) = approved;
        let expires_at = approve_device(&self.app, &caller, &key, replaced).await;
        let expires_at_ms = expires_at.map_err(|error| status(&error))?.as_ms();
        Ok(Response::new(v1::ApproveDeviceResponse { expires_at_ms }))
    }

    async fn list_own_devices(
        &self,
        request: Request<v1::ListOwnDevicesRequest>,
    ) -> Result<Response<v1::ListOwnDevicesResponse>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let page = paging::request(message.page_size, &message.page_token);
        let page = page.map_err(|error| status(&error))?;
        let devices = list_own_devices(&self.app, &caller).await;
        let mut devices = devices.map_err(|error| status(&error))?;
        // The store tells them by id; the token is the last id of the page before.
        devices.retain(|device| device.id.as_bytes()[..] > *page.after || page.after.is_empty());
        let key = |device: &Device| device.id.to_vec();
        let page = askel_store::PageOf::cut(devices, &page, key);
        Ok(Response::new(v1::ListOwnDevicesResponse {
            devices: page
                .items
                .iter()
                .map(|device| own_device(device, &caller))
                .collect(),
            next_page_token: paging::token(page.next),
        }))
    }

    async fn revoke_own_device(
        &self,
        request: Request<v1::RevokeOwnDeviceRequest>,
    ) -> Result<Response<v1::OwnDevice>, Status> {
        let caller = caller(&request)?;
        let device = device(&request.into_inner().device_id).map_err(|error| status(&error))?;
        let revoked = revoke_own_device(&self.app, &caller, device).await;
        Ok(Response::new(own_device(
            &revoked.map_err(|error| status(&error))?,
            &caller,
        )))
    }

    async fn refuse_device(
        &self,
        request: Request<v1::RefuseDeviceRequest>,
    ) -> Result<Response<v1::OwnDevice>, Status> {
        let caller = caller(&request)?;
        let device = device(&request.into_inner().device_id).map_err(|error| status(&error))?;
        let refused = refuse_device(&self.app, &caller, device).await;
        Ok(Response::new(own_device(
            &refused.map_err(|error| status(&error))?,
            &caller,
        )))
    }
}

/// Whether this server speaks one of the client's versions; a client that names none is taken to
/// speak this one.
pub(super) fn check_version(versions: Option<v1::VersionRange>) -> Result<(), AppError> {
    let speaks = versions.is_none_or(|range| (range.lowest..=range.highest).contains(&VERSION));
    if speaks {
        Ok(())
    } else {
        Err(Reason::VersionUnsupported.into())
    }
}

fn decode_enrol(message: v1::EnrolRequest) -> Result<Enrolment, AppError> {
    check_version(message.versions)?;
    Ok(Enrolment {
        tenant: tenant(&message.tenant_id)?,
        right: EnrolRight::Invitation(code("invitation_code", message.invitation_code)?),
        public_key: public_key(&message.device_public_key)?,
        proof: message.proof,
    })
}

fn decode_come_back(message: v1::ComeBackRequest) -> Result<Enrolment, AppError> {
    use v1::come_back_request::Right;
    check_version(message.versions)?;
    let right = match message
        .right
        .ok_or_else(|| AppError::field("right", "is missing"))?
    {
        Right::RecoveryCode(typed) => EnrolRight::RecoverySheet(code("recovery_code", typed)?),
        Right::Approval(_) => EnrolRight::Approval,
        Right::ReInvitationCode(typed) => {
            EnrolRight::ReInvitation(code("re_invitation_code", typed)?)
        }
    };
    Ok(Enrolment {
        tenant: tenant(&message.tenant_id)?,
        right,
        public_key: public_key(&message.device_public_key)?,
        proof: message.proof,
    })
}

fn decode_approval(
    message: &v1::ApproveDeviceRequest,
) -> Result<(PublicKey, Option<DeviceId>), AppError> {
    let replaced = match &*message.replaced_device_id {
        [] => None,
        id => Some(device(id)?),
    };
    Ok((public_key(&message.device_public_key)?, replaced))
}

fn tenant(bytes: &[u8]) -> Result<TenantId, AppError> {
    TenantId::try_from(bytes).map_err(|_| AppError::field("tenant_id", "has 16 bytes"))
}

fn device(bytes: &[u8]) -> Result<DeviceId, AppError> {
    DeviceId::try_from(bytes).map_err(|_| AppError::field("device_id", "has 16 bytes"))
}

fn public_key(bytes: &[u8]) -> Result<PublicKey, AppError> {
    PublicKey::from_bytes(bytes)
        .map_err(|_| AppError::field("device_public_key", "is an Ed25519 key of 32 bytes"))
}

fn code(field: &str, typed: String) -> Result<String, AppError> {
    if typed.len() <= CODE_BYTES_MAX {
        return Ok(typed);
    }
    Err(AppError::field(
        field,
        format!("has at most {CODE_BYTES_MAX} bytes"),
    ))
}

async fn answer(app: &App, enrolment: &Enrolment) -> Result<Response<v1::EnrolResponse>, Status> {
    let enrolled = enrol(app, enrolment)
        .await
        .map_err(|error| status(&error))?;
    Ok(Response::new(enrol_response(enrolled)))
}

fn enrol_response(enrolled: Enrolled) -> v1::EnrolResponse {
    let device = &enrolled.device;
    v1::EnrolResponse {
        device_id: device.id.to_vec(),
        role: device.role.into(),
        participant_id: device
            .participant
            .map(ParticipantId::to_vec)
            .unwrap_or_default(),
        state: device_state(device.state).into(),
        new_facts_only_until_ms: match device.state {
            DeviceState::Probation { until } => until.as_ms(),
            _ => 0,
        },
        key_list: Some(enrolled.key_list),
        pass: enrolled.pass,
        staff_certificate: enrolled.staff_certificate,
        recovery_sheet: enrolled.recovery_sheet.map(sheet_of),
        server_time_ms: enrolled.server_time.as_ms(),
        audience: enrolled.audience,
    }
}

fn sheet_of(sheet: RecoverySheet) -> v1::RecoverySheet {
    v1::RecoverySheet {
        created_at_ms: sheet.created_at.as_ms(),
        code: sheet.code,
    }
}

fn own_device(device: &Device, caller: &Caller) -> v1::OwnDevice {
    v1::OwnDevice {
        device_id: device.id.to_vec(),
        state: device_state(device.state).into(),
        enrolled_at_ms: device.enrolled_at.as_ms(),
        current: device.id == caller.device.id,
    }
}

/// A state as told.
pub(super) fn device_state(state: DeviceState) -> v1::DeviceState {
    match state {
        DeviceState::Pending => v1::DeviceState::Pending,
        DeviceState::Active => v1::DeviceState::Active,
        DeviceState::Probation { .. } => v1::DeviceState::Probation,
        DeviceState::Revoked => v1::DeviceState::Revoked,
    }
}
