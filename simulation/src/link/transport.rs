//! The way as the SDK's transport.

use std::sync::{Arc, atomic::Ordering};

use askel_client_sdk::{Credential, SyncAnswer, Transport, TransportError};
use askel_proto::v1::{
    self, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient, push_service_client::PushServiceClient,
    sync_response::Part, sync_service_client::SyncServiceClient,
};
use askel_server::in_process::InMemory;
use async_trait::async_trait;
use tokio_stream::StreamExt as _;
use tonic::Status;

use super::{Frozen, KEPT_MAX, Link, line::Cuttable, signed, words::what_is};
use crate::until_death::UntilDeath;

/// A call of a generated client with a credential, over the device's line, as a future that owns all it
/// needs.
macro_rules! call {
    ($link:ident, $client:ident . $method:ident, $credential:expr, $message:expr) => {{
        let (credential, message) = ($credential.as_str().to_owned(), $message);
        let line = $link.line();
        move |calls: InMemory| {
            let request = signed(&credential, message.clone());
            let calls = Cuttable::new(calls, line.clone());
            async move {
                let request = request.map_err(|_| Status::unauthenticated("no credential"))?;
                $client::new(calls).$method(request).await
            }
        }
    }};
}

#[async_trait]
impl Transport for Link {
    fn use_server(&self, _: &str) -> Result<(), TransportError> {
        Ok(())
    }

    async fn enrol(&self, request: v1::EnrolRequest) -> Result<v1::EnrolResponse, TransportError> {
        let call = move |calls| {
            let request = request.clone();
            async move { EnrolmentServiceClient::new(calls).enrol(request).await }
        };
        self.carry("enrol", call).await
    }

    async fn come_back(
        &self,
        request: v1::ComeBackRequest,
    ) -> Result<v1::EnrolResponse, TransportError> {
        let call = move |calls| {
            let request = request.clone();
            async move { EnrolmentServiceClient::new(calls).come_back(request).await }
        };
        self.carry("come back", call).await
    }

    async fn create_recovery_sheet(
        &self,
        credential: &Credential,
    ) -> Result<v1::RecoverySheet, TransportError> {
        let message = v1::CreateRecoverySheetRequest {};
        let call = call!(
            self,
            EnrolmentServiceClient.create_recovery_sheet,
            credential,
            message
        );
        self.carry("recovery sheet", call).await
    }

    async fn approve_device(
        &self,
        credential: &Credential,
        request: v1::ApproveDeviceRequest,
    ) -> Result<v1::ApproveDeviceResponse, TransportError> {
        let call = call!(
            self,
            EnrolmentServiceClient.approve_device,
            credential,
            request
        );
        self.carry("approve", call).await
    }

    async fn refuse_device(
        &self,
        credential: &Credential,
        request: v1::RefuseDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        let call = call!(
            self,
            EnrolmentServiceClient.refuse_device,
            credential,
            request
        );
        self.carry("refuse", call).await
    }

    async fn revoke_own_device(
        &self,
        credential: &Credential,
        request: v1::RevokeOwnDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        let call = call!(
            self,
            EnrolmentServiceClient.revoke_own_device,
            credential,
            request
        );
        self.carry("revoke", call).await
    }

    async fn list_own_devices(
        &self,
        credential: &Credential,
        request: v1::ListOwnDevicesRequest,
    ) -> Result<v1::ListOwnDevicesResponse, TransportError> {
        let call = call!(
            self,
            EnrolmentServiceClient.list_own_devices,
            credential,
            request
        );
        self.carry("own devices", call).await
    }

    async fn update_push_registration(
        &self,
        credential: &Credential,
        request: v1::UpdatePushRegistrationRequest,
    ) -> Result<v1::PushRegistration, TransportError> {
        let call = call!(
            self,
            PushServiceClient.update_push_registration,
            credential,
            request
        );
        self.carry("push", call).await
    }

    async fn delete_push_registration(
        &self,
        credential: &Credential,
    ) -> Result<(), TransportError> {
        let message = v1::DeletePushRegistrationRequest {};
        let call = call!(
            self,
            PushServiceClient.delete_push_registration,
            credential,
            message
        );
        self.carry("no push", call).await.map(drop)
    }

    async fn sync(
        &self,
        credential: &Credential,
        request: v1::SyncRequest,
    ) -> Result<SyncAnswer, TransportError> {
        {
            let mut state = self.state();
            let frozen = Frozen {
                credential: credential.as_str().to_owned(),
                request: request.clone(),
            };
            state.kept.push(frozen);
            if state.kept.len() > KEPT_MAX {
                state.kept.remove(0);
            }
        }
        let fate = self.fate();
        self.note(&format!(
            "sync: {} batches, {} cursors",
            request.batches.len(),
            request.cursors.len()
        ));
        let call = call!(self, SyncServiceClient.sync, credential, request);
        let process = self.host.process();
        let answer = self.reach("sync", &fate, call).await?;
        self.come_back("sync", &fate).await?;
        self.told("sync", answer.as_ref().err());
        let parts = answer?.into_inner();
        let parts_max = fate.parts_max.unwrap_or(usize::MAX);
        let (trace, name) = (self.trace.clone(), self.name.clone());
        let oracle = Arc::clone(&self.oracle);
        let whole = Arc::clone(&self.state().whole);
        whole.store(false, Ordering::Relaxed);
        let mut index = 0_usize;
        let delivered = parts.take(parts_max).map(move |part| {
            index += 1;
            let part = part.map_err(TransportError::from);
            match &part {
                Ok(part) => {
                    let is_end = matches!(part.part, Some(Part::Closing(_)));
                    whole.fetch_or(is_end, Ordering::Relaxed);
                    oracle.hears(&name, part);
                }
                Err(error) => oracle.hears_refusal(&name, error),
            }
            trace.note(format!("{name} · sync: part {index} {}", what_is(&part)));
            part
        });
        let cut = tokio_stream::once(Err(TransportError::Unreachable));
        let until_death: SyncAnswer = match process {
            Some(process) => Box::pin(UntilDeath::of(process, delivered.chain(cut))),
            None => Box::pin(cut),
        };
        Ok(until_death)
    }

    async fn get_catalog_chunk(
        &self,
        credential: &Credential,
        request: v1::GetCatalogChunkRequest,
    ) -> Result<v1::CatalogChunk, TransportError> {
        let call = call!(
            self,
            CatalogServiceClient.get_catalog_chunk,
            credential,
            request
        );
        self.carry("chunk", call).await
    }
}
