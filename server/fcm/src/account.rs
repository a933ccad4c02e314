//! A service account: who asks, and the key that proves it.

use std::fmt;

use askel_sync::time::Timestamp;
use data_encoding::BASE64URL_NOPAD;
use http::{Uri, uri::Scheme};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use zeroize::Zeroizing;

use crate::limits::{ACCOUNT_BYTES_MAX, ASSERTION_GOOD};

/// What the access token is asked for: to send messages, and nothing else.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// A service account's file is not as Google makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// It is longer than [`ACCOUNT_BYTES_MAX`].
    #[error("the service account is too long")]
    TooLong,
    /// It is no JSON with the fields of a service account.
    #[error("this is no service account's JSON")]
    Format,
    /// It is another sort of credential.
    #[error("the credential is no service account")]
    Kind,
    /// The project's name would not stand in a path as it is.
    #[error("the service account's project_id is none")]
    Project,
    /// The token URI is no https address.
    #[error("the service account's token_uri is no https address")]
    TokenUri,
    /// The key is no RSA key in PKCS#8 that `ring` takes.
    #[error("the service account's private_key can't be read")]
    Key,
}

/// A service account, parsed. Its `Debug` shows nothing of the key.
pub struct ServiceAccount {
    project: String,
    email: String,
    key_id: String,
    token_uri: Uri,
    key: RsaKeyPair,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    project_id: String,
    client_email: String,
    private_key_id: String,
    private_key: String,
    token_uri: String,
}

impl ServiceAccount {
    /// Reads the JSON that Google's console gives out.
    ///
    /// # Errors
    /// [`AccountError`], by the first thing that is wrong.
    pub fn parse(json: &str) -> Result<Self, AccountError> {
        if json.len() > ACCOUNT_BYTES_MAX {
            return Err(AccountError::TooLong);
        }
        let file: File = serde_json::from_str(json).map_err(|_| AccountError::Format)?;
        if file.kind != "service_account" {
            return Err(AccountError::Kind);
        }
        let in_a_path = |c: char| c.is_ascii_alphanumeric() || "-.:_".contains(c);
        if file.project_id.is_empty() || !file.project_id.chars().all(in_a_path) {
            return Err(AccountError::Project);
        }
        let token_uri: Uri = file.token_uri.parse().map_err(|_| AccountError::TokenUri)?;
        if token_uri.scheme() != Some(&Scheme::HTTPS) {
            return Err(AccountError::TokenUri);
        }
        let pem = Zeroizing::new(file.private_key);
        let der =
            PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| AccountError::Key)?;
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| AccountError::Key)?;
        Ok(Self {
            project: file.project_id,
            email: file.client_email,
            key_id: file.private_key_id,
            token_uri,
            key,
        })
    }

    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    pub(crate) fn token_uri(&self) -> &Uri {
        &self.token_uri
    }

    /// The signed request for an access token (RFC 7523), or `None` should the key not sign.
    pub(crate) fn assertion(&self, now: Timestamp) -> Option<String> {
        let issued = now.as_ms().div_euclid(1_000);
        let good_s = i64::try_from(ASSERTION_GOOD.as_secs()).ok()?;
        let audience = self.token_uri.to_string();
        let head = Head {
            alg: "RS256",
            typ: "JWT",
            kid: &self.key_id,
        };
        let claims = Claims {
            iss: &self.email,
            scope: SCOPE,
            aud: &audience,
            iat: issued,
            exp: issued.saturating_add(good_s),
        };
        let mut jwt = encode(&head)?;
        jwt.push('.');
        jwt.push_str(&encode(&claims)?);
        let mut signature = vec![0; self.key.public().modulus_len()];
        // Randomness only blinds the computation: the signature is the same with any.
        let blinding = SystemRandom::new();
        self.key
            .sign(&RSA_PKCS1_SHA256, &blinding, jwt.as_bytes(), &mut signature)
            .ok()?;
        jwt.push('.');
        jwt.push_str(&BASE64URL_NOPAD.encode(&signature));
        Some(jwt)
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Head<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

fn encode(part: &impl Serialize) -> Option<String> {
    Some(BASE64URL_NOPAD.encode(&serde_json::to_vec(part).ok()?))
}
