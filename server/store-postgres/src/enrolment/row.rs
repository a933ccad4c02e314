//! Devices and invitations as rows.

use askel_store::{Device, DeviceClock, DeviceState, Invitation, StoreError};
use askel_sync::{
    key::PublicKey,
    time::{ClockSegment, Timestamp},
};

use crate::column::{array, id, optional_id, role, scope};

/// The states as the table `device` documents them.
const PENDING: i16 = 1;
const ACTIVE: i16 = 2;
const PROBATION: i16 = 3;
pub(crate) const REVOKED: i16 = 4;

pub(super) struct DeviceRow {
    pub(super) device: Vec<u8>,
    pub(super) public_key: Vec<u8>,
    pub(super) role: i16,
    pub(super) participant: Option<Vec<u8>>,
    pub(super) scope: Option<String>,
    pub(super) state: i16,
    pub(super) probation_until_ms: Option<i64>,
    pub(super) inviter: Option<Vec<u8>>,
    pub(super) enrolled_at_ms: i64,
    pub(super) lease_until_ms: Option<i64>,
    pub(super) pass: Option<Vec<u8>>,
    pub(super) clock_boot_id: Option<i64>,
    pub(super) clock_wall_minus_monotonic_ms: Option<i64>,
    pub(super) clock_ahead_ms: Option<i64>,
}

impl TryFrom<DeviceRow> for Device {
    type Error = StoreError;

    fn try_from(row: DeviceRow) -> Result<Self, StoreError> {
        let key = PublicKey::from_bytes(&row.public_key);
        let segment = row.clock_boot_id.zip(row.clock_wall_minus_monotonic_ms);
        let clock = segment.zip(row.clock_ahead_ms).map(
            |((boot_id, wall_minus_monotonic_ms), ahead_ms)| DeviceClock {
                segment: ClockSegment {
                    boot_id: boot_id.cast_unsigned(),
                    wall_minus_monotonic_ms,
                },
                ahead_ms,
            },
        );
        Ok(Self {
            id: id(&row.device)?,
            public_key: key.map_err(|_| StoreError::Inconsistent("a device's key is no key"))?,
            role: role(row.role)?,
            participant: optional_id(row.participant.as_deref())?,
            scope: scope(row.scope.as_deref())?,
            state: state(row.state, row.probation_until_ms)?,
            inviter: optional_id(row.inviter.as_deref())?,
            enrolled_at: Timestamp::from_ms(row.enrolled_at_ms),
            lease_until: row.lease_until_ms.map(Timestamp::from_ms),
            pass: optional_id(row.pass.as_deref())?,
            clock,
        })
    }
}

pub(super) struct InvitationRow {
    pub(super) invitation: Vec<u8>,
    pub(super) code_hash: Vec<u8>,
    pub(super) role: i16,
    pub(super) scope: Option<String>,
    pub(super) participant: Option<Vec<u8>>,
    pub(super) inviter: Option<Vec<u8>>,
    pub(super) created_at_ms: i64,
    pub(super) expires_at_ms: i64,
    pub(super) used_by: Option<Vec<u8>>,
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = StoreError;

    fn try_from(row: InvitationRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: array(&row.invitation)?,
            code_hash: array(&row.code_hash)?,
            role: role(row.role)?,
            scope: scope(row.scope.as_deref())?,
            participant: optional_id(row.participant.as_deref())?,
            inviter: optional_id(row.inviter.as_deref())?,
            created_at: Timestamp::from_ms(row.created_at_ms),
            expires_at: Timestamp::from_ms(row.expires_at_ms),
            used_by: optional_id(row.used_by.as_deref())?,
        })
    }
}

/// A state as its number and the end of probation.
pub(super) fn state_columns(state: DeviceState) -> (i16, Option<i64>) {
    match state {
        DeviceState::Pending => (PENDING, None),
        DeviceState::Active => (ACTIVE, None),
        DeviceState::Probation { until } => (PROBATION, Some(until.as_ms())),
        DeviceState::Revoked => (REVOKED, None),
    }
}

fn state(state: i16, probation_until_ms: Option<i64>) -> Result<DeviceState, StoreError> {
    match (state, probation_until_ms) {
        (PENDING, None) => Ok(DeviceState::Pending),
        (ACTIVE, None) => Ok(DeviceState::Active),
        (PROBATION, Some(until)) => Ok(DeviceState::Probation {
            until: Timestamp::from_ms(until),
        }),
        (REVOKED, None) => Ok(DeviceState::Revoked),
        _ => Err(StoreError::Inconsistent("a device's state is not known")),
    }
}
