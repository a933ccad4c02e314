//! The token exchange: a signed request (RFC 7523) for an access token, in the form of Google's.

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http::{Method, StatusCode, request::Parts};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::{EMAIL, Fault, Inside, KEY_ID, Said};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

pub(super) fn answer(inside: &Inside, head: &Parts, body: &Bytes) -> Said {
    let believed = head.method == Method::POST
        && head
            .headers
            .get("content-type")
            .is_some_and(|kind| kind == "application/x-www-form-urlencoded")
        && is_good(inside, body).is_some();
    let mut state = inside.state();
    state.exchanges = state.exchanges.saturating_add(1);
    if !believed {
        return refused();
    }
    match state.exchange_faults.pop_front() {
        None => {}
        Some(Fault::QuotaExceeded(after)) => {
            return Said::text(StatusCode::TOO_MANY_REQUESTS, after, String::new());
        }
        Some(Fault::Unavailable(after)) => {
            return Said::text(StatusCode::SERVICE_UNAVAILABLE, after, "<html>".to_owned());
        }
        Some(Fault::Silence) => return Said::Nothing,
        Some(Fault::Gibberish) => {
            return Said::text(StatusCode::OK, None, "<html>".to_owned());
        }
        Some(_) => return refused(),
    }
    let token = format!("ya29.access-{}", state.exchanges);
    let seconds = state.access_good_s;
    let lasts_ms = i64::try_from(seconds)
        .unwrap_or_default()
        .saturating_mul(1_000);
    let until = state.now.saturating_add_ms(lasts_ms);
    state.access.insert(token.clone(), until);
    let granted = json!({
        "access_token": token,
        "expires_in": seconds,
        "token_type": "Bearer",
    });
    Said::json(StatusCode::OK, &granted)
}

fn refused() -> Said {
    let error = json!({
        "error": "invalid_grant",
        "error_description": "Invalid JWT Signature.",
    });
    Said::json(StatusCode::BAD_REQUEST, &error)
}

/// Checks form, signature, and every claim.
fn is_good(inside: &Inside, body: &[u8]) -> Option<()> {
    let form = std::str::from_utf8(body).ok()?;
    let jwt = form.strip_prefix(&format!("grant_type={GRANT}&assertion="))?;
    let (signed, signature) = jwt.rsplit_once('.')?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
    let key = inside.account.public().as_ref();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
        .verify(signed.as_bytes(), &signature)
        .ok()?;
    let (head, claims) = signed.split_once('.')?;
    let head = part(head)?;
    let claims = part(claims)?;
    let at = claims.get("iat")?.as_i64()?;
    let end = claims.get("exp")?.as_i64()?;
    let now = inside.state().now.as_ms().div_euclid(1_000);
    let fine = head == json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_ID })
        && claims.get("iss")? == EMAIL
        && claims.get("scope")? == SCOPE
        && claims.get("aud")? == &*inside.token_uri
        && (now.saturating_sub(300)..=now.saturating_add(300)).contains(&at)
        && end > now
        && end <= at.saturating_add(3_600);
    fine.then_some(())
}

fn part(encoded: &str) -> Option<Value> {
    let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).ok()?;
    serde_json::from_slice(&bytes).ok()
}
