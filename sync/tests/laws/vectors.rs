//! Fixed bytes that another implementation can check itself against.
//! They were made by a second implementation (RFC 8032's own, in Python), not copied from this one.

use askel_sync::{
    award::award_id,
    goal::Season,
    id::{GoalId, LogId, ParticipantId, PassTag, PlaceId, SlotId, TenantId, TimeZoneId},
    key::{KeyPair, Purpose, credential::CallCredential, device_id, prove_enrolment},
    log::Batch,
    op::{CheckIn, Manner, Op, Origin, Payload, SessionRef, Witness},
    pass::{self, PassForm},
    time::{ClockSegment, LocalDate, Timestamp},
};
use data_encoding::HEXLOWER;

const TENANT: TenantId = TenantId::from_bytes(*b"tenant-of-Askel!");
const NOON: Timestamp = Timestamp::from_ms(1_460_451_600_000);

/// The secret key of every vector: the bytes 0 to 31.
fn key() -> KeyPair {
    let mut seed = [0; 32];
    for (index, byte) in (0..).zip(&mut seed) {
        *byte = index;
    }
    KeyPair::from_seed(&seed)
}

fn op() -> Op {
    let check_in = CheckIn {
        place: PlaceId::new(3),
        occurred_at: NOON,
        session: SessionRef::Slot(SlotId::new(1)),
        manner: Manner::OnSite,
        catalog_version: 1,
        witness: Witness::PassScan(PassTag::from_bytes(*b"pass-tag-1234567")),
    };
    let origin = Origin {
        log: LogId::from_bytes(*b"log-id-123456789"),
        sequence: 41,
    };
    Op::new(origin, &Payload::CheckIn(check_in))
}

fn check(name: &str, found: &[u8], expected: &str) {
    assert_eq!(HEXLOWER.encode(found), expected, "{name}");
}

#[test]
fn op_id() {
    check(
        "payload",
        &op().payload,
        "080310809a979b81551a020801200128013a120a10706173732d7461672d31323334353637",
    );
    check(
        "op id",
        op().id().as_bytes(),
        "ca475fa1b8f4e32a5cec6df843ab676b",
    );
}

#[test]
fn signatures() {
    let key = key();
    check(
        "public key",
        key.public_key().as_bytes(),
        "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
    );
    check(
        "device id",
        device_id(TENANT, &key.public_key()).as_bytes(),
        "c8ea3f72c1a7e486137a70c125cc4477",
    );
    check(
        "empty message, purpose batch",
        &key.sign(Purpose::Batch, TENANT, b""),
        "a14b2116566558eb893307869c8d5348bde3ea0e9c3ac2e3e77d6502b04fcdbb472b2a9de9a769718925d153e23efbf8ddf2efd516eceb6121a6aff918e7b906",
    );
    let batch = Batch {
        log: LogId::from_bytes(*b"log-id-123456789"),
        first_sequence: 41,
        device: device_id(TENANT, &key.public_key()),
        clock_segment: ClockSegment {
            boot_id: 7,
            wall_minus_monotonic_ms: 1_460_000_000_000,
        },
        later_segments: Vec::new(),
        ops: vec![op()],
    };
    let sealed = batch.seal(TENANT, &key);
    check(
        "batch",
        &sealed.batch,
        "0a106c6f672d69642d31323334353637383910291a2908011225080310809a979b81551a020801200128013a120a10706173732d7461672d3132333435363722100907000000000000001080a0c0ecfd542a10c8ea3f72c1a7e486137a70c125cc4477",
    );
    check(
        "batch signature",
        &sealed.signature,
        "d2292ff999488aa7d5920e973e221f5a41cd4c2562a7bd055058e24b4a99835ad207b55b45e193d8f3c81a71575eeffcf1bc0b4e11a5dd75df3b666bab813905",
    );
    check(
        "enrolment proof",
        &prove_enrolment(&key, TENANT, "0123456789A0"),
        "b497c8f7d102cfeb53bd1aadf016eb8bd7397f8eff47024dd011657fc1d14b8a468eb52eb6e7a7bf69a5add7545f15ef8f3806329653e336380873911f54740d",
    );
}

#[test]
fn call_credential() {
    let key = key();
    let device = device_id(TENANT, &key.public_key());
    let credential = CallCredential {
        tenant: TENANT,
        device,
        issued_at: NOON,
    };
    assert_eq!(
        credential.sign(&key, "askel.example"),
        "AXRlbmFudC1vZi1Bc2tlbCHI6j9ywafkhhN6cMElzER3AAABVAmy5oBIhR_uyNdkCOamKCEfMXiKZEFYvoewqc4COcmt-lRQ76wmReye4XF4SG2jpKjSntGb6Dh8ZOHEAC8A2hHgtm4N"
    );
}

#[test]
fn award_ids() {
    let participant = ParticipantId::from_bytes(*b"participant-1234");
    let id = |stage, season| award_id(TENANT, GoalId::new(5), stage, participant, season);
    check(
        "without a season",
        id(0, None).as_bytes(),
        "779980fc859c55f9862343b0d486d50c",
    );
    let season = Season {
        first: LocalDate::from_days(16_903),
        last: LocalDate::from_days(16_933),
        zone: TimeZoneId::new(1),
    };
    check(
        "stage 2 of a season",
        id(2, Some(season)).as_bytes(),
        "1471e439c694593f923d298cea6398d4",
    );
}

#[test]
fn pass_text() {
    let pass = pass::issue(
        PassTag::from_bytes(*b"pass-tag-1234567"),
        PassForm::Card,
        TENANT,
        &key(),
    );
    assert_eq!(
        pass::to_text(&pass),
        "ASKEL:PASS:1:0D5Q25K3QG6M7QR8MXAKQRYEP8BSA3K01BPF93WJHF791HFBHRPNYBHEDVZB6T9MR0TB3DQM4XTGMQFBSMGMTE5EPGPMMT5XXBA303GA21R62WVK5NT62SSD64S36D1N6RVH008"
    );
}
