//! What devices say of their clocks.

use askel_store::{DeviceClock, StoreError};
use askel_sync::id::{DeviceId, TenantId};
use sqlx::PgConnection;

use crate::error::store_error;

/// Notes what a device said.
pub(super) async fn note(
    connection: &mut PgConnection,
    tenant: TenantId,
    device: DeviceId,
    clock: DeviceClock,
) -> Result<(), StoreError> {
    let (key, device) = (&tenant.as_bytes()[..], &device.as_bytes()[..]);
    let boot_id = clock.segment.boot_id.cast_signed();
    let wall_minus_monotonic_ms = clock.segment.wall_minus_monotonic_ms;
    let ahead_ms = clock.ahead_ms;
    sqlx::query!(
        "UPDATE device SET clock_boot_id = $1, clock_wall_minus_monotonic_ms = $2,
                clock_ahead_ms = $3
         WHERE tenant = $4 AND device = $5",
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
