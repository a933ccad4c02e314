//! A person who was erased, and a pass whose holder was.

use std::sync::Arc;

use askel_client_sdk::{Advice, NoticeKind, SessionRef};
use askel_sync::{
    id::{OpId, PassTag},
    op::{PassSeen, Payload},
    stream::StreamKey,
};

use crate::common::{BUDGET, Desk, Disturbance, PLACE, Phone, TUESDAY_NOON, enrolled};

#[tokio::test]
async fn a_phone_whose_person_was_erased_holds_nothing_any_more_and_says_so() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("a place that is open");
    client.sync(BUDGET).await.expect("a sync");
    client.set_picture(1).expect("pending");
    let rows = phone.storage.rows();
    let key = client.device_public_key();
    desk.disturb(Disturbance::Erased);
    let refused = client.sync(BUDGET).await.expect_err("erased");
    assert_eq!(refused.advice(), Advice::EnrolAgain);
    for client in [&client, &phone.open()] {
        let notice = client.status().notice.expect("one sentence for the person");
        assert_eq!(notice.kind, NoticeKind::Erased);
        assert_eq!(client.enrolled(), None);
        assert!(client.attendances().is_empty() && client.awards().is_empty());
        assert_eq!((client.status().pending, client.status().carried), (0, 0));
        assert_ne!(client.device_public_key().as_bytes(), key.as_bytes());
    }
    let left = phone.storage.rows();
    assert!(left.len() <= 2, "{left:?}");
    assert!(left.iter().all(|row| !rows.contains(row)));
}

#[tokio::test]
async fn whoever_asks_to_be_erased_is_after_the_next_sync() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("a place that is open");
    client.erase_me().expect("asked for");
    client.erase_me().expect("once is enough");
    assert_eq!(client.status().pending, 2);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!((client.enrolled(), client.status().pending), (None, 0));
}

#[tokio::test]
async fn a_tablet_forgets_a_pass_whose_holder_was_erased() {
    let desk = Arc::new(Desk::new());
    let phone = Phone::new(&desk, 1);
    let tablet = phone.open();
    let link = desk.world.staff_invitation();
    tablet.enrol(&link).await.expect("enrolled");
    tablet.sync(BUDGET).await.expect("a sync");
    tablet.work_at(PLACE).expect("a place of work");
    let date = desk.catalog.local_date(PLACE, TUESDAY_NOON);
    let date = date.expect("a place of the catalog");
    let stream = StreamKey::PlaceDay(PLACE, date);
    let pass = PassTag::from_bytes([0xC5; 16]);
    for pass in [pass, PassTag::from_bytes([9; 16])] {
        let seen = PassSeen {
            pass,
            place: PLACE,
            occurred_at: TUESDAY_NOON,
            session: SessionRef::Slot(askel_client_sdk::SlotId::new(2)),
            check_in: OpId::from_bytes(*pass.as_bytes()),
            voided: false,
            revision: 0,
        };
        desk.say(stream, &Payload::PassSeen(seen), TUESDAY_NOON);
    }
    tablet.sync(BUDGET).await.expect("a sync");
    let scanned = || tablet.place_day(PLACE).expect("a place").scanned;
    assert_eq!(scanned(), 2);
    desk.blank(stream, pass, TUESDAY_NOON);
    tablet.sync(BUDGET).await.expect("a sync");
    assert_eq!((scanned(), tablet.status().mismatches), (1, 0));
    let rows = phone.open().place_day(PLACE).expect("a place").scanned;
    assert_eq!(rows, 1);
}
