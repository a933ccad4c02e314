//! Lost requests, cut answers, a clock that is off, a server that knows better.

use std::{sync::Arc, time::Duration};

use askel_client_sdk::{
    Advice, Budget, Client, MemoryStorage, NoticeKind, RowWrite, Status, StepReading, Storage as _,
    SyncEnd, SyncReport,
};
use askel_proto::v1::{self, Measure};
use askel_sync::{
    frame::{LogRef, log_of_batch},
    id::{AwardId, StepSourceId},
    op::Payload,
    stream::StreamKey,
    time::{DAY_MS, HOUR_MS, Timestamp},
};

use crate::common::{
    BUDGET, Desk, Disturbance, PLACE, Phone, QUEST, SeededEntropy, TUESDAY_NOON, enrolled,
};

const SOURCE: StepSourceId = StepSourceId::from_bytes([5; 16]);

/// Five days with a check-in and steps each.
fn live_five_days(phone: &Phone, client: &Client) {
    for day in 1..=5 {
        phone.clock.forward_ms(DAY_MS);
        client.check_in(PLACE).expect("a place that is open");
        let at = TUESDAY_NOON.saturating_add_ms(day * DAY_MS);
        let reading = [StepReading { at, count: 3_000 }];
        client
            .record_steps(SOURCE, Measure::Steps, &reading)
            .expect("recorded");
    }
}

fn assert_all_settled(desk: &Desk, client: &Client) {
    assert_eq!(client.status().pending, 0);
    let person = client
        .enrolled()
        .and_then(|enrolled| enrolled.participant)
        .expect("a person");
    let on_the_desk = desk.participant(person);
    assert_eq!(on_the_desk.attendances().len(), client.attendances().len());
    assert_eq!(
        on_the_desk.day_steps(Measure::Steps),
        client.day_steps(Measure::Steps)
    );
    let confirmed: Vec<AwardId> = on_the_desk.confirmed().map(|one| one.award).collect();
    let mut shown: Vec<AwardId> = client.awards().iter().map(|award| award.id).collect();
    shown.sort_unstable();
    assert_eq!(confirmed, shown);
    let mut accepted = desk.accepted();
    accepted.sort_unstable();
    let all = accepted.len();
    accepted.dedup();
    assert_eq!(accepted.len(), all, "an op was accepted twice");
}

#[tokio::test]
async fn an_answer_cut_anywhere_is_made_up_for_by_the_next() {
    for parts in 0..12 {
        let desk = Arc::new(Desk::new());
        let (phone, client) = enrolled(&desk, 1).await;
        live_five_days(&phone, &client);
        desk.disturb(Disturbance::CutAfter(parts));
        let cut = client.sync(BUDGET).await;
        let has_ended_in_time = cut.is_ok();
        if !has_ended_in_time {
            let status = client.status();
            assert_eq!(status.last_reason.as_deref(), Some("UNREACHABLE"));
            assert!(status.next_attempt > Some(TUESDAY_NOON));
        }
        client.sync(BUDGET).await.expect("a line that stands");
        assert_all_settled(&desk, &client);
        assert_eq!(client.attendances().len(), 5);
    }
}

#[tokio::test]
async fn what_was_sent_is_sent_again_byte_for_byte_until_it_is_answered() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live_five_days(&phone, &client);
    desk.disturb(Disturbance::CutAfter(0));
    client.sync(BUDGET).await.expect_err("cut");
    phone.clock.forward_ms(DAY_MS);
    client.check_in(PLACE).expect("more, in the meantime");
    let reading = [StepReading {
        at: TUESDAY_NOON.saturating_add_ms(DAY_MS),
        count: 3_001,
    }];
    client
        .record_steps(SOURCE, Measure::Steps, &reading)
        .expect("a sealed hour changes");
    let reopened = phone.open();
    reopened.sync(BUDGET).await.expect("a sync");
    let requests = desk.requests();
    let [.., first, second] = &requests[..] else {
        panic!("two requests")
    };
    assert_eq!(second.batches.len(), 2);
    // How it is encoded on the way may change, what was signed does not.
    assert_eq!(first.batches[0].signature, second.batches[0].signature);
    assert_all_settled(&desk, &reopened);
    assert_eq!(
        reopened.day_steps(Measure::Steps).values().sum::<u64>(),
        15_001
    );
}

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

#[tokio::test]
async fn a_refused_op_stays_visible_and_counts_no_more() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let op = client.check_in(PLACE).expect("a place that is open").op;
    desk.disturb(Disturbance::Reject);
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, report.rejected), (0, 1));
    let rejected = client.rejected();
    assert_eq!(
        (rejected[0].op, &*rejected[0].reason),
        (op, "OP_NOT_ALLOWED")
    );
    assert_eq!(
        (&*rejected[0].text, rejected[0].undo),
        ("Ei käy.", v1::Undo::Discard)
    );
    assert!(client.attendances().is_empty() && client.awards().is_empty());
    assert_eq!((client.status().pending, client.status().rejected), (0, 1));
}

#[tokio::test]
async fn a_deferred_op_is_kept_and_offered_again_with_its_id() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let op = client.check_in(PLACE).expect("a place that is open").op;
    desk.disturb(Disturbance::Defer);
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!(report.deferred, 1);
    assert_eq!((client.status().pending, client.awards().len()), (1, 1));
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!(report.accepted, 1);
    assert_eq!(desk.accepted(), [op]);
    assert_all_settled(&desk, &client);
}

#[tokio::test]
async fn a_stale_credential_is_made_anew_with_the_servers_time() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    desk.disturb(Disturbance::Stale);
    client.sync(BUDGET).await.expect("the second try");
    desk.disturb(Disturbance::Stale);
    desk.disturb(Disturbance::Stale);
    let refused = client.sync(BUDGET).await.expect_err("no third try");
    assert_eq!(
        refused.refusal().map(|refusal| &*refusal.reason),
        Some("CREDENTIAL_STALE")
    );
    assert_eq!(refused.advice(), Advice::RetryLater);
}

#[tokio::test]
async fn a_catalog_download_goes_on_where_it_was_cut() {
    let desk = Arc::new(Desk::new());
    let phone = Phone::new(&desk, 1);
    let client = phone.open();
    client
        .enrol(&desk.world.invitation())
        .await
        .expect("enrolled");
    let chunks = desk.world.content.len().div_ceil(4_096);
    assert!(chunks > 2, "{chunks}");
    desk.disturb(Disturbance::ChunksLostAfter(1));
    client.sync(BUDGET).await.expect_err("cut after a chunk");
    assert_eq!(client.catalog_version(), None);
    let reopened = phone.open();
    let report = reopened.sync(BUDGET).await.expect("a sync");
    assert_eq!(
        report.catalog_bytes,
        (desk.world.content.len() - 4_096) as u64
    );
    assert_eq!(reopened.catalog_version(), Some(1));
    assert_eq!(phone.open().places().len(), 2);
}

#[tokio::test]
async fn a_catalog_that_is_not_what_was_signed_is_thrown_away_and_fetched_again() {
    let desk = Arc::new(Desk::new());
    let client = Phone::new(&desk, 1).open();
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
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.catalog_version(), Some(1));
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

#[tokio::test]
async fn a_kind_of_a_later_version_is_kept_and_harms_nothing() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let person = client
        .enrolled()
        .and_then(|enrolled| enrolled.participant)
        .expect("a person");
    desk.say_unknown(StreamKey::Participant(person), TUESDAY_NOON);
    desk.say_unknown(StreamKey::Catalog, TUESDAY_NOON);
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!(report.received, 2);
    let again = phone.open().sync(BUDGET).await.expect("a sync");
    assert_eq!(again.received, 0);
}

#[tokio::test]
async fn an_outcome_that_changed_later_is_taken_in() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("a place that is open");
    desk.disturb(Disturbance::Reject);
    client.sync(BUDGET).await.expect("a sync");
    let log_id = desk.requests()[0].log_heads[0].log_id.clone();
    let changed = v1::OutcomeChanged {
        log_id,
        sequence: 0,
        outcome: Some(v1::outcome_changed::Outcome::Accepted(
            v1::OutcomeAccepted {},
        )),
    };
    let device = client.enrolled().expect("enrolled").device;
    desk.say(
        StreamKey::Device(device),
        &Payload::OutcomeChanged(changed),
        TUESDAY_NOON,
    );
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.status(), Status::default());
    assert_eq!(client.attendances().len(), 1);
}

#[tokio::test]
async fn a_sync_that_changes_nothing_costs_one_small_call_and_no_write() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let before = phone.storage.rows();
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.calls, report.received), (1, 0));
    assert_eq!(phone.storage.rows(), before);
    assert_eq!(report.end, SyncEnd::Done);
}

#[tokio::test]
async fn a_spent_budget_ends_a_sync_and_says_so() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    desk.disturb(Disturbance::Silence);
    let report: SyncReport = client
        .sync(Budget {
            time: Duration::ZERO,
        })
        .await
        .expect("no error");
    assert_eq!(report.end, SyncEnd::BudgetSpent);
    assert_eq!(client.status().last_reason.as_deref(), Some("BUDGET_SPENT"));
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is measured is how long a call takes"
)]
fn instant() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[tokio::test(start_paused = true)]
async fn a_sync_that_hears_nothing_ends_within_its_budget() {
    for seconds in [1_u64, 20, 600] {
        let desk = Arc::new(Desk::new());
        let (_, client) = enrolled(&desk, 1).await;
        client.check_in(PLACE).expect("a place that is open");
        desk.disturb(Disturbance::Silence);
        let time = Duration::from_secs(seconds);
        let begun = instant();
        let report = client.sync(Budget { time }).await.expect("no error");
        assert_eq!(report.end, SyncEnd::BudgetSpent);
        let took = begun.elapsed();
        assert!(took <= time + time / 10, "{took:?} of {time:?}");
        let status = client.status();
        assert_eq!(status.pending, 1);
        assert!(status.next_attempt.is_some());
    }
}

#[tokio::test]
async fn a_sync_that_hears_nothing_ends_within_its_budget_by_a_real_clock_too() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    desk.disturb(Disturbance::Silence);
    let time = Duration::from_millis(500);
    let begun = instant();
    client.sync(Budget { time }).await.expect("no error");
    assert!(begun.elapsed() <= time + time / 10);
}

#[tokio::test]
async fn waits_double_up_to_their_limit() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let mut waits = Vec::new();
    for _ in 0..14 {
        desk.disturb(Disturbance::RequestLost);
        client.sync(BUDGET).await.expect_err("lost");
        let next = client.status().next_attempt.expect("a next attempt");
        waits.push(next.saturating_ms_since(TUESDAY_NOON));
    }
    assert!((30_000..=38_000).contains(&waits[0]), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 6 * HOUR_MS * 5 / 4));
    assert!(waits[13] >= 6 * HOUR_MS);
    client.sync(BUDGET).await.expect("a line that stands");
    assert_eq!(client.status(), Status::default());
}

#[tokio::test]
async fn a_clock_that_is_years_off_is_corrected_where_it_is_seen() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("a place that is open");
    phone.clock.jump_ms(4 * 365 * DAY_MS);
    client.sync(BUDGET).await.expect("a sync");
    let requests = desk.requests();
    let clock = requests
        .last()
        .and_then(|one| one.client_clock)
        .expect("a clock");
    assert_eq!(
        Timestamp::from_ms(clock.wall_ms).saturating_ms_since(TUESDAY_NOON),
        4 * 365 * DAY_MS
    );
    assert_eq!(
        clock.segment.map(|segment| segment.wall_minus_monotonic_ms),
        Some(4 * 365 * DAY_MS)
    );
}

#[tokio::test]
async fn ops_above_a_batchs_limit_go_in_several_batches() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let reading = |index: i64| StepReading {
        at: TUESDAY_NOON.saturating_add_ms(-index * HOUR_MS),
        count: 100,
    };
    let readings: Vec<_> = (0..501).map(reading).collect();
    client
        .record_steps(SOURCE, Measure::Steps, &readings[..500])
        .expect("recorded");
    client.sync(BUDGET).await.expect("a sync");
    client
        .record_steps(SOURCE, Measure::Steps, &readings)
        .expect("recorded");
    assert_eq!(client.status().pending, 1);
    client.sync(BUDGET).await.expect("a sync");
    let sizes: Vec<usize> = desk
        .requests()
        .iter()
        .map(|one| one.batches.len())
        .collect();
    assert_eq!(sizes.iter().max(), Some(&1));
    let other = StepSourceId::from_bytes([6; 16]);
    client
        .record_steps(other, Measure::Steps, &readings)
        .expect("recorded");
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(
        desk.requests().iter().map(|one| one.batches.len()).max(),
        Some(2)
    );
    assert_all_settled(&desk, &client);
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

#[tokio::test]
async fn more_batches_than_one_request_takes_go_in_the_next() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let source = |index: u8| StepSourceId::from_bytes([index; 16]);
    for index in 0..33 {
        // Each in a clock segment of its own, and so in a batch of its own.
        phone.clock.jump_ms(HOUR_MS);
        let reading = [StepReading {
            at: TUESDAY_NOON,
            count: 1,
        }];
        client
            .record_steps(source(index), Measure::Steps, &reading)
            .expect("recorded");
    }
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!(report.accepted, 33);
    let batches: Vec<usize> = desk
        .requests()
        .iter()
        .map(|one| one.batches.len())
        .collect();
    assert!(batches.ends_with(&[32, 1]), "{batches:?}");
}
