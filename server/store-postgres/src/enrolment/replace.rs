//! Replacing what stands by an image.

use askel_store::{
    Device, Invitation, PassRecord, RecoverySheet, StoreError,
    journal::{ParticipantImage, StaffImage},
};
use askel_sync::{
    id::{DeviceId, ParticipantId},
    time::Timestamp,
};

use super::{enrol::Enrolling, row::state_columns};
use crate::{
    column::{role_column, scope_column},
    error::store_error,
};

impl Enrolling<'_> {
    /// Replaces what stands of a participant.
    pub(crate) async fn put_image(&mut self, image: &ParticipantImage) -> Result<(), StoreError> {
        let participant = image.participant;
        self.put_participant(participant).await?;
        for pass in &image.passes {
            self.put_pass(*pass).await?;
        }
        for device in &image.devices {
            self.put_device(device).await?;
        }
        for (request, pass) in &image.cards {
            self.put_request(request, *pass).await?;
        }
        self.drop_all_rights(participant).await?;
        for (sheet, used_by) in &image.sheets {
            self.put_sheet(sheet, *used_by).await?;
        }
        for (approval, used) in &image.approvals {
            self.put_approval(approval).await?;
            if *used {
                self.use_up_approval(approval.approved).await?;
            }
        }
        for invitation in &image.invitations {
            self.put_invitation(invitation).await?;
        }
        Ok(())
    }

    /// Replaces what stands of a device without a participant.
    pub(crate) async fn put_staff(&mut self, image: &StaffImage) -> Result<(), StoreError> {
        self.put_device(&image.device).await?;
        for invitation in &image.invitations {
            self.put_invitation(invitation).await?;
        }
        Ok(())
    }

    async fn put_pass(&mut self, record: PassRecord) -> Result<(), StoreError> {
        let (key, pass) = (&self.tenant.as_bytes()[..], &record.pass.as_bytes()[..]);
        let participant = &record.participant.as_bytes()[..];
        let burned_at = record.burned_at.map(Timestamp::as_ms);
        sqlx::query!(
            "INSERT INTO pass (tenant, pass, participant, burned_at_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant, pass) DO UPDATE SET burned_at_ms = excluded.burned_at_ms",
            key,
            pass,
            participant,
            burned_at
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    async fn put_device(&mut self, device: &Device) -> Result<(), StoreError> {
        if self.device(device.id).await?.is_none() {
            return self.insert_device(device).await;
        }
        let (key, id) = (&self.tenant.as_bytes()[..], &device.id.as_bytes()[..]);
        let (state, probation_until) = state_columns(device.state);
        let lease_until = device.lease_until.map(Timestamp::as_ms);
        let pass = device.pass.as_ref().map(|tag| &tag.as_bytes()[..]);
        sqlx::query!(
            "UPDATE device SET state = $1, probation_until_ms = $2, lease_until_ms = $3, pass = $4
             WHERE tenant = $5 AND device = $6",
            state,
            probation_until,
            lease_until,
            pass,
            key,
            id
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Sheets and approvals of a participant.
    async fn drop_all_rights(&mut self, participant: ParticipantId) -> Result<(), StoreError> {
        let (key, participant) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        sqlx::query!(
            "DELETE FROM recovery_sheet
             WHERE tenant = $1 AND participant = $2",
            key,
            participant
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "DELETE FROM approval
             WHERE tenant = $1 AND participant = $2",
            key,
            participant
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    async fn put_sheet(
        &mut self,
        sheet: &RecoverySheet,
        used_by: Option<DeviceId>,
    ) -> Result<(), StoreError> {
        let (key, code_hash) = (&self.tenant.as_bytes()[..], &sheet.code_hash[..]);
        let participant = &sheet.participant.as_bytes()[..];
        let maker = &sheet.maker.as_bytes()[..];
        let used_by = used_by.as_ref().map(|device| &device.as_bytes()[..]);
        sqlx::query!(
            "INSERT INTO recovery_sheet (tenant, code_hash, participant, maker, used_by)
             VALUES ($1, $2, $3, $4, $5)",
            key,
            code_hash,
            participant,
            maker,
            used_by
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Replaces what stands of an invitation.
    pub(crate) async fn put_invitation(
        &mut self,
        invitation: &Invitation,
    ) -> Result<(), StoreError> {
        let (key, id) = (&self.tenant.as_bytes()[..], &invitation.id[..]);
        let (code_hash, role) = (&invitation.code_hash[..], role_column(invitation.role)?);
        let scope = scope_column(&invitation.scope);
        let participant = invitation.participant.as_ref().map(|id| &id.as_bytes()[..]);
        let inviter = invitation.inviter.as_ref().map(|id| &id.as_bytes()[..]);
        let created_at = invitation.created_at.as_ms();
        let expires_at = invitation.expires_at.as_ms();
        let used_by = invitation.used_by.as_ref().map(|id| &id.as_bytes()[..]);
        sqlx::query!(
            "INSERT INTO invitation (tenant, invitation, code_hash, role, scope, participant,
                                     inviter, created_at_ms, expires_at_ms, used_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (tenant, invitation) DO UPDATE SET used_by = excluded.used_by",
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
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Takes back an invitation that nobody used. Returns whether there was one.
    pub(crate) async fn take_back(&mut self, id: [u8; 16]) -> Result<bool, StoreError> {
        let (key, id) = (&self.tenant.as_bytes()[..], &id[..]);
        let deleted = sqlx::query!(
            "DELETE FROM invitation WHERE tenant = $1 AND invitation = $2 AND used_by IS NULL",
            key,
            id
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(deleted.rows_affected() > 0)
    }
}
