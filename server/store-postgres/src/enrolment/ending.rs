//! What ends with a device, and who is told: in the transaction of the change.

use askel_store::{Audit, Device, DeviceChange, DeviceState, Notice, Revoke, StoreError};
use askel_sync::{
    id::{DeviceId, ParticipantId},
    time::Timestamp,
};

use super::{
    enrol::Enrolling,
    row::{DeviceRow, state_columns},
};
use crate::{audit, error::store_error, projection::Marks};

impl Enrolling<'_> {
    /// Notes a change of a device in the audit log, and puts what the participant's devices hear of
    /// it into the outbox.
    pub(super) async fn note(
        &mut self,
        participant: Option<ParticipantId>,
        changed: DeviceId,
        audit: &Audit,
    ) -> Result<(), StoreError> {
        audit::note(self.connection, self.tenant, audit).await?;
        let Some(participant) = participant else {
            return Ok(());
        };
        let devices = self.devices_of(participant).await?;
        let Some(notice) = Notice::of(changed, audit, &devices) else {
            return Ok(());
        };
        let marks = Marks {
            dirty: Vec::new(),
            outbox: &notice.drafts(),
            tallies: &[],
        };
        marks.write(self.connection, self.tenant).await
    }

    /// A participant's devices, by id.
    pub(super) async fn devices_of(
        &mut self,
        participant: ParticipantId,
    ) -> Result<Vec<Device>, StoreError> {
        let (key, participant) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        let rows = sqlx::query_as!(
            DeviceRow,
            "SELECT device, public_key, role, participant, scope, state, probation_until_ms,
                    inviter, enrolled_at_ms, lease_until_ms, pass, clock_boot_id,
                    clock_wall_minus_monotonic_ms, clock_ahead_ms
             FROM device
             WHERE tenant = $1 AND participant = $2 ORDER BY device",
            key,
            participant
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Revokes what a device of a participant ends, each noted on its own.
    pub(super) async fn revoke_for(
        &mut self,
        new: &Device,
        revoke: Revoke,
        cause: &Audit,
    ) -> Result<(), StoreError> {
        let Some(participant) = new.participant.filter(|_| revoke != Revoke::Nothing) else {
            return Ok(());
        };
        if revoke == Revoke::Others {
            self.drop_approvals(participant).await?;
        }
        for device in self.devices_of(participant).await? {
            if device.state != DeviceState::Revoked && revoke.ends(&device, new.id) {
                let audit = cause.revoking(device.id);
                self.change(device.id, DeviceChange::REVOKE, audit.at)
                    .await?;
                self.note(Some(participant), device.id, &audit).await?;
            }
        }
        Ok(())
    }

    /// Sets state and lease. With a revoked device end its pass and what it made that nobody used.
    pub(super) async fn change(
        &mut self,
        device: DeviceId,
        change: DeviceChange,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (key, id) = (&self.tenant.as_bytes()[..], &device.as_bytes()[..]);
        let (state, probation_until) = state_columns(change.state);
        let lease_until = change.lease_until.map(Timestamp::as_ms);
        sqlx::query!(
            "UPDATE device SET state = $1, probation_until_ms = $2, lease_until_ms = $3
             WHERE tenant = $4 AND device = $5",
            state,
            probation_until,
            lease_until,
            key,
            id
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        if change.state == DeviceState::Revoked {
            self.burn_pass(device, now).await?;
            self.drop_rights(device).await?;
        }
        Ok(())
    }

    async fn burn_pass(&mut self, device: DeviceId, now: Timestamp) -> Result<(), StoreError> {
        let (key, device) = (&self.tenant.as_bytes()[..], &device.as_bytes()[..]);
        let now = now.as_ms();
        sqlx::query!(
            "UPDATE pass SET burned_at_ms = $1 WHERE tenant = $2 AND pass =
             (SELECT pass FROM device WHERE tenant = $2 AND device = $3)",
            now,
            key,
            device
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "UPDATE device SET pass = NULL WHERE tenant = $1 AND device = $2",
            key,
            device
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// The unused approvals and sheet that a device made.
    async fn drop_rights(&mut self, maker: DeviceId) -> Result<(), StoreError> {
        let (key, maker) = (&self.tenant.as_bytes()[..], &maker.as_bytes()[..]);
        sqlx::query!(
            "DELETE FROM approval
             WHERE tenant = $1 AND maker = $2 AND NOT used",
            key,
            maker
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "DELETE FROM recovery_sheet
             WHERE tenant = $1 AND maker = $2 AND used_by IS NULL",
            key,
            maker
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    async fn drop_approvals(&mut self, participant: ParticipantId) -> Result<(), StoreError> {
        let (key, participant) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        sqlx::query!(
            "DELETE FROM approval
             WHERE tenant = $1 AND participant = $2 AND NOT used",
            key,
            participant
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }
}
