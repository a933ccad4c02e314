//! Which rules are refused, and what is said of them.

use askel_proto::v1;
use askel_sync::{
    admission::Strength,
    catalog::{self, Catalog, CatalogError},
    op::{Manner, Measure},
    rule::RuleFault,
};

use crate::{
    rules::{all_of, any_of, collective, count, count_of, days_active, stages, sum},
    world::{bare_catalog, goal},
};

/// The node and fault of the only goal's rule.
fn refused(rule: v1::Rule) -> Option<(String, RuleFault)> {
    let proto = v1::Catalog {
        goals: vec![goal(7, rule)],
        ..bare_catalog()
    };
    match Catalog::parse(&catalog::encode(&proto)) {
        Ok(_) => None,
        Err(CatalogError::Rule {
            goal: 7,
            node,
            fault,
        }) => Some((node, fault)),
        Err(other) => panic!("not the rule's fault: {other}"),
    }
}

#[test]
fn a_goal_that_a_paper_card_can_not_reach_is_refused_with_its_node() {
    let check = |rule: v1::Rule, node: Option<&str>| {
        let expected = node.map(|node| (node.to_owned(), RuleFault::NotForCards));
        assert_eq!(refused(rule), expected);
    };
    let walk = || sum(Measure::Steps, 10);
    let remote = v1::Filter {
        manners: vec![Manner::Remote.into()],
        ..v1::Filter::default()
    };
    check(walk(), Some("root"));
    check(any_of(vec![walk(), count(1)]), None);
    check(all_of(vec![count(1), walk()]), Some("root/all[1]"));
    check(
        all_of(vec![count(1), any_of(vec![walk(), walk()])]),
        Some("root/all[1]"),
    );
    check(
        stages(false, vec![count(1), walk()]),
        Some("root/stages[1]"),
    );
    check(days_active(Some((Measure::Steps, 5)), 1), None);
    check(count_of(remote, 1), Some("root"));
    check(collective(1_000, 5), None);
}

#[test]
fn what_the_catalog_does_not_have_and_what_has_no_place_is_refused() {
    let named = |filter| refused(all_of(vec![count(1), count_of(filter, 1)]));
    let unknown = Some(("root/all[1]".to_owned(), RuleFault::UnknownReference));
    assert_eq!(
        named(v1::Filter {
            place_ids: vec![3],
            ..v1::Filter::default()
        }),
        unknown
    );
    assert_eq!(
        named(v1::Filter {
            activity_ids: vec![9],
            ..v1::Filter::default()
        }),
        unknown
    );
    let live = v1::Filter {
        strength_min: Strength::Live.into(),
        ..v1::Filter::default()
    };
    let above = RuleFault::StrengthAboveCard;
    assert_eq!(named(live), Some(("root/all[1]".to_owned(), above)));
    let nested = any_of(vec![count(1), stages(true, vec![count(1)])]);
    assert_eq!(
        refused(nested),
        Some(("root/any[1]".to_owned(), RuleFault::StagesNotAtRoot))
    );
    let twice = all_of(vec![collective(1, 5), collective(1, 5)]);
    assert_eq!(
        refused(twice),
        Some(("root/all[1]".to_owned(), RuleFault::SecondCollective))
    );
    assert_eq!(
        refused(all_of(Vec::new())),
        Some(("root".to_owned(), RuleFault::Empty))
    );
    let empty = v1::Rule { operator: None };
    assert_eq!(
        refused(any_of(vec![empty])),
        Some(("root/any[0]".to_owned(), RuleFault::NoOperator))
    );
}

#[test]
fn the_error_names_goal_node_and_bound() {
    let proto = v1::Catalog {
        goals: vec![goal(7, all_of(vec![count(0)]))],
        ..bare_catalog()
    };
    let error = Catalog::parse(&catalog::encode(&proto)).expect_err("a target of 0");
    let expected = "goal 7, rule node root/all[0]: the target is 1 to 1000000000000";
    assert_eq!(error.to_string(), expected);
}
