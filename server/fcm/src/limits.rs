//! Every bound of this crate, by name.

use std::time::Duration;

/// Bytes of an answer that are read; a larger one is judged by its status alone.
pub const ANSWER_BYTES_MAX: usize = 64 * 1_024;
/// Bytes of a service account's file.
pub const ACCOUNT_BYTES_MAX: usize = 64 * 1_024;
/// Bytes of an access token.
pub const ACCESS_TOKEN_BYTES_MAX: usize = 8 * 1_024;
/// The first wait after a failure lies within this; each further one within twice as much.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(10);
/// No wait of our own choice is longer.
pub const BACKOFF_MAX: Duration = Duration::from_hours(1);
/// No wait is shorter: a fault that takes no time would go round and round.
pub const WAIT_MIN: Duration = Duration::from_secs(1);
/// How long we wait at least when we are too many and nobody says how long, as FCM asks of its callers.
pub const QUOTA_WAIT_MIN: Duration = Duration::from_mins(1);
/// The longest wait that is believed when an answer asks for one.
pub const STATED_WAIT_MAX: Duration = Duration::from_hours(24);
/// How long before its end an access token is not used any more.
pub const ACCESS_MARGIN: Duration = Duration::from_mins(1);
/// The longest an access token is believed to be good.
pub const ACCESS_MAX: Duration = Duration::from_hours(1);
/// How long no other exchange is tried after one that was refused.
pub const REFUSED_EXCHANGE_WAIT: Duration = Duration::from_mins(1);
/// How long a signed request for an access token is good; the longest that Google takes.
pub const ASSERTION_GOOD: Duration = Duration::from_hours(1);
/// How long a phone that is off is remembered by FCM. Polling finds what is older.
pub const MESSAGE_GOOD: Duration = Duration::from_hours(24);
