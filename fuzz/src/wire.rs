//! What a phone's transport talks to: the server, or somebody hostile.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use askel_client_sdk::{Credential, SyncAnswer, Transport, TransportError};
use askel_proto::v1::{
    self, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient, sync_response::Part,
    sync_service_client::SyncServiceClient,
};
use askel_server::in_process::InMemory;
use askel_sync::key::credential::METADATA_KEY;
use async_trait::async_trait;
use tokio_stream::iter;
use tonic::Request;

/// An answer to Sync, part by part.
pub(crate) type Parts = Vec<Result<v1::SyncResponse, TransportError>>;

/// The other end.
pub(crate) enum Wire {
    /// The server, whose openings are noted.
    Server(InMemory, Arc<Mutex<VecDeque<v1::StreamInfo>>>),
    /// Whoever answers Sync and catalog chunks as it likes; the rest fails.
    Hostile(Box<dyn Answering>),
}

/// Answers as it likes.
pub(crate) trait Answering: Send + Sync {
    fn sync(&self, request: v1::SyncRequest) -> Parts;
    fn chunk(&self) -> Option<v1::CatalogChunk>;
}

impl Wire {
    pub(crate) fn to(calls: InMemory, told: Arc<Mutex<VecDeque<v1::StreamInfo>>>) -> Self {
        Self::Server(calls, told)
    }
}

fn with_credential<T>(credential: &Credential, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let text = credential.as_str().parse().expect("ASCII");
    request.metadata_mut().insert(METADATA_KEY, text);
    request
}

const GONE: TransportError = TransportError::Unreachable;

#[async_trait]
impl Transport for Wire {
    fn use_server(&self, _: &str) -> Result<(), TransportError> {
        Ok(())
    }

    async fn enrol(&self, request: v1::EnrolRequest) -> Result<v1::EnrolResponse, TransportError> {
        let Self::Server(calls, _) = self else {
            return Err(GONE);
        };
        let mut client = EnrolmentServiceClient::new(calls.clone());
        let answer = client.enrol(request).await.map_err(|_| GONE)?;
        Ok(answer.into_inner())
    }

    async fn sync(
        &self,
        credential: &Credential,
        request: v1::SyncRequest,
    ) -> Result<SyncAnswer, TransportError> {
        let (calls, told) = match self {
            Self::Hostile(answering) => return Ok(Box::pin(iter(answering.sync(request)))),
            Self::Server(calls, told) => (calls, told),
        };
        let mut client = SyncServiceClient::new(calls.clone());
        let answer = client.sync(with_credential(credential, request)).await;
        let mut answer = answer.map_err(|_| GONE)?.into_inner();
        let mut parts = Vec::new();
        while let Some(part) = answer.message().await.map_err(|_| GONE)? {
            if let Some(Part::Opening(opening)) = &part.part {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                told.extend(opening.streams.clone());
            }
            parts.push(Ok(part));
        }
        Ok(Box::pin(iter(parts)))
    }

    async fn get_catalog_chunk(
        &self,
        credential: &Credential,
        request: v1::GetCatalogChunkRequest,
    ) -> Result<v1::CatalogChunk, TransportError> {
        let calls = match self {
            Self::Hostile(answering) => return answering.chunk().ok_or(GONE),
            Self::Server(calls, _) => calls,
        };
        let mut client = CatalogServiceClient::new(calls.clone());
        let request = with_credential(credential, request);
        let answer = client.get_catalog_chunk(request).await.map_err(|_| GONE)?;
        Ok(answer.into_inner())
    }

    async fn come_back(&self, _: v1::ComeBackRequest) -> Result<v1::EnrolResponse, TransportError> {
        Err(GONE)
    }

    async fn create_recovery_sheet(
        &self,
        _: &Credential,
    ) -> Result<v1::RecoverySheet, TransportError> {
        Err(GONE)
    }

    async fn approve_device(
        &self,
        _: &Credential,
        _: v1::ApproveDeviceRequest,
    ) -> Result<v1::ApproveDeviceResponse, TransportError> {
        Err(GONE)
    }

    async fn refuse_device(
        &self,
        _: &Credential,
        _: v1::RefuseDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        Err(GONE)
    }

    async fn revoke_own_device(
        &self,
        _: &Credential,
        _: v1::RevokeOwnDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        Err(GONE)
    }

    async fn update_push_registration(
        &self,
        _: &Credential,
        _: v1::UpdatePushRegistrationRequest,
    ) -> Result<v1::PushRegistration, TransportError> {
        Err(GONE)
    }

    async fn delete_push_registration(&self, _: &Credential) -> Result<(), TransportError> {
        Err(GONE)
    }

    async fn list_own_devices(
        &self,
        _: &Credential,
        _: v1::ListOwnDevicesRequest,
    ) -> Result<v1::ListOwnDevicesResponse, TransportError> {
        Err(GONE)
    }
}
