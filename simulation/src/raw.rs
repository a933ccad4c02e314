//! A device without the SDK: a key and calls. The organiser has one, and so has whoever is hostile.

use std::sync::Arc;

use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient, sync_service_client::SyncServiceClient,
};
use askel_sync::{
    catalog,
    id::{DeviceId, LogId, PassTag, TenantId},
    invitation::{Link, normalise},
    key::{
        KeyPair, credential::CallCredential, credential::METADATA_KEY, device_id, prove_enrolment,
    },
    log::Batch,
    op::{Alias, Op},
    time::{ClockSegment, Timestamp},
};
use data_encoding::HEXLOWER;
use tokio_stream::StreamExt as _;
use tonic::{Request, Status};

use crate::{chance::Chance, host::Host};

/// A device that says every byte itself.
pub(crate) struct RawDevice {
    host: Arc<Host>,
    key: KeyPair,
    tenant: TenantId,
    pub(crate) id: DeviceId,
    audience: String,
}

impl RawDevice {
    /// Enrols with an invitation's link.
    pub(crate) async fn enrol(host: Arc<Host>, link: &str, chance: &mut Chance) -> Self {
        let link: Link = link.parse().expect("a link of the operator's");
        let key = Self::draw_key(chance);
        let code = normalise(&link.code).expect("a code");
        let request = v1::EnrolRequest {
            tenant_id: link.tenant.to_vec(),
            invitation_code: link.code.clone(),
            device_public_key: key.public_key().as_bytes().to_vec(),
            proof: prove_enrolment(&key, link.tenant, &code),
            versions: None,
        };
        let process = host.process().expect("a server");
        let answer = EnrolmentServiceClient::new(process.calls())
            .enrol(request)
            .await;
        let enrolled = answer.expect("enrolled").into_inner();
        Self {
            tenant: link.tenant,
            id: device_id(link.tenant, &key.public_key()),
            audience: enrolled.audience,
            host,
            key,
        }
    }

    /// A key that nobody has.
    pub(crate) fn draw_key(chance: &mut Chance) -> KeyPair {
        let mut seed = [0; 32];
        chance.fill(&mut seed);
        KeyPair::from_seed(&seed)
    }

    /// Comes in with a key that another device of the same person has approved; `None` if it is not let
    /// in.
    pub(crate) async fn come_back(host: Arc<Host>, key: KeyPair) -> Option<Self> {
        let tenant = host.tenant.id;
        let request = v1::ComeBackRequest {
            tenant_id: tenant.to_vec(),
            right: Some(v1::come_back_request::Right::Approval(
                v1::DeviceApproval {},
            )),
            device_public_key: key.public_key().as_bytes().to_vec(),
            proof: prove_enrolment(&key, tenant, ""),
            versions: None,
        };
        let process = host.process()?;
        let mut client = EnrolmentServiceClient::new(process.calls());
        let answer = tokio::select! {
            biased;
            () = process.died() => return None,
            answer = client.come_back(request) => answer.ok()?,
        };
        Some(Self {
            tenant,
            id: device_id(tenant, &key.public_key()),
            audience: answer.into_inner().audience,
            host,
            key,
        })
    }

    /// Revokes a device of the staff's.
    pub(crate) async fn revoke(&self, device: DeviceId, now: Timestamp) -> Result<(), Status> {
        let message = v1::RevokeDeviceRequest {
            name: format!("devices/{}", HEXLOWER.encode(device.as_bytes())),
        };
        let Some(process) = self.host.process() else {
            return Err(Status::unavailable("nobody is there"));
        };
        let mut client = AdminServiceClient::new(process.calls());
        tokio::select! {
            biased;
            () = process.died() => Err(Status::unavailable("the server died")),
            answer = client.revoke_device(self.call(message, now)) => answer.map(drop),
        }
    }

    /// A credential made at an instant.
    pub(crate) fn credential(&self, issued_at: Timestamp) -> String {
        let credential = CallCredential {
            tenant: self.tenant,
            device: self.id,
            issued_at,
        };
        credential.sign(&self.key, &self.audience)
    }

    fn call<T>(&self, message: T, now: Timestamp) -> Request<T> {
        let mut request = Request::new(message);
        let text = self.credential(now).parse().expect("ASCII");
        request.metadata_mut().insert(METADATA_KEY, text);
        request
    }

    /// Invites someone again whose alias and picture staff have seen. The code.
    pub(crate) async fn re_invite(
        &self,
        pass: PassTag,
        (alias, picture): (Alias, u32),
        now: Timestamp,
    ) -> Result<String, Status> {
        let message = v1::CreateInvitationRequest {
            invitation: Some(v1::Invitation {
                role: v1::Role::Participant.into(),
                ..v1::Invitation::default()
            }),
            re_invite_pass_tag: pass.to_vec(),
            seen_alias: Some(v1::Alias {
                word: alias.word,
                number: alias.number,
            }),
            seen_picture: picture,
            valid_for_ms: 0,
        };
        let Some(process) = self.host.process() else {
            return Err(Status::unavailable("nobody is there"));
        };
        let mut client = AdminServiceClient::new(process.calls());
        let invited = client.create_invitation(self.call(message, now)).await?;
        Ok(invited.into_inner().code)
    }

    /// Publishes a catalog.
    pub(crate) async fn publish(&self, content: Vec<u8>, now: Timestamp) -> Result<(), Status> {
        let signature = catalog::sign(&content, self.tenant, &self.host.tenant.catalog);
        let message = v1::PublishCatalogRequest {
            content,
            signature,
            validate_only: false,
        };
        let Some(process) = self.host.process() else {
            return Err(Status::unavailable("nobody is there"));
        };
        let mut client = CatalogServiceClient::new(process.calls());
        tokio::select! {
            biased;
            () = process.died() => Err(Status::unavailable("the server died")),
            answer = client.publish_catalog(self.call(message, now)) => answer.map(drop),
        }
    }

    /// Ops in a batch of a log, signed.
    pub(crate) fn seal(&self, log: LogId, first_sequence: u64, ops: Vec<Op>) -> v1::SealedBatch {
        let batch = Batch {
            log,
            first_sequence,
            device: self.id,
            clock_segment: ClockSegment::default(),
            later_segments: Vec::new(),
            ops,
        };
        batch.seal(self.tenant, &self.key)
    }

    /// A Sync, with all of its answer.
    pub(crate) async fn sync(
        &self,
        message: v1::SyncRequest,
        now: Timestamp,
    ) -> Result<Vec<v1::SyncResponse>, Status> {
        let Some(process) = self.host.process() else {
            return Err(Status::unavailable("nobody is there"));
        };
        let mut client = SyncServiceClient::new(process.calls());
        let answer = async {
            let mut parts = client.sync(self.call(message, now)).await?.into_inner();
            let mut all = Vec::new();
            while let Some(part) = parts.next().await {
                all.push(part?);
            }
            Ok(all)
        };
        tokio::select! {
            biased;
            () = process.died() => Err(Status::unavailable("the server died")),
            answer = answer => answer,
        }
    }
}
