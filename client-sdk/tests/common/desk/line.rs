//! The line to the desk, and what goes wrong on it.

use std::time::Duration;

use askel_client_sdk::{Advice, Credential, Refusal, SyncAnswer, Transport, TransportError};
use askel_proto::v1;
use askel_sync::{id::DeviceId, limits::CATALOG_CHUNK_BYTES};
use async_trait::async_trait;
use prost::Message as _;
use tokio_stream::StreamExt as _;

use super::{Desk, Disturbance};
use crate::common::TUESDAY_NOON;

fn caller(credential: &Credential) -> DeviceId {
    let parsed = askel_sync::key::credential::CallCredential::parse(credential.as_str());
    parsed.expect("a credential").claimed.device
}

#[async_trait]
impl Transport for Desk {
    fn use_server(&self, _: &str) -> Result<(), TransportError> {
        Ok(())
    }

    async fn enrol(&self, request: v1::EnrolRequest) -> Result<v1::EnrolResponse, TransportError> {
        if self
            .state()
            .next_disturbance(|one| one == Disturbance::RequestLost)
            .is_some()
        {
            return Err(TransportError::Unreachable);
        }
        let now = TUESDAY_NOON;
        Ok(self.enrol_key(&request.device_public_key, &request.invitation_code, now))
    }

    async fn come_back(
        &self,
        request: v1::ComeBackRequest,
    ) -> Result<v1::EnrolResponse, TransportError> {
        let next_sheet = v1::RecoverySheet {
            code: askel_sync::invitation::long_code([0x5A; 16]),
            created_at_ms: 0,
        };
        let with_sheet = matches!(
            request.right,
            Some(v1::come_back_request::Right::RecoveryCode(_))
        );
        Ok(v1::EnrolResponse {
            recovery_sheet: with_sheet.then_some(next_sheet),
            ..self.enrol_key(&request.device_public_key, "", TUESDAY_NOON)
        })
    }

    async fn create_recovery_sheet(
        &self,
        _: &Credential,
    ) -> Result<v1::RecoverySheet, TransportError> {
        let code = askel_sync::invitation::long_code([0xA5; 16]);
        Ok(v1::RecoverySheet {
            code,
            created_at_ms: 0,
        })
    }

    async fn approve_device(
        &self,
        _: &Credential,
        _: v1::ApproveDeviceRequest,
    ) -> Result<v1::ApproveDeviceResponse, TransportError> {
        Ok(v1::ApproveDeviceResponse::default())
    }

    async fn refuse_device(
        &self,
        _: &Credential,
        _: v1::RefuseDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        Ok(v1::OwnDevice::default())
    }

    async fn revoke_own_device(
        &self,
        _: &Credential,
        request: v1::RevokeOwnDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        let device = DeviceId::try_from(&*request.device_id).expect("an id");
        self.state().devices.remove(&device);
        Ok(v1::OwnDevice::default())
    }

    async fn list_own_devices(
        &self,
        credential: &Credential,
        _: v1::ListOwnDevicesRequest,
    ) -> Result<v1::ListOwnDevicesResponse, TransportError> {
        let current = caller(credential);
        let state = self.state();
        let device = |id: &DeviceId| v1::OwnDevice {
            device_id: id.to_vec(),
            state: v1::DeviceState::Active.into(),
            current: *id == current,
            ..v1::OwnDevice::default()
        };
        Ok(v1::ListOwnDevicesResponse {
            devices: state.devices.keys().map(device).collect(),
            ..v1::ListOwnDevicesResponse::default()
        })
    }

    async fn update_push_registration(
        &self,
        _: &Credential,
        request: v1::UpdatePushRegistrationRequest,
    ) -> Result<v1::PushRegistration, TransportError> {
        let registration = request.push_registration.expect("a registration");
        self.told_of_push(Some(registration.clone()))?;
        Ok(registration)
    }

    async fn delete_push_registration(&self, _: &Credential) -> Result<(), TransportError> {
        self.told_of_push(None)
    }

    async fn sync(
        &self,
        credential: &Credential,
        request: v1::SyncRequest,
    ) -> Result<SyncAnswer, TransportError> {
        // What travels is bytes.
        let request = v1::SyncRequest::decode(&*request.encode_to_vec()).expect("a request");
        let mut state = self.state();
        let line = |one| {
            matches!(
                one,
                Disturbance::RequestLost
                    | Disturbance::CutAfter(_)
                    | Disturbance::SilentAfter(_)
                    | Disturbance::Stale
                    | Disturbance::Silence
                    | Disturbance::Erased
                    | Disturbance::TooMany(_)
                    | Disturbance::Drip(_)
            )
        };
        let is_too_long = |one: &Disturbance| matches!(one, Disturbance::Narrow(most) if request.encoded_len() > *most);
        if state.disturbances.iter().any(is_too_long) {
            state.lost_bytes.push(request.encoded_len());
            return Err(TransportError::Unreachable);
        }
        let disturbance = state.next_disturbance(line);
        match disturbance {
            Some(Disturbance::RequestLost) => return Err(TransportError::Unreachable),
            Some(Disturbance::Stale) => return Err(stale()),
            Some(Disturbance::Erased) => return Err(erased()),
            Some(Disturbance::TooMany(ms)) => return Err(too_many(ms)),
            Some(Disturbance::Drip(apart)) => return Ok(dripping(apart)),
            Some(Disturbance::Silence) => return Ok(Box::pin(tokio_stream::pending())),
            _ => {}
        }
        state.requests.push(request.clone());
        let device = caller(credential);
        let mut parts: Vec<_> = self
            .answer(&mut state, &request, device)
            .into_iter()
            .map(Ok)
            .collect();
        if let Some(Disturbance::CutAfter(count)) = disturbance {
            parts.truncate(count);
            parts.push(Err(TransportError::Unreachable));
        }
        if let Some(Disturbance::SilentAfter(count)) = disturbance {
            parts.truncate(count);
            let parts = tokio_stream::iter(parts);
            return Ok(Box::pin(parts.chain(tokio_stream::pending())));
        }
        Ok(Box::pin(tokio_stream::iter(parts)))
    }

    async fn get_catalog_chunk(
        &self,
        _: &Credential,
        request: v1::GetCatalogChunkRequest,
    ) -> Result<v1::CatalogChunk, TransportError> {
        let mut state = self.state();
        let disturbance = state.next_disturbance(|one| {
            matches!(one, Disturbance::BadChunk | Disturbance::ChunksLostAfter(_))
        });
        match disturbance {
            Some(Disturbance::ChunksLostAfter(0)) => return Err(TransportError::Unreachable),
            Some(Disturbance::ChunksLostAfter(left)) => {
                state
                    .disturbances
                    .push(Disturbance::ChunksLostAfter(left - 1));
            }
            _ => {}
        }
        let offset = usize::try_from(request.offset).expect("small");
        let rest = &self.world.content[offset..];
        let mut data = rest[..rest.len().min(CATALOG_CHUNK_BYTES)].to_vec();
        if disturbance == Some(Disturbance::BadChunk) {
            data[0] ^= 1;
        }
        let size_bytes = self.world.content.len() as u64;
        Ok(v1::CatalogChunk {
            data,
            offset: request.offset,
            size_bytes,
        })
    }
}

fn erased() -> TransportError {
    TransportError::Refused(Refusal {
        advice: Advice::EnrolAgain,
        reason: "ERASED".to_owned(),
        text: String::new(),
        retry_after: None,
        server_time_ms: None,
    })
}

fn stale() -> TransportError {
    TransportError::Refused(Refusal {
        advice: Advice::RetryLater,
        reason: "CREDENTIAL_STALE".to_owned(),
        text: String::new(),
        retry_after: None,
        server_time_ms: Some(TUESDAY_NOON.as_ms()),
    })
}

fn too_many(retry_after_ms: u64) -> TransportError {
    TransportError::Refused(Refusal {
        advice: Advice::RetryLater,
        reason: "TOO_MANY_REQUESTS".to_owned(),
        text: String::new(),
        retry_after: Some(Duration::from_millis(retry_after_ms)),
        server_time_ms: None,
    })
}

fn dripping(apart: Duration) -> SyncAnswer {
    let parts = tokio_stream::iter(0_u64..);
    Box::pin(parts.then(move |_| async move {
        tokio::time::sleep(apart).await;
        Ok(v1::SyncResponse::default())
    }))
}
