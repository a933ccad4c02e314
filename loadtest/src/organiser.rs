//! The organiser's machine: enrols, and publishes the catalog over gRPC.

use anyhow::Context as _;
use askel_proto::v1::{
    self, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient,
};
use askel_server::entropy::{SystemEntropy, draw};
use askel_sync::{
    id::DeviceId,
    invitation::{self, Link},
    key::{
        KeyPair,
        credential::{CallCredential, METADATA_KEY},
        prove_enrolment,
    },
    time::Timestamp,
};
use tonic::{Request, transport::Channel};

/// Publishes a catalog's content with its signature, as the organiser whom the link invites.
pub(crate) async fn publish(
    link: &Link,
    now: Timestamp,
    (content, signature): (Vec<u8>, Vec<u8>),
) -> anyhow::Result<()> {
    let channel = Channel::from_shared(link.server_url.clone())?
        .connect()
        .await?;
    let key = KeyPair::from_seed(&draw(&SystemEntropy)?);
    let code = invitation::normalise(&link.code)?;
    let request = v1::EnrolRequest {
        tenant_id: link.tenant.to_vec(),
        device_public_key: key.public_key().as_bytes().to_vec(),
        proof: prove_enrolment(&key, link.tenant, &code),
        invitation_code: code,
        versions: Some(v1::VersionRange {
            lowest: 1,
            highest: 1,
        }),
    };
    let enrolled = EnrolmentServiceClient::new(channel.clone())
        .enrol(request)
        .await
        .context("the organiser's enrolment")?
        .into_inner();
    let credential = CallCredential {
        tenant: link.tenant,
        device: DeviceId::try_from(&*enrolled.device_id)?,
        issued_at: now,
    };
    let mut request = Request::new(v1::PublishCatalogRequest {
        content,
        signature,
        validate_only: false,
    });
    let value = credential.sign(&key, &enrolled.audience).parse()?;
    request.metadata_mut().insert(METADATA_KEY, value);
    CatalogServiceClient::new(channel)
        .publish_catalog(request)
        .await
        .context("publishing the catalog")?;
    Ok(())
}
