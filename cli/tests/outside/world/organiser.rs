//! The organiser's machine: enrols and publishes over gRPC.

use std::path::Path;

use askel_proto::v1::{
    self, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient,
};
use askel_server::clock::{Clock as _, SystemClock};
use askel_sync::{
    catalog,
    id::{DeviceId, TenantId},
    invitation::{Link, normalise},
    key::{
        KeyPair,
        credential::{CallCredential, METADATA_KEY},
        prove_enrolment,
    },
};
use tonic::{Request, transport::Channel};

/// An enrolled organiser.
pub(crate) struct Organiser {
    channel: Channel,
    key: KeyPair,
    tenant: TenantId,
    device: DeviceId,
    audience: String,
}

impl Organiser {
    /// Uses an invitation.
    pub(crate) async fn enrol(link: &Link) -> Self {
        let channel = Channel::from_shared(link.server_url.clone())
            .expect("a URL")
            .connect_lazy();
        let key = KeyPair::from_seed(&[0x0f; 32]);
        let code = normalise(&link.code).expect("a code");
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
        let mut enrolment = EnrolmentServiceClient::new(channel.clone());
        let enrolled = enrolment
            .enrol(request)
            .await
            .expect("enrolled")
            .into_inner();
        Self {
            channel,
            key,
            tenant: link.tenant,
            device: DeviceId::try_from(&*enrolled.device_id).expect("an id"),
            audience: enrolled.audience,
        }
    }

    /// Who calls, as the metadata of a call says it; good for ten minutes from now.
    pub(crate) fn credential(&self) -> String {
        let credential = CallCredential {
            tenant: self.tenant,
            device: self.device,
            issued_at: SystemClock::start().now(),
        };
        credential.sign(&self.key, &self.audience)
    }

    /// Signs with the catalog key and publishes.
    pub(crate) async fn publish(&self, content: Vec<u8>, catalog_key: &Path) {
        let signature = catalog::sign(&content, self.tenant, &read_key(catalog_key));
        let mut request = Request::new(v1::PublishCatalogRequest {
            content,
            signature,
            validate_only: false,
        });
        let value = self.credential().parse().expect("ASCII");
        request.metadata_mut().insert(METADATA_KEY, value);
        let mut catalogs = CatalogServiceClient::new(self.channel.clone());
        catalogs.publish_catalog(request).await.expect("published");
    }
}

/// A key file is TOML; the seed is in hex.
fn read_key(path: &Path) -> KeyPair {
    let text = std::fs::read_to_string(path).expect("the key file");
    let file: toml::Table = text.parse().expect("TOML");
    let seed = file
        .get("seed")
        .and_then(toml::Value::as_str)
        .expect("a seed");
    let seed = data_encoding::HEXLOWER
        .decode(seed.as_bytes())
        .expect("hex");
    KeyPair::from_seed(&seed.try_into().expect("32 bytes"))
}
