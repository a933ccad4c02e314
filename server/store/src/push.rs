//! Who may be woken, and who is to be.
//!
//! A device that wants to be woken has one row with its token, its wishes, and what is due to it: one push
//! at most, however many reasons there are. The row goes with the device, whether it is erased or revoked, and
//! at a restore: a device that wanted no more since the backup was made must not be asked to say so again.

use std::{collections::BTreeMap, fmt};

use askel_sync::{
    id::{DeviceId, ParticipantId, TenantId, TimeZoneId},
    limits::PUSH_TOKEN_BYTES_MAX,
    time::Timestamp,
};
use async_trait::async_trait;

use crate::StoreError;

/// Where the push service finds a phone. Shown nowhere: whoever has it can be told from others.
#[derive(Clone, PartialEq, Eq)]
pub struct PushToken(String);

/// What is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a push token has 1 to {PUSH_TOKEN_BYTES_MAX} bytes, printable ASCII")]
pub struct NoPushToken;

impl PushToken {
    /// As the push service gave it out.
    ///
    /// # Errors
    /// [`NoPushToken`] for what is empty, too long, or has other characters.
    pub fn new(token: String) -> Result<Self, NoPushToken> {
        let fits = (1..=PUSH_TOKEN_BYTES_MAX).contains(&token.len());
        if fits && token.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(token))
        } else {
            Err(NoPushToken)
        }
    }

    /// For the push service alone.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PushToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushToken(..)")
    }
}

/// What a device registers. That it does is the opt-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRegistration {
    /// Its token.
    pub token: PushToken,
    /// From which minute of the day until which it is not woken, if ever.
    pub quiet_minutes: Option<(u32, u32)>,
    /// By which zone of the catalog; the home zone when there is none.
    pub zone: Option<TimeZoneId>,
}

/// Whom there is news for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whom {
    /// All devices of a participant.
    Participant(ParticipantId),
    /// One device.
    Device(DeviceId),
}

/// A push that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedPush {
    /// To whom.
    pub device: DeviceId,
    /// What it registered.
    pub registration: PushRegistration,
    /// How often it failed.
    pub failures: u32,
    /// Until when nobody else gets it; settling names it.
    pub leased_until: Timestamp,
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushEnd {
    /// It is sent, or given up.
    Over,
    /// Nobody is behind the token: it goes.
    Unregistered,
    /// It is to be sent at another time.
    Again {
        /// When.
        at: Timestamp,
        /// How often it failed by now.
        failures: u32,
    },
}

/// Stores who may be woken, and who is to be.
#[async_trait]
pub trait PushStore: Send + Sync {
    /// Registers a device, or changes what it registered; what is due to it stays. Returns whether there is
    /// such a device that is not revoked.
    async fn register_push(
        &self,
        tenant: TenantId,
        device: DeviceId,
        registration: &PushRegistration,
    ) -> Result<bool, StoreError>;

    /// What a device registered.
    async fn lookup_push(
        &self,
        tenant: TenantId,
        device: DeviceId,
    ) -> Result<Option<PushRegistration>, StoreError>;

    /// Forgets what a device registered, and what is due to it.
    async fn withdraw_push(&self, tenant: TenantId, device: DeviceId) -> Result<(), StoreError>;

    /// Takes pushes that are due, longest due first, so that nobody else gets them until a time. What
    /// nobody settled by then is due again.
    async fn lease_pushes(
        &self,
        tenant: TenantId,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<LeasedPush>, StoreError>;

    /// Ends a lease. Without effect when it is over, and someone else may have the push. A reason that
    /// arose since the lease is due in its own time; an unregistered token goes unless another one has
    /// taken its place.
    async fn settle_push(
        &self,
        tenant: TenantId,
        push: &LeasedPush,
        end: PushEnd,
    ) -> Result<(), StoreError>;
}

/// What is due to whom by an append.
pub type PushesDue = BTreeMap<Whom, Timestamp>;
