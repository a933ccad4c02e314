//! The tenant of the golden frames of `sync/tests/golden/`: keys that everybody knows, so that
//! hostile bytes can be signed.

use std::path::Path;

use askel_sync::{
    catalog::Catalog,
    id::{DeviceId, ParticipantId, TenantId},
    key::{IngestSecretKey, KeyList, KeyPair, device_id},
    time::Timestamp,
};
use prost::Message as _;

pub(crate) const TENANT: TenantId = TenantId::from_bytes(*b"tenant-of-Askel!");
pub(crate) const ME: ParticipantId = ParticipantId::from_bytes(*b"participant-1234");
pub(crate) const AUDIENCE: &str = "askel.example";
/// Tuesday 12 April 2016, 12:00 in Helsinki.
pub(crate) const NOON: Timestamp = Timestamp::from_ms(1_460_451_600_000);

pub(crate) fn root() -> KeyPair {
    KeyPair::from_seed(&[1; 32])
}

pub(crate) fn organiser() -> KeyPair {
    KeyPair::from_seed(&[2; 32])
}

pub(crate) fn certifier() -> KeyPair {
    KeyPair::from_seed(&[4; 32])
}

pub(crate) fn phone() -> KeyPair {
    KeyPair::from_seed(&[5; 32])
}

/// Opens what is sealed to the server.
pub(crate) fn ingest() -> IngestSecretKey {
    IngestSecretKey::from_bytes([6; 32])
}

pub(crate) fn device() -> DeviceId {
    device_id(TENANT, &phone().public_key())
}

/// A golden frame of the newest version.
pub(crate) fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sync/tests/golden/v0.1");
    std::fs::read(folder.join(name)).expect("a golden frame")
}

pub(crate) fn key_list() -> KeyList {
    let signed = askel_proto::v1::SignedKeyList::decode(&*golden("key-list.bin"));
    let root = root().public_key().hash();
    KeyList::verify(&signed.expect("a list"), TENANT, &root, 0).expect("the root's")
}

pub(crate) fn catalog() -> Catalog {
    Catalog::parse(&golden("catalog.bin")).expect("in order")
}
