//! The catalog comes in chunks, and what was written before it counts once it is here.

use std::sync::Arc;

use askel_client_sdk::{Advice, Clock as _, StepReading};
use askel_proto::v1::Measure;
use askel_sync::{
    limits::CATALOG_CHUNK_BYTES,
    time::{DAY_MS, MINUTE_MS},
};

use crate::common::{
    BUDGET, Desk, Disturbance, PLACE, Phone, QUEST, SOURCE, TUESDAY_NOON, assert_all_settled,
};

#[tokio::test]
async fn a_catalog_download_goes_on_where_it_was_cut() {
    let desk = Arc::new(Desk::new());
    let phone = Phone::new(&desk, 1);
    let client = phone.open();
    client
        .enrol(&desk.world.invitation())
        .await
        .expect("enrolled");
    let chunks = desk.world.content.len().div_ceil(CATALOG_CHUNK_BYTES);
    assert!(chunks > 2, "{chunks}");
    desk.disturb(Disturbance::ChunksLostAfter(1));
    client.sync(BUDGET).await.expect_err("cut after a chunk");
    assert_eq!(client.catalog_version(), None);
    let reopened = phone.open();
    let report = reopened.sync(BUDGET).await.expect("a sync");
    assert_eq!(
        report.catalog_bytes,
        (desk.world.content.len() - CATALOG_CHUNK_BYTES) as u64
    );
    assert_eq!(reopened.catalog_version(), Some(1));
    assert_eq!(phone.open().places().len(), 2);
}

#[tokio::test]
async fn a_catalog_that_is_not_what_was_signed_is_thrown_away_and_fetched_again_later() {
    let desk = Arc::new(Desk::new());
    let phone = Phone::new(&desk, 1);
    let client = phone.open();
    client
        .enrol(&desk.world.invitation())
        .await
        .expect("enrolled");
    desk.disturb(Disturbance::BadChunk);
    client
        .sync(BUDGET)
        .await
        .expect("a sync, without a catalog");
    assert_eq!(client.catalog_version(), None);
    phone.clock.forward_ms(MINUTE_MS);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.catalog_version(), Some(1));
    assert_eq!(client.status().last_reason, None);
}

/// It may be one that this phone can't verify: its key has run out, say, or was revoked.
#[tokio::test]
async fn a_catalog_that_stays_bad_costs_less_and_less_and_the_status_says_so() {
    let desk = Arc::new(Desk::new());
    let phone = Phone::new(&desk, 1);
    let mut client = phone.open();
    client
        .enrol(&desk.world.invitation())
        .await
        .expect("enrolled");
    let mut fetched = 0;
    for _ in 0..24 {
        desk.disturb(Disturbance::BadChunk);
        let report = client.sync(BUDGET).await.expect("a sync");
        fetched += usize::from(report.catalog_bytes > 0);
        client = phone.open();
        let status = client.status();
        assert_eq!(status.last_reason.as_deref(), Some("CATALOG_UNVERIFIED"));
        assert!(status.next_attempt > Some(phone.clock.read().wall));
        phone.clock.forward_ms(10 * MINUTE_MS);
    }
    assert!((3..12).contains(&fetched), "{fetched} of 24 times");
    desk.mend();
    phone.clock.forward_ms(DAY_MS);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.catalog_version(), Some(1));
    assert_eq!(client.status().last_reason, None);
}

#[tokio::test]
async fn steps_and_wishes_before_the_first_catalog_count_once_it_is_here() {
    let desk = Arc::new(Desk::new());
    let client = Phone::new(&desk, 1).open();
    client
        .enrol(&desk.world.invitation())
        .await
        .expect("enrolled");
    let reading = [StepReading {
        at: TUESDAY_NOON,
        count: 12_000,
    }];
    client
        .record_steps(SOURCE, Measure::Steps, &reading)
        .expect("recorded");
    client.check_in(PLACE).expect("taken on trust");
    assert_eq!(
        client.join_quest(QUEST).expect_err("no catalog").advice(),
        Advice::RetryLater
    );
    assert!(client.awards().is_empty());
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.awards().len(), 2);
    assert_all_settled(&desk, &client);
}
