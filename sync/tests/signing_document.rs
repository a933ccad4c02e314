//! docs/signing.md says what the code does: the vectors at its end are made again here.

#![expect(clippy::expect_used, reason = "what a test relies on fails the test")]

use std::fmt::Write as _;

use askel_proto::v1;
use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    catalog,
    id::{DeviceId, LogId, ParticipantId, PassTag, StreamId, TenantId},
    invitation::{self, Link, LinkKind},
    key::{
        IngestSecretKey, KeyEntry, KeyList, KeyPair, StaffCertificate, credential::CallCredential,
        device_id, prove_enrolment,
    },
    lifeboat,
    log::Batch,
    op::{Op, Origin},
    page::{self, PageKey, PageSpan},
    pass,
    stream::short::{SealedHead, state_tag},
    time::{ClockSegment, Timestamp},
};

const DOCUMENT: &str = include_str!("../../docs/signing.md");

const TENANT: TenantId = TenantId::from_bytes([0x01; 16]);
const NOW: Timestamp = Timestamp::from_ms(1_460_440_800_000);
const LATER: Timestamp = Timestamp::from_ms(1_460_527_200_000);

/// The key of the vectors: one for all purposes, which nothing but a test may do.
fn key() -> KeyPair {
    KeyPair::from_seed(&[0x07; 32])
}

fn device() -> DeviceId {
    device_id(TENANT, &key().public_key())
}

#[test]
fn the_document_holds_the_vectors_that_the_code_makes() {
    let lines = [identities(), calls(), facts(), leases(), syncs()].concat();
    let block = lines
        .iter()
        .fold(String::from("```text\n"), |mut block, (name, value)| {
            writeln!(block, "{name:<27} = {value}").expect("a string takes all");
            block
        });
    assert!(
        DOCUMENT.contains(&format!("{block}```\n")),
        "the vectors are\n{block}"
    );
}

fn identities() -> Vec<(&'static str, String)> {
    let root_hash = key().public_key().hash();
    let code = invitation::participant_code([0, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54]);
    let link = Link {
        server_url: "http://127.0.0.1:50051".to_owned(),
        tenant: TENANT,
        root_hash,
        kind: LinkKind::Invitation,
        code: code.clone(),
    };
    let normal = invitation::normalise(&code).expect("a code");
    vec![
        ("seed", hex(&*key().to_seed())),
        ("public key", hex(key().public_key().as_bytes())),
        ("tenant", hex(TENANT.as_bytes())),
        ("device id", hex(device().as_bytes())),
        ("root key hash", hex(&root_hash)),
        ("invitation code", code),
        ("invitation link", link.to_string()),
        (
            "enrol signature",
            hex(&prove_enrolment(&key(), TENANT, &normal)),
        ),
    ]
}

fn calls() -> Vec<(&'static str, String)> {
    let credential = CallCredential {
        tenant: TENANT,
        device: device(),
        issued_at: NOW,
    };
    vec![
        ("audience", "askel".to_owned()),
        ("issued at", NOW.as_ms().to_string()),
        ("askel-credential", credential.sign(&key(), "askel")),
    ]
}

fn facts() -> Vec<(&'static str, String)> {
    let log = LogId::from_bytes([0x05; 16]);
    // A favourite: place 3, at the instant of the vectors.
    let payload = prost::Message::encode_to_vec(&v1::FavouriteAdded {
        place_id: 3,
        occurred_at_ms: NOW.as_ms(),
    });
    let kind = v1::OpKind::FavouriteAdded as u32;
    let op = Op {
        kind,
        payload: payload.clone().into(),
        origin: Origin { log, sequence: 9 },
    };
    let batch = Batch {
        log,
        first_sequence: 9,
        device: device(),
        clock_segment: ClockSegment::default(),
        later_segments: Vec::new(),
        ops: vec![op.clone()],
    };
    let sealed = batch.seal(TENANT, &key());
    vec![
        ("op kind", kind.to_string()),
        ("op payload", hex(&payload)),
        ("op log", hex(log.as_bytes())),
        ("op sequence", "9".to_owned()),
        ("op id", hex(op.id().as_bytes())),
        ("batch", hex(&sealed.batch)),
        ("batch signature", hex(&sealed.signature)),
    ]
}

fn leases() -> Vec<(&'static str, String)> {
    let list = KeyList {
        version: 1,
        expires_at: LATER,
        keys: vec![KeyEntry {
            purpose: v1::KeyPurpose::Catalog,
            public_key: key().public_key().into(),
            from: NOW,
            until: LATER,
            revoked: false,
        }],
    }
    .sign(TENANT, &key());
    let card = pass::issue(
        PassTag::from_bytes([0x09; 16]),
        pass::PassForm::Card,
        TENANT,
        &key(),
    );
    let lease = StaffCertificate {
        device: device(),
        role: v1::Role::Staff,
        places: Vec::new(),
        from: NOW,
        until: LATER,
    }
    .sign(TENANT, &key())
    .expect("a day");
    vec![
        ("catalog", hex(b"canonical bytes")),
        (
            "catalog signature",
            hex(&catalog::sign(b"canonical bytes", TENANT, &key())),
        ),
        ("key list", hex(&list.key_list)),
        ("key-list signature", hex(&list.signature)),
        ("pass", hex(&card.pass)),
        ("pass signature", hex(&card.signature)),
        ("staff certificate", hex(&lease.certificate)),
        ("staff-certificate signature", hex(&lease.signature)),
    ]
}

fn syncs() -> Vec<(&'static str, String)> {
    let stream = StreamId::from_bytes([0x0a; 16]);
    let log = LogId::from_bytes([0x05; 16]);
    let op = Op {
        kind: v1::OpKind::FavouriteAdded as u32,
        payload: prost::Message::encode_to_vec(&v1::FavouriteAdded {
            place_id: 3,
            occurred_at_ms: NOW.as_ms(),
        })
        .into(),
        origin: Origin { log, sequence: 9 },
    };
    let head = SealedHead {
        log,
        next_sequence: 10,
        last_op: op.id(),
    };
    let span = PageSpan {
        stream,
        first_position: 4,
        next_position: 4,
    };
    let admission = Admission {
        corrected_at: NOW,
        received_at: LATER,
        subject: Some(ParticipantId::from_bytes([0x0b; 16])),
        strength: Strength::Unspecified,
        flags: Flags::default(),
        author_role: Role::Participant,
    };
    let digest = page::digest(TENANT, &span, &[AdmittedOp { op, admission }]);
    let ingest = IngestSecretKey::from_bytes([0x07; 32]);
    let frame = v1::Frame {
        tenant_id: TENANT.to_vec(),
        device_id: device().to_vec(),
        batches: Vec::new(),
        ..v1::Frame::default()
    };
    let sealed = lifeboat::seal(&ingest.public_key(), TENANT, &frame, [0x0c; 32]);
    vec![
        ("stream", hex(stream.as_bytes())),
        (
            "state tag",
            hex(&state_tag(&[stream], Some(&head), 1).to_be_bytes()),
        ),
        (
            "state tag, nothing sealed",
            hex(&state_tag(&[stream], None, 1).to_be_bytes()),
        ),
        ("page digest", hex(&digest)),
        (
            "page MAC",
            hex(&PageKey::from_bytes([0x07; 32]).mac(&digest)),
        ),
        ("ingest public key", hex(ingest.public_key().as_bytes())),
        ("sealed frame", hex(&sealed.expect("short"))),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}
