//! The organiser's own machine: enrolled like any device, it publishes, invites and asks over gRPC.

use std::sync::Arc;

use anyhow::Context as _;
use askel_client_sdk::{Entropy as _, SystemEntropy};
use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient, reading_service_client::ReadingServiceClient,
};
use askel_sync::{
    id::{DeviceId, GoalId, PlaceId, TenantId},
    invitation::{self, Link},
    key::{
        KeyPair,
        credential::{CallCredential, METADATA_KEY},
        prove_enrolment,
    },
};
use data_encoding::HEXLOWER;
use tonic::{Request, transport::Channel};

use super::clock::StoryClock;

/// The protocol versions the organiser's machine speaks.
const VERSIONS: v1::VersionRange = v1::VersionRange {
    lowest: 1,
    highest: 1,
};

/// An enrolled organiser.
pub(crate) struct Organiser {
    channel: Channel,
    key: KeyPair,
    tenant: TenantId,
    device: DeviceId,
    audience: String,
    /// What phones connect to.
    server_url: String,
    clock: Arc<StoryClock>,
}

/// What a challenge's total is told as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChallengeTotal {
    /// Points so far; `None` while too few people take part.
    pub(crate) total: Option<u64>,
    /// Points in all.
    pub(crate) target: u64,
}

impl Organiser {
    /// Enrols with an organiser's invitation.
    pub(crate) async fn enrol(link: Link, clock: Arc<StoryClock>) -> anyhow::Result<Self> {
        let channel = Channel::from_shared(link.server_url.clone())?.connect_lazy();
        let mut seed = [0; 32];
        SystemEntropy.fill(&mut seed)?;
        let key = KeyPair::from_seed(&seed);
        let code = invitation::normalise(&link.code)?;
        let request = v1::EnrolRequest {
            tenant_id: link.tenant.to_vec(),
            device_public_key: key.public_key().as_bytes().to_vec(),
            proof: prove_enrolment(&key, link.tenant, &code),
            invitation_code: code,
            versions: Some(VERSIONS),
        };
        let mut enrolment = EnrolmentServiceClient::new(channel.clone());
        let enrolled = enrolment
            .enrol(request)
            .await
            .context("the organiser's enrolment")?;
        let enrolled = enrolled.into_inner();
        Ok(Self {
            channel,
            key,
            tenant: link.tenant,
            device: DeviceId::try_from(&*enrolled.device_id)?,
            audience: enrolled.audience,
            server_url: link.server_url,
            clock,
        })
    }

    /// Publishes a catalog that was signed with the organiser's catalog key.
    pub(crate) async fn publish(
        &self,
        content: Vec<u8>,
        signature: Vec<u8>,
    ) -> anyhow::Result<v1::CatalogVersion> {
        let request = v1::PublishCatalogRequest {
            content,
            signature,
            validate_only: false,
        };
        let mut catalogs = CatalogServiceClient::new(self.channel.clone());
        let published = catalogs.publish_catalog(self.signed(request)?).await;
        Ok(published.context("publishing the catalog")?.into_inner())
    }

    /// Makes a participant's invitation; the link.
    pub(crate) async fn invite_participant(&self) -> anyhow::Result<String> {
        self.invite(v1::Role::Participant, Vec::new()).await
    }

    /// Makes the invitation of a tablet at a place's door; the link.
    pub(crate) async fn invite_tablet(&self, place: PlaceId) -> anyhow::Result<String> {
        self.invite(v1::Role::Staff, vec![place.get()]).await
    }

    async fn invite(&self, role: v1::Role, place_ids: Vec<u32>) -> anyhow::Result<String> {
        let invitation = v1::Invitation {
            role: role.into(),
            place_ids,
            ..Default::default()
        };
        let request = v1::CreateInvitationRequest {
            invitation: Some(invitation),
            ..Default::default()
        };
        let mut admin = AdminServiceClient::new(self.channel.clone());
        let made = admin.create_invitation(self.signed(request)?).await;
        let mut link: Link = made
            .context("making an invitation")?
            .into_inner()
            .link
            .parse()?;
        // The server took a free port, which no configuration could name beforehand.
        link.server_url.clone_from(&self.server_url);
        Ok(link.to_string())
    }

    /// Approves a tablet that came with this organiser's invitation.
    pub(crate) async fn approve(&self, device: DeviceId) -> anyhow::Result<()> {
        let name = format!("devices/{}", HEXLOWER.encode(device.as_bytes()));
        let mut admin = AdminServiceClient::new(self.channel.clone());
        let request = self.signed(v1::ApproveStaffDeviceRequest { name })?;
        admin
            .approve_staff_device(request)
            .await
            .context("approving a tablet")?;
        Ok(())
    }

    /// Registers someone who has no phone; what is printed on the card.
    pub(crate) async fn make_card(&self) -> anyhow::Result<String> {
        let mut request_id = vec![0; 16];
        SystemEntropy.fill(&mut request_id)?;
        let mut admin = AdminServiceClient::new(self.channel.clone());
        let request = self.signed(v1::CreateCardRequest { request_id })?;
        let card = admin
            .create_card(request)
            .await
            .context("making a card")?
            .into_inner();
        Ok(card.text)
    }

    /// Asks how far everyone has come together.
    pub(crate) async fn challenge(&self, goal: GoalId) -> anyhow::Result<ChallengeTotal> {
        let name = format!("challenges/{}", goal.get());
        let mut reading = ReadingServiceClient::new(self.channel.clone());
        let request = self.signed(v1::GetChallengeRequest { name })?;
        let challenge = reading
            .get_challenge(request)
            .await
            .context("asking for the total")?;
        let challenge = challenge.into_inner();
        let total = match challenge.total.and_then(|cell| cell.cell) {
            Some(v1::report_cell::Cell::Value(total)) => Some(total),
            _ => None,
        };
        Ok(ChallengeTotal {
            total,
            target: challenge.target,
        })
    }

    fn signed<T>(&self, message: T) -> anyhow::Result<Request<T>> {
        let credential = CallCredential {
            tenant: self.tenant,
            device: self.device,
            issued_at: self.clock.now(),
        };
        let mut request = Request::new(message);
        let value = credential.sign(&self.key, &self.audience).parse()?;
        request.metadata_mut().insert(METADATA_KEY, value);
        Ok(request)
    }
}
