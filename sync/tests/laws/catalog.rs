//! What catalogs are refused, and what hours and sessions they tell.

use askel_proto::v1;
use askel_sync::{
    catalog::{self, Catalog, CatalogError, EntryFault},
    id::GoalId,
    key::{KeyEntry, KeyList, KeyPair},
    op::SessionRef,
    time::Timestamp,
};

use crate::{
    rules::count,
    world::{
        BASEMENT, EVENING, LIBRARY, LUNCH, OUTING, OUTSIDE, TENANT, bare_catalog, catalog_with,
        day, goal, hours, tuesday,
    },
};

fn parse(change: impl FnOnce(&mut v1::Catalog)) -> Result<Catalog, CatalogError> {
    let mut proto = v1::Catalog {
        goals: vec![goal(1, count(1))],
        ..bare_catalog()
    };
    change(&mut proto);
    Catalog::parse(&catalog::encode(&proto))
}

/// The entry and fault by which a changed catalog is refused.
fn refused(change: impl FnOnce(&mut v1::Catalog)) -> (&'static str, u32, EntryFault) {
    match parse(change) {
        Err(CatalogError::Entry { entry, id, fault }) => (entry, id, fault),
        other => panic!("not an entry's fault: {other:?}"),
    }
}

#[test]
fn a_catalog_comes_back_with_its_hash() {
    let catalog = parse(|_| {}).expect("good");
    let again = Catalog::parse(catalog.content()).expect("good");
    assert_eq!(catalog, again);
    assert_eq!((catalog.version(), catalog.tenant()), (1, TENANT));
    let newer = parse(|proto| proto.version = 2).expect("good");
    assert_ne!(catalog.hash(), newer.hash());
    assert_eq!(
        catalog.places().map(|place| place.id).collect::<Vec<_>>(),
        [BASEMENT, LIBRARY]
    );
}

#[test]
fn another_form_of_the_same_content_is_refused() {
    let mut content = catalog::encode(&bare_catalog());
    assert!(Catalog::parse(&content).is_ok());
    // `version` once more at the end: protobuf reads it, the canonical form has it first.
    content.extend([0x08, 0x01]);
    assert_eq!(Catalog::parse(&content), Err(CatalogError::NotCanonical));
    assert_eq!(Catalog::parse(&[0xff]), Err(CatalogError::Unreadable));
}

/// Bytes of a message with a field that no version has yet.
fn with_a_new_field(message: &impl prost::Message) -> Vec<u8> {
    let mut bytes = message.encode_to_vec();
    bytes.extend([0xfa, 0x3f, 0x01, 0x07]);
    bytes
}

/// A catalog whose goals are these bytes.
fn with_goals(goals: &[Vec<u8>]) -> Vec<u8> {
    let mut content = catalog::encode(&bare_catalog());
    // Badges are field 9, after the goals: protobuf takes fields in any order.
    for goal in goals {
        content.push(8 << 3 | 2);
        prost::encoding::encode_varint(goal.len() as u64, &mut content);
        content.extend(goal);
    }
    content
}

#[test]
fn a_catalog_of_a_later_version_is_read_without_what_is_new() {
    let own = parse(|_| {}).expect("good");
    let read = Catalog::read(own.content()).expect("good");
    assert_eq!(read, own, "of this version it is the same");
    let later = with_a_new_field(own.proto());
    assert!(Catalog::parse(&later).is_err());
    let read = Catalog::read(&later).expect("readable");
    assert_eq!(read.content(), later);
    assert_ne!(read.hash(), own.hash(), "over the bytes as they are");
    assert_eq!(read.goals().len(), 1);
    let kind = parse(|proto| proto.activities[0].kind = 99).map_err(drop);
    assert_eq!(kind, Err(()));
    let mut proto = own.proto().clone();
    proto.activities[0].kind = 99;
    assert!(Catalog::read(&catalog::encode(&proto)).is_ok());
}

#[test]
fn a_goal_with_anything_new_in_it_is_unavailable_and_no_other() {
    let known = goal(1, count(1));
    let no_operator = v1::Goal {
        rule: Some(v1::Rule { operator: None }),
        ..goal(2, count(1))
    };
    let new_kind = v1::Goal {
        kind: 99,
        ..goal(3, count(1))
    };
    let mut new_field_of_the_rule = goal(4, count(1));
    new_field_of_the_rule.rule = None;
    let mut new_field_of_the_rule = prost::Message::encode_to_vec(&new_field_of_the_rule);
    let rule = with_a_new_field(&count(1));
    new_field_of_the_rule.push(6 << 3 | 2);
    new_field_of_the_rule.push(u8::try_from(rule.len()).expect("short"));
    new_field_of_the_rule.extend(rule);
    let content = with_goals(&[
        prost::Message::encode_to_vec(&known),
        prost::Message::encode_to_vec(&no_operator),
        prost::Message::encode_to_vec(&new_kind),
        new_field_of_the_rule,
    ]);
    let read = Catalog::read(&content).expect("readable");
    assert_eq!(
        read.goals().map(|goal| goal.id.get()).collect::<Vec<_>>(),
        [1]
    );
    let unavailable: Vec<u32> = read.unavailable_goals().map(GoalId::get).collect();
    assert_eq!(unavailable, [2, 3, 4]);
}

#[test]
fn what_a_version_knows_has_to_be_right_in_later_catalogs_too() {
    let mut proto = bare_catalog();
    proto.places[1].time_zone_id = 2;
    assert!(Catalog::read(&catalog::encode(&proto)).is_err());
    assert_eq!(Catalog::read(&[0xff]), Err(CatalogError::Unreadable));
}

#[test]
fn ids_ascend_and_references_lead_somewhere() {
    use EntryFault::{IdOrder, UnknownReference};
    let twice = refused(|proto| proto.places[1].id = 1);
    assert_eq!(twice, ("place", 1, IdOrder));
    let zero = refused(|proto| proto.activities[0].id = 0);
    assert_eq!(zero, ("activity", 0, IdOrder));
    let zone = refused(|proto| proto.places[1].time_zone_id = 2);
    assert_eq!(zone, ("place", 2, UnknownReference("time_zone_id")));
    let activity = refused(|proto| proto.sessions[0].activity_id = 9);
    assert_eq!(activity, ("session", 1, UnknownReference("activity_id")));
    let place = refused(|proto| proto.sessions[0].place_id = 9);
    assert_eq!(place, ("session", 1, UnknownReference("place_id")));
    let badge = refused(|proto| proto.goals[0].badge_id = 99);
    assert_eq!(badge, ("goal", 1, UnknownReference("badge_id")));
    let organisation = refused(|proto| proto.places[0].organisation_id = 9);
    assert_eq!(
        organisation,
        ("place", 1, UnknownReference("organisation_id"))
    );
}

#[test]
fn fields_out_of_bounds_are_named() {
    use EntryFault::{NoName, OutOfBounds, UnknownValue};
    let tenant = refused(|proto| proto.tenant_id = vec![1; 15]);
    assert_eq!(tenant, ("catalog", 0, OutOfBounds("tenant_id")));
    assert_eq!(refused(|proto| proto.version = 0).2, OutOfBounds("version"));
    assert_eq!(refused(|proto| proto.places[0].name = None).2, NoName);
    assert_eq!(
        refused(|proto| proto.activities[0].kind = 99).2,
        UnknownValue("kind")
    );
    let ends = |proto: &mut v1::Catalog| {
        proto.sessions[0].ends_at_ms = proto.sessions[0].starts_at_ms;
    };
    assert_eq!(refused(ends).2, OutOfBounds("ends_at_ms"));
    let slot = |proto: &mut v1::Catalog| proto.places[0].opening_intervals[1].slot_id = 1;
    assert_eq!(refused(slot).2, OutOfBounds("slot_id"));
    let weekday = |proto: &mut v1::Catalog| proto.places[0].opening_intervals[0].weekday = 8;
    assert_eq!(refused(weekday).2, OutOfBounds("weekday"));
    let order = |proto: &mut v1::Catalog| proto.time_zones[0].transitions.reverse();
    assert_eq!(refused(order).2, OutOfBounds("transitions"));
    let stages = |proto: &mut v1::Catalog| proto.goals[0].stage_badge_ids = vec![1];
    assert_eq!(refused(stages).2, OutOfBounds("stage_badge_ids"));
    let season = v1::Season {
        first_date: 2,
        last_date: 1,
        time_zone_id: 1,
    };
    let fault = refused(|proto| proto.goals[0].season = Some(season)).2;
    assert_eq!(fault, OutOfBounds("last_date"));
}

#[test]
fn a_goal_for_those_who_joined_has_no_badge_because_a_card_can_not_join() {
    let with_badge = refused(|proto| proto.goals[0].joined_only = true);
    assert_eq!(with_badge, ("goal", 1, EntryFault::NotForCards));
    let without = parse(|proto| {
        proto.goals[0].joined_only = true;
        proto.goals[0].badge_id = 0;
    });
    assert!(without.is_ok());
}

#[test]
fn a_session_is_the_dated_one_in_progress_else_the_slot_in_force() {
    let catalog = catalog_with(Vec::new());
    let check = |place, at: Timestamp, expected: SessionRef| {
        assert_eq!(catalog.session_at(place, at), expected, "{at:?}");
    };
    check(BASEMENT, tuesday(12 * 60 - 1), OUTSIDE);
    check(BASEMENT, hours(12), LUNCH);
    check(BASEMENT, tuesday(15 * 60 - 1), LUNCH);
    check(BASEMENT, hours(15), OUTSIDE);
    check(BASEMENT, hours(25), EVENING);
    check(BASEMENT, hours(26), OUTSIDE);
    check(BASEMENT, hours(24 + 12), OUTSIDE);
    let start = 24 * 60 + 18 * 60;
    check(LIBRARY, tuesday(start - 31), LUNCH);
    check(LIBRARY, tuesday(start - 30), OUTING);
    check(LIBRARY, tuesday(48 * 60 + 10 * 60 - 1), OUTING);
    check(LIBRARY, hours(48 + 10), OUTSIDE);
}

#[test]
fn opening_hours_follow_local_time_over_the_change_of_the_clock() {
    let catalog = catalog_with(Vec::new());
    assert!(catalog.is_open(BASEMENT, hours(12)));
    assert!(!catalog.is_open(BASEMENT, hours(16)));
    // 22 March 2016, a Tuesday before summer time: noon is 10:00 UTC.
    let noon = Timestamp::from_ms(1_458_640_800_000);
    assert!(catalog.is_open(BASEMENT, noon));
    assert!(!catalog.is_open(BASEMENT, noon.saturating_add_ms(-1)));
    assert_eq!(catalog.opening_intervals(BASEMENT).len(), 2);
}

#[test]
fn attendance_days_are_cut_at_four_and_step_days_at_midnight() {
    let catalog = catalog_with(Vec::new());
    assert_eq!(catalog.local_date(BASEMENT, hours(27)), Some(day(0)));
    assert_eq!(catalog.local_date(BASEMENT, hours(28)), Some(day(1)));
    assert_eq!(catalog.midnight_date(hours(24)), day(1));
    assert_eq!(
        catalog.local_date(askel_sync::id::PlaceId::new(9), hours(0)),
        None
    );
}

#[test]
fn only_a_catalog_key_of_the_list_signs_for_its_tenant() {
    let key = KeyPair::from_seed(&[4; 32]);
    let content = catalog::encode(&bare_catalog());
    let signature = catalog::sign(&content, TENANT, &key);
    let list = |purpose| KeyList {
        version: 1,
        expires_at: Timestamp::from_ms(100),
        keys: vec![KeyEntry {
            purpose,
            public_key: key.public_key().into(),
            from: Timestamp::from_ms(0),
            until: Timestamp::from_ms(100),
            revoked: false,
        }],
    };
    let verify = |content: &[u8], purpose, at| {
        let at = Timestamp::from_ms(at);
        catalog::verify(content, &signature, TENANT, &list(purpose), at).is_ok()
    };
    assert!(verify(&content, v1::KeyPurpose::Catalog, 50));
    assert!(!verify(&content, v1::KeyPurpose::Catalog, 100));
    assert!(!verify(&content, v1::KeyPurpose::PassIssuer, 50));
    assert!(!verify(&[], v1::KeyPurpose::Catalog, 50));
}
