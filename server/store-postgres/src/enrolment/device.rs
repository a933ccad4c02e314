//! Looking up devices: every call asks for one, so many are looked up together.

use std::collections::HashMap;

use askel_store::{Device, StoreError};
use askel_sync::id::{DeviceId, TenantId};

use super::row::DeviceRow;
use crate::{PostgresStore, column::columns, error::store_error, gather::Turn};

/// One device.
pub(super) async fn look_up(
    store: &PostgresStore,
    tenant: TenantId,
    device: DeviceId,
) -> Result<Option<Device>, StoreError> {
    let found = match store.devices.ask(tenant, device).await {
        Turn::Answered(found) => return Ok(found),
        Turn::LookUp(group) => {
            let devices: Vec<DeviceId> = group.questions().copied().collect();
            let found = look_up_all(store, tenant, &devices).await?;
            group.answer(|device| found.get(device).cloned())
        }
        Turn::Alone => None,
    };
    match found {
        Some(found) => Ok(found),
        None => Ok(look_up_all(store, tenant, &[device]).await?.remove(&device)),
    }
}

/// Those of the devices that are there.
async fn look_up_all(
    store: &PostgresStore,
    tenant: TenantId,
    devices: &[DeviceId],
) -> Result<HashMap<DeviceId, Device>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let wanted = columns(devices.iter().map(DeviceId::as_bytes));
    let rows = sqlx::query_as!(
        DeviceRow,
        "SELECT device, public_key, role, participant, scope, state, probation_until_ms,
                inviter, enrolled_at_ms, lease_until_ms, pass, clock_boot_id,
                clock_wall_minus_monotonic_ms, clock_ahead_ms
         FROM device WHERE tenant = $1 AND device = ANY($2)",
        key,
        &wanted
    )
    .fetch_all(&mut *store.read(tenant).await?)
    .await
    .map_err(store_error)?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let device = Device::try_from(row)?;
        found.insert(device.id, device);
    }
    Ok(found)
}
