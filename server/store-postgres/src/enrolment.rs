//! Invitations, devices, recovery sheets and passes.

mod card;
mod clock;
mod device;
mod ending;
mod enrol;
mod failure;
mod image;
mod replace;
mod row;

use askel_store::{
    Approval, Audit, Decision, Device, DeviceChange, DeviceClock, DeviceState, EnrolError,
    EnrolmentStore, Grant, Invitation, NewDevice, PageOf, PageRequest, PassRecord, RecoverySheet,
    StoreError, decide, ended_by,
};
use askel_sync::{
    id::{DeviceId, ParticipantId, PassTag, TenantId},
    time::Timestamp,
};
use async_trait::async_trait;

use self::row::{DeviceRow, InvitationRow};
pub(crate) use self::{enrol::Enrolling, row::REVOKED};
use crate::{
    PostgresStore, audit,
    column::{id, role_column, scope_column},
    error::store_error,
    store::commit,
};

#[async_trait]
impl EnrolmentStore for PostgresStore {
    async fn record_invitation(
        &self,
        tenant: TenantId,
        invitation: &Invitation,
        audit: &Audit,
    ) -> Result<(), StoreError> {
        let (key, id) = (&tenant.as_bytes()[..], &invitation.id[..]);
        let (code_hash, role) = (&invitation.code_hash[..], role_column(invitation.role)?);
        let scope = scope_column(&invitation.scope);
        let participant = invitation.participant.as_ref().map(|id| &id.as_bytes()[..]);
        let inviter = invitation.inviter.as_ref().map(|id| &id.as_bytes()[..]);
        let created_at = invitation.created_at.as_ms();
        let expires_at = invitation.expires_at.as_ms();
        let used_by = invitation.used_by.as_ref().map(|id| &id.as_bytes()[..]);
        let mut transaction = self.write(tenant).await?;
        let added = sqlx::query!(
            "INSERT INTO invitation (tenant, invitation, code_hash, role, scope, participant,
                                     inviter, created_at_ms, expires_at_ms, used_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (tenant, invitation) DO NOTHING",
            key,
            id,
            code_hash,
            role,
            scope,
            participant,
            inviter,
            created_at,
            expires_at,
            used_by
        )
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
        if added.rows_affected() > 0 {
            audit::note(&mut transaction, tenant, audit).await?;
        }
        commit(transaction).await
    }

    async fn list_invitations(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<Invitation>, StoreError> {
        let Some((after_ms, after)) = invitation_after(&page.after) else {
            return Ok(PageOf::empty());
        };
        let (key, fetch) = (&tenant.as_bytes()[..], i64::from(page.fetch()));
        let rows = sqlx::query_as!(
            InvitationRow,
            "SELECT invitation, code_hash, role, scope, participant, inviter, created_at_ms,
                    expires_at_ms, used_by
             FROM invitation WHERE tenant = $1 AND (created_at_ms, invitation) > ($2, $3)
             ORDER BY created_at_ms, invitation LIMIT $4",
            key,
            after_ms,
            after,
            fetch
        )
        .fetch_all(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)?;
        let items: Vec<Invitation> = rows
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, _>>()?;
        Ok(PageOf::cut(items, page, |invitation| {
            [
                &invitation.created_at.as_ms().to_be_bytes()[..],
                &invitation.id,
            ]
            .concat()
        }))
    }

    async fn delete_invitation(
        &self,
        tenant: TenantId,
        id: [u8; 16],
        audit: &Audit,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write(tenant).await?;
        let mut rights = Enrolling {
            connection: &mut transaction,
            tenant,
        };
        let deleted = rights.take_back(id).await?;
        if deleted {
            audit::note(&mut transaction, tenant, audit).await?;
        }
        commit(transaction).await?;
        Ok(deleted)
    }

    async fn enrol(
        &self,
        tenant: TenantId,
        grant: &Grant,
        device: &NewDevice,
        audit: &Audit,
    ) -> Result<Device, EnrolError> {
        let mut transaction = self.write(tenant).await?;
        let mut enrolling = Enrolling {
            connection: &mut transaction,
            tenant,
        };
        let right = enrolling.right_of_the_living(grant, device.id).await?;
        let standing = enrolling.device(device.id).await?;
        let (device, revoke) = match decide(grant, right, standing, device)? {
            Decision::Standing(device) => return Ok(device),
            Decision::Enrol { device, revoke } => (device, revoke),
        };
        enrolling.add(&device).await?;
        enrolling.use_up(grant, &device).await?;
        enrolling.revoke_for(&device, revoke, audit).await?;
        enrolling.note(device.participant, device.id, audit).await?;
        commit(transaction).await?;
        Ok(device)
    }

    async fn count_enrol_failures(
        &self,
        tenant: TenantId,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        failure::count(&mut *self.read(tenant).await?, tenant, since).await
    }

    async fn record_enrol_failure(
        &self,
        tenant: TenantId,
        now: Timestamp,
        forget_before: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write_in_company(tenant).await?;
        failure::record(&mut transaction, tenant, now, forget_before).await?;
        commit(transaction).await
    }

    async fn lookup_device(
        &self,
        tenant: TenantId,
        device: DeviceId,
    ) -> Result<Option<Device>, StoreError> {
        device::look_up(self, tenant, device).await
    }

    async fn list_staff_devices(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<Device>, StoreError> {
        if !matches!(page.after.len(), 0 | 16) {
            return Ok(PageOf::empty());
        }
        let (key, after, fetch) = (
            &tenant.as_bytes()[..],
            &page.after[..],
            i64::from(page.fetch()),
        );
        let rows = sqlx::query_as!(
            DeviceRow,
            "SELECT device, public_key, role, participant, scope, state, probation_until_ms,
                    inviter, enrolled_at_ms, lease_until_ms, pass, clock_boot_id,
                    clock_wall_minus_monotonic_ms, clock_ahead_ms
             FROM device
             WHERE tenant = $1 AND participant IS NULL AND device > $2
             ORDER BY device LIMIT $3",
            key,
            after,
            fetch
        )
        .fetch_all(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)?;
        let items: Vec<Device> = rows
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, _>>()?;
        Ok(PageOf::cut(items, page, |device| device.id.to_vec()))
    }

    async fn list_participant_devices(
        &self,
        tenant: TenantId,
        participant: ParticipantId,
    ) -> Result<Vec<Device>, StoreError> {
        let mut connection = self.read(tenant).await?;
        Enrolling {
            connection: &mut connection,
            tenant,
        }
        .devices_of(participant)
        .await
    }

    async fn note_clock(
        &self,
        tenant: TenantId,
        device: DeviceId,
        clock: DeviceClock,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write_in_company(tenant).await?;
        clock::note(&mut transaction, tenant, device, clock).await?;
        commit(transaction).await
    }

    async fn change_device(
        &self,
        tenant: TenantId,
        device: DeviceId,
        change: DeviceChange,
        audit: &Audit,
    ) -> Result<Option<Device>, StoreError> {
        let mut transaction = self.write(tenant).await?;
        let mut enrolling = Enrolling {
            connection: &mut transaction,
            tenant,
        };
        let Some(standing) = enrolling.device(device).await? else {
            return Ok(None);
        };
        let as_it_is = DeviceChange {
            state: standing.state,
            lease_until: standing.lease_until,
        };
        if standing.state == DeviceState::Revoked || as_it_is == change {
            return Ok(Some(standing));
        }
        enrolling.change(device, change, audit.at).await?;
        let ended = ended_by(&standing, change);
        enrolling.revoke_for(&standing, ended, audit).await?;
        enrolling.note(standing.participant, device, audit).await?;
        let changed = enrolling.device(device).await?;
        commit(transaction).await?;
        Ok(changed)
    }

    async fn record_recovery_sheet(
        &self,
        tenant: TenantId,
        sheet: &RecoverySheet,
        audit: &Audit,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write(tenant).await?;
        let mut enrolling = Enrolling {
            connection: &mut transaction,
            tenant,
        };
        if enrolling.recovery_sheet(&sheet.code_hash).await?.is_some() {
            return Ok(());
        }
        enrolling.replace_sheet(sheet).await?;
        audit::note(&mut transaction, tenant, audit).await?;
        commit(transaction).await
    }

    async fn record_approval(
        &self,
        tenant: TenantId,
        approval: &Approval,
        audit: &Audit,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write(tenant).await?;
        let mut enrolling = Enrolling {
            connection: &mut transaction,
            tenant,
        };
        match enrolling.approval(approval.approved).await? {
            Some((standing, _)) if standing == *approval => return Ok(true),
            Some((standing, used)) if used || standing.bars(approval, audit.at) => {
                return Ok(false);
            }
            _ => {}
        }
        enrolling.put_approval(approval).await?;
        let told = Some(approval.participant);
        enrolling.note(told, approval.approved, audit).await?;
        commit(transaction).await?;
        Ok(true)
    }

    async fn record_card(
        &self,
        tenant: TenantId,
        request_id: [u8; 16],
        card: PassRecord,
        audit: &Audit,
    ) -> Result<PassRecord, StoreError> {
        let mut transaction = self.write(tenant).await?;
        let mut enrolling = Enrolling {
            connection: &mut transaction,
            tenant,
        };
        if let Some(standing) = enrolling.card(&request_id).await? {
            return Ok(standing);
        }
        enrolling.put_card(&request_id, card).await?;
        audit::note(&mut transaction, tenant, audit).await?;
        commit(transaction).await?;
        Ok(card)
    }

    async fn lookup_passes(
        &self,
        tenant: TenantId,
        passes: &[PassTag],
    ) -> Result<Vec<PassRecord>, StoreError> {
        let mut connection = self.read(tenant).await?;
        Enrolling {
            connection: &mut connection,
            tenant,
        }
        .passes(passes)
        .await
    }

    async fn list_participants(&self, tenant: TenantId) -> Result<Vec<ParticipantId>, StoreError> {
        let key = &tenant.as_bytes()[..];
        let rows = sqlx::query_scalar!(
            "SELECT participant FROM participant WHERE tenant = $1 ORDER BY participant",
            key
        )
        .fetch_all(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)?;
        rows.iter().map(|participant| id(participant)).collect()
    }
}

/// What the page after a key begins behind; `None` for a key that no page gave.
fn invitation_after(key: &[u8]) -> Option<(i64, &[u8])> {
    if key.is_empty() {
        return Some((i64::MIN, &[]));
    }
    let (at, id) = key.split_first_chunk()?;
    (id.len() == 16).then_some((i64::from_be_bytes(*at), id))
}
