//! Erasing what let someone in.

use askel_store::{Erased, StoreError};
use askel_sync::id::{DeviceId, PassTag};

use super::Erasing;
use crate::{
    column::{columns, id},
    error::store_error,
};

/// Runs statements that take the tenant and one more parameter, in order.
macro_rules! delete {
    ($erasing:ident, $parameter:expr; $($statement:literal)+) => {
        $({
            let (key, parameter) = (&$erasing.tenant.as_bytes()[..], $parameter);
            sqlx::query!($statement, key, parameter)
                .execute(&mut *$erasing.connection)
                .await
                .map_err(store_error)?;
        })+
    };
}

impl Erasing<'_> {
    /// Their devices and passes.
    pub(super) async fn find_rights(&mut self, erased: &mut Erased) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let participant = erased.participant;
        let of = &participant.as_bytes()[..];
        let devices = sqlx::query_scalar!(
            "SELECT device FROM device
             WHERE tenant = $1 AND participant = $2",
            key,
            of
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        for device in devices {
            erased.devices.push(id(&device)?);
        }
        let passes = sqlx::query_scalar!(
            "SELECT pass FROM pass
             WHERE tenant = $1 AND participant = $2",
            key,
            of
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        for pass in passes {
            erased.passes.push(id(&pass)?);
        }
        Ok(())
    }

    /// What refers to others comes before what it refers to.
    pub(super) async fn erase_rights(&mut self, erased: &Erased) -> Result<(), StoreError> {
        let devices = columns(erased.devices.iter().map(DeviceId::as_bytes));
        let passes = columns(erased.passes.iter().map(PassTag::as_bytes));
        let participant = &erased.participant.as_bytes()[..];
        delete!(self, &devices;
            "DELETE FROM invitation
             WHERE tenant = $1 AND used_by = ANY($2)"
            "DELETE FROM device
             WHERE tenant = $1 AND device = ANY($2)"
        );
        delete!(self, &passes;
            "DELETE FROM card
             WHERE tenant = $1 AND pass = ANY($2)"
            "DELETE FROM pass
             WHERE tenant = $1 AND pass = ANY($2)"
        );
        delete!(self, participant;
            "DELETE FROM invitation
             WHERE tenant = $1 AND participant = $2"
            "DELETE FROM recovery_sheet
             WHERE tenant = $1 AND participant = $2"
            "DELETE FROM approval
             WHERE tenant = $1 AND participant = $2"
            "DELETE FROM participant WHERE tenant = $1 AND participant = $2"
        );
        Ok(())
    }
}
