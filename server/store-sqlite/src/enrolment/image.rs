//! All that lets someone in, at once: read, and replaced.

use askel_store::{
    Approval, Device, Invitation, PassRecord, RecoverySheet, StoreError,
    journal::{ParticipantImage, StaffImage},
};
use askel_sync::{
    id::{DeviceId, ParticipantId, PassTag},
    time::Timestamp,
};

use super::{
    enrol::Enrolling,
    row::{InvitationRow, state_columns},
};
use crate::{
    column::{array, id, optional_id, scope_column},
    error::store_error,
};

impl Enrolling<'_> {
    /// What stands of a participant.
    pub(crate) async fn image(
        &mut self,
        participant: ParticipantId,
    ) -> Result<Option<ParticipantImage>, StoreError> {
        let (key, of) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        let known = sqlx::query_scalar!(
            "SELECT participant FROM participant WHERE tenant = ? AND participant = ?",
            key,
            of
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store_error)?;
        if known.is_none() {
            return Ok(None);
        }
        let devices = self.devices_of(participant).await?;
        let mut invitations = self.invitations_to(participant).await?;
        for device in &devices {
            invitations.extend(self.invitations_used_by(device.id).await?);
        }
        invitations.sort_by_key(|invitation| invitation.id);
        invitations.dedup();
        Ok(Some(ParticipantImage {
            participant,
            devices,
            passes: self.passes_of(participant).await?,
            sheets: self.sheets_of(participant).await?,
            approvals: self.approvals_of(participant).await?,
            cards: self.cards_of(participant).await?,
            invitations,
        }))
    }

    /// What stands of a device without a participant.
    pub(crate) async fn staff_image(
        &mut self,
        device: DeviceId,
    ) -> Result<Option<StaffImage>, StoreError> {
        let Some(device) = self.device(device).await? else {
            return Ok(None);
        };
        let invitations = self.invitations_used_by(device.id).await?;
        Ok(Some(StaffImage {
            device,
            invitations,
        }))
    }

    /// One invitation.
    pub(crate) async fn invitation_by_id(
        &mut self,
        id: [u8; 16],
    ) -> Result<Option<Invitation>, StoreError> {
        let (key, id) = (&self.tenant.as_bytes()[..], &id[..]);
        let row = sqlx::query_as!(
            InvitationRow,
            "SELECT invitation, code_hash, role, scope, participant, inviter, created_at_ms,
                    expires_at_ms, used_by
             FROM invitation WHERE tenant = ? AND invitation = ?",
            key,
            id
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store_error)?;
        row.map(TryInto::try_into).transpose()
    }

    async fn invitations_to(
        &mut self,
        participant: ParticipantId,
    ) -> Result<Vec<Invitation>, StoreError> {
        let (key, of) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        let rows = sqlx::query_as!(
            InvitationRow,
            "SELECT invitation, code_hash, role, scope, participant, inviter, created_at_ms,
                    expires_at_ms, used_by
             FROM invitation INDEXED BY invitation_by_participant
             WHERE tenant = ? AND participant = ?",
            key,
            of
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn invitations_used_by(
        &mut self,
        device: DeviceId,
    ) -> Result<Vec<Invitation>, StoreError> {
        let (key, device) = (&self.tenant.as_bytes()[..], &device.as_bytes()[..]);
        let rows = sqlx::query_as!(
            InvitationRow,
            "SELECT invitation, code_hash, role, scope, participant, inviter, created_at_ms,
                    expires_at_ms, used_by
             FROM invitation INDEXED BY invitation_by_user WHERE tenant = ? AND used_by = ?",
            key,
            device
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn passes_of(
        &mut self,
        participant: ParticipantId,
    ) -> Result<Vec<PassRecord>, StoreError> {
        let (key, of) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        let rows = sqlx::query!(
            "SELECT pass, burned_at_ms FROM pass INDEXED BY pass_by_participant
             WHERE tenant = ? AND participant = ? ORDER BY pass",
            key,
            of
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let passes = rows.into_iter().map(|row| {
            Ok(PassRecord {
                pass: id(&row.pass)?,
                participant,
                burned_at: row.burned_at_ms.map(Timestamp::from_ms),
            })
        });
        passes.collect()
    }

    async fn sheets_of(
        &mut self,
        participant: ParticipantId,
    ) -> Result<Vec<(RecoverySheet, Option<DeviceId>)>, StoreError> {
        let (key, of) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        let rows = sqlx::query!(
            "SELECT code_hash, maker, used_by
             FROM recovery_sheet INDEXED BY recovery_sheet_by_participant
             WHERE tenant = ? AND participant = ? ORDER BY code_hash",
            key,
            of
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let sheets = rows.into_iter().map(|row| {
            let sheet = RecoverySheet {
                participant,
                code_hash: array(&row.code_hash)?,
                maker: id(&row.maker)?,
            };
            Ok((sheet, optional_id(row.used_by.as_deref())?))
        });
        sheets.collect()
    }

    async fn approvals_of(
        &mut self,
        participant: ParticipantId,
    ) -> Result<Vec<(Approval, bool)>, StoreError> {
        let (key, of) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        let rows = sqlx::query!(
            "SELECT approved, replaced, maker, expires_at_ms, used
             FROM approval INDEXED BY approval_by_participant
             WHERE tenant = ? AND participant = ? ORDER BY approved",
            key,
            of
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let approvals = rows.into_iter().map(|row| {
            let approval = Approval {
                participant,
                approved: id(&row.approved)?,
                replaced: optional_id(row.replaced.as_deref())?,
                maker: id(&row.maker)?,
                expires_at: Timestamp::from_ms(row.expires_at_ms),
            };
            Ok((approval, row.used != 0))
        });
        approvals.collect()
    }

    async fn cards_of(
        &mut self,
        participant: ParticipantId,
    ) -> Result<Vec<([u8; 16], PassTag)>, StoreError> {
        let (key, of) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        let rows = sqlx::query!(
            "SELECT card.request, card.pass
             FROM pass INDEXED BY pass_by_participant
             CROSS JOIN card INDEXED BY card_by_pass
                  ON card.tenant = pass.tenant AND card.pass = pass.pass
             WHERE pass.tenant = ? AND pass.participant = ? ORDER BY card.request",
            key,
            of
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        rows.into_iter()
            .map(|row| Ok((array(&row.request)?, id(&row.pass)?)))
            .collect()
    }
}

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
            "INSERT INTO pass (tenant, pass, participant, burned_at_ms) VALUES (?, ?, ?, ?)
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
            "UPDATE device SET state = ?, probation_until_ms = ?, lease_until_ms = ?, pass = ?
             WHERE tenant = ? AND device = ?",
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
            "DELETE FROM recovery_sheet INDEXED BY recovery_sheet_by_participant
             WHERE tenant = ? AND participant = ?",
            key,
            participant
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "DELETE FROM approval INDEXED BY approval_by_participant
             WHERE tenant = ? AND participant = ?",
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
             VALUES (?, ?, ?, ?, ?)",
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
        let (code_hash, role) = (&invitation.code_hash[..], invitation.role as i32);
        let scope = scope_column(&invitation.scope);
        let participant = invitation.participant.as_ref().map(|id| &id.as_bytes()[..]);
        let inviter = invitation.inviter.as_ref().map(|id| &id.as_bytes()[..]);
        let created_at = invitation.created_at.as_ms();
        let expires_at = invitation.expires_at.as_ms();
        let used_by = invitation.used_by.as_ref().map(|id| &id.as_bytes()[..]);
        sqlx::query!(
            "INSERT INTO invitation (tenant, invitation, code_hash, role, scope, participant,
                                     inviter, created_at_ms, expires_at_ms, used_by)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
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
            "DELETE FROM invitation WHERE tenant = ? AND invitation = ? AND used_by IS NULL",
            key,
            id
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(deleted.rows_affected() > 0)
    }
}
