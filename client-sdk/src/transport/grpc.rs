//! The transport over gRPC.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use askel_proto::v1::{
    self, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient, sync_service_client::SyncServiceClient,
};
use async_trait::async_trait;
use tokio_stream::StreamExt as _;
use tonic::{
    Code, Request, Status,
    metadata::MetadataValue,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use super::{Credential, Refusal, SyncAnswer, Transport, TransportError};
use crate::Advice;

/// The metadata that carries the call credential.
const CREDENTIAL_KEY: &str = "askel-credential";
/// The metadata of an error that tells the server's clock.
const SERVER_TIME_KEY: &str = "server_time_ms";
/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without an answer to a ping for this long is dead.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Calls a server over gRPC (HTTP/2). Connects with the first call, and again when a connection breaks.
#[derive(Debug, Default)]
pub struct GrpcTransport {
    server: Mutex<Server>,
    pinned: bool,
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
        })
    }

    fn channel(&self) -> Result<Channel, TransportError> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = match &*server {
            Server::Unknown => return Err(TransportError::Unreachable),
            Server::Named(endpoint) => endpoint.connect_lazy(),
            Server::Open(channel) => return Ok(channel.clone()),
        };
        *server = Server::Open(channel.clone());
        Ok(channel)
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
        Ok(self.enrolment()?.enrol(request).await?.into_inner())
    }

    async fn come_back(
        &self,
        request: v1::ComeBackRequest,
    ) -> Result<v1::EnrolResponse, TransportError> {
        Ok(self.enrolment()?.come_back(request).await?.into_inner())
    }

    async fn create_recovery_sheet(
        &self,
        credential: &Credential,
    ) -> Result<v1::RecoverySheet, TransportError> {
        let request = signed(credential, v1::CreateRecoverySheetRequest {})?;
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
        let request = signed(credential, request)?;
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
        let request = signed(credential, request)?;
        Ok(self.enrolment()?.refuse_device(request).await?.into_inner())
    }

    async fn revoke_own_device(
        &self,
        credential: &Credential,
        request: v1::RevokeOwnDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        let request = signed(credential, request)?;
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
        let request = signed(credential, request)?;
        Ok(self
            .enrolment()?
            .list_own_devices(request)
            .await?
            .into_inner())
    }

    async fn sync(
        &self,
        credential: &Credential,
        request: v1::SyncRequest,
    ) -> Result<SyncAnswer, TransportError> {
        let mut client = SyncServiceClient::new(self.channel()?);
        let parts = client
            .sync(signed(credential, request)?)
            .await?
            .into_inner();
        Ok(Box::pin(
            parts.map(|part| part.map_err(TransportError::from)),
        ))
    }

    async fn get_catalog_chunk(
        &self,
        credential: &Credential,
        request: v1::GetCatalogChunkRequest,
    ) -> Result<v1::CatalogChunk, TransportError> {
        let mut client = CatalogServiceClient::new(self.channel()?);
        Ok(client
            .get_catalog_chunk(signed(credential, request)?)
            .await?
            .into_inner())
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

fn signed<T>(credential: &Credential, message: T) -> Result<Request<T>, TransportError> {
    let value =
        MetadataValue::try_from(credential.as_str()).map_err(|_| TransportError::Unreachable)?;
    let mut request = Request::new(message);
    request.metadata_mut().insert(CREDENTIAL_KEY, value);
    Ok(request)
}

impl From<Status> for TransportError {
    fn from(status: Status) -> Self {
        let info = status.get_details_error_info();
        let unreached = matches!(
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
        ("DEVICE_REVOKED", _) | (_, Code::Unauthenticated) => Advice::EnrolAgain,
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

/// The code's name as gRPC spells it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
