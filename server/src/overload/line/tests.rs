//! Facts about the line, and properties over random crowds.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds {
    under_way: 4,
    waiting: 6,
    waiting_of_device: 3,
};

fn of(tenant: u8, device: u8) -> Whose {
    Whose {
        tenant: TenantId::from_bytes([tenant; 16]),
        device: DeviceId::from_bytes([device; 16]),
    }
}

/// A line with all it takes on under way.
fn busy() -> Line<&'static str> {
    let mut line = Line::new(BOUNDS);
    for _ in 0..BOUNDS.under_way {
        assert_eq!(line.enter(of(9, 9), 1, "under way"), Entered::Begins);
    }
    line
}

/// Ends one call after the other, and says who began.
fn order<T>(line: &mut Line<T>) -> Vec<T> {
    let mut order = Vec::new();
    loop {
        line.done(1);
        match line.begin() {
            Some((call, _)) => order.push(call),
            None => return order,
        }
    }
}

fn waits<T>(entered: &Entered<T>) -> bool {
    matches!(
        entered,
        Entered::Waits {
            displaced: None,
            ..
        }
    )
}

#[test]
fn tenants_have_their_turns_and_in_each_its_devices() {
    let mut line = busy();
    for (whose, what) in [
        (of(1, 1), "1.1 first"),
        (of(1, 1), "1.1 second"),
        (of(1, 2), "1.2"),
        (of(2, 1), "2.1 first"),
        (of(2, 1), "2.1 second"),
    ] {
        assert!(waits(&line.enter(whose, 1, what)));
    }
    assert_eq!(
        order(&mut line),
        ["1.1 first", "2.1 first", "1.2", "2.1 second", "1.1 second"]
    );
}

#[test]
fn whoever_comes_while_others_wait_does_not_pass_them() {
    let mut line = busy();
    assert!(waits(&line.enter(of(1, 1), 4, "large")));
    line.done(2);
    assert!(line.begin().is_none(), "there is no room for it yet");
    assert!(waits(&line.enter(of(2, 1), 1, "small")));
    line.done(2);
    assert_eq!(line.begin(), Some(("large", 4)));
}

#[test]
fn a_device_has_few_calls_waiting() {
    let mut line = busy();
    for _ in 0..BOUNDS.waiting_of_device {
        assert!(waits(&line.enter(of(1, 1), 1, "one")));
    }
    assert_eq!(line.enter(of(1, 1), 1, "one more"), Entered::Refused);
    assert!(line.refuses(of(1, 1)));
    assert!(waits(&line.enter(of(1, 2), 1, "another's")));
}

#[test]
fn in_a_full_line_a_crowd_gives_way_to_who_has_less_waiting() {
    let mut line = busy();
    for device in 1..=6 {
        assert!(waits(&line.enter(of(1, device), 1, device_name(device))));
    }
    assert!(line.refuses(of(1, 7)), "its own tenant is the crowd");
    let Entered::Waits {
        displaced: Some(_), ..
    } = line.enter(of(2, 1), 1, "2.1")
    else {
        panic!("there is room for another tenant");
    };
    assert!(order(&mut line).contains(&"2.1"));
}

fn device_name(_: u8) -> &'static str {
    "of the crowd"
}

#[test]
fn whoever_gives_up_is_gone_and_whose_turn_came_can_not() {
    let mut line = busy();
    let Entered::Waits { place, .. } = line.enter(of(1, 1), 1, "gives up") else {
        panic!("no room");
    };
    let Entered::Waits { place: second, .. } = line.enter(of(1, 1), 1, "stays") else {
        panic!("no room");
    };
    assert!(line.give_up(place));
    assert!(!line.give_up(place));
    assert_eq!(order(&mut line), ["stays"]);
    assert!(!line.give_up(second));
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Come { tenant: u8, device: u8, cost: u32 },
    GiveUp(usize),
    Done(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        5 => (0..4_u8, 0..4_u8, 1..9_u32)
            .prop_map(|(tenant, device, cost)| Event::Come { tenant, device, cost }),
        1 => (0..9_usize).prop_map(Event::GiveUp),
        3 => (0..9_usize).prop_map(Event::Done),
    ];
    proptest::collection::vec(event, 0..200)
}

proptest! {
    /// Nobody is forgotten or begun twice, bounds hold, and nothing waits while nothing is under way.
    #[test]
    fn everyone_who_comes_is_begun_refused_or_gives_up_once(events in events()) {
        let mut line = Line::new(BOUNDS);
        let mut under_way: Vec<(usize, u32)> = Vec::new();
        let mut waiting: BTreeMap<usize, u64> = BTreeMap::new();
        for (call, event) in events.into_iter().enumerate() {
            match event {
                Event::Come { tenant, device, cost } => {
                    let whose = of(tenant, device);
                    let cost = line.bounded(cost);
                    prop_assert!(cost <= BOUNDS.under_way / 4);
                    let foretold = line.refuses(whose);
                    match line.enter(whose, cost, call) {
                        Entered::Begins => under_way.push((call, cost)),
                        Entered::Waits { place, displaced } => {
                            if let Some(displaced) = displaced {
                                prop_assert!(waiting.remove(&displaced).is_some());
                            }
                            waiting.insert(call, place);
                        }
                        Entered::Refused => prop_assert!(foretold || cost > 1),
                    }
                }
                Event::GiveUp(nth) => {
                    let who = waiting.keys().nth(nth).copied();
                    if let Some(place) = who.and_then(|who| waiting.remove(&who)) {
                        prop_assert!(line.give_up(place));
                    }
                }
                Event::Done(nth) if nth < under_way.len() => {
                    let (_, cost) = under_way.swap_remove(nth);
                    line.done(cost);
                }
                Event::Done(_) => {}
            }
            while let Some((begun, cost)) = line.begin() {
                prop_assert!(waiting.remove(&begun).is_some());
                under_way.push((begun, cost));
            }
            let cost: u32 = under_way.iter().map(|(_, cost)| cost).sum();
            prop_assert!(cost <= BOUNDS.under_way);
            prop_assert!(waiting.len() <= BOUNDS.waiting);
            prop_assert!(waiting.is_empty() || !under_way.is_empty());
        }
        for (_, cost) in under_way {
            line.done(cost);
        }
        while let Some((begun, cost)) = line.begin() {
            prop_assert!(waiting.remove(&begun).is_some());
            line.done(cost);
        }
        prop_assert!(waiting.is_empty());
    }
}
