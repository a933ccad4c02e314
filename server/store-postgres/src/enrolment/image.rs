//! All that lets someone in, at once.

use askel_store::{
    Approval, Invitation, PassRecord, RecoverySheet, StoreError,
    journal::{ParticipantImage, StaffImage},
};
use askel_sync::{
    id::{DeviceId, ParticipantId, PassTag},
    time::Timestamp,
};

use super::{enrol::Enrolling, row::InvitationRow};
use crate::{
    column::{array, id, optional_id},
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
            "SELECT participant FROM participant WHERE tenant = $1 AND participant = $2",
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
             FROM invitation WHERE tenant = $1 AND invitation = $2",
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
             FROM invitation
             WHERE tenant = $1 AND participant = $2",
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
             FROM invitation WHERE tenant = $1 AND used_by = $2",
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
            "SELECT pass, burned_at_ms FROM pass
             WHERE tenant = $1 AND participant = $2 ORDER BY pass",
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
             FROM recovery_sheet
             WHERE tenant = $1 AND participant = $2 ORDER BY code_hash",
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
             FROM approval
             WHERE tenant = $1 AND participant = $2 ORDER BY approved",
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
            Ok((approval, row.used))
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
             FROM pass
             JOIN card
                  ON card.tenant = pass.tenant AND card.pass = pass.pass
             WHERE pass.tenant = $1 AND pass.participant = $2 ORDER BY card.request",
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
