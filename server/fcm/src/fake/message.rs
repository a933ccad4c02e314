//! `messages:send`, with the errors of FCM's documentation.

use bytes::Bytes;
use http::{Method, StatusCode, request::Parts};
use serde_json::{Value, json};

use super::{Fault, Inside, PROJECT, Said, Taken};
use crate::limits::ANSWER_BYTES_MAX;

/// What a message must be but for its token: written down here once more, on purpose.
fn expected(token: &str) -> Value {
    json!({ "message": {
        "token": token,
        "data": { "body": "sync" },
        "android": { "collapse_key": "sync", "priority": "NORMAL", "ttl": "86400s" },
        "apns": {
            "headers": {
                "apns-push-type": "background",
                "apns-priority": "5",
                "apns-collapse-id": "sync",
            },
            "payload": { "aps": { "content-available": 1 } },
        },
    }})
}

pub(super) fn answer(inside: &Inside, head: &Parts, body: &Bytes) -> Said {
    if head.method != Method::POST
        || head.uri.path() != format!("/v1/projects/{PROJECT}/messages:send")
    {
        return fault_answer(&Fault::NoSuchProject);
    }
    let mut state = inside.state();
    let now = state.now;
    let believed = head
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .and_then(|token| state.access.get(token))
        .is_some_and(|until| now < *until);
    if !believed {
        return fault_answer(&Fault::Unauthenticated);
    }
    let Some(token) = token_of(head, body) else {
        return fault_answer(&Fault::InvalidMessage);
    };
    let message = Taken {
        token,
        body: body.clone(),
    };
    match state.message_faults.pop_front() {
        None if state.gone.contains(&message.token) => unregistered(),
        None => {
            state.taken.push(message);
            let name = format!("projects/{PROJECT}/messages/{}", state.taken.len());
            Said::json(StatusCode::OK, &json!({ "name": name }))
        }
        Some(Fault::Done) => {
            state.taken.push(message);
            Said::Broken
        }
        Some(Fault::Unanswered) => {
            state.taken.push(message);
            Said::Nothing
        }
        Some(fault) => fault_answer(&fault),
    }
}

/// The token of a message that is otherwise what it must be.
fn token_of(head: &Parts, body: &[u8]) -> Option<String> {
    if head.headers.get("content-type")? != "application/json" {
        return None;
    }
    let message: Value = serde_json::from_slice(body).ok()?;
    let token = message.get("message")?.get("token")?.as_str()?;
    (message == expected(token)).then(|| token.to_owned())
}

fn unregistered() -> Said {
    error(
        (404, "NOT_FOUND", "Requested entity was not found."),
        &[fcm("UNREGISTERED")],
        None,
    )
}

fn fault_answer(fault: &Fault) -> Said {
    match fault {
        Fault::InvalidToken | Fault::InvalidTokenInWords | Fault::InvalidMessage => invalid(fault),
        Fault::Internal | Fault::Unavailable(_) | Fault::QuotaExceeded(_) => not_now(fault),
        Fault::Endless => {
            let padding = " ".repeat(ANSWER_BYTES_MAX);
            let inside = json!({ "error": { "details": [fcm("UNREGISTERED")] } });
            Said::text(StatusCode::NOT_FOUND, None, format!("{padding}{inside}"))
        }
        Fault::InvalidGrant | Fault::Gibberish => {
            Said::text(StatusCode::OK, None, "<html>".to_owned())
        }
        Fault::Silence | Fault::Unanswered => Said::Nothing,
        Fault::Done => Said::Broken,
        _ => denied(fault),
    }
}

fn invalid(fault: &Fault) -> Said {
    const TOKEN: &str = "The registration token is not a valid FCM registration token";
    let (words, field) = match fault {
        Fault::InvalidTokenInWords => (TOKEN, None),
        Fault::InvalidToken => (
            "Request contains an invalid argument.",
            Some("message.token"),
        ),
        _ => (
            "Request contains an invalid argument.",
            Some("message.android.ttl"),
        ),
    };
    let mut details = vec![fcm("INVALID_ARGUMENT")];
    details.extend(field.map(|field| {
        json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{ "field": field, "description": "Invalid value" }],
        })
    }));
    error((400, "INVALID_ARGUMENT", words), &details, None)
}

fn not_now(fault: &Fault) -> Said {
    match fault {
        Fault::QuotaExceeded(after) => error(
            (429, "RESOURCE_EXHAUSTED", "Quota exceeded."),
            &[fcm("QUOTA_EXCEEDED")],
            after.clone(),
        ),
        Fault::Unavailable(after) => error(
            (503, "UNAVAILABLE", "The service is currently unavailable."),
            &[fcm("UNAVAILABLE")],
            after.clone(),
        ),
        _ => error(
            (500, "INTERNAL", "Internal error encountered."),
            &[fcm("INTERNAL")],
            None,
        ),
    }
}

fn denied(fault: &Fault) -> Said {
    const NONE: &str = "Request had invalid authentication credentials.";
    const DENIED: &str = "Permission 'cloudmessaging.messages.create' denied on resource.";
    let (of, code) = match fault {
        Fault::ThirdPartyAuth => (
            (401, "UNAUTHENTICATED", NONE),
            Some("THIRD_PARTY_AUTH_ERROR"),
        ),
        Fault::SenderIdMismatch => {
            let of = (403, "PERMISSION_DENIED", "SenderId mismatch");
            (of, Some("SENDER_ID_MISMATCH"))
        }
        Fault::PermissionDenied => ((403, "PERMISSION_DENIED", DENIED), None),
        Fault::Unauthenticated => ((401, "UNAUTHENTICATED", NONE), None),
        _ => ((404, "NOT_FOUND", "Requested entity was not found."), None),
    };
    let details: Vec<_> = code.map(fcm).into_iter().collect();
    error(of, &details, None)
}

fn fcm(code: &str) -> Value {
    json!({
        "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
        "errorCode": code,
    })
}

fn error(
    (code, status, message): (u16, &str, &str),
    details: &[Value],
    retry_after: Option<String>,
) -> Said {
    let mut error = json!({ "error": { "code": code, "message": message, "status": status } });
    if let Some(error) = error.get_mut("error").and_then(Value::as_object_mut)
        && !details.is_empty()
    {
        error.insert("details".to_owned(), Value::from(details));
    }
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Said::text(status, retry_after, error.to_string())
}
