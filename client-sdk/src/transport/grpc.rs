//! The transport over gRPC.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use askel_proto::{
    code_name,
    v1::{
        self, catalog_service_client::CatalogServiceClient,
        enrolment_service_client::EnrolmentServiceClient, push_service_client::PushServiceClient,
        sync_service_client::SyncServiceClient,
    },
};
use async_trait::async_trait;
use tokio_stream::StreamExt as _;
use tonic::{
    Code, Request, Status,
    metadata::MetadataValue,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};
use tonic_types::StatusExt as _;

use super::{
    Credential, Refusal, SyncAnswer, TraceContext, Transport, TransportError,
    arriving::{arriving, copy, is_of_the_connection},
};
use crate::Advice;

/// The metadata that carries the call credential.
const CREDENTIAL_KEY: &str = "askel-credential";
/// The metadata that says where the caller's trace stands.
const TRACE_KEY: &str = "traceparent";
/// The metadata of an error that tells the server's clock.
const SERVER_TIME_KEY: &str = "server_time_ms";
/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without an answer to a ping for this long is dead.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Calls a server over gRPC (HTTP/2), with TLS where its URL begins with `https`. Connects with the first
/// call, and again when a connection breaks.
#[derive(Debug, Default)]
pub struct GrpcTransport {
    server: Mutex<Server>,
    pinned: bool,
    /// Trusted beside the roots of the web.
    roots: Vec<Certificate>,
    trace: Trace,
}

/// Tells where the app's own trace stands, if it has one.
#[derive(Default)]
struct Trace(Option<Box<dyn Fn() -> Option<TraceContext> + Send + Sync>>);

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "asked for"
        } else {
            "none"
        })
    }
}

/// Where to call.
#[derive(Debug, Default)]
enum Server {
    /// No invitation has named it yet.
    #[default]
    Unknown,
    /// Named; the first call opens the channel, on the runtime it runs on.
    Named(Box<Endpoint>),
    Open(Channel),
}

impl GrpcTransport {
    /// Goes to the server that the invitation names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes to this server, whatever an invitation says. Nothing is connected yet.
    ///
    /// # Errors
    /// [`TransportError::Refused`] with the advice to fix the input when the URL is none.
    pub fn connect_lazy(server_url: &str) -> Result<Self, TransportError> {
        let server = Mutex::new(Server::Named(Box::new(endpoint(server_url)?)));
        Ok(Self {
            server,
            pinned: true,
            ..Self::default()
        })
    }

    /// Trusts a root certificate (PEM) beside those of the web: of a server in an organisation's own
    /// network, or of a test.
    #[must_use]
    pub fn with_root_certificate(mut self, pem: &[u8]) -> Self {
        self.roots.push(Certificate::from_pem(pem));
        self
    }

    /// Has each call say where the app's own trace stands, so that the server's spans hang below it. Asked
    /// at each call; where it answers `None`, and without it, calls say nothing.
    #[must_use]
    pub fn with_trace_context(
        mut self,
        here: impl Fn() -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        self.trace = Trace(Some(Box::new(here)));
        self
    }

    /// A call that says where the app's trace stands.
    fn call<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let here = self.trace.0.as_ref().and_then(|here| here());
        if let Some(value) = here.and_then(|here| MetadataValue::try_from(here.to_string()).ok()) {
            request.metadata_mut().insert(TRACE_KEY, value);
        }
        request
    }

    fn signed<T>(&self, credential: &Credential, message: T) -> Result<Request<T>, TransportError> {
        let value = MetadataValue::try_from(credential.as_str())
            .map_err(|_| TransportError::Unreachable)?;
        let mut request = self.call(message);
        request.metadata_mut().insert(CREDENTIAL_KEY, value);
        Ok(request)
    }

    fn channel(&self) -> Result<Channel, TransportError> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = match &*server {
            Server::Unknown => return Err(TransportError::Unreachable),
            Server::Named(endpoint) => self.with_tls(endpoint)?.connect_lazy(),
            Server::Open(channel) => return Ok(channel.clone()),
        };
        *server = Server::Open(channel.clone());
        Ok(channel)
    }

    fn with_tls(&self, endpoint: &Endpoint) -> Result<Endpoint, TransportError> {
        let endpoint = endpoint.clone();
        if endpoint.uri().scheme_str() != Some("https") {
            return Ok(endpoint);
        }
        let tls = ClientTlsConfig::new()
            .with_webpki_roots()
            .ca_certificates(self.roots.iter().cloned());
        endpoint.tls_config(tls).map_err(|_| not_a_server())
    }

    fn enrolment(&self) -> Result<EnrolmentServiceClient<Channel>, TransportError> {
        Ok(EnrolmentServiceClient::new(self.channel()?))
    }
}

#[async_trait]
impl Transport for GrpcTransport {
    fn use_server(&self, server_url: &str) -> Result<(), TransportError> {
        if !self.pinned {
            let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
            *server = Server::Named(Box::new(endpoint(server_url)?));
        }
        Ok(())
    }

    async fn enrol(&self, request: v1::EnrolRequest) -> Result<v1::EnrolResponse, TransportError> {
        Ok(self
            .enrolment()?
            .enrol(self.call(request))
            .await?
            .into_inner())
    }

    async fn come_back(
        &self,
        request: v1::ComeBackRequest,
    ) -> Result<v1::EnrolResponse, TransportError> {
        Ok(self
            .enrolment()?
            .come_back(self.call(request))
            .await?
            .into_inner())
    }

    async fn create_recovery_sheet(
        &self,
        credential: &Credential,
    ) -> Result<v1::RecoverySheet, TransportError> {
        let request = self.signed(credential, v1::CreateRecoverySheetRequest {})?;
        Ok(self
            .enrolment()?
            .create_recovery_sheet(request)
            .await?
            .into_inner())
    }

    async fn approve_device(
        &self,
        credential: &Credential,
        request: v1::ApproveDeviceRequest,
    ) -> Result<v1::ApproveDeviceResponse, TransportError> {
        let request = self.signed(credential, request)?;
        Ok(self
            .enrolment()?
            .approve_device(request)
            .await?
            .into_inner())
    }

    async fn refuse_device(
        &self,
        credential: &Credential,
        request: v1::RefuseDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        let request = self.signed(credential, request)?;
        Ok(self.enrolment()?.refuse_device(request).await?.into_inner())
    }

    async fn revoke_own_device(
        &self,
        credential: &Credential,
        request: v1::RevokeOwnDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        let request = self.signed(credential, request)?;
        Ok(self
            .enrolment()?
            .revoke_own_device(request)
            .await?
            .into_inner())
    }

    async fn list_own_devices(
        &self,
        credential: &Credential,
        request: v1::ListOwnDevicesRequest,
    ) -> Result<v1::ListOwnDevicesResponse, TransportError> {
        let request = self.signed(credential, request)?;
        Ok(self
            .enrolment()?
            .list_own_devices(request)
            .await?
            .into_inner())
    }

    async fn update_push_registration(
        &self,
        credential: &Credential,
        request: v1::UpdatePushRegistrationRequest,
    ) -> Result<v1::PushRegistration, TransportError> {
        let request = self.signed(credential, request)?;
        let mut client = PushServiceClient::new(self.channel()?);
        Ok(client.update_push_registration(request).await?.into_inner())
    }

    async fn delete_push_registration(
        &self,
        credential: &Credential,
    ) -> Result<(), TransportError> {
        let request = self.signed(credential, v1::DeletePushRegistrationRequest {})?;
        let mut client = PushServiceClient::new(self.channel()?);
        client.delete_push_registration(request).await?;
        Ok(())
    }

    async fn sync(
        &self,
        credential: &Credential,
        request: v1::SyncRequest,
    ) -> Result<SyncAnswer, TransportError> {
        let client = SyncServiceClient::new(self.channel()?);
        let request = self.signed(credential, request)?;
        let parts = arriving(|| {
            let (mut client, request) = (client.clone(), copy(&request));
            async move { client.sync(request).await }
        });
        let parts = parts.await?.into_inner();
        Ok(Box::pin(
            parts.map(|part| part.map_err(TransportError::from)),
        ))
    }

    async fn get_catalog_chunk(
        &self,
        credential: &Credential,
        request: v1::GetCatalogChunkRequest,
    ) -> Result<v1::CatalogChunk, TransportError> {
        let client = CatalogServiceClient::new(self.channel()?);
        let request = self.signed(credential, request)?;
        let chunk = arriving(|| {
            let (mut client, request) = (client.clone(), copy(&request));
            async move { client.get_catalog_chunk(request).await }
        });
        Ok(chunk.await?.into_inner())
    }
}

fn endpoint(server_url: &str) -> Result<Endpoint, TransportError> {
    let endpoint = Endpoint::from_shared(server_url.to_owned()).map_err(|_| not_a_server())?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_TIMEOUT)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT))
}

fn not_a_server() -> TransportError {
    TransportError::Refused(Refusal {
        advice: Advice::FixInput,
        reason: "SERVER_URL_MALFORMED".to_owned(),
        text: "The address of the server can't be read.".to_owned(),
        retry_after: None,
        server_time_ms: None,
    })
}

impl From<Status> for TransportError {
    fn from(status: Status) -> Self {
        let info = status.get_details_error_info();
        let unreached = is_of_the_connection(&status)
            || matches!(
                status.code(),
                Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded
            );
        let Some(info) = info else {
            return if unreached {
                Self::Unreachable
            } else {
                Self::Refused(refusal(&status, code_name(status.code()).to_owned(), None))
            };
        };
        let server_time_ms = info
            .metadata
            .get(SERVER_TIME_KEY)
            .and_then(|text| text.parse().ok());
        Self::Refused(refusal(&status, info.reason, server_time_ms))
    }
}

fn refusal(status: &Status, reason: String, server_time_ms: Option<i64>) -> Refusal {
    Refusal {
        advice: advice(status.code(), &reason),
        reason,
        text: status.message().to_owned(),
        retry_after: status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay),
        server_time_ms,
    }
}

/// What to do about an error: by its reason where that says more than its code.
fn advice(code: Code, reason: &str) -> Advice {
    match (reason, code) {
        ("CREDENTIAL_STALE" | "DEVICE_PENDING", _) => Advice::RetryLater,
        ("DEVICE_REVOKED" | "ERASED", _) | (_, Code::Unauthenticated) => Advice::EnrolAgain,
        ("VERSION_UNSUPPORTED", _) | (_, Code::Unimplemented) => Advice::UpdateApp,
        // What this SDK sealed and signed itself.
        ("BATCH_MALFORMED" | "WRITER_NOT_SIGNER" | "SIGNATURE_INVALID", _) => Advice::Bug,
        (
            _,
            Code::InvalidArgument
            | Code::NotFound
            | Code::FailedPrecondition
            | Code::AlreadyExists
            | Code::OutOfRange
            | Code::PermissionDenied,
        ) => Advice::FixInput,
        _ => Advice::RetryLater,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn first_call(transport: &GrpcTransport) -> TransportError {
        let called = transport.enrol(v1::EnrolRequest::default()).await;
        called.expect_err("nobody answers")
    }

    #[test]
    fn a_call_says_where_the_apps_trace_stands_only_when_asked() {
        let said = |transport: &GrpcTransport| {
            let call = transport.call(());
            let said = call.metadata().get(TRACE_KEY);
            said.map(|value| value.to_str().expect("ASCII").to_owned())
        };
        let silent = GrpcTransport::new();
        assert_eq!(said(&silent), None);
        let untraced = GrpcTransport::new().with_trace_context(|| None);
        assert_eq!(said(&untraced), None);
        let here = TraceContext {
            trace_id: [1; 16],
            span_id: [2; 8],
            sampled: true,
        };
        let traced = GrpcTransport::new().with_trace_context(move || Some(here));
        assert_eq!(said(&traced), Some(here.to_string()));
    }

    #[tokio::test]
    async fn an_address_with_tls_is_called_with_it() {
        // Nobody listens there: what is refused is the connection, not the address.
        let transport = GrpcTransport::connect_lazy("https://127.0.0.1:1").expect("an address");
        assert_eq!(first_call(&transport).await, TransportError::Unreachable);
    }

    #[tokio::test]
    async fn a_root_that_is_no_certificate_is_told() {
        let transport = GrpcTransport::connect_lazy("https://127.0.0.1:1").expect("an address");
        let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        let transport = transport.with_root_certificate(broken.as_bytes());
        assert_eq!(first_call(&transport).await, not_a_server());
    }
}
