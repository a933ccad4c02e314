//! Whether this device is to be woken.

use askel_sync::{id::StreamId, time::Timestamp};

use crate::{PushWish, QuietHours};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PushRow {
    /// `None` for no more.
    pub(crate) wish: Option<PushWish>,
    /// `None` while the server is to be told.
    pub(crate) told: Option<PushTold>,
}

/// That the server was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PushTold {
    /// When it is told again, by this device's clock.
    pub(crate) again_at: Timestamp,
    /// The handle that this device's stream had then.
    pub(crate) under: Option<StreamId>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredPush {
    #[prost(message, optional, tag = "1")]
    wish: Option<StoredWish>,
    #[prost(sint64, optional, tag = "2")]
    told_again_at_ms: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "3")]
    told_under: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredWish {
    #[prost(string, tag = "1")]
    token: String,
    #[prost(uint32, optional, tag = "2")]
    quiet_from_minute: Option<u32>,
    #[prost(uint32, tag = "3")]
    quiet_until_minute: u32,
    #[prost(string, optional, tag = "4")]
    time_zone: Option<String>,
}

impl From<&PushRow> for StoredPush {
    fn from(row: &PushRow) -> Self {
        let told = row.told.as_ref();
        Self {
            wish: row.wish.as_ref().map(|wish| StoredWish {
                token: wish.token.clone(),
                quiet_from_minute: wish.quiet_hours.map(|hours| hours.from_minute),
                quiet_until_minute: wish.quiet_hours.map_or(0, |hours| hours.until_minute),
                time_zone: wish.time_zone.clone(),
            }),
            told_again_at_ms: told.map(|told| told.again_at.as_ms()),
            told_under: told.and_then(|told| told.under).map(StreamId::to_vec),
        }
    }
}

impl StoredPush {
    /// `None` for a handle that is none.
    pub(super) fn row(self) -> Option<PushRow> {
        let under = match self.told_under {
            Some(bytes) => Some(StreamId::try_from(&*bytes).ok()?),
            None => None,
        };
        Some(PushRow {
            wish: self.wish.map(|wish| PushWish {
                token: wish.token,
                quiet_hours: wish.quiet_from_minute.map(|from_minute| QuietHours {
                    from_minute,
                    until_minute: wish.quiet_until_minute,
                }),
                time_zone: wish.time_zone,
            }),
            told: self.told_again_at_ms.map(|ms| PushTold {
                again_at: Timestamp::from_ms(ms),
                under,
            }),
        })
    }
}
