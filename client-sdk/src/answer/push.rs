//! Being woken.

use std::fmt;

/// How this device wants to be woken when others did something for it.
#[derive(Clone, PartialEq, Eq)]
pub struct PushWish {
    /// What FCM gave the app: 1 to 4,096 printable ASCII characters.
    pub token: String,
    /// When it is not to be woken, if ever.
    pub quiet_hours: Option<QuietHours>,
    /// The name of the time zone that the hours are meant by (`Europe/Helsinki`). When there is none, or
    /// the catalog has none of that name, its home zone is.
    pub time_zone: Option<String>,
}

impl fmt::Debug for PushWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushWish(…)")
    }
}

/// A part of each day by the clock on the wall, past midnight when it ends earlier than it begins. At least
/// an hour of the day has to be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// Minutes after midnight, 0 to 1439.
    pub from_minute: u32,
    /// The same.
    pub until_minute: u32,
}
