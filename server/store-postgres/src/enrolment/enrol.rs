//! Enrolling a device: load the right, decide, write, in one transaction.

use askel_store::{Approval, Device, DeviceState, Grant, PassRecord, Right, RightKind, StoreError};
use askel_sync::{
    id::{DeviceId, ParticipantId, TenantId},
    time::Timestamp,
};
use sqlx::PgConnection;

use super::row::{DeviceRow, InvitationRow, state_columns};
use crate::{
    column::{id, optional_id, role_column, scope_column},
    erasure::erased_of,
    error::store_error,
};

/// The connection of a transaction that changes who may come in.
pub(crate) struct Enrolling<'a> {
    pub(crate) connection: &'a mut PgConnection,
    pub(crate) tenant: TenantId,
}

impl Enrolling<'_> {
    /// What the store holds for a grant; nothing for someone who is erased.
    pub(super) async fn right_of_the_living(
        &mut self,
        grant: &Grant,
        device: DeviceId,
    ) -> Result<Option<Right>, StoreError> {
        let right = self.right(grant, device).await?;
        let whose = right.as_ref().and_then(Right::participant);
        let whose: Vec<_> = whose.into_iter().map(Into::into).collect();
        let erased = erased_of(self.connection, self.tenant, &whose).await?;
        Ok(right.filter(|_| erased.is_empty()))
    }

    /// What the store holds for a grant.
    async fn right(
        &mut self,
        grant: &Grant,
        device: DeviceId,
    ) -> Result<Option<Right>, StoreError> {
        match grant {
            Grant::Invitation(code_hash) | Grant::ReInvitation(code_hash) => {
                self.invitation(code_hash).await
            }
            Grant::RecoverySheet { code_hash, .. } => self.recovery_sheet(code_hash).await,
            Grant::Approval => Ok(self.approval(device).await?.map(|(approval, used)| Right {
                kind: RightKind::Approval {
                    participant: approval.participant,
                    replaced: approval.replaced,
                },
                used_by: used.then_some(device),
                expires_at: Some(approval.expires_at),
                inviter_revoked: false,
            })),
        }
    }

    async fn invitation(&mut self, code_hash: &[u8; 32]) -> Result<Option<Right>, StoreError> {
        let (key, code_hash) = (&self.tenant.as_bytes()[..], &code_hash[..]);
        let row = sqlx::query_as!(
            InvitationRow,
            "SELECT invitation, code_hash, role, scope, participant, inviter, created_at_ms,
                    expires_at_ms, used_by
             FROM invitation WHERE tenant = $1 AND code_hash = $2",
            key,
            code_hash
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let Some(row) = row else {
            return Ok(None);
        };
        let invitation = askel_store::Invitation::try_from(row)?;
        let inviter = match invitation.inviter {
            Some(inviter) => self.device(inviter).await?,
            None => None,
        };
        let kind = RightKind::Invitation {
            role: invitation.role,
            scope: invitation.scope,
            participant: invitation.participant,
            inviter: invitation.inviter,
        };
        let expires_at = Some(invitation.expires_at);
        Ok(Some(Right {
            kind,
            used_by: invitation.used_by,
            expires_at,
            inviter_revoked: inviter.is_some_and(|inviter| inviter.state == DeviceState::Revoked),
        }))
    }

    pub(super) async fn recovery_sheet(
        &mut self,
        code_hash: &[u8; 32],
    ) -> Result<Option<Right>, StoreError> {
        let (key, code_hash) = (&self.tenant.as_bytes()[..], &code_hash[..]);
        let row = sqlx::query!(
            "SELECT participant, used_by FROM recovery_sheet WHERE tenant = $1 AND code_hash = $2",
            key,
            code_hash
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let right = |participant: Vec<u8>, used_by: Option<Vec<u8>>| {
            let kind = RightKind::RecoverySheet(id(&participant)?);
            let used_by = optional_id(used_by.as_deref())?;
            Ok(Right {
                kind,
                used_by,
                expires_at: None,
                inviter_revoked: false,
            })
        };
        row.map(|row| right(row.participant, row.used_by))
            .transpose()
    }

    /// The approval of a device, and whether it was used.
    pub(super) async fn approval(
        &mut self,
        approved: DeviceId,
    ) -> Result<Option<(Approval, bool)>, StoreError> {
        let (key, device) = (&self.tenant.as_bytes()[..], &approved.as_bytes()[..]);
        let row = sqlx::query!(
            "SELECT participant, replaced, maker, expires_at_ms, used
             FROM approval WHERE tenant = $1 AND approved = $2",
            key,
            device
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let Some(row) = row else {
            return Ok(None);
        };
        let approval = Approval {
            participant: id(&row.participant)?,
            approved,
            replaced: optional_id(row.replaced.as_deref())?,
            maker: id(&row.maker)?,
            expires_at: Timestamp::from_ms(row.expires_at_ms),
        };
        Ok(Some((approval, row.used)))
    }

    /// One device.
    pub(crate) async fn device(&mut self, device: DeviceId) -> Result<Option<Device>, StoreError> {
        let (key, device) = (&self.tenant.as_bytes()[..], &device.as_bytes()[..]);
        let row = sqlx::query_as!(
            DeviceRow,
            "SELECT device, public_key, role, participant, scope, state, probation_until_ms,
                    inviter, enrolled_at_ms, lease_until_ms, pass, clock_boot_id,
                    clock_wall_minus_monotonic_ms, clock_ahead_ms
             FROM device WHERE tenant = $1 AND device = $2",
            key,
            device
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store_error)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Adds a device, with its participant and pass if it is a participant's.
    pub(super) async fn add(&mut self, device: &Device) -> Result<(), StoreError> {
        if let (Some(participant), Some(pass)) = (device.participant, device.pass) {
            self.bind(PassRecord::good(pass, participant)).await?;
        }
        self.insert_device(device).await
    }

    /// Adds a device whose participant and pass are known.
    pub(super) async fn insert_device(&mut self, device: &Device) -> Result<(), StoreError> {
        let (key, id) = (&self.tenant.as_bytes()[..], &device.id.as_bytes()[..]);
        let (public_key, role) = (&device.public_key.as_bytes()[..], role_column(device.role)?);
        let participant = device.participant.as_ref().map(|id| &id.as_bytes()[..]);
        let inviter = device.inviter.as_ref().map(|id| &id.as_bytes()[..]);
        let pass = device.pass.as_ref().map(|tag| &tag.as_bytes()[..]);
        let scope = scope_column(&device.scope);
        let (state, probation_until) = state_columns(device.state);
        let enrolled_at = device.enrolled_at.as_ms();
        let lease_until = device.lease_until.map(Timestamp::as_ms);
        sqlx::query!(
            "INSERT INTO device (tenant, device, public_key, role, participant, scope, state,
                                 probation_until_ms, inviter, enrolled_at_ms, lease_until_ms, pass)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            key,
            id,
            public_key,
            role,
            participant,
            scope,
            state,
            probation_until,
            inviter,
            enrolled_at,
            lease_until,
            pass
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Adds a pass, and its participant unless known.
    pub(super) async fn bind(&mut self, record: PassRecord) -> Result<(), StoreError> {
        self.put_participant(record.participant).await?;
        let (key, pass) = (&self.tenant.as_bytes()[..], &record.pass.as_bytes()[..]);
        let participant = &record.participant.as_bytes()[..];
        sqlx::query!(
            "INSERT INTO pass (tenant, pass, participant) VALUES ($1, $2, $3)",
            key,
            pass,
            participant
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Adds a participant unless known.
    pub(super) async fn put_participant(
        &mut self,
        participant: ParticipantId,
    ) -> Result<(), StoreError> {
        let (key, participant) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        sqlx::query!(
            "INSERT INTO participant (tenant, participant) VALUES ($1, $2)
             ON CONFLICT (tenant, participant) DO NOTHING",
            key,
            participant
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Uses up a grant.
    pub(super) async fn use_up(&mut self, grant: &Grant, user: &Device) -> Result<(), StoreError> {
        let (key, device) = (&self.tenant.as_bytes()[..], &user.id.as_bytes()[..]);
        match grant {
            Grant::Invitation(code_hash) | Grant::ReInvitation(code_hash) => {
                let code_hash = &code_hash[..];
                sqlx::query!(
                    "UPDATE invitation SET used_by = $1 WHERE tenant = $2 AND code_hash = $3",
                    device,
                    key,
                    code_hash
                )
                .execute(&mut *self.connection)
                .await
                .map_err(store_error)?;
            }
            Grant::RecoverySheet {
                code_hash,
                next_code_hash,
            } => {
                self.use_up_sheet(code_hash, next_code_hash, user).await?;
            }
            Grant::Approval => {
                self.use_up_approval(user.id).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn use_up_approval(&mut self, approved: DeviceId) -> Result<(), StoreError> {
        let (key, approved) = (&self.tenant.as_bytes()[..], &approved.as_bytes()[..]);
        sqlx::query!(
            "UPDATE approval SET used = true WHERE tenant = $1 AND approved = $2",
            key,
            approved
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    async fn use_up_sheet(
        &mut self,
        code_hash: &[u8; 32],
        next: &[u8; 32],
        user: &Device,
    ) -> Result<(), StoreError> {
        let (key, device) = (&self.tenant.as_bytes()[..], &user.id.as_bytes()[..]);
        let (code_hash, next) = (&code_hash[..], &next[..]);
        let participant = user.participant.as_ref().map(|id| &id.as_bytes()[..]);
        sqlx::query!(
            "UPDATE recovery_sheet SET used_by = $1 WHERE tenant = $2 AND code_hash = $3",
            device,
            key,
            code_hash
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "INSERT INTO recovery_sheet (tenant, code_hash, participant, maker)
             VALUES ($1, $2, $3, $4)",
            key,
            next,
            participant,
            device
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }
}
