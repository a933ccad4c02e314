//! Frames in other hands: only the server opens them, and nothing of them can be changed.

use askel_proto::v1;
use askel_sync::{
    id::TenantId,
    key::{IngestPublicKey, IngestSecretKey, KeyEntry, KeyList, KeyPair, ListedKey},
    lifeboat::{FrameError, SEALED_FRAME_OVERHEAD_BYTES, open, seal},
    limits::{CARRIED_FRAME_BYTES_MAX, FRAME_BYTES_MAX},
    time::Timestamp,
};
use proptest::prelude::*;

use crate::world::TENANT;

fn secret() -> IngestSecretKey {
    IngestSecretKey::from_bytes([0x42; 32])
}

/// A frame with a batch of so many bytes.
fn frame(bytes: usize) -> v1::Frame {
    v1::Frame {
        tenant_id: TENANT.to_vec(),
        device_id: vec![7; 16],
        batches: vec![v1::SealedBatch {
            batch: vec![9; bytes],
            ..v1::SealedBatch::default()
        }],
        ..v1::Frame::default()
    }
}

fn sealed(bytes: usize) -> Vec<u8> {
    seal(&secret().public_key(), TENANT, &frame(bytes), [5; 32]).expect("fits")
}

proptest! {
    #[test]
    fn what_is_sealed_is_opened_again(bytes in 0..4_000_usize, entropy: [u8; 32]) {
        let sealed = seal(&secret().public_key(), TENANT, &frame(bytes), entropy).expect("fits");
        let plain = prost::Message::encoded_len(&frame(bytes));
        prop_assert_eq!(sealed.len(), plain + SEALED_FRAME_OVERHEAD_BYTES);
        prop_assert_eq!(open(&secret(), TENANT, &sealed), Ok(frame(bytes)));
    }

    #[test]
    fn a_changed_byte_closes_it(at: prop::sample::Index, by in 1..=255_u8) {
        let mut sealed = sealed(100);
        let at = at.index(sealed.len());
        sealed[at] ^= by;
        let error = open(&secret(), TENANT, &sealed).expect_err("changed");
        // The highest bit of an X25519 key is no part of it, but of what the seal covers.
        let expected = if at == 0 { FrameError::UnknownVersion } else { FrameError::Unopened };
        prop_assert_eq!(error, expected);
    }

    #[test]
    fn no_bytes_are_opened_that_nobody_sealed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(open(&secret(), TENANT, &bytes).is_err());
    }
}

#[test]
fn equal_entropy_gives_equal_bytes_and_other_entropy_other_bytes() {
    assert_eq!(sealed(10), sealed(10));
    let other = seal(&secret().public_key(), TENANT, &frame(10), [6; 32]).expect("fits");
    assert_ne!(sealed(10)[1..33], other[1..33]);
    assert_ne!(sealed(10)[33..], other[33..]);
}

#[test]
fn another_key_or_tenant_opens_nothing() {
    let sealed = sealed(10);
    let other = IngestSecretKey::from_bytes([0x43; 32]);
    assert_eq!(open(&other, TENANT, &sealed), Err(FrameError::Unopened));
    let tenant = TenantId::from_bytes([9; 16]);
    assert_eq!(open(&secret(), tenant, &sealed), Err(FrameError::Unopened));
}

#[test]
fn a_frame_is_of_its_tenant_and_names_its_writer() {
    let of = |frame: &v1::Frame| {
        let sealed = seal(&secret().public_key(), TENANT, frame, [5; 32]).expect("fits");
        open(&secret(), TENANT, &sealed)
    };
    let foreign = v1::Frame {
        tenant_id: vec![9; 16],
        ..frame(1)
    };
    let nameless = v1::Frame {
        device_id: vec![7; 15],
        ..frame(1)
    };
    assert_eq!(of(&foreign), Err(FrameError::Malformed));
    assert_eq!(of(&nameless), Err(FrameError::Malformed));
}

#[test]
fn a_frame_has_a_longest_and_a_cut_one_is_refused() {
    let around = prost::Message::encoded_len(&frame(60_000)) - 60_000;
    let most = CARRIED_FRAME_BYTES_MAX - SEALED_FRAME_OVERHEAD_BYTES - around;
    let longest = sealed(most);
    assert_eq!(longest.len(), CARRIED_FRAME_BYTES_MAX);
    assert!(open(&secret(), TENANT, &longest).is_ok());
    let key = secret().public_key();
    assert_eq!(
        seal(&key, TENANT, &frame(most + 1), [5; 32]),
        Err(FrameError::TooLong)
    );
    let past = [&longest[..], &[0]].concat();
    assert_eq!(open(&secret(), TENANT, &past), Err(FrameError::TooLong));
    let short = sealed(1);
    for length in [0, 1, 32, 33, short.len() - 1] {
        assert!(open(&secret(), TENANT, &short[..length]).is_err());
    }
    const { assert!(FRAME_BYTES_MAX < CARRIED_FRAME_BYTES_MAX) };
}

#[test]
fn a_key_list_tells_the_newest_good_ingest_key_and_never_signs_with_it() {
    let root = KeyPair::from_seed(&[1; 32]);
    let entry = |byte, from, revoked| KeyEntry {
        purpose: v1::KeyPurpose::Ingest,
        public_key: IngestSecretKey::from_bytes([byte; 32]).public_key().into(),
        from: Timestamp::from_ms(from),
        until: Timestamp::from_ms(100),
        revoked,
    };
    let list = KeyList {
        version: 1,
        expires_at: Timestamp::from_ms(100),
        keys: vec![entry(2, 20, false), entry(1, 10, false), entry(3, 30, true)],
    };
    let signed = list.sign(TENANT, &root);
    let read = KeyList::verify(&signed, TENANT, &root.public_key().hash(), 0).expect("a list");
    assert_eq!(read, list);
    let key = |at| read.ingest_key(Timestamp::from_ms(at)).copied();
    let expected = |byte| Some(IngestSecretKey::from_bytes([byte; 32]).public_key());
    assert_eq!(
        [key(9), key(10), key(20), key(50), key(100)],
        [None, expected(1), expected(2), expected(2), None]
    );
    let signing = read.good_keys(v1::KeyPurpose::Ingest, Timestamp::from_ms(50));
    assert_eq!(signing.count(), 0);
    assert!(matches!(list.keys[0].public_key, ListedKey::Ingest(_)));
}

#[test]
fn a_key_that_nothing_can_be_sealed_to_is_refused() {
    assert!(IngestPublicKey::from_bytes(&[0; 32]).is_err());
    assert!(IngestPublicKey::from_bytes(&[1; 31]).is_err());
    let mut small_order = [0; 32];
    small_order[0] = 1;
    let sealed =
        IngestPublicKey::from_bytes(&small_order).map(|key| seal(&key, TENANT, &frame(1), [5; 32]));
    assert!(!matches!(sealed, Ok(Ok(_))));
}

/// RFC 9180 knows the public key of a secret one: appendix A.2.1 (`skRm`, `pkRm`).
#[test]
fn the_public_half_is_the_one_of_the_standard() {
    let bytes = |hex: &str| {
        let digits: Vec<u8> = hex.bytes().collect();
        let byte = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(text, 16).expect("hex")
        };
        let bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
        <[u8; 32]>::try_from(bytes).expect("32 bytes")
    };
    let secret = bytes("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb");
    let public = bytes("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
    let key = IngestSecretKey::from_bytes(secret).public_key();
    assert_eq!(*key.as_bytes(), public);
}
