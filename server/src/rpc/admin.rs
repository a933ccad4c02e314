//! `AdminService`: invitations, cards, devices, withdrawals, the audit log.

use std::sync::Arc;

use askel_proto::v1::{self, admin_service_server::AdminService};
use askel_store::{AuditEntry, Device, Invitation};
use askel_sync::{
    id::{AwardId, DeviceId, PassTag, PlaceId},
    limits::{ALIAS_NUMBER_MAX, PICTURE_MAX},
    op::Alias,
};
use data_encoding::HEXLOWER;
use tonic::{Request, Response, Status};

use super::{caller, enrolment::device_state, error::status, names, paging};
use crate::{
    app::{
        App, AppError, InvitationDraft, Invited, ReInvitation, approve_staff_device, create_card,
        create_invitation, delete_invitation, list_audit, list_devices, list_invitations,
        revoke_device, withdraw_award,
    },
    limits::INVITED_PLACES_MAX,
};

/// The service.
pub(super) struct AdminRpc {
    pub(super) app: Arc<App>,
}

#[tonic::async_trait]
impl AdminService for AdminRpc {
    async fn create_invitation(
        &self,
        request: Request<v1::CreateInvitationRequest>,
    ) -> Result<Response<v1::Invitation>, Status> {
        let caller = caller(&request)?;
        let draft = draft(request.into_inner()).map_err(|error| status(&error))?;
        let invited = create_invitation(&self.app, &caller, &draft).await;
        let Invited {
            invitation,
            code,
            link,
        } = invited.map_err(|error| status(&error))?;
        Ok(Response::new(v1::Invitation {
            code,
            link,
            ..encode_invitation(&invitation)
        }))
    }

    async fn list_invitations(
        &self,
        request: Request<v1::ListInvitationsRequest>,
    ) -> Result<Response<v1::ListInvitationsResponse>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let page = paging::request(message.page_size, &message.page_token);
        let page = page.map_err(|error| status(&error))?;
        let listed = list_invitations(&self.app, &caller, &page).await;
        let listed = listed.map_err(|error| status(&error))?;
        Ok(Response::new(v1::ListInvitationsResponse {
            invitations: listed.items.iter().map(encode_invitation).collect(),
            next_page_token: paging::token(listed.next),
        }))
    }

    async fn delete_invitation(
        &self,
        request: Request<v1::DeleteInvitationRequest>,
    ) -> Result<Response<v1::DeleteInvitationResponse>, Status> {
        let caller = caller(&request)?;
        let id = names::invitation(&request.into_inner().name).map_err(|error| status(&error))?;
        let deleted = delete_invitation(&self.app, &caller, id).await;
        deleted.map_err(|error| status(&error))?;
        Ok(Response::new(v1::DeleteInvitationResponse {}))
    }

    async fn create_card(
        &self,
        request: Request<v1::CreateCardRequest>,
    ) -> Result<Response<v1::Card>, Status> {
        let caller = caller(&request)?;
        let request_id = <[u8; 16]>::try_from(&*request.into_inner().request_id)
            .map_err(|_| status(&AppError::field("request_id", "has 16 bytes")))?;
        let card = create_card(&self.app, &caller, request_id).await;
        let card = card.map_err(|error| status(&error))?;
        Ok(Response::new(v1::Card {
            pass: Some(card.pass),
            text: card.text,
        }))
    }

    async fn list_devices(
        &self,
        request: Request<v1::ListDevicesRequest>,
    ) -> Result<Response<v1::ListDevicesResponse>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let page = paging::request(message.page_size, &message.page_token);
        let page = page.map_err(|error| status(&error))?;
        let listed = list_devices(&self.app, &caller, &page).await;
        let listed = listed.map_err(|error| status(&error))?;
        Ok(Response::new(v1::ListDevicesResponse {
            devices: listed.items.iter().map(encode_device).collect(),
            next_page_token: paging::token(listed.next),
        }))
    }

    async fn approve_staff_device(
        &self,
        request: Request<v1::ApproveStaffDeviceRequest>,
    ) -> Result<Response<v1::Device>, Status> {
        let caller = caller(&request)?;
        let device = names::device(&request.into_inner().name).map_err(|error| status(&error))?;
        let approved = approve_staff_device(&self.app, &caller, device).await;
        Ok(Response::new(encode_device(
            &approved.map_err(|error| status(&error))?,
        )))
    }

    async fn revoke_device(
        &self,
        request: Request<v1::RevokeDeviceRequest>,
    ) -> Result<Response<v1::Device>, Status> {
        let caller = caller(&request)?;
        let device = names::device(&request.into_inner().name).map_err(|error| status(&error))?;
        let revoked = revoke_device(&self.app, &caller, device).await;
        Ok(Response::new(encode_device(
            &revoked.map_err(|error| status(&error))?,
        )))
    }

    async fn withdraw_award(
        &self,
        request: Request<v1::WithdrawAwardRequest>,
    ) -> Result<Response<v1::WithdrawAwardResponse>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let reason = message.reason();
        let (pass, award) = withdrawal(&message).map_err(|error| status(&error))?;
        let withdrawn = withdraw_award(&self.app, &caller, pass, award, reason).await;
        withdrawn.map_err(|error| status(&error))?;
        Ok(Response::new(v1::WithdrawAwardResponse {}))
    }

    async fn list_audit_entries(
        &self,
        request: Request<v1::ListAuditEntriesRequest>,
    ) -> Result<Response<v1::ListAuditEntriesResponse>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let page = paging::request(message.page_size, &message.page_token);
        let page = page.map_err(|error| status(&error))?;
        let listed = list_audit(&self.app, &caller, &page).await;
        let listed = listed.map_err(|error| status(&error))?;
        Ok(Response::new(v1::ListAuditEntriesResponse {
            audit_entries: listed.items.iter().map(encode_entry).collect(),
            next_page_token: paging::token(listed.next),
        }))
    }
}

fn draft(message: v1::CreateInvitationRequest) -> Result<InvitationDraft, AppError> {
    let invitation = message
        .invitation
        .ok_or_else(|| AppError::field("invitation", "is missing"))?;
    let valid_for_ms = i64::try_from(message.valid_for_ms)
        .map_err(|_| AppError::field("valid_for_ms", "is too long"))?;
    if invitation.place_ids.len() > INVITED_PLACES_MAX {
        let problem = format!("has at most {INVITED_PLACES_MAX} entries");
        return Err(AppError::field("invitation.place_ids", problem));
    }
    let role = invitation.role();
    let places: Vec<PlaceId> = invitation.place_ids.into_iter().map(PlaceId::new).collect();
    let re_invitation = if message.re_invite_pass_tag.is_empty() {
        None
    } else {
        let pass = pass_tag("re_invite_pass_tag", &message.re_invite_pass_tag)?;
        Some(seen(pass, message.seen_alias, message.seen_picture)?)
    };
    Ok(InvitationDraft {
        role,
        scope: (!places.is_empty()).then_some(places),
        valid_for_ms: (valid_for_ms != 0).then_some(valid_for_ms),
        re_invitation,
    })
}

fn seen(pass: PassTag, alias: Option<v1::Alias>, picture: u32) -> Result<ReInvitation, AppError> {
    let alias = alias.ok_or_else(|| AppError::field("seen_alias", "is missing"))?;
    if alias.number > ALIAS_NUMBER_MAX {
        return Err(AppError::field("seen_alias.number", "is at most 9999"));
    }
    if picture > PICTURE_MAX {
        return Err(AppError::field(
            "seen_picture",
            "is not one of the drawings",
        ));
    }
    let alias = Alias {
        word: alias.word,
        number: alias.number,
    };
    Ok(ReInvitation {
        pass,
        alias,
        picture,
    })
}

fn pass_tag(field: &str, bytes: &[u8]) -> Result<PassTag, AppError> {
    PassTag::try_from(bytes).map_err(|_| AppError::field(field, "has 16 bytes"))
}

fn withdrawal(message: &v1::WithdrawAwardRequest) -> Result<(PassTag, AwardId), AppError> {
    if message.reason() == v1::WithdrawalReason::Unspecified {
        return Err(AppError::field("reason", "is missing"));
    }
    let award = AwardId::try_from(&*message.award_id)
        .map_err(|_| AppError::field("award_id", "has 16 bytes"))?;
    Ok((pass_tag("pass_tag", &message.pass_tag)?, award))
}

fn encode_invitation(invitation: &Invitation) -> v1::Invitation {
    v1::Invitation {
        name: format!("invitations/{}", HEXLOWER.encode(&invitation.id)),
        role: invitation.role.into(),
        place_ids: place_ids(invitation.scope.as_deref()),
        created_at_ms: invitation.created_at.as_ms(),
        expires_at_ms: invitation.expires_at.as_ms(),
        code: String::new(),
        link: String::new(),
        used: invitation.used_by.is_some(),
    }
}

fn encode_device(device: &Device) -> v1::Device {
    v1::Device {
        name: names::of_device(device.id),
        role: device.role.into(),
        place_ids: place_ids(device.scope.as_deref()),
        state: device_state(device.state).into(),
        enrolled_at_ms: device.enrolled_at.as_ms(),
        lease_until_ms: device
            .lease_until
            .map_or(0, askel_sync::time::Timestamp::as_ms),
    }
}

fn place_ids(scope: Option<&[PlaceId]>) -> Vec<u32> {
    scope
        .unwrap_or_default()
        .iter()
        .map(|place| place.get())
        .collect()
}

fn encode_entry(entry: &AuditEntry) -> v1::AuditEntry {
    v1::AuditEntry {
        name: format!("auditEntries/{}", entry.sequence),
        recorded_at_ms: entry.audit.at.as_ms(),
        actor: entry
            .audit
            .actor
            .map(|actor: DeviceId| names::of_device(actor))
            .unwrap_or_default(),
        action: entry.audit.action.name().to_owned(),
        target: entry.audit.target.clone(),
        previous_hash: entry.previous_hash.to_vec(),
        hash: entry.hash.to_vec(),
    }
}
