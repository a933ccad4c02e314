//! What is signed besides batches: key lists, staff certificates, call credentials.

use askel_proto::v1;
use askel_sync::{
    catalog,
    key::{KeyList, ListedKey, Purpose, StaffCertificate, credential::CallCredential},
};
use prost::Message as _;

use crate::{
    Target,
    world::{AUDIENCE, NOON, TENANT, certifier, golden, organiser, phone, root},
};

pub(crate) const KEY_LIST: Target = Target {
    name: "key-list",
    run: key_list,
    seeds: || {
        let signed = golden("key-list.bin");
        let list = v1::SignedKeyList::decode(&*signed)
            .expect("golden")
            .key_list;
        vec![signed, list]
    },
};

pub(crate) const CERTIFICATE: Target = Target {
    name: "certificate",
    run: certificate,
    seeds: || {
        let signed = golden("staff-certificate.bin");
        let inner = v1::SignedStaffCertificate::decode(&*signed)
            .expect("golden")
            .certificate;
        vec![signed, inner]
    },
};

pub(crate) const CREDENTIAL: Target = Target {
    name: "credential",
    run: credential,
    seeds: || vec![golden("call-credential.bin")],
};

/// The bytes as a signed list, and as a list that the root did sign.
fn key_list(bytes: &[u8]) {
    if let Ok(signed) = v1::SignedKeyList::decode(bytes) {
        use_list(&signed);
    }
    use_list(&v1::SignedKeyList {
        key_list: bytes.to_vec(),
        root_public_key: root().public_key().as_bytes().to_vec(),
        signature: root().sign(Purpose::KeyList, TENANT, bytes),
    });
}

fn use_list(signed: &v1::SignedKeyList) {
    let root = root().public_key().hash();
    let Ok(list) = KeyList::verify(signed, TENANT, &root, 0) else {
        return;
    };
    let purposes = (0..10).filter_map(|number| v1::KeyPurpose::try_from(number).ok());
    for purpose in purposes {
        for key in list.good_keys(purpose, NOON) {
            let listed = ListedKey::Signing(*key);
            let entry = list.keys.iter().find(|entry| entry.public_key == listed);
            assert!(entry.is_some_and(|entry| !entry.revoked && entry.from <= NOON));
        }
    }
    let content = golden("catalog.bin");
    let signature = catalog::sign(&content, TENANT, &organiser());
    let _ = catalog::verify(&content, &signature, TENANT, &list, NOON);
}

/// The bytes as a signed certificate, and as one that the certifier did sign.
fn certificate(bytes: &[u8]) {
    let certifier = certifier();
    let read = |signed: &v1::SignedStaffCertificate| {
        StaffCertificate::verify(signed, TENANT, &certifier.public_key()).ok()
    };
    let found = v1::SignedStaffCertificate::decode(bytes).ok();
    let signed = v1::SignedStaffCertificate {
        certificate: bytes.to_vec(),
        signature: certifier.sign(Purpose::StaffCertificate, TENANT, bytes),
    };
    for certificate in [found.and_then(|found| read(&found)), read(&signed)]
        .into_iter()
        .flatten()
    {
        let _ = certificate.is_good_at(NOON);
        // No longer than one that can be signed.
        let again = certificate.sign(TENANT, &certifier).expect("short enough");
        assert_eq!(read(&again).as_ref(), Some(&certificate));
    }
}

fn credential(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(found) = CallCredential::parse(text) else {
        return;
    };
    let good = found.verify(&phone().public_key(), AUDIENCE, NOON).is_ok();
    // Nobody makes a good one without the key.
    assert_eq!(good, text.as_bytes() == golden("call-credential.bin"));
}
