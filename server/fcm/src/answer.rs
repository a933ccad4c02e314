//! What an answer of FCM means: pure.

use std::time::Duration;

use askel_sync::time::Timestamp;
use http::StatusCode;
use serde::Deserialize;

use crate::{https::Reply, limits::QUOTA_WAIT_MIN};

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// FCM has it.
    Sent,
    /// Nobody is behind this token any more: forget it.
    Unregistered,
    /// Not now; try again when this has passed.
    RetryAfter(Duration),
    /// The fault is ours, not the token's: keep it, and tell the operator.
    Refused(Refusal),
}

/// What FCM finds wrong with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The service account is not believed (401, or its exchange is refused).
    Credential,
    /// The service account may not send for the project, or the interface is switched off (403).
    Permission,
    /// The token belongs to another project's app (403 `SENDER_ID_MISMATCH`).
    WrongSender,
    /// The project has no good key of Apple's push service (401 `THIRD_PARTY_AUTH_ERROR`).
    ApplePushKey,
    /// There is no such project (404 without a word about the token).
    Project,
    /// What we send is not understood.
    Message,
    /// An answer that nobody documents.
    Unknown,
}

impl Refusal {
    /// A word for a log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Permission => "permission",
            Self::WrongSender => "wrong_sender",
            Self::ApplePushKey => "apple_push_key",
            Self::Project => "project",
            Self::Message => "message",
            Self::Unknown => "unknown",
        }
    }
}

/// An answer, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Sent,
    Unregistered,
    /// Not now: wait at least so long, and a drawn while beyond it.
    Later(Duration),
    /// The access token is not good any more.
    AccessEnded,
    Refused(Refusal),
}

/// Reads an answer to a message.
pub(crate) fn of_message(reply: &Reply, now: Timestamp) -> Verdict {
    let status = reply.status;
    if status.is_success() {
        return Verdict::Sent;
    }
    if let Some(later) = not_now(reply, now) {
        return later;
    }
    let error = read_error(&reply.body);
    let code = error.code();
    match (status, code) {
        (StatusCode::NOT_FOUND, "UNREGISTERED") => Verdict::Unregistered,
        (StatusCode::BAD_REQUEST, _) if error.is_about_the_token() => Verdict::Unregistered,
        (StatusCode::UNAUTHORIZED, "THIRD_PARTY_AUTH_ERROR") => {
            Verdict::Refused(Refusal::ApplePushKey)
        }
        (StatusCode::UNAUTHORIZED, _) => Verdict::AccessEnded,
        (StatusCode::FORBIDDEN, "SENDER_ID_MISMATCH") => Verdict::Refused(Refusal::WrongSender),
        (StatusCode::FORBIDDEN, _) => Verdict::Refused(Refusal::Permission),
        (StatusCode::NOT_FOUND, _) => Verdict::Refused(Refusal::Project),
        (StatusCode::BAD_REQUEST, _) => Verdict::Refused(Refusal::Message),
        _ => Verdict::Refused(Refusal::Unknown),
    }
}

/// Whether an answer says that it is not the time, and for how long.
pub(crate) fn not_now(reply: &Reply, now: Timestamp) -> Option<Verdict> {
    let stated = reply
        .retry_after
        .as_deref()
        .and_then(|value| read_retry_after(value, now));
    match reply.status {
        StatusCode::TOO_MANY_REQUESTS => Some(Verdict::Later(stated.unwrap_or(QUOTA_WAIT_MIN))),
        StatusCode::REQUEST_TIMEOUT => Some(Verdict::Later(stated.unwrap_or_default())),
        status if status.is_server_error() => Some(Verdict::Later(stated.unwrap_or_default())),
        _ => None,
    }
}

/// `Retry-After` in both its forms: seconds, and a date. `None` for anything else.
fn read_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?;
    let at = Timestamp::from_ms(at.timestamp().as_millisecond());
    let ms = at.saturating_ms_since(now).max(0);
    Some(Duration::from_millis(u64::try_from(ms).ok()?))
}

#[derive(Deserialize, Default)]
struct Envelope {
    error: ErrorBody,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorBody {
    message: String,
    details: Vec<Detail>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Detail {
    #[serde(rename = "@type")]
    kind: String,
    #[serde(rename = "errorCode")]
    code: String,
    #[serde(rename = "fieldViolations")]
    violations: Vec<Violation>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Violation {
    field: String,
}

const FCM_ERROR: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";

fn read_error(body: &[u8]) -> ErrorBody {
    // What is no error of Google's, a proxy's page for instance, says nothing beyond its status.
    let envelope: Envelope = serde_json::from_slice(body).unwrap_or_default();
    envelope.error
}

impl ErrorBody {
    fn code(&self) -> &str {
        self.details
            .iter()
            .find(|detail| detail.kind == FCM_ERROR)
            .map_or("", |detail| &detail.code)
    }

    /// A bad message would be refused for everyone, and must not cost everyone's token. Some answers name
    /// the field, others only say it in words.
    fn is_about_the_token(&self) -> bool {
        let named = self
            .details
            .iter()
            .flat_map(|detail| &detail.violations)
            .any(|violation| violation.field == "message.token");
        named
            || (self.code() == "INVALID_ARGUMENT"
                && self.message.contains("registration token is not a valid"))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(784_111_777_000);

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        let check = |value: &str, expected: Option<u64>| {
            let read = read_retry_after(value, NOW);
            assert_eq!(read, expected.map(Duration::from_secs), "{value}");
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(0));
        check("Sun, 06 Nov 1994 08:51:37 GMT", Some(120));
        check("Sun, 06 Nov 1994 08:49:07 GMT", Some(0));
        check("-5", None);
        check("soon", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn no_body_of_an_error_drops_a_token_by_chance(
            status in 400_u16..600,
            body in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let reply = Reply {
                status: StatusCode::from_u16(status).unwrap(),
                retry_after: None,
                body: Bytes::from(body),
            };
            let verdict = of_message(&reply, NOW);
            prop_assert!(!matches!(verdict, Verdict::Unregistered | Verdict::Sent));
        }
    }
}
