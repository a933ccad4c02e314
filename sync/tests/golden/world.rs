//! Keys that everybody knows, a catalog, and one op of each kind.

use askel_proto::v1;
use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    catalog,
    frame::BatchHints,
    id::{
        AwardId, DeviceId, GoalId, LogId, OpId, ParticipantId, PassTag, PlaceId, SessionId, SlotId,
        StepSourceId, StreamId, TenantId,
    },
    key::{IngestSecretKey, KeyEntry, KeyList, KeyPair, ListedKey, device_id},
    log::{Batch, segments_of},
    op::{
        Alias, AwardConfirmed, AwardWithdrawn, ChallengeTotal, CheckIn, Correction,
        CorrectionReason, Erase, Evidence, FavouriteAdded, FavouriteRemoved, Manner, Measure, Op,
        Origin, PassSeen, Payload, ProfileField, ProfileSet, QuestJoined, QuestLeft, SessionRef,
        StepCount, Tally, Verdict, WithdrawalReason, Witness,
    },
    time::{ClockSegment, HOUR_MS, Quarter, Timestamp},
};

pub(crate) const TENANT: TenantId = TenantId::from_bytes(*b"tenant-of-Askel!");
pub(crate) const ME: ParticipantId = ParticipantId::from_bytes(*b"participant-1234");
pub(crate) const PASS: PassTag = PassTag::from_bytes(*b"pass-tag-1234567");
pub(crate) const STREAM: StreamId = StreamId::from_bytes(*b"stream-id-123456");
pub(crate) const LOG: LogId = LogId::from_bytes(*b"log-id-123456789");
pub(crate) const AUDIENCE: &str = "askel.example";
/// Tuesday 12 April 2016, 12:00 in Helsinki.
pub(crate) const NOON: Timestamp = Timestamp::from_ms(1_460_451_600_000);

/// How many of the ops a compact page refers to.
pub(crate) const CONTEXT_OPS: usize = 6;

/// Whether a compact page leaves an op out, because its reader wrote it.
pub(crate) fn is_own(origin: Origin) -> bool {
    origin.log == LOG && origin.sequence.is_multiple_of(2)
}

/// What both sides of a compact batch know beside.
pub(crate) fn hints() -> BatchHints {
    BatchHints {
        tenant: TENANT,
        device: device(),
        log: LOG,
        clock_segment: batch().clock_segment,
        wall: NOON,
    }
}

/// A key of a later version's op, which this version carries and does not read.
const LATER_KIND: u32 = 9_999;
const EARLIER_LOG: LogId = LogId::from_bytes(*b"log-before-12345");
const BASEMENT: PlaceId = PlaceId::new(1);
const LUNCH: SessionRef = SessionRef::Slot(SlotId::new(1));

pub(crate) fn root() -> KeyPair {
    KeyPair::from_seed(&[1; 32])
}

pub(crate) fn organiser() -> KeyPair {
    KeyPair::from_seed(&[2; 32])
}

pub(crate) fn issuer() -> KeyPair {
    KeyPair::from_seed(&[3; 32])
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

pub(crate) fn key_list() -> KeyList {
    let entry = |purpose, public_key: ListedKey, revoked| KeyEntry {
        purpose,
        public_key,
        from: Timestamp::from_ms(0),
        until: NOON.saturating_add_ms(1_000 * HOUR_MS),
        revoked,
    };
    KeyList {
        version: 7,
        expires_at: NOON.saturating_add_ms(500 * HOUR_MS),
        keys: vec![
            entry(
                v1::KeyPurpose::Catalog,
                organiser().public_key().into(),
                false,
            ),
            entry(
                v1::KeyPurpose::PassIssuer,
                issuer().public_key().into(),
                false,
            ),
            entry(
                v1::KeyPurpose::StaffCertifier,
                certifier().public_key().into(),
                true,
            ),
            entry(v1::KeyPurpose::Ingest, ingest().public_key().into(), false),
        ],
    }
}

pub(crate) fn batch() -> Batch {
    Batch {
        log: LOG,
        first_sequence: 41,
        device: device(),
        clock_segment: ClockSegment {
            boot_id: 7,
            wall_minus_monotonic_ms: 1_460_000_000_000,
        },
        later_segments: Vec::new(),
        ops: ops(),
    }
}

/// The same ops, of three boots; in the last one the wall clock jumped.
pub(crate) fn batch_of_boots() -> Batch {
    let written_in = |index: usize| ClockSegment {
        boot_id: 7 + u64::try_from(index / 5).expect("few").min(2),
        wall_minus_monotonic_ms: if index < 12 {
            1_460_000_000_000
        } else {
            1_470_000_000_000
        },
    };
    let ops = ops();
    let (clock_segment, later_segments) = segments_of((0..ops.len()).map(written_in));
    Batch {
        clock_segment,
        later_segments,
        ..batch()
    }
}

/// One op of each kind that this version reads, one that it does not, one of an earlier log.
pub(crate) fn ops() -> Vec<Op> {
    let mut ops: Vec<Op> = (41..)
        .zip(payloads())
        .map(|(sequence, payload)| {
            let log = LOG;
            Op::new(Origin { log, sequence }, &payload)
        })
        .collect();
    let sequence = 41 + u64::try_from(ops.len()).expect("few");
    let later = Origin { log: LOG, sequence };
    ops.push(Op {
        kind: LATER_KIND,
        payload: vec![0x08, 0x2A, 0x12, 0x02, b'h', b'i'].into(),
        origin: later,
    });
    let again = Origin {
        log: EARLIER_LOG,
        sequence: 3,
    };
    ops.push(Op::new(again, &check_in(26 * HOUR_MS)));
    ops
}

/// The same, judged: an hour after each was made, or was claimed to be.
pub(crate) fn admitted() -> Vec<AdmittedOp> {
    let mut corrected_at = NOON;
    let judge = |op: Op| {
        corrected_at = corrected_at.saturating_add_ms(1_000);
        AdmittedOp {
            op,
            admission: Admission {
                corrected_at,
                received_at: corrected_at.saturating_add_ms(HOUR_MS),
                subject: Some(ME),
                strength: Strength::Card,
                flags: Flags::CLOCK_CORRECTED,
                author_role: Role::Staff,
            },
        }
    };
    ops().into_iter().map(judge).collect()
}

fn check_in(after_noon_ms: i64) -> Payload {
    Payload::CheckIn(CheckIn {
        place: BASEMENT,
        occurred_at: NOON.saturating_add_ms(after_noon_ms),
        session: LUNCH,
        manner: Manner::OnSite,
        catalog_version: 1,
        witness: Witness::PassScan(PASS),
    })
}

fn payloads() -> Vec<Payload> {
    let first = Origin {
        log: LOG,
        sequence: 41,
    };
    let cited = Op::new(first, &check_in(0)).id();
    let mut payloads = facts(cited);
    payloads.extend(choices());
    payloads.extend(of_the_server(cited));
    payloads
}

fn facts(check_in_op: OpId) -> Vec<Payload> {
    vec![
        check_in(0),
        Payload::Tally(Tally {
            place: BASEMENT,
            occurred_at: NOON,
            session: SessionRef::Dated(SessionId::new(1)),
            manner: Manner::Outreach,
            delta: -3,
        }),
        Payload::Correction(Correction {
            check_in: check_in_op,
            revision: 1,
            verdict: Verdict::Void,
            reason: CorrectionReason::ScannedByMistake,
            occurred_at: NOON,
        }),
        Payload::Correction(Correction {
            check_in: check_in_op,
            revision: 2,
            verdict: Verdict::ReDate {
                occurred_at: NOON.saturating_add_ms(-HOUR_MS),
                session: LUNCH,
            },
            reason: CorrectionReason::WrongTime,
            occurred_at: NOON,
        }),
        Payload::StepCount(StepCount {
            source: StepSourceId::from_bytes(*b"step-source-1234"),
            bucket: Quarter::containing(NOON).expect("after 1970"),
            count: 1_234,
            revision: 3,
            measure: Measure::Steps,
        }),
        Payload::Evidence(Evidence {
            check_in: check_in_op,
            code: b"a poster's code".to_vec(),
        }),
    ]
}

fn choices() -> Vec<Payload> {
    let profile = |field, revision| {
        Payload::ProfileSet(ProfileSet {
            occurred_at: NOON,
            field,
            revision,
        })
    };
    let (goal, place, occurred_at) = (GoalId::new(1), BASEMENT, NOON);
    vec![
        profile(
            ProfileField::Alias(Alias {
                word: 1,
                number: 14,
            }),
            1,
        ),
        profile(ProfileField::Picture(5), 2),
        profile(ProfileField::Language("fi-simple".to_owned()), 3),
        Payload::QuestJoined(QuestJoined { goal, occurred_at }),
        Payload::QuestLeft(QuestLeft {
            goal,
            occurred_at,
            joined: vec![OpId::from_bytes(*b"another-op-id-12")],
        }),
        Payload::FavouriteAdded(FavouriteAdded { place, occurred_at }),
        Payload::FavouriteRemoved(FavouriteRemoved {
            place,
            occurred_at,
            added: vec![OpId::from_bytes(*b"another-op-id-12")],
        }),
    ]
}

fn of_the_server(check_in: OpId) -> Vec<Payload> {
    let award = AwardId::from_bytes(*b"award-id-1234567");
    vec![
        Payload::AwardConfirmed(AwardConfirmed {
            award,
            goal: GoalId::new(1),
            stage: 0,
            rule_version: 1,
            catalog_hash: vec![9; 32],
            occurred_at: NOON,
        }),
        Payload::AwardWithdrawn(AwardWithdrawn {
            award: AwardId::from_bytes(*b"award-id-7654321"),
            reason: WithdrawalReason::GrantedByMistake,
            occurred_at: NOON,
        }),
        Payload::PassSeen(PassSeen {
            pass: PASS,
            place: BASEMENT,
            occurred_at: NOON,
            session: LUNCH,
            check_in,
            voided: true,
            revision: 1,
        }),
        Payload::ChallengeTotal(ChallengeTotal {
            goal: GoalId::new(1),
            total: 100_000,
            people: 12,
            revision: 4,
            occurred_at: NOON,
        }),
        Payload::CatalogPublished(v1::CatalogPublished {
            version: 1,
            hash: vec![9; 32],
            size_bytes: 500,
            signature: vec![8; 64],
        }),
        Payload::DeviceChanged(v1::DeviceChanged {
            device_id: device().to_vec(),
            change: v1::DeviceChange::Approved.into(),
            occurred_at_ms: NOON.as_ms(),
            refusable_until_ms: 0,
        }),
        Payload::PassErased(PASS),
        Payload::Blank,
        Payload::Erase(Erase {
            participant: ParticipantId::from_bytes(*b"participant-5678"),
            occurred_at: NOON,
        }),
    ]
}

fn text(words: &str) -> Option<v1::LocalizedText> {
    let variant = v1::TextVariant {
        language: "en".to_owned(),
        text: words.to_owned(),
    };
    Some(v1::LocalizedText {
        variants: vec![variant],
    })
}

/// A place that is open on Tuesdays from 9 to 15, and a badge for one visit.
pub(crate) fn catalog() -> Vec<u8> {
    let visit = v1::CountRule {
        filter: None,
        target: 1,
    };
    catalog::encode(&v1::Catalog {
        version: 1,
        tenant_id: TENANT.to_vec(),
        time_zones: vec![v1::TimeZone {
            id: 1,
            name: "Europe/Helsinki".to_owned(),
            first_offset_minutes: 180,
            transitions: vec![v1::Transition {
                at_s: 1_477_789_200,
                offset_minutes: 120,
            }],
        }],
        organisations: vec![v1::Organisation {
            id: 1,
            name: text("Friends of the forest"),
        }],
        places: vec![v1::Place {
            id: 1,
            organisation_id: 1,
            name: text("Basement"),
            time_zone_id: 1,
            opening_intervals: vec![v1::OpeningInterval {
                slot_id: 1,
                weekday: 2,
                from_minute: 9 * 60,
                until_minute: 15 * 60,
                activity_id: 0,
            }],
            ..v1::Place::default()
        }],
        goals: vec![v1::Goal {
            id: 1,
            kind: v1::GoalKind::Badge.into(),
            name: text("First visit"),
            rule_version: 1,
            rule: Some(v1::Rule {
                operator: Some(v1::rule::Operator::Count(visit)),
            }),
            badge_id: 1,
            ..v1::Goal::default()
        }],
        badges: vec![v1::Badge {
            id: 1,
            name: text("A first step"),
            ..v1::Badge::default()
        }],
        ..v1::Catalog::default()
    })
}
