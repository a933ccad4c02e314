//! Every limit of the core at its value and one past it.

use askel_proto::v1;
use askel_sync::{
    catalog::{self, Catalog, CatalogError, EntryFault},
    id::{LogId, OpId, PlaceId},
    key::{KeyEntry, KeyList, KeyPair, Purpose, device_id},
    limits,
    log::{Batch, BatchError},
    op::{
        Alias, Correction, CorrectionReason, FavouriteRemoved, MalformedPayload, Manner, Measure,
        Op, OpKind, Origin, Payload, ProfileField, ProfileSet, StepCount, Tally, Verdict,
    },
    rule::RuleFault,
    time::{ClockSegment, Quarter, Timestamp},
};
use prost::Message as _;

use crate::{
    rules::{all_of, collective, count, count_of, days_active, sum},
    world::{LUNCH, TENANT, bare_catalog, goal, hours, text},
};

fn parse(payload: &Payload) -> Result<(), MalformedPayload> {
    Payload::parse(payload.kind() as u32, &payload.encode()).map(drop)
}

/// Passes at the limit, and one past it is out of bounds in the field named.
fn bounded(field: &'static str, at_limit: &Payload, past: &Payload) {
    assert_eq!(parse(at_limit), Ok(()), "{field}");
    assert_eq!(parse(past), Err(MalformedPayload::OutOfBounds(field)));
}

#[test]
fn numbers_in_payloads() {
    let steps = |count, revision| {
        let source = askel_sync::id::StepSourceId::from_bytes([1; 16]);
        let bucket = Quarter::new(1);
        let measure = Measure::Steps;
        Payload::StepCount(StepCount {
            source,
            bucket,
            count,
            revision,
            measure,
        })
    };
    let most = limits::STEPS_PER_BUCKET_MAX;
    bounded("count", &steps(most, 1), &steps(most + 1, 1));
    bounded(
        "revision",
        &steps(1, limits::REVISION_MAX),
        &steps(1, limits::REVISION_MAX + 1),
    );
    bounded("revision", &steps(1, 1), &steps(1, 0));
    let correction = |revision| {
        Payload::Correction(Correction {
            check_in: OpId::from_bytes([1; 16]),
            revision,
            verdict: Verdict::Void,
            reason: CorrectionReason::WrongTime,
            occurred_at: hours(0),
        })
    };
    let most = limits::REVISION_MAX;
    bounded("revision", &correction(most), &correction(most + 1));
    bounded("revision", &correction(1), &correction(0));
    let tally = |delta| {
        let (place, occurred_at, manner) = (PlaceId::new(1), hours(0), Manner::OnSite);
        Payload::Tally(Tally {
            place,
            occurred_at,
            session: LUNCH,
            manner,
            delta,
        })
    };
    let most = limits::TALLY_DELTA_MAX;
    bounded("delta", &tally(most), &tally(most + 1));
    bounded("delta", &tally(-most), &tally(-most - 1));
    bounded("delta", &tally(1), &tally(0));
    let profile = |field| {
        Payload::ProfileSet(ProfileSet {
            occurred_at: hours(0),
            field,
            revision: 1,
        })
    };
    let alias = |number| profile(ProfileField::Alias(Alias { word: 1, number }));
    bounded(
        "alias",
        &alias(limits::ALIAS_NUMBER_MAX),
        &alias(limits::ALIAS_NUMBER_MAX + 1),
    );
    let picture = |number| profile(ProfileField::Picture(number));
    bounded(
        "picture",
        &picture(limits::PICTURE_MAX),
        &picture(limits::PICTURE_MAX + 1),
    );
}

#[test]
fn lengths_in_payloads() {
    let removed = |cited| {
        let added = vec![OpId::from_bytes([1; 16]); cited];
        let (place, occurred_at) = (PlaceId::new(1), hours(0));
        Payload::FavouriteRemoved(FavouriteRemoved {
            place,
            occurred_at,
            added,
        })
    };
    let most = limits::CITED_OPS_MAX;
    bounded("added_op_ids", &removed(most), &removed(most + 1));
    assert_eq!(
        parse(&removed(0)),
        Err(MalformedPayload::Missing("added_op_ids"))
    );
    let evidence = |bytes| {
        Payload::Evidence(askel_sync::op::Evidence {
            check_in: OpId::from_bytes([1; 16]),
            code: vec![1; bytes],
        })
    };
    let most = limits::VENUE_CODE_BYTES_MAX;
    bounded("code", &evidence(most), &evidence(most + 1));
    bounded("code", &evidence(1), &evidence(0));
    // An unknown field fills the payload up.
    let padded = |bytes: usize| {
        let mut payload = vec![0x82, 0x7d];
        let body = bytes - 4;
        prost::encoding::encode_varint(body as u64, &mut payload);
        payload.resize(bytes, 0);
        Payload::parse(OpKind::QuestJoined as u32, &payload).map(drop)
    };
    assert_eq!(padded(limits::PAYLOAD_BYTES_MAX), Ok(()));
    assert_eq!(
        padded(limits::PAYLOAD_BYTES_MAX + 1),
        Err(MalformedPayload::TooLong)
    );
}

fn open(ops: usize, payload_bytes: usize, first_sequence: u64) -> Result<(), BatchError> {
    let key = KeyPair::from_seed(&[3; 32]);
    let device = device_id(TENANT, &key.public_key());
    let log = LogId::from_bytes([4; 16]);
    let op = |sequence| Op {
        kind: 1,
        payload: vec![0; payload_bytes].into(),
        origin: Origin { log, sequence },
    };
    let batch = Batch {
        log,
        first_sequence,
        device,
        clock_segment: ClockSegment::default(),
        later_segments: Vec::new(),
        ops: (first_sequence..).take(ops).map(op).collect(),
    };
    Batch::open(&batch.seal(TENANT, &key), TENANT, device, &key.public_key()).map(drop)
}

#[test]
fn an_op_of_this_log_is_at_its_own_place() {
    let key = KeyPair::from_seed(&[3; 32]);
    let device = device_id(TENANT, &key.public_key());
    let log = LogId::from_bytes([4; 16]);
    let open = |log_of_origin, sequence| {
        let origin = Origin {
            log: log_of_origin,
            sequence,
        };
        let op = Op {
            kind: 1,
            payload: Vec::new().into(),
            origin,
        };
        let clock_segment = ClockSegment::default();
        let batch = Batch {
            log,
            first_sequence: 7,
            device,
            clock_segment,
            later_segments: Vec::new(),
            ops: vec![op],
        };
        Batch::open(&batch.seal(TENANT, &key), TENANT, device, &key.public_key()).map(drop)
    };
    assert_eq!(open(log, 7), Ok(()));
    assert_eq!(open(LogId::from_bytes([5; 16]), 3), Ok(()));
    assert_eq!(open(log, 3), Err(BatchError::Malformed));
}

#[test]
fn batches() {
    assert_eq!(open(limits::OPS_PER_BATCH_MAX, 1, 0), Ok(()));
    assert_eq!(
        open(limits::OPS_PER_BATCH_MAX + 1, 1, 0),
        Err(BatchError::TooManyOps)
    );
    assert_eq!(open(0, 1, 0), Err(BatchError::Malformed));
    // One op whose payload fills the batch: 48 bytes go to the other fields.
    let fill = limits::BATCH_BYTES_MAX - 48;
    assert_eq!(open(1, fill, 0), Ok(()));
    assert_eq!(open(1, fill + 1, 0), Err(BatchError::TooLong));
    assert_eq!(open(1, 1, limits::SEQUENCE_MAX - 1), Ok(()));
    assert_eq!(open(1, 1, limits::SEQUENCE_MAX), Err(BatchError::Malformed));
    assert_eq!(
        open(2, 1, limits::SEQUENCE_MAX - 1),
        Err(BatchError::Malformed)
    );
}

/// A clock segment begins at an op, and after the one before.
#[test]
fn later_segments() {
    let key = KeyPair::from_seed(&[3; 32]);
    let device = device_id(TENANT, &key.public_key());
    let segment = |ops_before| v1::LaterSegment {
        ops_before,
        clock_segment: Some(v1::ClockSegment::default()),
    };
    let open = |ops: usize, later_segments: Vec<v1::LaterSegment>| {
        let batch = v1::Batch {
            log_id: vec![4; 16],
            device_id: device.to_vec(),
            ops: vec![v1::Op::default(); ops],
            later_segments,
            ..v1::Batch::default()
        };
        let batch = batch.encode_to_vec();
        let sealed = v1::SealedBatch {
            signature: key.sign(Purpose::Batch, TENANT, &batch),
            batch,
            ..v1::SealedBatch::default()
        };
        Batch::open(&sealed, TENANT, device, &key.public_key()).map(drop)
    };
    let refused = Err(BatchError::SegmentsOutOfOrder);
    assert_eq!(open(3, vec![segment(1), segment(2)]), Ok(()));
    assert_eq!(open(3, vec![segment(0)]), refused);
    assert_eq!(open(3, vec![segment(3)]), refused);
    assert_eq!(open(3, vec![segment(u32::MAX)]), refused);
    assert_eq!(open(3, vec![segment(2), segment(1)]), refused);
    assert_eq!(open(3, vec![segment(1), segment(1)]), refused);
    assert_eq!(open(1, vec![segment(1)]), refused);
    let says_nothing = v1::LaterSegment {
        clock_segment: None,
        ..segment(1)
    };
    assert_eq!(open(3, vec![says_nothing]), refused);
    let most = limits::OPS_PER_BATCH_MAX;
    let at_each = |last: u32| (1..=last).map(segment).collect();
    let last = u32::try_from(most - 1).expect("few");
    assert_eq!(open(most, at_each(last)), Ok(()));
    assert_eq!(open(most, at_each(last + 1)), refused);
}

fn publish(change: impl FnOnce(&mut v1::Catalog)) -> Result<(), CatalogError> {
    let mut proto = bare_catalog();
    change(&mut proto);
    Catalog::parse(&catalog::encode(&proto)).map(drop)
}

fn rule_fault(rule: v1::Rule) -> Option<RuleFault> {
    match publish(|proto| proto.goals = vec![goal(1, rule)]) {
        Ok(()) => None,
        Err(CatalogError::Rule { fault, .. }) => Some(fault),
        Err(other) => panic!("not the rule's fault: {other}"),
    }
}

#[test]
fn rules_in_depth_and_width() {
    let deep = |levels: usize| (1..levels).fold(count(1), |rule, _| all_of(vec![rule]));
    assert_eq!(rule_fault(deep(limits::RULE_DEPTH_MAX)), None);
    assert_eq!(
        rule_fault(deep(limits::RULE_DEPTH_MAX + 1)),
        Some(RuleFault::TooDeep)
    );
    let wide = |nodes: usize| all_of(vec![count(1); nodes - 1]);
    assert_eq!(rule_fault(wide(limits::RULE_NODES_MAX)), None);
    assert_eq!(
        rule_fault(wide(limits::RULE_NODES_MAX + 1)),
        Some(RuleFault::TooManyNodes)
    );
}

#[test]
fn rules_in_numbers() {
    let most = limits::RULE_TARGET_MAX;
    assert_eq!(rule_fault(count(most)), None);
    assert_eq!(rule_fault(count(most + 1)), Some(RuleFault::Target));
    assert_eq!(rule_fault(count(0)), Some(RuleFault::Target));
    let or_steps = |target| crate::rules::any_of(vec![sum(Measure::Steps, target), count(1)]);
    assert_eq!(rule_fault(or_steps(most)), None);
    assert_eq!(rule_fault(or_steps(most + 1)), Some(RuleFault::Target));
    let least = |least| rule_fault(days_active(Some((Measure::Steps, least)), 1));
    assert_eq!(least(most), None);
    assert_eq!(least(most + 1), Some(RuleFault::MeasureMin));
    assert_eq!(least(0), Some(RuleFault::MeasureMin));
    assert_eq!(
        rule_fault(collective(1, limits::COLLECTIVE_PEOPLE_MIN)),
        None
    );
    let few = rule_fault(collective(1, limits::COLLECTIVE_PEOPLE_MIN - 1));
    assert_eq!(few, Some(RuleFault::PeopleMin));
    let points = |points| {
        let mut rule = collective(1, limits::COLLECTIVE_PEOPLE_MIN);
        if let Some(v1::rule::Operator::Collective(collective)) = &mut rule.operator {
            collective.contributions[0].points = points;
        }
        rule_fault(rule)
    };
    assert_eq!(points(limits::CONTRIBUTION_POINTS_MAX), None);
    assert_eq!(
        points(limits::CONTRIBUTION_POINTS_MAX + 1),
        Some(RuleFault::Points)
    );
    assert_eq!(points(0), Some(RuleFault::Points));
}

#[test]
fn rules_in_lists() {
    let keywords = |length| {
        let keywords = vec!["coffee".to_owned(); length];
        rule_fault(count_of(
            v1::Filter {
                keywords,
                ..v1::Filter::default()
            },
            1,
        ))
    };
    assert_eq!(keywords(limits::FILTER_ENTRIES_MAX), None);
    assert_eq!(
        keywords(limits::FILTER_ENTRIES_MAX + 1),
        Some(RuleFault::FilterTooLong)
    );
}

#[test]
fn catalogs_in_texts_lists_and_bytes() {
    let fault = |change: &dyn Fn(&mut v1::Catalog)| match publish(change) {
        Ok(()) => None,
        Err(CatalogError::Entry { fault, .. }) => Some(fault),
        Err(other) => panic!("not an entry's fault: {other}"),
    };
    let named = |bytes| fault(&|proto| proto.places[0].name = text(&"x".repeat(bytes)));
    assert_eq!(named(limits::TEXT_BYTES_MAX), None);
    assert_eq!(
        named(limits::TEXT_BYTES_MAX + 1),
        Some(EntryFault::TextTooLong)
    );
    let words = |length| {
        let length = u32::try_from(length).expect("small");
        let word = |id| v1::AliasWord {
            id,
            text: text("moon"),
        };
        fault(&|proto| proto.alias_words = (1..=length).map(word).collect())
    };
    assert_eq!(words(limits::CATALOG_ENTRIES_MAX), None);
    assert_eq!(
        words(limits::CATALOG_ENTRIES_MAX + 1),
        Some(EntryFault::TooManyEntries)
    );
    let transitions = |length: usize| {
        let length = i64::try_from(length).expect("small");
        let transition = |at_s| v1::Transition {
            at_s,
            offset_minutes: 120,
        };
        fault(&|proto| proto.time_zones[0].transitions = (0..length).map(transition).collect())
    };
    assert_eq!(transitions(limits::TRANSITIONS_MAX), None);
    let many = transitions(limits::TRANSITIONS_MAX + 1);
    assert_eq!(many, Some(EntryFault::TooManyTransitions));
    let offset = |minutes| fault(&|proto| proto.time_zones[0].first_offset_minutes = minutes);
    let most = limits::ZONE_OFFSET_MINUTES_MAX;
    assert_eq!([offset(most), offset(-most)], [None, None]);
    let past = Some(EntryFault::OutOfBounds("offset_minutes"));
    assert_eq!(
        [offset(most + 15), offset(-most - 15), offset(1)],
        [past, past, past]
    );
    let until = |minute| fault(&|proto| proto.places[0].opening_intervals[0].until_minute = minute);
    assert_eq!(until(limits::OPENING_UNTIL_MINUTE_MAX), None);
    let late = until(limits::OPENING_UNTIL_MINUTE_MAX + 1);
    assert_eq!(late, Some(EntryFault::OutOfBounds("until_minute")));
}

#[test]
fn catalogs_in_bytes() {
    let sized = |bytes: usize| {
        let mut proto = bare_catalog();
        let word = |id| v1::AliasWord {
            id,
            text: text(&"x".repeat(1_000)),
        };
        proto.alias_words = (1..=1_020).map(word).collect();
        let base = catalog::encode(&proto).len();
        // Fill up with texts of places, whose length prefixes stay as long.
        let mut missing = bytes - base;
        let room = limits::TEXT_BYTES_MAX - 1_000;
        for word in &mut proto.alias_words {
            let more = missing.min(room);
            let variants = word.text.as_mut().map(|text| &mut text.variants);
            if let Some(variant) = variants.and_then(|variants| variants.first_mut()) {
                variant.text.push_str(&"x".repeat(more));
            }
            missing -= more;
        }
        let content = catalog::encode(&proto);
        assert_eq!(content.len(), bytes);
        Catalog::parse(&content).map(drop)
    };
    assert_eq!(sized(limits::CATALOG_BYTES_MAX), Ok(()));
    assert_eq!(
        sized(limits::CATALOG_BYTES_MAX + 1),
        Err(CatalogError::TooLong)
    );
}

#[test]
fn key_lists() {
    let root = KeyPair::from_seed(&[1; 32]);
    let verify = |keys: usize| {
        let entry = KeyEntry {
            purpose: v1::KeyPurpose::Catalog,
            public_key: root.public_key().into(),
            from: Timestamp::from_ms(0),
            until: Timestamp::from_ms(1),
            revoked: false,
        };
        let keys = vec![entry; keys];
        let list = KeyList {
            version: 1,
            expires_at: Timestamp::from_ms(1),
            keys,
        };
        let signed = list.sign(TENANT, &root);
        KeyList::verify(&signed, TENANT, &root.public_key().hash(), 0).is_ok()
    };
    assert!(verify(limits::KEYS_MAX));
    assert!(!verify(limits::KEYS_MAX + 1));
}
