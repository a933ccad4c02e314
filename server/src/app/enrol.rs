//! Enrolling a device: by invitation, or as another device of a participant who comes back.

use askel_proto::v1;
use askel_store::{Audit, AuditAction, Device, DeviceState, EnrolError, Grant, NewDevice, Tenant};
use askel_sync::{
    id::{ParticipantId, PassTag, TenantId},
    invitation,
    key::{PublicKey, StaffCertificate, device_id, verify_enrolment},
    pass,
    time::Timestamp,
};
use prost::Message as _;

use super::{App, AppError, Reason, recovery_sheet::RecoverySheet};
use crate::credential_file::{CodeKind, ServerKeys};

/// A device that asks to be enrolled.
#[derive(Debug, Clone)]
pub(crate) struct Enrolment {
    pub(crate) tenant: TenantId,
    pub(crate) right: EnrolRight,
    pub(crate) public_key: PublicKey,
    pub(crate) proof: Vec<u8>,
}

/// By what right, with codes as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EnrolRight {
    Invitation(String),
    ReInvitation(String),
    RecoverySheet(String),
    Approval,
}

/// What a device is told once it is enrolled. Asking again gets the same.
#[derive(Debug, Clone)]
pub(crate) struct Enrolled {
    pub(crate) device: Device,
    pub(crate) key_list: v1::SignedKeyList,
    pub(crate) pass: Option<v1::SignedPass>,
    pub(crate) staff_certificate: Option<v1::SignedStaffCertificate>,
    pub(crate) recovery_sheet: Option<RecoverySheet>,
    pub(crate) server_time: Timestamp,
    pub(crate) audience: String,
}

/// Enrols, or refuses and counts the failure against the tenant's limit on guessing.
pub(crate) async fn enrol(app: &App, enrolment: &Enrolment) -> Result<Enrolled, AppError> {
    let now = app.now();
    let (Some(tenant), Some(keys)) = (
        app.store().lookup_tenant(enrolment.tenant).await?,
        app.credentials.get(enrolment.tenant),
    ) else {
        // No more is told about a tenant that is not here than about a code that is not.
        return Err(Reason::InvitationUnknown.into());
    };
    // Nobody guesses a key: waiting for an approval is no attempt at guessing.
    let trying = if enrolment.right == EnrolRight::Approval {
        None
    } else {
        let turn = app.trying.lock().await;
        check_guessing(app, tenant.id, now).await?;
        Some(turn)
    };
    let Some(code) = normalised(&enrolment.right) else {
        return Err(failed(app, tenant.id, now, Reason::InvitationUnknown).await);
    };
    verify_enrolment(&enrolment.public_key, tenant.id, &code, &enrolment.proof)
        .map_err(|_| Reason::ProofInvalid)?;
    let next_sheet = next_sheet(&enrolment.right, keys, tenant.id, &code);
    let grant = grant(
        &enrolment.right,
        keys,
        tenant.id,
        &code,
        next_sheet.as_deref(),
    );
    let device = new_device(app, enrolment, now)?;
    let audit = Audit {
        at: now,
        actor: Some(device.id),
        action: action(&enrolment.right),
        target: Audit::device_name(device.id),
    };
    let device = match app.store().enrol(tenant.id, &grant, &device, &audit).await {
        Ok(device) => device,
        Err(EnrolError::Store(error)) => return Err(error.into()),
        Err(error) if enrolment.right == EnrolRight::Approval => return Err(reason(&error).into()),
        Err(error) => return Err(failed(app, tenant.id, now, reason(&error)).await),
    };
    drop(trying);
    if !matches!(enrolment.right, EnrolRight::Invitation(_)) {
        app.components.tell_rights(tenant.id, None);
    }
    // What its other devices hear of it was written with it.
    app.projector.settle(tenant.id).await;
    let sheet = next_sheet.map(|code| RecoverySheet {
        code,
        created_at: device.enrolled_at,
    });
    answer(app, &tenant, keys, device, sheet)
}

async fn check_guessing(app: &App, tenant: TenantId, now: Timestamp) -> Result<(), AppError> {
    let window_ms = app.enrolment.failure_window_ms();
    let since = now.saturating_add_ms(window_ms.saturating_neg());
    if app.store().count_enrol_failures(tenant, since).await? < app.enrolment.failures_max {
        return Ok(());
    }
    let retry_after_ms = u64::try_from(window_ms).unwrap_or_default();
    Err(AppError::Later {
        reason: Reason::EnrolmentLimited,
        retry_after_ms,
    })
}

/// Counts a failed attempt and gives the error to answer with.
async fn failed(app: &App, tenant: TenantId, now: Timestamp, reason: Reason) -> AppError {
    let forget_before = now.saturating_add_ms(app.enrolment.failure_window_ms().saturating_neg());
    match app
        .store()
        .record_enrol_failure(tenant, now, forget_before)
        .await
    {
        Ok(()) => reason.into(),
        Err(error) => error.into(),
    }
}

fn reason(error: &EnrolError) -> Reason {
    match error {
        EnrolError::Unknown => Reason::InvitationUnknown,
        EnrolError::Used => Reason::InvitationUsed,
        EnrolError::Expired => Reason::InvitationExpired,
        EnrolError::Revoked => Reason::DeviceRevoked,
        _ => Reason::Internal,
    }
}

/// The code as it is signed and hashed; empty for an approval, which has none.
fn normalised(right: &EnrolRight) -> Option<String> {
    match right {
        EnrolRight::Invitation(code)
        | EnrolRight::ReInvitation(code)
        | EnrolRight::RecoverySheet(code) => invitation::normalise(code).ok(),
        EnrolRight::Approval => Some(String::new()),
    }
}

fn next_sheet(
    right: &EnrolRight,
    keys: &ServerKeys,
    tenant: TenantId,
    code: &str,
) -> Option<String> {
    matches!(right, EnrolRight::RecoverySheet(_))
        .then(|| invitation::long_code(keys.next_sheet(tenant, code.as_bytes())))
}

fn grant(
    right: &EnrolRight,
    keys: &ServerKeys,
    tenant: TenantId,
    code: &str,
    next_sheet: Option<&str>,
) -> Grant {
    match right {
        EnrolRight::Invitation(_) => {
            Grant::Invitation(keys.code_hash(tenant, CodeKind::Invitation, code.as_bytes()))
        }
        EnrolRight::ReInvitation(_) => {
            Grant::ReInvitation(keys.code_hash(tenant, CodeKind::Invitation, code.as_bytes()))
        }
        EnrolRight::RecoverySheet(_) => {
            let next = next_sheet.and_then(|next| invitation::normalise(next).ok());
            Grant::RecoverySheet {
                code_hash: keys.code_hash(tenant, CodeKind::RecoverySheet, code.as_bytes()),
                next_code_hash: keys.code_hash(
                    tenant,
                    CodeKind::RecoverySheet,
                    next.unwrap_or_default().as_bytes(),
                ),
            }
        }
        EnrolRight::Approval => Grant::Approval,
    }
}

fn action(right: &EnrolRight) -> AuditAction {
    match right {
        EnrolRight::Invitation(_) => AuditAction::DeviceEnrolled,
        EnrolRight::ReInvitation(_) => AuditAction::DeviceReInvited,
        EnrolRight::RecoverySheet(_) => AuditAction::DeviceRecovered,
        EnrolRight::Approval => AuditAction::DeviceLinked,
    }
}

fn new_device(app: &App, enrolment: &Enrolment, now: Timestamp) -> Result<NewDevice, AppError> {
    Ok(NewDevice {
        id: device_id(enrolment.tenant, &enrolment.public_key),
        public_key: enrolment.public_key,
        new_participant: ParticipantId::from_bytes(app.draw()?),
        new_pass: PassTag::from_bytes(app.draw()?),
        now,
        lease_until: now.saturating_add_ms(app.enrolment.staff_lease_ms()),
        probation_until: now.saturating_add_ms(app.enrolment.probation_ms()),
    })
}

fn answer(
    app: &App,
    tenant: &Tenant,
    keys: &ServerKeys,
    device: Device,
    recovery_sheet: Option<RecoverySheet>,
) -> Result<Enrolled, AppError> {
    let key_list =
        v1::SignedKeyList::decode(&*tenant.signed_key_list).map_err(|_| Reason::Internal)?;
    let pass = device
        .pass
        .map(|tag| pass::issue(tag, v1::PassForm::Phone, tenant.id, &keys.pass_issuer));
    Ok(Enrolled {
        pass,
        staff_certificate: staff_certificate(app, tenant.id, &device)?,
        key_list,
        recovery_sheet,
        server_time: app.now(),
        audience: app.audience.clone(),
        device,
    })
}

/// The certificate of an active staff device's lease; the same for the same lease.
pub(super) fn staff_certificate(
    app: &App,
    tenant: TenantId,
    device: &Device,
) -> Result<Option<v1::SignedStaffCertificate>, AppError> {
    let Some(until) = device
        .lease_until
        .filter(|_| device.state == DeviceState::Active)
    else {
        return Ok(None);
    };
    let certificate = StaffCertificate {
        device: device.id,
        role: device.role,
        places: device.scope.clone().unwrap_or_default(),
        from: until.saturating_add_ms(app.enrolment.staff_lease_ms().saturating_neg()),
        until,
    };
    let signed = certificate.sign(tenant, &app.keys(tenant)?.staff_certifier);
    Ok(Some(signed.map_err(|_| Reason::Internal)?))
}
