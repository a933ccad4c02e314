//! What is live in a stream, and the tag by which two sides agree without saying anything.

use std::collections::BTreeMap;

use askel_proto::v1;
use askel_sync::{
    admission::{AdmittedOp, Strength},
    fold::{ChallengeTotals, ParticipantState},
    id::{DeviceId, GoalId, LogId, OpId, StreamId},
    op::{ChallengeTotal, Payload},
    stream::{
        Rank, Register, StreamKey, rank_of, register_of,
        short::{SealedHead, standard_streams, state_tag},
        value_of,
    },
};
use proptest::prelude::*;

use crate::{
    acts::{delivered, month},
    world::{ME, admitted, catalog_with, tuesday},
};

/// The live ops of a stream, in the order given.
fn live(ops: &[AdmittedOp]) -> Vec<&AdmittedOp> {
    let mut greatest: BTreeMap<Register, Rank> = BTreeMap::new();
    for (register, rank) in ops.iter().filter_map(value_of) {
        let held = greatest.entry(register).or_insert(rank);
        *held = rank.max(*held);
    }
    ops.iter()
        .filter(|op| {
            value_of(op).is_none_or(|(register, rank)| greatest.get(&register) == Some(&rank))
        })
        .collect()
}

fn total(sequence: u64, goal: u32, total: u64, people: u32, revision: u32) -> AdmittedOp {
    let total = ChallengeTotal {
        goal: GoalId::new(goal),
        total,
        people,
        revision,
        occurred_at: tuesday(0),
    };
    admitted(
        sequence,
        &Payload::ChallengeTotal(total),
        tuesday(0),
        Strength::Unspecified,
    )
}

proptest! {
    #[test]
    fn live_ops_fold_to_the_same_state_as_all((written, delivered) in delivered()) {
        let catalog = catalog_with(Vec::new());
        let all = ParticipantState::fold(ME, &written, &catalog);
        let of_live = ParticipantState::fold(ME, live(&delivered), &catalog);
        prop_assert_eq!(all.canonical_bytes(), of_live.canonical_bytes());
        prop_assert_eq!(all, of_live);
    }

    #[test]
    fn live_totals_fold_to_the_same_as_all(
        told in prop::collection::vec((1..3_u32, 0..3_u64, 0..3_u32, 1..4_u32), 1..20)
    ) {
        let ops: Vec<AdmittedOp> = (0..)
            .zip(&told)
            .map(|(at, (goal, sum, people, revision))| total(at, *goal, *sum, *people, *revision))
            .collect();
        prop_assert_eq!(ChallengeTotals::fold(&ops), ChallengeTotals::fold(live(&ops)));
    }

    #[test]
    fn ranks_compare_as_their_bytes(ops in month()) {
        let ranks: Vec<Rank> = ops.iter().filter_map(rank_of).collect();
        for one in &ranks {
            prop_assert_eq!(one.to_bytes().len(), Rank::BYTES);
            for other in &ranks {
                prop_assert_eq!(one.cmp(other), one.to_bytes().cmp(&other.to_bytes()));
            }
        }
    }

    #[test]
    fn registers_have_names_of_their_own(ops in month()) {
        let registers: Vec<Register> = ops.iter().filter_map(register_of).collect();
        for one in &registers {
            for other in &registers {
                prop_assert_eq!(one == other, one.to_bytes() == other.to_bytes());
            }
        }
    }
}

#[test]
fn a_newer_catalog_and_key_list_supersede_the_older() {
    let catalog = |version| {
        let published = v1::CatalogPublished {
            version,
            ..v1::CatalogPublished::default()
        };
        let payload = Payload::CatalogPublished(published);
        admitted(version.into(), &payload, tuesday(0), Strength::Unspecified)
    };
    let keys = |version: u32| {
        let list = v1::KeyList {
            version,
            ..v1::KeyList::default()
        };
        let signed = v1::SignedKeyList {
            key_list: prost::Message::encode_to_vec(&list),
            ..v1::SignedKeyList::default()
        };
        let payload = Payload::KeyListPublished(v1::KeyListPublished {
            signed_key_list: prost::Message::encode_to_vec(&signed),
        });
        admitted(
            u64::from(version) + 100,
            &payload,
            tuesday(0),
            Strength::Unspecified,
        )
    };
    let ops = [catalog(2), keys(7), catalog(1), keys(6)];
    let ids: Vec<OpId> = live(&ops).into_iter().map(AdmittedOp::id).collect();
    assert_eq!(ids, [ops[0].id(), ops[1].id()]);
}

#[test]
fn standard_streams_are_in_one_order_on_both_sides() {
    let device = DeviceId::from_bytes([7; 16]);
    let goals = [GoalId::new(9), GoalId::new(2), GoalId::new(9)];
    let own = [StreamKey::Device(device), StreamKey::Catalog];
    assert_eq!(
        standard_streams(device, Some(ME), goals),
        [
            StreamKey::Participant(ME),
            own[0],
            own[1],
            StreamKey::Challenge(GoalId::new(2)),
            StreamKey::Challenge(GoalId::new(9)),
        ]
    );
    assert_eq!(standard_streams(device, None, goals), own);
}

#[test]
fn a_state_tag_changes_with_all_that_it_stands_for() {
    let streams = [StreamId::from_bytes([1; 16]), StreamId::from_bytes([2; 16])];
    let head = SealedHead {
        log: LogId::from_bytes([5; 16]),
        next_sequence: 9,
        last_op: OpId::from_bytes([6; 16]),
    };
    let other_op = SealedHead {
        last_op: OpId::from_bytes([8; 16]),
        ..head
    };
    let further = SealedHead {
        next_sequence: 10,
        ..head
    };
    let other_log = SealedHead {
        log: LogId::from_bytes([4; 16]),
        ..head
    };
    let swapped = [streams[1], streams[0]];
    let tags = [
        state_tag(&streams, Some(&head), 1),
        state_tag(&streams, Some(&head), 2),
        state_tag(&streams, Some(&other_op), 1),
        state_tag(&streams, Some(&further), 1),
        state_tag(&streams, Some(&other_log), 1),
        state_tag(&streams, None, 1),
        state_tag(&streams, Some(&SealedHead::given_up(head.log)), 1),
        state_tag(&streams, Some(&SealedHead::given_up(other_log.log)), 1),
        state_tag(&swapped, Some(&head), 1),
        state_tag(&streams[..1], Some(&head), 1),
    ];
    for (at, tag) in tags.iter().enumerate() {
        assert!(!tags[..at].contains(tag), "tag {at} stands for two states");
    }
}
