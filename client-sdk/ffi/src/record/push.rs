//! Being woken.

use askel_client_sdk as sdk;

/// How this device wants to be woken.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct PushWish {
    /// What FCM gave the app.
    pub token: String,
    /// When it is not to be woken, if ever.
    pub quiet_hours: Option<QuietHours>,
    /// The name of the time zone that the hours are meant by; the home zone of the catalog without it.
    pub time_zone: Option<String>,
}

impl std::fmt::Debug for PushWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushWish(…)")
    }
}

/// Minutes after midnight, past it when `until_minute` is the earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct QuietHours {
    /// From when.
    pub from_minute: u32,
    /// Until when.
    pub until_minute: u32,
}

impl From<PushWish> for sdk::PushWish {
    fn from(wish: PushWish) -> Self {
        Self {
            token: wish.token,
            quiet_hours: wish.quiet_hours.map(|hours| sdk::QuietHours {
                from_minute: hours.from_minute,
                until_minute: hours.until_minute,
            }),
            time_zone: wish.time_zone,
        }
    }
}

impl From<sdk::PushWish> for PushWish {
    fn from(wish: sdk::PushWish) -> Self {
        Self {
            token: wish.token,
            quiet_hours: wish.quiet_hours.map(|hours| QuietHours {
                from_minute: hours.from_minute,
                until_minute: hours.until_minute,
            }),
            time_zone: wish.time_zone,
        }
    }
}
