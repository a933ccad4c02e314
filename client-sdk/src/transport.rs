//! How the engine's requests reach the server: a component.

mod arriving;
mod grpc;
mod trace;

pub use grpc::GrpcTransport;
pub use trace::TraceContext;

use std::{pin::Pin, time::Duration};

use askel_proto::v1;
use async_trait::async_trait;
use tokio_stream::Stream;

/// The self-signed call credential, as the metadata `askel-credential` carries it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(String);

impl Credential {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The metadata's value, ASCII.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// The parts of an answer to Sync, as they come.
pub type SyncAnswer = Pin<Box<dyn Stream<Item = Result<v1::SyncResponse, TransportError>> + Send>>;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The server was not reached, or the answer was cut. What was asked may have been done.
    #[error("the server was not reached, or its answer was cut")]
    Unreachable,
    /// The server answered with an error, and nothing of the request was done.
    #[error("the server refused: {}", .0.reason)]
    Refused(Refusal),
}

/// A server's error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What the app should do about it.
    pub advice: crate::Advice,
    /// A name of the table of reasons (docs/errors.md), or the gRPC code's name.
    pub reason: String,
    /// Plain words for a person, in the device's language where the server has it.
    pub text: String,
    /// Not before this long.
    pub retry_after: Option<Duration>,
    /// The server's clock, milliseconds since 1970-01-01T00:00:00Z, when it told it.
    pub server_time_ms: Option<i64>,
}

/// Carries requests to the server and its answers back.
///
/// A transport holds no state of the engine's: any call may fail, or be repeated.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Names the server of the invitation. A transport that was made for one server ignores it.
    fn use_server(&self, server_url: &str) -> Result<(), TransportError>;

    /// Enrols with an invitation.
    async fn enrol(&self, request: v1::EnrolRequest) -> Result<v1::EnrolResponse, TransportError>;

    /// Enrols a new device of a known participant.
    async fn come_back(
        &self,
        request: v1::ComeBackRequest,
    ) -> Result<v1::EnrolResponse, TransportError>;

    /// Makes a recovery sheet.
    async fn create_recovery_sheet(
        &self,
        credential: &Credential,
    ) -> Result<v1::RecoverySheet, TransportError>;

    /// Approves another device of the same participant.
    async fn approve_device(
        &self,
        credential: &Credential,
        request: v1::ApproveDeviceRequest,
    ) -> Result<v1::ApproveDeviceResponse, TransportError>;

    /// Refuses a re-invited device.
    async fn refuse_device(
        &self,
        credential: &Credential,
        request: v1::RefuseDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError>;

    /// Revokes one of the principal's own devices.
    async fn revoke_own_device(
        &self,
        credential: &Credential,
        request: v1::RevokeOwnDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError>;

    /// Lists the principal's own devices, a page.
    async fn list_own_devices(
        &self,
        credential: &Credential,
        request: v1::ListOwnDevicesRequest,
    ) -> Result<v1::ListOwnDevicesResponse, TransportError>;

    /// Has this device woken, in place of what it registered before.
    async fn update_push_registration(
        &self,
        credential: &Credential,
        request: v1::UpdatePushRegistrationRequest,
    ) -> Result<v1::PushRegistration, TransportError>;

    /// Has this device woken no more.
    async fn delete_push_registration(&self, credential: &Credential)
    -> Result<(), TransportError>;

    /// Hands in batches and pulls streams.
    async fn sync(
        &self,
        credential: &Credential,
        request: v1::SyncRequest,
    ) -> Result<SyncAnswer, TransportError>;

    /// Reads one chunk of a catalog.
    async fn get_catalog_chunk(
        &self,
        credential: &Credential,
        request: v1::GetCatalogChunkRequest,
    ) -> Result<v1::CatalogChunk, TransportError>;
}
