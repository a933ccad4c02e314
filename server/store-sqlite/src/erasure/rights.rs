//! Erasing what let someone in.

use askel_store::{Erased, StoreError};

use super::Erasing;
use crate::{
    column::id,
    error::store_error,
    rows::{bytes, rows},
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
            "SELECT device FROM device INDEXED BY device_by_participant
             WHERE tenant = ? AND participant = ?",
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
            "SELECT pass FROM pass INDEXED BY pass_by_participant
             WHERE tenant = ? AND participant = ?",
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
        let devices = rows(erased.devices.iter().map(|id| bytes(id.as_bytes())));
        let passes = rows(erased.passes.iter().map(|id| bytes(id.as_bytes())));
        let participant = &erased.participant.as_bytes()[..];
        delete!(self, &devices;
            "DELETE FROM invitation INDEXED BY invitation_by_user
             WHERE tenant = ?1 AND used_by IN (SELECT unhex(value) FROM json_each(?2))"
            "DELETE FROM device
             WHERE tenant = ?1 AND device IN (SELECT unhex(value) FROM json_each(?2))"
        );
        delete!(self, &passes;
            "DELETE FROM card INDEXED BY card_by_pass
             WHERE tenant = ?1 AND pass IN (SELECT unhex(value) FROM json_each(?2))"
            "DELETE FROM pass
             WHERE tenant = ?1 AND pass IN (SELECT unhex(value) FROM json_each(?2))"
        );
        delete!(self, participant;
            "DELETE FROM invitation INDEXED BY invitation_by_participant
             WHERE tenant = ? AND participant = ?"
            "DELETE FROM recovery_sheet INDEXED BY recovery_sheet_by_participant
             WHERE tenant = ? AND participant = ?"
            "DELETE FROM approval INDEXED BY approval_by_participant
             WHERE tenant = ? AND participant = ?"
            "DELETE FROM participant WHERE tenant = ? AND participant = ?"
        );
        Ok(())
    }
}
