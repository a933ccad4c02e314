//! Waking phones. The message is the constant word "sync": it says nothing about anyone.
//!
//! Whom to wake ([`reasons`]) and when ([`due`], [`after_quiet`]) are worked out purely, and written in
//! the transaction of what gives the reason; `waking` takes what is due and has it sent.

mod due;
mod fcm;
mod reason;

pub use askel_store::Whom;
pub use due::{QuietHours, after_quiet, due};
pub use fcm::FcmPush;
pub use reason::reasons;

use std::time::Duration;

use askel_store::{Append, PushToken};
use askel_sync::time::Timestamp;
use async_trait::async_trait;

use crate::entropy::{Entropy, EntropyFailed, draw};

/// One attempt to wake a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The time.
    pub now: Timestamp,
    /// How often it failed before.
    pub failures: u32,
    /// Any number, each time another: spreads the next attempts.
    pub random: u64,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The push service has it.
    Sent,
    /// Nobody is behind the token any more.
    Unregistered,
    /// Not now; again when this has passed.
    Later(Duration),
    /// The push service finds fault with this server, not with the token.
    Refused,
}

/// Sends wake-ups. What is lost is no harm: polling alone is enough.
#[async_trait]
pub trait Push: Send + Sync {
    /// Asks the phone behind a token to sync. To do so twice is to do it once, for a phone that has not
    /// heard the first.
    async fn wake(&self, token: &PushToken, attempt: Attempt) -> Woken;
}

/// Notes wake-ups in the log and sends none, for a server without a push service.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogPush;

#[async_trait]
impl Push for LogPush {
    async fn wake(&self, _token: &PushToken, _attempt: Attempt) -> Woken {
        tracing::debug!(
            message_body = "sync",
            "wake-up not sent: no push service configured"
        );
        Woken::Sent
    }
}

/// Has everyone woken whom an append is news to, each at a time of their own.
pub(crate) fn plan(
    append: &mut Append,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), EntropyFailed> {
    let mut pushes = askel_store::PushesDue::new();
    for whom in reasons(append) {
        let random = draw(entropy).map(u64::from_le_bytes)?;
        pushes.insert(whom, due(now, random));
    }
    append.pushes = pushes;
    Ok(())
}
