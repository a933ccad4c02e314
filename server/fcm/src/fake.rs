//! A service on this machine that answers as FCM and Google's token exchange do, over TLS, and believes as
//! little: it verifies the signed request for an access token, the token, and every byte of a message.
//!
//! For tests, of this crate and of whoever sends by it.

#![expect(clippy::expect_used, reason = "a fake that can't go on ends its test")]

mod exchange;
mod message;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use askel_sync::time::Timestamp;
use bytes::Bytes;
use data_encoding::BASE64;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ring::signature::RsaKeyPair;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring as provider,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};

use crate::{Options, Roots};

/// Made for these tests, and good for nothing else.
const ACCOUNT_KEY: &[u8] = include_bytes!("fake/account.key.der");
const ISSUER: &[u8] = include_bytes!("fake/issuer.der");
/// For `localhost`.
const CERTIFICATE: &[u8] = include_bytes!("fake/server.der");
const KEY: &[u8] = include_bytes!("fake/server.key.der");

pub(crate) const PROJECT: &str = "askel-test";
pub(crate) const EMAIL: &str = "push@askel-test.iam.gserviceaccount.com";
pub(crate) const KEY_ID: &str = "the-only-key";

/// What a request is answered with instead of what it deserves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// 400: the token is none, and the answer names its field.
    InvalidToken,
    /// 400: the token is none, and only the words say so.
    InvalidTokenInWords,
    /// 400: something else in the message.
    InvalidMessage,
    /// 401: Apple's key is missing.
    ThirdPartyAuth,
    /// 401, although the access token is good.
    Unauthenticated,
    /// 403: another project's token.
    SenderIdMismatch,
    /// 403: the account may not send.
    PermissionDenied,
    /// 404 without a word about the token.
    NoSuchProject,
    /// 429, with `Retry-After` as given.
    QuotaExceeded(Option<String>),
    /// 500.
    Internal,
    /// 503, with `Retry-After` as given.
    Unavailable(Option<String>),
    /// 400 `invalid_grant`: of an exchange.
    InvalidGrant,
    /// 404 with a body without end.
    Endless,
    /// No answer.
    Silence,
    /// It is done, and the connection ends before the answer.
    Done,
    /// It is done, and nobody is told.
    Unanswered,
    /// 200, and what should be JSON is none.
    Gibberish,
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Whom it is for.
    pub token: String,
    /// Its body as it came.
    pub body: Bytes,
}

/// The service. It ends when it is dropped.
pub struct Fake {
    at: SocketAddr,
    inside: Arc<Inside>,
    serving: JoinHandle<()>,
}

pub(crate) struct Inside {
    pub(crate) account: RsaKeyPair,
    pub(crate) token_uri: String,
    state: Mutex<State>,
    /// Ends all connections.
    cut: Notify,
    /// Lets messages go that were held back.
    released: Notify,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) now: Timestamp,
    pub(crate) access_good_s: u64,
    /// Access tokens and when they end.
    pub(crate) access: HashMap<String, Timestamp>,
    pub(crate) exchanges: usize,
    pub(crate) taken: Vec<Taken>,
    pub(crate) gone: HashSet<String>,
    pub(crate) message_faults: VecDeque<Fault>,
    pub(crate) exchange_faults: VecDeque<Fault>,
    asked: usize,
    connections: usize,
    holding: bool,
    held: usize,
}

impl Fake {
    /// Starts it on a free port of this machine; its clock stands at `now`.
    ///
    /// # Panics
    /// When it can't listen.
    pub async fn start(now: Timestamp) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let inside = Arc::new(Inside {
            account: RsaKeyPair::from_pkcs8(ACCOUNT_KEY).expect("a key"),
            token_uri: format!("https://localhost:{}/token", at.port()),
            state: Mutex::new(State {
                now,
                access_good_s: 3_599,
                ..State::default()
            }),
            cut: Notify::new(),
            released: Notify::new(),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&inside)));
        Self {
            at,
            inside,
            serving,
        }
    }

    /// The service account's JSON, as the console gives it out.
    pub fn account_json(&self) -> String {
        let key = BASE64.encode(ACCOUNT_KEY);
        let key = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
        serde_json::json!({
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": KEY_ID,
            "private_key": key,
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": self.inside.token_uri,
        })
        .to_string()
    }

    /// How it is reached.
    pub fn options(&self) -> Options {
        Options {
            base: format!("https://localhost:{}", self.at.port()),
            roots: Roots::Only(ISSUER.to_vec()),
            ..Options::default()
        }
    }

    /// Sets its clock.
    pub fn set_now(&self, now: Timestamp) {
        self.inside.state().now = now;
    }

    /// For how long access tokens are good from now on.
    pub fn set_access_good(&self, good: Duration) {
        self.inside.state().access_good_s = good.as_secs();
    }

    /// No access token is good any more.
    pub fn revoke_access(&self) {
        self.inside.state().access.clear();
    }

    /// The app behind a token was removed.
    pub fn unregister(&self, token: &str) {
        self.inside.state().gone.insert(token.to_owned());
    }

    /// The next message that comes in good order meets this.
    pub fn fail_next_message(&self, fault: Fault) {
        self.inside.state().message_faults.push_back(fault);
    }

    /// The next exchange that comes in good order meets this.
    pub fn fail_next_exchange(&self, fault: Fault) {
        self.inside.state().exchange_faults.push_back(fault);
    }

    /// The messages that were taken, in order.
    pub fn taken(&self) -> Vec<Taken> {
        self.inside.state().taken.clone()
    }

    /// Requests to send, good or bad.
    pub fn asked(&self) -> usize {
        self.inside.state().asked
    }

    /// Requests for an access token, good or bad.
    pub fn exchanges(&self) -> usize {
        self.inside.state().exchanges
    }

    /// Connections that were opened.
    pub fn connections(&self) -> usize {
        self.inside.state().connections
    }

    /// Messages are held back from now on.
    pub fn hold(&self) {
        self.inside.state().holding = true;
    }

    /// Messages that are held back now.
    pub fn held(&self) -> usize {
        self.inside.state().held
    }

    /// Lets messages go.
    pub fn release(&self) {
        self.inside.state().holding = false;
        self.inside.released.notify_waiters();
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
        self.inside.cut.notify_waiters();
    }
}

impl Inside {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn held_back(&self) {
        let released = self.released.notified();
        {
            let mut state = self.state();
            if !state.holding {
                return;
            }
            state.held = state.held.saturating_add(1);
        }
        released.await;
        let mut state = self.state();
        state.held = state.held.saturating_sub(1);
    }
}

async fn serve(listener: TcpListener, inside: Arc<Inside>) {
    let tls = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(CERTIFICATE)],
            PrivateKeyDer::try_from(KEY).expect("a key"),
        );
    let mut tls = tls.expect("a certificate");
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let tls = TlsAcceptor::from(Arc::new(tls));
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(speak(tls.clone(), socket, Arc::clone(&inside)));
    }
}

async fn speak(tls: TlsAcceptor, socket: TcpStream, inside: Arc<Inside>) {
    let Ok(stream) = tls.accept(socket).await else {
        return;
    };
    {
        let mut state = inside.state();
        state.connections = state.connections.saturating_add(1);
    }
    let within = Arc::clone(&inside);
    let service = service_fn(move |request| {
        let inside = Arc::clone(&within);
        async move { answer(&inside, request).await }
    });
    let http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    tokio::select! {
        _ = http.serve_connection(TokioIo::new(stream), service) => {}
        () = inside.cut.notified() => {}
    }
}

/// No answer, and the stream is reset.
#[derive(Debug, thiserror::Error)]
#[error("the answer is not given")]
struct Unsaid;

async fn answer(
    inside: &Inside,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Unsaid> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Unsaid)?.to_bytes();
    let said = if head.uri.path() == "/token" {
        exchange::answer(inside, &head, &body)
    } else {
        {
            let mut state = inside.state();
            state.asked = state.asked.saturating_add(1);
        }
        inside.held_back().await;
        message::answer(inside, &head, &body)
    };
    match said {
        Said::Answer(response) => Ok(*response),
        Said::Broken => Err(Unsaid),
        Said::Nothing => std::future::pending().await,
    }
}

pub(crate) enum Said {
    Answer(Box<Response<Full<Bytes>>>),
    Broken,
    Nothing,
}

impl Said {
    pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self::text(status, None, body.to_string())
    }

    pub(crate) fn text(status: StatusCode, retry_after: Option<String>, body: String) -> Self {
        let mut response = Response::builder()
            .status(status)
            .header("content-type", "application/json; charset=UTF-8");
        if let Some(value) = retry_after {
            response = response.header("retry-after", value);
        }
        let response = response.body(Full::new(Bytes::from(body)));
        Self::Answer(Box::new(response.expect("an answer")))
    }
}
