//! Through Firebase Cloud Messaging.

use askel_fcm::{Messenger, Outcome};
use askel_store::PushToken;
use async_trait::async_trait;

use super::{Attempt, Push, Woken};

/// Wakes phones through FCM.
pub struct FcmPush {
    messenger: Messenger,
}

impl FcmPush {
    /// By this client.
    pub fn new(messenger: Messenger) -> Self {
        Self { messenger }
    }
}

#[async_trait]
impl Push for FcmPush {
    async fn wake(&self, token: &PushToken, attempt: Attempt) -> Woken {
        let attempt = askel_fcm::Attempt {
            now: attempt.now,
            failures: attempt.failures,
            random: attempt.random,
        };
        match self.messenger.send(token.as_str(), attempt).await {
            Outcome::Sent => Woken::Sent,
            Outcome::Unregistered => Woken::Unregistered,
            Outcome::RetryAfter(wait) => Woken::Later(wait),
            // The messenger has told the operator.
            Outcome::Refused(_) => Woken::Refused,
        }
    }
}
