//! Writers that may have forgotten: a new log, and nothing lost.

use std::sync::Arc;

use askel_client_sdk::{Advice, MemoryStorage, NoticeKind, RowWrite, Storage as _};
use askel_sync::{
    frame::{LogRef, log_of_batch},
    time::DAY_MS,
};

use crate::common::{
    BUDGET, Desk, Disturbance, PLACE, Phone, SeededEntropy, assert_all_settled, enrolled,
    live_five_days,
};

#[tokio::test]
async fn a_writer_that_has_forgotten_opens_a_new_log_and_offers_again_what_nobody_confirmed() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live_five_days(&phone, &client);
    // The desk takes everything in, and the phone never hears of it.
    desk.disturb(Disturbance::CutAfter(0));
    client.sync(BUDGET).await.expect_err("cut");
    desk.disturb(Disturbance::HeadAhead);
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!(report.accepted, 10);
    let status = client.status();
    assert_eq!(status.healed, 1);
    let notice = status.notice.expect("one sentence for the person");
    assert_eq!(notice.kind, NoticeKind::WentOnFromACopy);
    client.dismiss_notice().expect("read");
    assert_eq!(client.status().notice, None);
    let requests = desk.requests();
    let heads: Vec<_> = requests
        .iter()
        .filter_map(|one| one.log_heads.last())
        .collect();
    let last = requests.last().expect("the new log's");
    let named = log_of_batch(&last.batches[0].columns).expect("a batch");
    let LogRef::Full(log) = named else {
        panic!("the desk can't know the new log")
    };
    assert!(heads.iter().all(|head| head.log_id != log.as_bytes()));
    assert_all_settled(&desk, &client);
}

#[tokio::test]
async fn a_server_that_refuses_every_log_does_not_keep_the_phone_busy() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("a place that is open");
    for _ in 0..10 {
        desk.disturb(Disturbance::HeadAhead);
    }
    let refused = client.sync(BUDGET).await.expect_err("too many new logs");
    assert_eq!(refused.advice(), Advice::RetryLater);
    assert_eq!(client.status().pending, 1);
}

/// The same phone twice: the database as it is now, in a storage of its own.
fn clone_of(phone: &Phone) -> Phone {
    let mut storage = MemoryStorage::new();
    let rows: Vec<_> = phone
        .storage
        .rows()
        .into_iter()
        .map(RowWrite::Put)
        .collect();
    storage.commit(&rows).expect("memory");
    Phone {
        storage,
        entropy: Arc::new(SeededEntropy::new(99)),
        ..phone.clone()
    }
}

#[tokio::test]
async fn a_phone_restored_from_yesterday_loses_nothing_that_either_life_wrote() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("before the backup");
    client.sync(BUDGET).await.expect("a sync");
    let restored = clone_of(&phone);
    phone.clock.forward_ms(DAY_MS);
    client.check_in(PLACE).expect("after the backup");
    client.set_picture(1).expect("after the backup");
    client.sync(BUDGET).await.expect("a sync");

    let client = restored.open();
    phone.clock.forward_ms(DAY_MS);
    client
        .check_in(PLACE)
        .expect("after the restore, in a slot used before");
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.status().healed, 1);
    assert_eq!(client.attendances().len(), 3);
    assert_all_settled(&desk, &client);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.status().healed, 1);
}

/// Nothing to send, and nothing that the phone knows to have sealed: it is seen all the same, at once and
/// once.
#[tokio::test]
async fn a_phone_put_back_to_before_its_first_op_is_seen_with_nothing_to_send() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.sync(BUDGET).await.expect("a sync");
    let restored = clone_of(&phone);
    phone.clock.forward_ms(DAY_MS);
    client.check_in(PLACE).expect("after the backup");
    client.sync(BUDGET).await.expect("a sync");

    let client = restored.open();
    client.sync(BUDGET).await.expect("a sync");
    let status = client.status();
    assert_eq!(status.healed, 1);
    let notice = status.notice.expect("one sentence for the person");
    assert_eq!(notice.kind, NoticeKind::WentOnFromACopy);
    assert_eq!(client.attendances().len(), 1);
    for _ in 0..2 {
        let before = desk.requests().len();
        client.sync(BUDGET).await.expect("a sync");
        let requests = desk.requests().split_off(before);
        let is_short = |one: &askel_proto::v1::SyncRequest| !one.positions.is_empty();
        assert!(requests.len() == 1 && requests.iter().all(is_short));
        assert_eq!(client.status().healed, 1);
    }
    phone.clock.forward_ms(DAY_MS);
    client.check_in(PLACE).expect("in the new log");
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.attendances().len(), 2);
    assert_all_settled(&desk, &client);
}

#[tokio::test]
async fn two_clones_of_a_phone_that_both_go_on_lose_nothing() {
    let desk = Arc::new(Desk::new());
    let (phone, first) = enrolled(&desk, 1).await;
    first.check_in(PLACE).expect("before the cloning");
    let clone = clone_of(&phone);
    let second = clone.open();
    phone.clock.forward_ms(DAY_MS);
    first.check_in(PLACE).expect("one life");
    phone.clock.forward_ms(DAY_MS);
    second.check_in(PLACE).expect("the other");
    for _ in 0..3 {
        first.sync(BUDGET).await.expect("a sync");
        second.sync(BUDGET).await.expect("a sync");
    }
    assert_eq!(second.attendances().len(), 3);
    assert_eq!(first.attendances().len(), 3);
    assert_eq!(first.awards(), second.awards());
    assert_all_settled(&desk, &first);
    assert_all_settled(&desk, &second);
}
