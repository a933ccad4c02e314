//! Sends the one message there is.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use askel_sync::time::Timestamp;
use http::{Uri, uri::Scheme};
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::{
    access::{Access, Held},
    account::ServiceAccount,
    answer::{self, Outcome, Refusal, Verdict},
    backoff,
    https::{Https, NoReply, Post, Roots},
    limits::MESSAGE_GOOD,
};

/// The whole content of a message, whoever gets it and why.
const BODY: &str = "sync";

/// How the service is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// Scheme and host of the service, without a path; https only.
    pub base: String,
    /// Whose certificates are believed, of the service and of the token exchange.
    pub roots: Roots,
    /// Messages under way at a time, at least 1; more wait.
    pub sends_max: usize,
    /// How long one request may take.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base: "https://fcm.googleapis.com".to_owned(),
            roots: Roots::Web,
            sends_max: 32,
            timeout: Duration::from_secs(10),
        }
    }
}

/// The service can't be reached so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// The base is no https address.
    #[error("the base of the push service is no https address")]
    Base,
    /// The issuer's certificate can't be read.
    #[error("the issuer's certificate can't be read")]
    Roots,
}

/// What one attempt needs from outside.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// The time.
    pub now: Timestamp,
    /// How often this message failed before.
    pub failures: u32,
    /// Any number, each time another: spreads the next attempts.
    pub random: u64,
}

/// A client of FCM HTTP v1. Share it: its connection, its access token and its bound on messages under way
/// are one.
pub struct Messenger {
    https: Https,
    account: ServiceAccount,
    access: Access,
    to: Uri,
    sends: Semaphore,
    refusal_told: AtomicBool,
}

impl Messenger {
    /// A client. Nothing is asked of anyone yet.
    ///
    /// # Errors
    /// [`OptionsError`].
    pub fn new(account: ServiceAccount, options: &Options) -> Result<Self, OptionsError> {
        let base = options.base.trim_end_matches('/');
        let to = format!("{base}/v1/projects/{}/messages:send", account.project());
        let to: Uri = to.parse().map_err(|_| OptionsError::Base)?;
        if to.scheme() != Some(&Scheme::HTTPS) {
            return Err(OptionsError::Base);
        }
        let https = Https::new(&options.roots, options.timeout).ok_or(OptionsError::Roots)?;
        Ok(Self {
            https,
            account,
            access: Access::default(),
            to,
            sends: Semaphore::new(options.sends_max.clamp(1, Semaphore::MAX_PERMITS)),
            refusal_told: AtomicBool::new(false),
        })
    }

    /// Asks the phone behind a token to sync. Waits while too many are under way.
    ///
    /// What was sent may be sent again: the messages collapse into one that the phone has not got yet.
    /// A refusal is logged once until something was sent again; a token never is.
    pub async fn send(&self, token: &str, attempt: Attempt) -> Outcome {
        // The semaphore is never closed; should it be, the bound is gone and nothing else.
        let _permit = self.sends.acquire().await.ok();
        let outcome = self.send_now(token, attempt).await;
        match outcome {
            Outcome::Sent => self.refusal_told.store(false, Ordering::Relaxed),
            Outcome::Refused(refusal) => self.tell(refusal),
            Outcome::Unregistered | Outcome::RetryAfter(_) => {}
        }
        outcome
    }

    async fn send_now(&self, token: &str, attempt: Attempt) -> Outcome {
        // An access token may be revoked before its end: then another one is asked for, once.
        for _ in 0..2 {
            let held = match self.access.get(&self.https, &self.account, attempt).await {
                Ok(held) => held,
                Err(outcome) => return outcome,
            };
            match self.post(token, &held, attempt.now).await {
                Verdict::Sent => return Outcome::Sent,
                Verdict::Unregistered => return Outcome::Unregistered,
                Verdict::Refused(refusal) => return Outcome::Refused(refusal),
                Verdict::Later(floor) => {
                    let wait = backoff::wait(floor, attempt.failures, attempt.random);
                    return Outcome::RetryAfter(wait);
                }
                Verdict::AccessEnded => self.access.forget(&held).await,
            }
        }
        Outcome::Refused(Refusal::Credential)
    }

    async fn post(&self, token: &str, held: &Held, now: Timestamp) -> Verdict {
        let Some(body) = envelope(token) else {
            return Verdict::Refused(Refusal::Message);
        };
        let post = Post {
            to: &self.to,
            content_type: "application/json",
            bearer: Some(held.bearer.clone()),
            body,
        };
        match self.https.post(post).await {
            Ok(reply) => answer::of_message(&reply, now),
            Err(NoReply) => Verdict::Later(Duration::ZERO),
        }
    }

    fn tell(&self, refusal: Refusal) {
        if !self.refusal_told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                reason = refusal.as_str(),
                "the push service refuses our messages"
            );
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    token: &'a str,
    data: Data,
    android: Android,
    apns: Apns,
}

#[derive(Serialize)]
struct Data {
    body: &'static str,
}

#[derive(Serialize)]
struct Android {
    collapse_key: &'static str,
    priority: &'static str,
    ttl: String,
}

#[derive(Serialize)]
struct Apns {
    headers: ApnsHeaders,
    payload: ApnsPayload,
}

#[derive(Serialize)]
struct ApnsHeaders {
    #[serde(rename = "apns-push-type")]
    push_type: &'static str,
    #[serde(rename = "apns-priority")]
    priority: &'static str,
    #[serde(rename = "apns-collapse-id")]
    collapse_id: &'static str,
}

#[derive(Serialize)]
struct ApnsPayload {
    aps: Aps,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Aps {
    content_available: u8,
}

/// Data only, in no hurry: the phone shows nothing by itself, and syncs when it suits it.
fn envelope(token: &str) -> Option<Vec<u8>> {
    let message = Message {
        token,
        data: Data { body: BODY },
        android: Android {
            collapse_key: BODY,
            priority: "NORMAL",
            ttl: format!("{}s", MESSAGE_GOOD.as_secs()),
        },
        apns: Apns {
            headers: ApnsHeaders {
                push_type: "background",
                priority: "5",
                collapse_id: BODY,
            },
            payload: ApnsPayload {
                aps: Aps {
                    content_available: 1,
                },
            },
        },
    };
    serde_json::to_vec(&Envelope { message }).ok()
}
