//! Being woken: what was asked for is kept and told, and told again where it may have been forgotten.

use std::sync::Arc;

use askel_client_sdk::{Advice, Client, PushWish, QuietHours};
use askel_proto::v1;
use askel_sync::time::DAY_MS;

use crate::common::{BUDGET, Desk, Disturbance, PLACE, Phone, enrolled};

fn wish(token: &str) -> PushWish {
    PushWish {
        token: token.to_owned(),
        quiet_hours: Some(QuietHours {
            from_minute: 22 * 60,
            until_minute: 7 * 60,
        }),
        time_zone: Some("Europe/Helsinki".to_owned()),
    }
}

/// What the server is told of [`wish`].
fn told(token: &str, time_zone_id: u32) -> v1::PushRegistration {
    v1::PushRegistration {
        token: token.to_owned(),
        quiet_hours: Some(v1::QuietHours {
            from_minute: 1_320,
            until_minute: 420,
        }),
        time_zone_id,
    }
}

async fn synced(client: &Client) {
    client.sync(BUDGET).await.expect("synced");
}

#[tokio::test]
async fn a_wish_is_told_once_by_the_next_sync_that_arrives() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    assert_eq!(client.push_wish(), None);
    client.want_push(wish("first")).expect("kept");
    drop(client);
    let client = phone.open();
    assert_eq!(client.push_wish(), Some(wish("first")));
    desk.disturb(Disturbance::RequestLost);
    client.sync(BUDGET).await.expect_err("no network");
    assert_eq!(desk.pushes(), []);
    // A sync goes through without it.
    desk.disturb(Disturbance::PushLost);
    synced(&client).await;
    assert_eq!(desk.pushes(), []);
    for _ in 0..3 {
        client.want_push(wish("first")).expect("kept");
        synced(&client).await;
    }
    assert_eq!(desk.pushes(), [Some(told("first", 1))]);
    client.want_push(wish("second")).expect("kept");
    synced(&phone.open()).await;
    assert_eq!(desk.pushes()[1..], [Some(told("second", 1))]);
}

#[tokio::test]
async fn who_wants_no_more_says_so_once() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.want_no_push().expect("nothing to keep");
    synced(&client).await;
    assert_eq!(desk.pushes(), []);
    client.want_push(wish("first")).expect("kept");
    synced(&client).await;
    client.want_no_push().expect("kept");
    assert_eq!(client.push_wish(), None);
    let client = phone.open();
    desk.disturb(Disturbance::PushLost);
    for _ in 0..3 {
        synced(&client).await;
    }
    assert_eq!(desk.pushes(), [Some(told("first", 1)), None]);
}

#[tokio::test]
async fn a_wish_is_told_again_after_a_month_and_after_a_refusal() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    desk.disturb(Disturbance::PushRefused);
    client.want_push(wish("token")).expect("kept");
    for (days, times) in [(0, 0), (1, 1), (30, 1), (31, 2), (31, 2)] {
        let now = askel_client_sdk::Clock::read(&*phone.clock).wall;
        let then = crate::common::TUESDAY_NOON.saturating_add_ms(days * DAY_MS);
        phone.clock.forward_ms(then.saturating_ms_since(now));
        synced(&client).await;
        assert_eq!(desk.pushes().len(), times, "after {days} days");
    }
    // A clock that was set back makes it wait no longer.
    phone.clock.jump_ms(-400 * DAY_MS);
    synced(&client).await;
    assert_eq!(desk.pushes().len(), 3);
}

#[tokio::test]
async fn a_restored_server_is_told_again() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("open");
    client.want_push(wish("token")).expect("kept");
    synced(&client).await;
    let backup = desk.backup();
    desk.restore(&backup);
    for _ in 0..3 {
        synced(&client).await;
    }
    assert_eq!(
        desk.pushes(),
        [Some(told("token", 1)), Some(told("token", 1))]
    );
}

#[tokio::test]
async fn a_time_zone_that_the_catalog_has_not_is_not_told() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    for time_zone in [Some("America/Nuuk".to_owned()), None] {
        let wish = PushWish {
            time_zone,
            ..wish("token")
        };
        client.want_push(wish).expect("kept");
        synced(&client).await;
    }
    assert_eq!(
        desk.pushes(),
        [Some(told("token", 0)), Some(told("token", 0))]
    );
}

#[tokio::test]
async fn what_the_server_would_refuse_is_refused_at_once() {
    let desk = Arc::new(Desk::new());
    let client = Phone::new(&desk, 1).open();
    let check = |token: &str, hours: Option<(u32, u32)>, good: bool| {
        let quiet_hours = hours.map(|(from_minute, until_minute)| QuietHours {
            from_minute,
            until_minute,
        });
        let wish = PushWish {
            quiet_hours,
            ..wish(token)
        };
        let answer = client.want_push(wish);
        let advice = answer.err().map(|error| error.advice());
        assert_eq!(advice, (!good).then_some(Advice::FixInput), "{hours:?}");
    };
    check(&"t".repeat(4_096), None, true);
    check(&"t".repeat(4_097), None, false);
    check("", None, false);
    check("a b", None, false);
    check("t", Some((0, 1_380)), true);
    check("t", Some((0, 1_381)), false);
    check("t", Some((60, 60)), false);
    check("t", Some((1_440, 60)), false);
    check("t", Some((1_439, 60)), true);
}
