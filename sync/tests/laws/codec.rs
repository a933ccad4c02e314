//! Payloads come back from their bytes; other forms of them do not pass; unknown kinds survive.

use askel_proto::v1;
use askel_sync::{
    admission::AdmittedOp,
    id::{
        AwardId, DeviceId, GoalId, LogId, OpId, ParticipantId, PassTag, PlaceId, SessionId, SlotId,
        StepSourceId,
    },
    key::{KeyPair, device_id},
    limits::{ALIAS_NUMBER_MAX, PICTURE_MAX, REVISION_MAX, STEPS_PER_BUCKET_MAX, TALLY_DELTA_MAX},
    log::{Batch, segments_of},
    op::{
        Alias, AwardConfirmed, AwardWithdrawn, ChallengeTotal, CheckIn, Correction,
        CorrectionReason, Erase, Evidence, FavouriteAdded, FavouriteRemoved, LANGUAGES,
        MalformedPayload, Manner, Measure, Op, OpKind, Origin, PassSeen, Payload, ProfileField,
        ProfileSet, QuestJoined, QuestLeft, SessionRef, StepCount, Tally, Verdict,
        WithdrawalReason, Witness,
    },
    time::{ClockSegment, Quarter, Timestamp},
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{acts::month, world::TENANT};

fn at() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_ms)
}

fn session() -> impl Strategy<Value = SessionRef> {
    prop_oneof![
        any::<u32>().prop_map(|id| SessionRef::Slot(SlotId::new(id))),
        any::<u32>().prop_map(|id| SessionRef::Dated(SessionId::new(id))),
    ]
}

fn manner() -> impl Strategy<Value = Manner> {
    select(vec![Manner::OnSite, Manner::Remote, Manner::Outreach])
}

fn op_id() -> impl Strategy<Value = OpId> {
    any::<[u8; 16]>().prop_map(OpId::from_bytes)
}

fn check_in() -> impl Strategy<Value = Payload> {
    let witness = prop_oneof![
        Just(Witness::SelfReport),
        any::<[u8; 16]>().prop_map(|tag| Witness::PassScan(PassTag::from_bytes(tag))),
        Just(Witness::VenueCode),
    ];
    (
        any::<u32>(),
        at(),
        session(),
        manner(),
        any::<u32>(),
        witness,
    )
        .prop_map(
            |(place, occurred_at, session, manner, catalog_version, witness)| {
                let place = PlaceId::new(place);
                let check_in = CheckIn {
                    place,
                    occurred_at,
                    session,
                    manner,
                    catalog_version,
                    witness,
                };
                Payload::CheckIn(check_in)
            },
        )
}

fn attendance() -> impl Strategy<Value = Payload> {
    let delta = (-TALLY_DELTA_MAX..=TALLY_DELTA_MAX).prop_filter("not 0", |delta| *delta != 0);
    let tally = (any::<u32>(), at(), session(), manner(), delta).prop_map(
        |(place, occurred_at, session, manner, delta)| {
            let place = PlaceId::new(place);
            Payload::Tally(Tally {
                place,
                occurred_at,
                session,
                manner,
                delta,
            })
        },
    );
    let verdict = prop_oneof![
        Just(Verdict::Void),
        Just(Verdict::Reinstate),
        (at(), session()).prop_map(|(occurred_at, session)| Verdict::ReDate {
            occurred_at,
            session
        }),
    ];
    let correction = (op_id(), 1..=REVISION_MAX, verdict, at()).prop_map(
        |(check_in, revision, verdict, occurred_at)| {
            let reason = CorrectionReason::WrongTime;
            Payload::Correction(Correction {
                check_in,
                revision,
                verdict,
                reason,
                occurred_at,
            })
        },
    );
    prop_oneof![check_in(), tally, correction]
}

fn step_count() -> impl Strategy<Value = Payload> {
    let measure = select(vec![
        Measure::Steps,
        Measure::WheelchairPushes,
        Measure::Minutes,
    ]);
    let count = 0..=STEPS_PER_BUCKET_MAX;
    (
        any::<[u8; 16]>(),
        any::<u32>(),
        count,
        1..=REVISION_MAX,
        measure,
    )
        .prop_map(|(source, bucket, count, revision, measure)| {
            Payload::StepCount(StepCount {
                source: StepSourceId::from_bytes(source),
                bucket: Quarter::new(bucket),
                count,
                revision,
                measure,
            })
        })
}

fn choice() -> impl Strategy<Value = Payload> {
    let field = prop_oneof![
        (any::<u32>(), 0..=ALIAS_NUMBER_MAX)
            .prop_map(|(word, number)| ProfileField::Alias(Alias { word, number })),
        (0..=PICTURE_MAX).prop_map(ProfileField::Picture),
        select(&LANGUAGES[..]).prop_map(|language| ProfileField::Language(language.to_owned())),
    ];
    let cited = || vec(op_id(), 1..=32);
    prop_oneof![
        (at(), field, 1..=REVISION_MAX).prop_map(|(occurred_at, field, revision)| {
            Payload::ProfileSet(ProfileSet {
                occurred_at,
                field,
                revision,
            })
        }),
        (op_id(), vec(any::<u8>(), 1..=128))
            .prop_map(|(check_in, code)| Payload::Evidence(Evidence { check_in, code })),
        any::<[u8; 16]>().prop_map(|tag| Payload::PassErased(PassTag::from_bytes(tag))),
        (any::<[u8; 16]>(), at()).prop_map(|(id, occurred_at)| {
            let participant = ParticipantId::from_bytes(id);
            Payload::Erase(Erase {
                participant,
                occurred_at,
            })
        }),
        Just(Payload::Blank),
        (any::<u32>(), at()).prop_map(|(goal, occurred_at)| {
            Payload::QuestJoined(QuestJoined {
                goal: GoalId::new(goal),
                occurred_at,
            })
        }),
        (any::<u32>(), at(), cited()).prop_map(|(goal, occurred_at, joined)| {
            Payload::QuestLeft(QuestLeft {
                goal: GoalId::new(goal),
                occurred_at,
                joined,
            })
        }),
        (any::<u32>(), at()).prop_map(|(place, occurred_at)| {
            Payload::FavouriteAdded(FavouriteAdded {
                place: PlaceId::new(place),
                occurred_at,
            })
        }),
        (any::<u32>(), at(), cited()).prop_map(|(place, occurred_at, added)| {
            let place = PlaceId::new(place);
            Payload::FavouriteRemoved(FavouriteRemoved {
                place,
                occurred_at,
                added,
            })
        }),
    ]
}

fn of_the_server() -> impl Strategy<Value = Payload> {
    let award = || any::<[u8; 16]>().prop_map(AwardId::from_bytes);
    let confirmed = (
        award(),
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
        any::<[u8; 32]>(),
        at(),
    )
        .prop_map(|(award, goal, stage, rule_version, hash, occurred_at)| {
            Payload::AwardConfirmed(AwardConfirmed {
                award,
                goal: GoalId::new(goal),
                stage,
                rule_version,
                catalog_hash: hash.to_vec(),
                occurred_at,
            })
        });
    let withdrawn = (award(), at()).prop_map(|(award, occurred_at)| {
        let reason = WithdrawalReason::AskedByParticipant;
        Payload::AwardWithdrawn(AwardWithdrawn {
            award,
            reason,
            occurred_at,
        })
    });
    let seen = (
        any::<[u8; 16]>(),
        at(),
        session(),
        op_id(),
        any::<bool>(),
        0..=REVISION_MAX,
    )
        .prop_map(|(pass, occurred_at, session, check_in, voided, revision)| {
            Payload::PassSeen(PassSeen {
                pass: PassTag::from_bytes(pass),
                place: PlaceId::new(3),
                occurred_at,
                session,
                check_in,
                voided,
                revision,
            })
        });
    let total = (any::<u32>(), any::<u64>(), any::<u32>(), any::<u32>(), at()).prop_map(
        |(goal, total, people, revision, occurred_at)| {
            let goal = GoalId::new(goal);
            Payload::ChallengeTotal(ChallengeTotal {
                goal,
                total,
                people,
                revision,
                occurred_at,
            })
        },
    );
    prop_oneof![confirmed, withdrawn, seen, total]
}

/// Kinds that are carried in their message form.
fn carried(bytes: &[u8], number: u32, ms: i64) -> [Payload; 6] {
    [
        Payload::CatalogPublished(v1::CatalogPublished {
            version: number,
            hash: bytes.to_vec(),
            size_bytes: number.into(),
            signature: bytes.to_vec(),
        }),
        Payload::KeyListPublished(v1::KeyListPublished {
            signed_key_list: bytes.to_vec(),
        }),
        Payload::OutcomeChanged(v1::OutcomeChanged {
            log_id: bytes.to_vec(),
            sequence: number.into(),
            outcome: Some(v1::outcome_changed::Outcome::Accepted(
                v1::OutcomeAccepted {},
            )),
        }),
        Payload::DeviceChanged(v1::DeviceChanged {
            device_id: bytes.to_vec(),
            change: v1::DeviceChange::Revoked.into(),
            occurred_at_ms: ms,
            refusable_until_ms: ms,
        }),
        Payload::SamePersonLinked(v1::SamePersonLinked {
            other_participant_id: bytes.to_vec(),
            occurred_at_ms: ms,
        }),
        Payload::SamePersonUnlinked(v1::SamePersonUnlinked {
            linked_op_ids: vec![bytes.to_vec(), bytes.to_vec()],
            occurred_at_ms: ms,
        }),
    ]
}

fn payload() -> impl Strategy<Value = Payload> {
    let carried = (
        vec(any::<u8>(), 0..64),
        any::<u32>(),
        any::<i64>(),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(bytes, number, ms, index)| index.get(&carried(&bytes, number, ms)).clone());
    prop_oneof![
        3 => attendance(),
        1 => step_count(),
        3 => choice(),
        3 => of_the_server(),
        3 => carried,
    ]
}

proptest! {
    #[test]
    fn a_payload_comes_back_from_its_bytes_and_its_bytes_are_canonical(payload in payload()) {
        let bytes = payload.encode();
        let read = Payload::parse(payload.kind() as u32, &bytes);
        prop_assert_eq!(read.as_ref(), Ok(&Some(payload)));
        let again = read.ok().flatten().map(|payload| payload.encode());
        prop_assert_eq!(again, Some(bytes));
    }

    #[test]
    fn fields_of_a_later_version_are_legal_and_kept(payload in payload(), value: u64) {
        // Field 2000, a varint; after every field of this version.
        let mut bytes = payload.encode();
        bytes.extend([0x80, 0x7d]);
        prost::encoding::encode_varint(value, &mut bytes);
        let kind = payload.kind() as u32;
        let read = Payload::parse(kind, &bytes);
        prop_assert_eq!(read, Ok(Some(payload)));
        let origin = Origin { log: LogId::from_bytes([1; 16]), sequence: 1 };
        let op = Op { kind, payload: bytes.clone().into(), origin };
        let cut = Op { payload: bytes.get(..bytes.len() - 1).unwrap_or_default().to_vec().into(), ..op.clone() };
        prop_assert_ne!(op.id(), cut.id());
    }

    #[test]
    fn descending_fields_are_refused(payload in payload()) {
        // Field 1 once more at the end is legal only where every field is 1.
        let mut bytes = payload.encode();
        bytes.extend([0x80, 0x7d, 0x01, 0x08, 0x01]);
        let read = Payload::parse(payload.kind() as u32, &bytes);
        prop_assert!(matches!(read, Err(MalformedPayload::NotCanonical(_))));
    }

    #[test]
    fn any_bytes_parse_or_fail_and_never_panic(kind in 0..60_u32, bytes in vec(any::<u8>(), 0..80)) {
        let _ = Payload::parse(kind, &bytes);
        let _ = askel_sync::catalog::Catalog::parse(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = askel_sync::pass::from_text(&format!("ASKEL:PASS:1:{text}"));
        let _ = text.parse::<askel_sync::invitation::Link>();
        let _ = askel_sync::key::credential::CallCredential::parse(&text);
    }

    #[test]
    fn a_sealed_batch_opens_to_the_same_ops_of_known_and_unknown_kinds(
        payloads in vec((0..100_u32, vec(any::<u8>(), 0..40)), 1..20),
        first_sequence in 0..1_000_u64,
        boots in vec(0..3_u64, 20),
    ) {
        let key = KeyPair::from_seed(&[3; 32]);
        let device = device_id(TENANT, &key.public_key());
        let log = LogId::from_bytes([4; 16]);
        let elsewhere = LogId::from_bytes([5; 16]);
        let op = |(index, (kind, payload)): (u64, (u32, Vec<u8>))| {
            // Every third op is offered again from another log.
            let log = if index % 3 == 0 { elsewhere } else { log };
            Op { kind, payload: payload.into(), origin: Origin { log, sequence: first_sequence + index } }
        };
        let ops: Vec<Op> = (0..).zip(payloads).map(op).collect();
        let boots = boots.into_iter().take(ops.len());
        let segments: Vec<_> = boots
            .map(|boot_id| ClockSegment { boot_id, wall_minus_monotonic_ms: -7 })
            .collect();
        let (clock_segment, later_segments) = segments_of(segments.iter().copied());
        let batch = Batch { log, first_sequence, device, clock_segment, later_segments, ops };
        let told: Vec<_> = batch.sequenced().map(|(_, written_in, _)| written_in).collect();
        prop_assert_eq!(told, segments);
        let sealed = batch.seal(TENANT, &key);
        prop_assert_eq!(Batch::open(&sealed, TENANT, device, &key.public_key()), Ok(batch.clone()));
        let stranger = DeviceId::from_bytes([0; 16]);
        prop_assert!(Batch::open(&sealed, TENANT, stranger, &key.public_key()).is_err());
        let mut changed = sealed;
        changed.signature.reverse();
        prop_assert!(Batch::open(&changed, TENANT, device, &key.public_key()).is_err());
    }

    #[test]
    fn a_count_in_any_form_is_what_its_message_says(
        payload in step_count(),
        at: prop::sample::Index,
        byte: u8,
        change in 0..4_u8,
    ) {
        let mut bytes = payload.encode();
        let place = at.index(bytes.len());
        match change {
            0 => {}
            1 => bytes[place] = byte,
            2 => bytes.insert(place, byte),
            _ => drop(bytes.remove(place)),
        }
        // Of a kind that nobody knows only the form is checked.
        let expected = Payload::parse(9_999, &bytes).ok().and_then(|_| {
            let message: v1::StepCount = prost::Message::decode(&*bytes).ok()?;
            let measure = Measure::try_from(message.measure).ok()?;
            let is_bound = (1..=REVISION_MAX).contains(&message.revision)
                && message.count <= STEPS_PER_BUCKET_MAX
                && measure != Measure::Unspecified;
            is_bound.then_some(Payload::StepCount(StepCount {
                source: StepSourceId::try_from(&*message.source_id).ok()?,
                bucket: Quarter::new(message.bucket),
                count: message.count,
                revision: message.revision,
                measure,
            }))
        });
        let read = Payload::parse(OpKind::StepCount as u32, &bytes);
        prop_assert_eq!(read.ok().flatten(), expected);
    }

    #[test]
    fn an_admitted_op_comes_back_from_its_message(ops in month()) {
        for op in ops {
            prop_assert_eq!(AdmittedOp::from_proto(op.to_proto()), Ok(op));
        }
    }
}

#[test]
fn every_kind_of_the_wire_is_built_by_some_payload() {
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut built = std::collections::BTreeSet::new();
    for _ in 0..2_000 {
        built.insert(
            payload()
                .new_tree(&mut runner)
                .expect("a payload")
                .current()
                .kind(),
        );
    }
    let kinds = (1..100).filter_map(|number| OpKind::try_from(number).ok());
    assert_eq!(built, kinds.collect());
}

#[test]
fn an_unknown_kind_is_no_fault_and_an_unreadable_known_one_is() {
    assert_eq!(Payload::parse(9_999, &[0x08, 0x01]), Ok(None));
    assert_eq!(Payload::parse(0, &[]), Ok(None));
    let kind = OpKind::Tally as u32;
    assert!(matches!(
        Payload::parse(kind, &[]),
        Err(MalformedPayload::OutOfBounds("delta"))
    ));
    assert_eq!(
        Payload::parse(kind, &[0x0a, 0x01, 0x00]),
        Err(MalformedPayload::Unreadable)
    );
}
