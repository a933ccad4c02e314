//! What a tablet's lease is worth: one of a staff certifier that is not revoked, and nobody else's. And
//! what it may not read any more is gone.

use std::sync::Arc;

use askel_client_sdk::{Advice, Client, Scanned, SessionRef};
use askel_sync::{
    id::{OpId, ParticipantId, PassTag},
    op::{PassSeen, Payload},
    stream::StreamKey,
};

use crate::common::{
    BUDGET, Certifier, Desk, Disturbance, GROUP_PLACE, PLACE, TUESDAY_NOON, enrolled_tablet,
};

#[tokio::test]
async fn a_lease_of_a_staff_certifier_lets_a_tablet_work() {
    let desk = Arc::new(Desk::new());
    let (_, tablet) = enrolled_tablet(&desk, 1).await;
    tablet.tally(PLACE, 1).expect("counted");
}

#[tokio::test]
async fn a_lease_of_a_revoked_certifier_of_another_key_or_of_a_stranger_is_none() {
    for certifier in [
        Certifier::Revoked,
        Certifier::PassIssuer,
        Certifier::Stranger,
    ] {
        let desk = Arc::new(Desk::new());
        desk.disturb(Disturbance::CertifiedBy(certifier));
        let (phone, tablet) = enrolled_tablet(&desk, 1).await;
        for tablet in [&tablet, &phone.open()] {
            let refused = tablet.tally(PLACE, 1).expect_err("no lease");
            assert_eq!(refused.advice(), Advice::RetryLater, "{certifier:?}");
            let card = desk.card(ParticipantId::from_bytes([0x77; 16]));
            let refused = tablet.scan(PLACE, &card).expect_err("no lease");
            assert_eq!(refused.advice(), Advice::RetryLater, "{certifier:?}");
            assert_eq!(tablet.status().pending, 0);
        }
    }
}

fn seen(pass: u8) -> Payload {
    Payload::PassSeen(PassSeen {
        pass: PassTag::from_bytes([pass; 16]),
        place: PLACE,
        occurred_at: TUESDAY_NOON,
        session: SessionRef::Slot(askel_client_sdk::SlotId::new(2)),
        check_in: OpId::from_bytes([pass; 16]),
        voided: false,
        revision: 0,
    })
}

#[tokio::test]
async fn a_stream_that_is_withdrawn_is_purged_and_nothing_else_is() {
    let desk = Arc::new(Desk::new());
    let (phone, tablet) = enrolled_tablet(&desk, 1).await;
    let date = desk.catalog.local_date(PLACE, TUESDAY_NOON);
    let stream = StreamKey::PlaceDay(PLACE, date.expect("a place of the catalog"));
    tablet.work_at(PLACE).expect("a place of work");
    for pass in 1..=20 {
        desk.say(stream, &seen(pass), TUESDAY_NOON);
    }
    let someone = desk.card(ParticipantId::from_bytes([0x77; 16]));
    tablet.sync(BUDGET).await.expect("a sync");
    let scanned = |tablet: &Client| tablet.place_day(PLACE).expect("a place").scanned;
    assert_eq!(scanned(&tablet), 20);
    let Ok(Scanned::Welcome { .. }) = tablet.scan(GROUP_PLACE, &someone) else {
        panic!("welcome")
    };
    let before = phone.storage.rows().len();
    desk.withdraw(stream);
    tablet.sync(BUDGET).await.expect("a sync");
    for tablet in [&tablet, &phone.open()] {
        assert_eq!(scanned(tablet), 0, "what others scanned is gone");
        let elsewhere = tablet.place_day(GROUP_PLACE).expect("a place");
        assert_eq!(elsewhere.scanned, 1, "what it scanned itself is not");
        assert_eq!(tablet.status().pending, 0);
    }
    assert!(phone.storage.rows().len() < before);
}
