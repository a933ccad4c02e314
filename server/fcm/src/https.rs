//! Requests over one HTTP/2 connection a host, always with TLS; bounded in time and in bytes read.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};

use crate::limits::ANSWER_BYTES_MAX;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_mins(5);
/// How often a peer is asked on a busy connection whether it is there; as long to answer.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Whose certificates are believed.
#[derive(Debug, Clone, Default)]
pub enum Roots {
    /// Those that the web believes.
    #[default]
    Web,
    /// Those that one issuer gives out; its certificate in DER.
    Only(Vec<u8>),
}

pub(crate) struct Https {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
    /// Empty when there was more than [`ANSWER_BYTES_MAX`].
    pub(crate) body: Bytes,
}

/// No answer came, for whatever reason: try again later.
#[derive(Debug)]
pub(crate) struct NoReply;

/// What is sent, and in whose name.
pub(crate) struct Post<'a> {
    pub(crate) to: &'a Uri,
    pub(crate) content_type: &'static str,
    pub(crate) bearer: Option<HeaderValue>,
    pub(crate) body: Vec<u8>,
}

impl Https {
    /// `None` when the roots can't be read.
    pub(crate) fn new(roots: &Roots, timeout: Duration) -> Option<Self> {
        let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .ok()?;
        let tls = match roots {
            Roots::Web => versions.with_webpki_roots(),
            Roots::Only(issuer) => {
                let mut store = RootCertStore::empty();
                store.add(CertificateDer::from(issuer.clone())).ok()?;
                versions.with_root_certificates(store)
            }
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.with_no_client_auth())
            .https_only()
            .enable_http2()
            .build();
        // Known to be HTTP/2 beforehand, requests that come together wait for one connection
        // instead of each opening its own.
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http2_keep_alive_interval(KEEPALIVE)
            .http2_keep_alive_timeout(KEEPALIVE)
            .build(connector);
        Some(Self { client, timeout })
    }

    pub(crate) async fn post(&self, post: Post<'_>) -> Result<Reply, NoReply> {
        tokio::time::timeout(self.timeout, self.exchange(post))
            .await
            .map_err(|_| NoReply)?
    }

    async fn exchange(&self, post: Post<'_>) -> Result<Reply, NoReply> {
        let mut request = Request::post(post.to)
            .header(header::CONTENT_TYPE, post.content_type)
            .body(Full::new(Bytes::from(post.body)))
            .map_err(|_| NoReply)?;
        if let Some(bearer) = post.bearer {
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
        }
        let answer = self.client.request(request).await.map_err(|_| NoReply)?;
        let status = answer.status();
        let retry_after = answer
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        // An answer that breaks off or is too long still has its status: what is sent is sent.
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        Ok(Reply {
            status,
            retry_after,
            body,
        })
    }
}
