//! Who may be woken, and who is to be.

use askel_store::{
    LeasedPush, PushEnd, PushRegistration, PushStore, PushToken, PushesDue, StoreError, Whom,
};
use askel_sync::{
    id::{DeviceId, TenantId, TimeZoneId},
    time::Timestamp,
};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::{
    SqliteStore,
    column::{id, number},
    error::store_error,
    rows::{bytes, row, rows},
    store::commit,
};

struct RegistrationRow {
    token: String,
    quiet_from: Option<i64>,
    quiet_until: Option<i64>,
    zone: Option<i64>,
}

impl TryFrom<RegistrationRow> for PushRegistration {
    type Error = StoreError;

    fn try_from(row: RegistrationRow) -> Result<Self, StoreError> {
        let token = PushToken::new(row.token);
        let quiet_minutes = match (row.quiet_from, row.quiet_until) {
            (Some(from), Some(until)) => Some((number(from)?, number(until)?)),
            _ => None,
        };
        Ok(Self {
            token: token.map_err(|_| StoreError::Inconsistent("a push token can't be read"))?,
            quiet_minutes,
            zone: row.zone.map(number).transpose()?.map(TimeZoneId::new),
        })
    }
}

struct DueRow {
    device: Vec<u8>,
    token: String,
    quiet_from: Option<i64>,
    quiet_until: Option<i64>,
    zone: Option<i64>,
    failures: i64,
}

impl DueRow {
    fn leased(self, leased_until: Timestamp) -> Result<LeasedPush, StoreError> {
        let registration = RegistrationRow {
            token: self.token,
            quiet_from: self.quiet_from,
            quiet_until: self.quiet_until,
            zone: self.zone,
        };
        Ok(LeasedPush {
            device: id(&self.device)?,
            registration: registration.try_into()?,
            failures: number(self.failures)?,
            leased_until,
        })
    }
}

#[async_trait]
impl PushStore for SqliteStore {
    async fn register_push(
        &self,
        tenant: TenantId,
        device: DeviceId,
        registration: &PushRegistration,
    ) -> Result<bool, StoreError> {
        let (key, device) = (&tenant.as_bytes()[..], &device.as_bytes()[..]);
        let token = registration.token.as_str();
        let (from, until) = registration.quiet_minutes.unzip();
        let zone = registration.zone.map(TimeZoneId::get);
        let mut transaction = self.write().await?;
        let registered = sqlx::query!(
            "INSERT INTO push (tenant, device, token, quiet_from, quiet_until, zone)
             SELECT ?1, device, ?3, ?4, ?5, ?6 FROM device
             WHERE tenant = ?1 AND device = ?2 AND state <> 4
             ON CONFLICT (tenant, device) DO UPDATE
             SET token = excluded.token, quiet_from = excluded.quiet_from,
                 quiet_until = excluded.quiet_until, zone = excluded.zone",
            key,
            device,
            token,
            from,
            until,
            zone
        )
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
        commit(transaction).await?;
        Ok(registered.rows_affected() > 0)
    }

    async fn lookup_push(
        &self,
        tenant: TenantId,
        device: DeviceId,
    ) -> Result<Option<PushRegistration>, StoreError> {
        let (key, device) = (&tenant.as_bytes()[..], &device.as_bytes()[..]);
        let row = sqlx::query_as!(
            RegistrationRow,
            "SELECT token, quiet_from, quiet_until, zone FROM push WHERE tenant = ? AND device = ?",
            key,
            device
        )
        .fetch_optional(&self.readers)
        .await
        .map_err(store_error)?;
        row.map(TryInto::try_into).transpose()
    }

    async fn withdraw_push(&self, tenant: TenantId, device: DeviceId) -> Result<(), StoreError> {
        let (key, device) = (&tenant.as_bytes()[..], &device.as_bytes()[..]);
        let mut transaction = self.write().await?;
        sqlx::query!(
            "DELETE FROM push WHERE tenant = ? AND device = ?",
            key,
            device
        )
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
        commit(transaction).await
    }

    async fn lease_pushes(
        &self,
        tenant: TenantId,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<LeasedPush>, StoreError> {
        // Most often nothing is due, and the writer need not be asked.
        let mut reader = self.readers.acquire().await.map_err(store_error)?;
        if due(&mut reader, tenant, now, 1).await?.is_empty() {
            return Ok(Vec::new());
        }
        drop(reader);
        let mut transaction = self.write().await?;
        let due = due(&mut transaction, tenant, now, limit).await?;
        let (key, until_ms) = (&tenant.as_bytes()[..], until.as_ms());
        let devices = rows(due.iter().map(|row| bytes(&row.device)));
        sqlx::query!(
            "UPDATE push SET due_at_ms = ?2, is_leased = 1
             WHERE tenant = ?1 AND device IN (SELECT unhex(value) FROM json_each(?3))",
            key,
            until_ms,
            devices
        )
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
        commit(transaction).await?;
        due.into_iter().map(|row| row.leased(until)).collect()
    }

    async fn settle_push(
        &self,
        tenant: TenantId,
        push: &LeasedPush,
        end: PushEnd,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        settle(&mut transaction, tenant, push, end).await?;
        commit(transaction).await
    }
}

/// What is due, longest due first.
async fn due(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<DueRow>, StoreError> {
    let (key, now) = (&tenant.as_bytes()[..], now.as_ms());
    sqlx::query_as!(
        DueRow,
        "SELECT device, token, quiet_from, quiet_until, zone, failures
         FROM push INDEXED BY push_by_due
         WHERE tenant = ? AND due_at_ms <= ? ORDER BY due_at_ms, device LIMIT ?",
        key,
        now,
        limit
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)
}

async fn settle(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    push: &LeasedPush,
    end: PushEnd,
) -> Result<(), StoreError> {
    let (key, device) = (&tenant.as_bytes()[..], &push.device.as_bytes()[..]);
    let (until, token) = (push.leased_until.as_ms(), push.registration.token.as_str());
    match end {
        PushEnd::Over => sqlx::query!(
            "UPDATE push SET due_at_ms = again_at_ms, again_at_ms = NULL, is_leased = 0, failures = 0
             WHERE tenant = ? AND device = ? AND is_leased = 1 AND due_at_ms = ?",
            key,
            device,
            until
        ),
        PushEnd::Unregistered => {
            sqlx::query!(
                "DELETE FROM push
                 WHERE tenant = ? AND device = ? AND is_leased = 1 AND due_at_ms = ? AND token = ?",
                key,
                device,
                until,
                token
            )
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
            // Another token, which has not been tried, keeps the push.
            sqlx::query!(
                "UPDATE push SET is_leased = 0, again_at_ms = NULL
                 WHERE tenant = ? AND device = ? AND is_leased = 1 AND due_at_ms = ?",
                key,
                device,
                until
            )
        }
        PushEnd::Again { at, failures } => {
            let at = at.as_ms();
            sqlx::query!(
                "UPDATE push SET due_at_ms = ?, again_at_ms = NULL, is_leased = 0, failures = ?
                 WHERE tenant = ? AND device = ? AND is_leased = 1 AND due_at_ms = ?",
                at,
                failures,
                key,
                device,
                until
            )
        }
    }
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Gives those who registered a reason to be woken, unless they have one already. Row by row by its key: what
/// is inserted is there, and an update would look through all who registered.
pub(crate) async fn plan_pushes(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    pushes: &PushesDue,
) -> Result<(), StoreError> {
    let key = &tenant.as_bytes()[..];
    let (mut people, mut devices) = (Vec::new(), Vec::new());
    for (whom, due_at) in pushes {
        match whom {
            Whom::Participant(one) => people.push(row![bytes(one.as_bytes()), due_at.as_ms()]),
            Whom::Device(one) => devices.push(row![bytes(one.as_bytes()), due_at.as_ms()]),
        }
    }
    if !people.is_empty() {
        let people = rows(people);
        sqlx::query!(
            "INSERT INTO push (tenant, device, token, due_at_ms)
             SELECT ?1, push.device, push.token, value ->> 1
             FROM json_each(?2)
                  CROSS JOIN device ON device.tenant = ?1 AND device.participant = unhex(value ->> 0)
                  CROSS JOIN push ON push.tenant = ?1 AND push.device = device.device
             WHERE true
             ON CONFLICT (tenant, device) DO UPDATE
             SET due_at_ms = coalesce(due_at_ms, excluded.due_at_ms),
                 again_at_ms = CASE WHEN is_leased = 1 THEN excluded.due_at_ms END
             WHERE due_at_ms IS NULL OR is_leased = 1 AND again_at_ms IS NULL",
            key,
            people
        )
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    }
    if !devices.is_empty() {
        let devices = rows(devices);
        sqlx::query!(
            "INSERT INTO push (tenant, device, token, due_at_ms)
             SELECT ?1, push.device, push.token, value ->> 1
             FROM json_each(?2)
                  CROSS JOIN push ON push.tenant = ?1 AND push.device = unhex(value ->> 0)
             WHERE true
             ON CONFLICT (tenant, device) DO UPDATE
             SET due_at_ms = coalesce(due_at_ms, excluded.due_at_ms),
                 again_at_ms = CASE WHEN is_leased = 1 THEN excluded.due_at_ms END
             WHERE due_at_ms IS NULL OR is_leased = 1 AND again_at_ms IS NULL",
            key,
            devices
        )
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    }
    Ok(())
}

/// Forgets who registered.
pub(crate) async fn forget_all(
    connection: &mut SqliteConnection,
    tenant: TenantId,
) -> Result<(), StoreError> {
    let key = &tenant.as_bytes()[..];
    sqlx::query!("DELETE FROM push AS forgotten WHERE tenant = ?", key)
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}
