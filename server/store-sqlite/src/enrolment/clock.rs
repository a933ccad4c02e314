//! What devices say of their clocks.

use askel_store::{DeviceClock, StoreError};
use askel_sync::id::{DeviceId, TenantId};
use sqlx::SqliteConnection;

use crate::error::store_error;

/// Notes what a device said.
pub(super) async fn note(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    device: DeviceId,
    clock: DeviceClock,
) -> Result<(), StoreError> {
    let (key, device) = (&tenant.as_bytes()[..], &device.as_bytes()[..]);
    let boot_id = clock.segment.boot_id.cast_signed();
    let wall_minus_monotonic_ms = clock.segment.wall_minus_monotonic_ms;
    let ahead_ms = clock.ahead_ms;
    sqlx::query!(
        "UPDATE device SET clock_boot_id = ?, clock_wall_minus_monotonic_ms = ?,
                clock_ahead_ms = ?
         WHERE tenant = ? AND device = ?",
        boot_id,
        wall_minus_monotonic_ms,
        ahead_ms,
        key,
        device
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
