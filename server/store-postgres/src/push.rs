//! Who may be woken, and who is to be.

use askel_store::{
    LeasedPush, PushEnd, PushRegistration, PushStore, PushToken, PushesDue, StoreError, Whom,
};
use askel_sync::{
    id::{DeviceId, TenantId, TimeZoneId},
    time::Timestamp,
};
use async_trait::async_trait;
use sqlx::PgConnection;

use crate::{
    PostgresStore,
    column::{columns, id, number},
    error::store_error,
    store::commit,
};

struct RegistrationRow {
    token: String,
    quiet_from: Option<i16>,
    quiet_until: Option<i16>,
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

#[async_trait]
impl PushStore for PostgresStore {
    async fn register_push(
        &self,
        tenant: TenantId,
        device: DeviceId,
        registration: &PushRegistration,
    ) -> Result<bool, StoreError> {
        let (key, device) = (&tenant.as_bytes()[..], &device.as_bytes()[..]);
        let token = registration.token.as_str();
        let (from, until) = registration.quiet_minutes.unzip();
        let from: Option<i16> = from.map(number).transpose()?;
        let until: Option<i16> = until.map(number).transpose()?;
        let zone = registration.zone.map(|zone| i64::from(zone.get()));
        // Nobody revokes it meanwhile: who does so writes alone.
        let mut transaction = self.write_in_company(tenant).await?;
        let registered = sqlx::query!(
            "INSERT INTO push (tenant, device, token, quiet_from, quiet_until, zone)
             SELECT $1, device, $3, $4, $5, $6 FROM device
             WHERE tenant = $1 AND device = $2 AND state <> 4
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
            "SELECT token, quiet_from, quiet_until, zone FROM push
             WHERE tenant = $1 AND device = $2",
            key,
            device
        )
        .fetch_optional(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)?;
        row.map(TryInto::try_into).transpose()
    }

    async fn withdraw_push(&self, tenant: TenantId, device: DeviceId) -> Result<(), StoreError> {
        let (key, device) = (&tenant.as_bytes()[..], &device.as_bytes()[..]);
        let mut transaction = self.write_in_company(tenant).await?;
        sqlx::query!(
            "DELETE FROM push WHERE tenant = $1 AND device = $2",
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
        let (key, now, until_ms) = (&tenant.as_bytes()[..], now.as_ms(), until.as_ms());
        let mut transaction = self.write_in_company(tenant).await?;
        // Those that another node is leasing just now are its own.
        let leased = sqlx::query!(
            "WITH due AS (
                 SELECT device, due_at_ms FROM push WHERE tenant = $1 AND due_at_ms <= $2
                 ORDER BY due_at_ms, device LIMIT $4 FOR UPDATE SKIP LOCKED
             )
             UPDATE push SET due_at_ms = $3, is_leased = true FROM due
             WHERE push.tenant = $1 AND push.device = due.device
             RETURNING due.due_at_ms, push.device, token, quiet_from, quiet_until, zone, failures",
            key,
            now,
            until_ms,
            i64::from(limit)
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(store_error)?;
        commit(transaction).await?;
        let pushes = leased.into_iter().map(|row| {
            let registration = RegistrationRow {
                token: row.token,
                quiet_from: row.quiet_from,
                quiet_until: row.quiet_until,
                zone: row.zone,
            };
            let push = LeasedPush {
                device: id(&row.device)?,
                registration: registration.try_into()?,
                failures: number(row.failures)?,
                leased_until: until,
            };
            Ok((row.due_at_ms, push))
        });
        let mut pushes: Vec<_> = pushes.collect::<Result<_, StoreError>>()?;
        pushes.sort_unstable_by_key(|(due_at, push)| (*due_at, push.device));
        Ok(pushes.into_iter().map(|(_, push)| push).collect())
    }

    async fn settle_push(
        &self,
        tenant: TenantId,
        push: &LeasedPush,
        end: PushEnd,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write_in_company(tenant).await?;
        settle(&mut transaction, tenant, push, end).await?;
        commit(transaction).await
    }
}

async fn settle(
    connection: &mut PgConnection,
    tenant: TenantId,
    push: &LeasedPush,
    end: PushEnd,
) -> Result<(), StoreError> {
    let (key, device) = (&tenant.as_bytes()[..], &push.device.as_bytes()[..]);
    let (until, token) = (push.leased_until.as_ms(), push.registration.token.as_str());
    match end {
        PushEnd::Over => sqlx::query!(
            "UPDATE push
             SET due_at_ms = again_at_ms, again_at_ms = NULL, is_leased = false, failures = 0
             WHERE tenant = $1 AND device = $2 AND is_leased AND due_at_ms = $3",
            key,
            device,
            until
        ),
        PushEnd::Unregistered => {
            sqlx::query!(
                "DELETE FROM push
                 WHERE tenant = $1 AND device = $2 AND is_leased AND due_at_ms = $3 AND token = $4",
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
                "UPDATE push SET is_leased = false, again_at_ms = NULL
                 WHERE tenant = $1 AND device = $2 AND is_leased AND due_at_ms = $3",
                key,
                device,
                until
            )
        }
        PushEnd::Again { at, failures } => sqlx::query!(
            "UPDATE push SET due_at_ms = $4, again_at_ms = NULL, is_leased = false, failures = $5
             WHERE tenant = $1 AND device = $2 AND is_leased AND due_at_ms = $3",
            key,
            device,
            until,
            at.as_ms(),
            i64::from(failures)
        ),
    }
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Gives those who registered a reason to be woken, unless they have one already. Rows are locked in the
/// order of devices, after all others but the chain of audit entries.
pub(crate) async fn plan_pushes(
    connection: &mut PgConnection,
    tenant: TenantId,
    pushes: &PushesDue,
) -> Result<(), StoreError> {
    if pushes.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let (mut people, mut people_due) = (Vec::new(), Vec::new());
    let (mut devices, mut devices_due) = (Vec::new(), Vec::new());
    for (whom, due_at) in pushes {
        match whom {
            Whom::Participant(one) => {
                people.push(one.as_bytes());
                people_due.push(due_at.as_ms());
            }
            Whom::Device(one) => {
                devices.push(one.as_bytes());
                devices_due.push(due_at.as_ms());
            }
        }
    }
    let (people, devices) = (columns(people), columns(devices));
    sqlx::query!(
        "WITH reason AS (
             SELECT device.device, reason.due_at_ms
             FROM unnest($2::bytea[], $3::bigint[]) AS reason (participant, due_at_ms)
                  JOIN device ON device.tenant = $1 AND device.participant = reason.participant
             UNION ALL
             SELECT device, due_at_ms
             FROM unnest($4::bytea[], $5::bigint[]) AS reason (device, due_at_ms)
         ), wanted AS (
             SELECT device, min(due_at_ms) AS due_at_ms FROM reason GROUP BY device
         ), locked AS (
             SELECT push.device, wanted.due_at_ms
             FROM wanted JOIN push ON push.tenant = $1 AND push.device = wanted.device
             WHERE push.due_at_ms IS NULL OR push.is_leased AND push.again_at_ms IS NULL
             ORDER BY push.device FOR UPDATE OF push
         )
         UPDATE push SET due_at_ms = coalesce(push.due_at_ms, locked.due_at_ms),
                again_at_ms = CASE WHEN is_leased THEN locked.due_at_ms END
         FROM locked WHERE push.tenant = $1 AND push.device = locked.device",
        key,
        &people,
        &people_due,
        &devices,
        &devices_due
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Forgets who registered.
pub(crate) async fn forget_all(
    connection: &mut PgConnection,
    tenant: TenantId,
) -> Result<(), StoreError> {
    let key = &tenant.as_bytes()[..];
    sqlx::query!("DELETE FROM push AS forgotten WHERE tenant = $1", key)
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}
