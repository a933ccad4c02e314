//! The access token: exchanged for a signed request, kept until shortly before its end, by one exchange at
//! a time.

use std::{sync::Arc, time::Duration};

use askel_sync::time::Timestamp;
use http::HeaderValue;
use serde::Deserialize;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::{
    account::ServiceAccount,
    answer::{self, Outcome, Refusal, Verdict},
    backoff,
    https::{Https, NoReply, Post, Reply},
    limits::{ACCESS_MARGIN, ACCESS_MAX, ACCESS_TOKEN_BYTES_MAX, REFUSED_EXCHANGE_WAIT},
    messenger::Attempt,
};

/// An access token.
pub(crate) struct Held {
    pub(crate) bearer: HeaderValue,
    until: Timestamp,
}

/// Gets access tokens, and keeps the last.
#[derive(Default)]
pub(crate) struct Access {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Arc<Held>>,
    closed: Option<Closed>,
    failures: u32,
}

/// After an exchange that failed, those who wait for it do not each try their own.
struct Closed {
    until: Timestamp,
    refusal: Option<Refusal>,
}

impl Access {
    /// A token that is good now.
    ///
    /// # Errors
    /// What becomes of the message when there is none.
    pub(crate) async fn get(
        &self,
        https: &Https,
        account: &ServiceAccount,
        attempt: Attempt,
    ) -> Result<Arc<Held>, Outcome> {
        let now = attempt.now;
        let mut state = self.state.lock().await;
        if let Some(held) = state.held.as_ref().filter(|held| now < held.until) {
            return Ok(Arc::clone(held));
        }
        if let Some(closed) = state.closed.as_ref().filter(|closed| now < closed.until) {
            return Err(closed.outcome(now));
        }
        state.held = None;
        match exchange(https, account, attempt, state.failures).await {
            Ok(held) => {
                let held = Arc::new(held);
                *state = State {
                    held: Some(Arc::clone(&held)),
                    ..State::default()
                };
                Ok(held)
            }
            Err(outcome) => {
                state.failures = state.failures.saturating_add(1);
                state.closed = Closed::by(outcome, now);
                Err(outcome)
            }
        }
    }

    /// Forgets a token that was not believed; a newer one stays.
    pub(crate) async fn forget(&self, ended: &Arc<Held>) {
        let mut state = self.state.lock().await;
        if state
            .held
            .as_ref()
            .is_some_and(|held| Arc::ptr_eq(held, ended))
        {
            state.held = None;
        }
    }
}

impl Closed {
    fn by(outcome: Outcome, now: Timestamp) -> Option<Self> {
        let (wait, refusal) = match outcome {
            Outcome::RetryAfter(wait) => (wait, None),
            Outcome::Refused(refusal) => (REFUSED_EXCHANGE_WAIT, Some(refusal)),
            Outcome::Sent | Outcome::Unregistered => return None,
        };
        Some(Self {
            until: later(now, wait),
            refusal,
        })
    }

    fn outcome(&self, now: Timestamp) -> Outcome {
        let left = self.until.saturating_ms_since(now).max(0);
        let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        match self.refusal {
            Some(refusal) => Outcome::Refused(refusal),
            None => Outcome::RetryAfter(left),
        }
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

async fn exchange(
    https: &Https,
    account: &ServiceAccount,
    attempt: Attempt,
    failures: u32,
) -> Result<Held, Outcome> {
    let signed = account.assertion(attempt.now);
    let assertion = signed.ok_or(Outcome::Refused(Refusal::Credential))?;
    // A JWT's alphabet needs no escaping in a form.
    let body = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
    );
    let post = Post {
        to: account.token_uri(),
        content_type: "application/x-www-form-urlencoded",
        bearer: None,
        body: body.into_bytes(),
    };
    let later = |floor| Outcome::RetryAfter(backoff::wait(floor, failures, attempt.random));
    let reply = match https.post(post).await {
        Ok(reply) => reply,
        Err(NoReply) => return Err(later(Duration::ZERO)),
    };
    if let Some(Verdict::Later(floor)) = answer::not_now(&reply, attempt.now) {
        return Err(later(floor));
    }
    if !reply.status.is_success() {
        return Err(Outcome::Refused(Refusal::Credential));
    }
    read(&reply, attempt.now).ok_or_else(|| later(Duration::ZERO))
}

fn read(reply: &Reply, now: Timestamp) -> Option<Held> {
    let granted: Granted = serde_json::from_slice(&reply.body).ok()?;
    let token = Zeroizing::new(granted.access_token);
    if token.len() > ACCESS_TOKEN_BYTES_MAX {
        return None;
    }
    let value = Zeroizing::new(format!("Bearer {}", &*token));
    let mut bearer = HeaderValue::from_str(&value).ok()?;
    bearer.set_sensitive(true);
    let good = Duration::from_secs(granted.expires_in).min(ACCESS_MAX);
    // A token that is short-lived anyway is used for most of its life.
    let margin = ACCESS_MARGIN.min(good.checked_div(4).unwrap_or_default());
    Some(Held {
        bearer,
        until: later(now, good.saturating_sub(margin)),
    })
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.saturating_add_ms(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}
