//! Who calls: a credential that the device itself signed.

use askel_store::{Audit, AuditAction, Device, DeviceChange, DeviceState, ended_by};
use askel_sync::{
    id::{DeviceId, ParticipantId, TenantId},
    key::credential::{CallCredential, CredentialError, UnverifiedCredential},
    time::Timestamp,
};

use super::{App, AppError, Reason};

/// Whoever calls, by the server's own records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) tenant: TenantId,
    /// Not revoked, not pending.
    pub(crate) device: Device,
    /// When the credential of this call was made, by the device's clock.
    pub(crate) credential_of: Timestamp,
}

impl Caller {
    /// The caller's participant, if it is one's device.
    pub(crate) fn participant(&self) -> Option<ParticipantId> {
        self.device.participant
    }

    /// Whether it is staff's, and its lease is over.
    pub(crate) fn lease_has_ended(&self, app: &App) -> bool {
        let until = self.device.lease_until;
        until.is_some_and(|until| until <= app.now())
    }

    /// Whether it was re-invited a short while ago: hands in, reads nothing of before.
    pub(crate) fn is_on_probation(&self) -> bool {
        matches!(self.device.state, DeviceState::Probation { .. })
    }
}

/// Verifies a credential for this server and now, and looks the device up. A probation that is over
/// ends here.
pub(crate) async fn authenticate(app: &App, credential: &str) -> Result<Caller, AppError> {
    let text = credential;
    let credential = CallCredential::parse(text).map_err(|_| Reason::CredentialMalformed)?;
    match held(app, text, &credential) {
        Some(caller) => Ok(caller),
        // Boxed, as most calls need no room for it.
        None => Box::pin(by_the_records(app, text, &credential)).await,
    }
}

async fn by_the_records(
    app: &App,
    text: &str,
    credential: &UnverifiedCredential,
) -> Result<Caller, AppError> {
    let claimed = &credential.claimed;
    let look = app.devices.look(app.components.clock.monotonic());
    let found = app
        .store()
        .lookup_device(claimed.tenant, claimed.device)
        .await?;
    let Some(device) = found else {
        return Err(absent(app, claimed.tenant, claimed.device).await?.into());
    };
    let now = app.now();
    credential
        .verify(&device.public_key, &app.audience, now)
        .map_err(|error| match error {
            CredentialError::Stale => AppError::Stale { server_time: now },
            CredentialError::BadSignature => Reason::CredentialInvalid.into(),
            _ => Reason::CredentialMalformed.into(),
        })?;
    app.devices
        .note(credential.claimed.tenant, &device, text, look);
    let mut caller = Caller {
        tenant: credential.claimed.tenant,
        device,
        credential_of: credential.claimed.issued_at,
    };
    match caller.device.state {
        DeviceState::Revoked if askel_sync::planted!(RevokedLetIn) => Ok(caller),
        DeviceState::Revoked => Err(Reason::DeviceRevoked.into()),
        DeviceState::Pending => Err(Reason::DevicePending.into()),
        DeviceState::Probation { until } if until <= now => {
            caller.device = end_probation(app, &caller).await?;
            // It may have been refused meanwhile.
            match caller.device.state {
                DeviceState::Active => Ok(caller),
                _ => Err(Reason::DeviceRevoked.into()),
            }
        }
        DeviceState::Probation { .. } | DeviceState::Active => Ok(caller),
    }
}

/// The caller, if it called a moment ago and nothing speaks against it: else it is looked up.
fn held(app: &App, text: &str, credential: &UnverifiedCredential) -> Option<Caller> {
    let claimed = &credential.claimed;
    let (at, now) = (app.components.clock.monotonic(), app.now());
    let key = (claimed.tenant, claimed.device);
    let held = app.devices.get(key, text, (at, now))?;
    let verified = if held.is_verified {
        credential.check_time(now)
    } else {
        credential.verify(&held.device.public_key, &app.audience, now)
    };
    verified.ok().map(|()| Caller {
        tenant: claimed.tenant,
        device: held.device,
        credential_of: claimed.issued_at,
    })
}

/// Why a device is not here.
pub(crate) async fn absent(
    app: &App,
    tenant: TenantId,
    device: DeviceId,
) -> Result<Reason, AppError> {
    let erased = app.store().lookup_erased(tenant, &[device.into()]).await?;
    Ok(if erased.is_empty() {
        Reason::DeviceUnknown
    } else {
        Reason::Erased
    })
}

const ACTIVE: DeviceChange = DeviceChange {
    state: DeviceState::Active,
    lease_until: None,
};

/// Ends the devices of before one by one, and the probation last: whatever is cut off in between is done
/// by the next call, in the journal too. A device that is active would not be looked at again.
async fn end_probation(app: &App, caller: &Caller) -> Result<Device, AppError> {
    let (tenant, id) = (caller.tenant, caller.device.id);
    let audit = Audit {
        at: app.now(),
        actor: None,
        action: AuditAction::ProbationEnded,
        target: Audit::device_name(id),
    };
    if let Some(participant) = caller.participant() {
        let ended = ended_by(&caller.device, ACTIVE);
        let devices = app.store().list_participant_devices(tenant, participant);
        for of_before in devices.await?.iter().filter(|held| ended.ends(held, id)) {
            let audit = audit.revoking(of_before.id);
            app.store()
                .change_device(tenant, of_before.id, DeviceChange::REVOKE, &audit)
                .await?;
            app.components.tell_rights(tenant, Some(of_before.id));
        }
    }
    let changed = app
        .store()
        .change_device(tenant, id, ACTIVE, &audit)
        .await?;
    app.projector.settle(tenant).await;
    changed.ok_or(AppError::Refused(Reason::DeviceUnknown))
}
