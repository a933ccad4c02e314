//! Traps of the crate `crdts` that the folds are built around. When one of these tests fails after
//! an upgrade, a trap is gone and the fold that avoids it may be made simpler.

use askel_sync::{
    admission::Strength,
    fold::ParticipantState,
    id::PlaceId,
    op::{FavouriteAdded, FavouriteRemoved, Payload},
};
use crdts::{CmRDT as _, CvRDT as _, Dot, Orswot, VClock, orswot};

use crate::world::{ME, admitted, catalog_with, hours};

fn add(actor: u8, counter: u64, member: &'static str) -> orswot::Op<&'static str, u8> {
    orswot::Op::Add {
        dot: Dot::new(actor, counter),
        members: vec![member],
    }
}

#[test]
fn a_reused_actor_loses_both_sides_in_merge() {
    let (mut one, mut other) = (Orswot::new(), Orswot::new());
    one.apply(add(1, 1, "left"));
    other.apply(add(1, 1, "right"));
    one.merge(other);
    assert_eq!(one.iter().count(), 0);
}

#[test]
fn a_gap_in_apply_loses_the_earlier_op() {
    let mut set = Orswot::new();
    set.apply(add(1, 2, "second"));
    set.apply(add(1, 1, "first"));
    let members: Vec<_> = set.iter().map(|entry| *entry.val).collect();
    assert_eq!(members, ["second"]);
}

#[test]
fn a_counter_takes_the_largest_value_and_overflows() {
    let mut counter: VClock<u8> = VClock::new();
    counter.apply(Dot::new(1, u64::MAX));
    let next = std::panic::catch_unwind(|| counter.inc(1));
    assert!(next.is_err() || next.is_ok_and(|dot| dot.counter == 0));
}

#[test]
fn the_order_in_which_members_are_told_is_not_stable() {
    let orders: std::collections::BTreeSet<Vec<u32>> = (0..64)
        .map(|_| {
            let mut set: Orswot<u32, u8> = Orswot::new();
            for member in 0..16 {
                let dot = Dot::new(1, u64::from(member) + 1);
                set.apply(orswot::Op::Add {
                    dot,
                    members: vec![member],
                });
            }
            set.iter().map(|entry| *entry.val).collect()
        })
        .collect();
    assert!(
        orders.len() > 1,
        "an encoding in this order is not byte-stable"
    );
}

#[test]
fn one_actor_an_add_keeps_every_add_in_any_order() {
    let mut set: Orswot<&str, u8> = Orswot::new();
    let clock: VClock<u8> = [Dot::new(2, 1)].into_iter().collect();
    set.apply(orswot::Op::Rm {
        clock,
        members: vec!["b"],
    });
    for (actor, member) in [(3, "c"), (2, "b"), (1, "a")] {
        set.apply(add(actor, 1, member));
    }
    let members: std::collections::BTreeSet<_> = set.iter().map(|entry| *entry.val).collect();
    assert_eq!(members, ["a", "c"].into());
}

#[test]
fn a_removal_takes_out_the_additions_it_names_and_no_later_one() {
    let place = PlaceId::new(1);
    let occurred_at = hours(0);
    let added = |sequence| {
        let added = Payload::FavouriteAdded(FavouriteAdded { place, occurred_at });
        admitted(sequence, &added, occurred_at, Strength::Unspecified)
    };
    let (first, second) = (added(1), added(2));
    let removed = FavouriteRemoved {
        place,
        occurred_at,
        added: vec![first.id()],
    };
    let removed = admitted(
        3,
        &Payload::FavouriteRemoved(removed),
        occurred_at,
        Strength::Unspecified,
    );
    let catalog = catalog_with(Vec::new());
    let gone = ParticipantState::fold(ME, [&removed, &first], &catalog);
    assert!(gone.favourites().is_empty());
    for order in [[&first, &second, &removed], [&removed, &second, &first]] {
        let state = ParticipantState::fold(ME, order, &catalog);
        assert_eq!(state.favourites(), &[place].into());
        assert_eq!(state.favourite_ops(place), [second.id()].into());
    }
}
