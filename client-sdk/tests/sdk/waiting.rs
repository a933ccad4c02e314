//! How long a sync takes at most, what one costs that changes nothing, and when the next is due.

use std::{sync::Arc, time::Duration};

use askel_client_sdk::{Budget, Client, Clock as _, Status, SyncEnd, SyncReport};
use askel_sync::time::HOUR_MS;

use crate::common::{BUDGET, Desk, Disturbance, PLACE, Phone, TUESDAY_NOON, enrolled};

#[tokio::test]
async fn a_sync_that_changes_nothing_costs_one_small_call_and_no_write() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    // Once a day it is written down that the sums were compared.
    client.sync(BUDGET).await.expect("a sync");
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

/// Each part alone comes in good time.
#[tokio::test(start_paused = true)]
async fn a_sync_whose_answer_never_ends_ends_within_its_budget() {
    for seconds in [1_u64, 20, 600] {
        let desk = Arc::new(Desk::new());
        let (_, client) = enrolled(&desk, 1).await;
        client.check_in(PLACE).expect("a place that is open");
        desk.disturb(Disturbance::Drip(Duration::from_millis(300)));
        let time = Duration::from_secs(seconds);
        let begun = instant();
        let report = client.sync(Budget { time }).await.expect("no error");
        let took = begun.elapsed();
        assert_eq!(report.end, SyncEnd::BudgetSpent);
        assert!(took <= time + time / 10, "{took:?} of {time:?}");
        let status = client.status();
        assert_eq!(status.pending, 1);
        assert!(status.next_attempt.is_some());
    }
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
async fn a_wait_that_was_asked_for_is_kept_and_not_by_all_to_the_same_moment() {
    const ASKED_MS: u64 = 10 * 60 * 1_000;
    let mut waits = std::collections::BTreeSet::new();
    for seed in 0..6 {
        for asked in [
            Disturbance::TooMany(ASKED_MS),
            Disturbance::NotBefore(ASKED_MS),
        ] {
            let desk = Arc::new(Desk::new());
            let (phone, client) = enrolled(&desk, seed).await;
            desk.disturb(asked);
            client.check_in(PLACE).expect("a place that is open");
            let refused = client.sync(BUDGET).await.is_err();
            assert_eq!(refused, asked == Disturbance::TooMany(ASKED_MS));
            client.add_favourite(PLACE).expect("written");
            let due = |client: &Client| {
                let next = client.status().next_attempt.expect("something waits");
                next.saturating_ms_since(TUESDAY_NOON)
            };
            let wait = due(&client);
            let asked = i64::try_from(ASKED_MS).expect("small");
            assert!((asked..=asked * 5 / 4).contains(&wait), "{wait}");
            // Neither a restart nor what is written meanwhile makes it shorter.
            assert_eq!(due(&phone.open()), wait);
            waits.insert(wait);
        }
    }
    assert!(waits.len() > 6, "{waits:?}");
}

#[tokio::test]
async fn a_wait_that_nobody_would_live_to_see_is_cut_to_a_day() {
    for asked in [
        Disturbance::TooMany(u64::MAX),
        Disturbance::NotBefore(u64::MAX),
    ] {
        let desk = Arc::new(Desk::new());
        let (_, client) = enrolled(&desk, 1).await;
        desk.disturb(asked);
        let _ = client.sync(BUDGET).await;
        client.check_in(PLACE).expect("a place that is open");
        let next = client.status().next_attempt.expect("something waits");
        let wait = next.saturating_ms_since(TUESDAY_NOON);
        assert!((24 * HOUR_MS..=30 * HOUR_MS).contains(&wait), "{wait}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sync_that_waits_for_another_keeps_its_budget_too() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    desk.disturb(Disturbance::Silence);
    let first = client.clone();
    let time = Duration::from_mins(10);
    let first = tokio::spawn(async move { first.sync(Budget { time }).await });
    tokio::task::yield_now().await;
    let time = Duration::from_secs(20);
    let begun = instant();
    let report = client.sync(Budget { time }).await.expect("no error");
    let took = begun.elapsed();
    assert_eq!(report.end, SyncEnd::BudgetSpent);
    assert!(took <= time + time / 10, "{took:?} of {time:?}");
    // It made no attempt that could have failed: the other one is still at it.
    assert_eq!(client.status().last_reason, None);
    first.await.expect("joined").expect("no error");
    assert_eq!(client.status().last_reason.as_deref(), Some("BUDGET_SPENT"));
}

/// Some of it came, and an app that follows the status goes on soon.
#[tokio::test(start_paused = true)]
async fn a_sync_that_its_budget_cut_has_a_next_attempt() {
    let desk = Arc::new(Desk::new());
    let phone = Phone::new(&desk, 1);
    let client = phone.open();
    let link = desk.world.invitation();
    client.enrol(&link).await.expect("enrolled");
    for _ in 0..3 {
        // A part of the answer, and then nothing.
        desk.disturb(Disturbance::SilentAfter(1));
        let time = Duration::from_secs(5);
        let report = client.sync(Budget { time }).await.expect("no error");
        assert_eq!(report.end, SyncEnd::BudgetSpent);
        assert!(report.bytes_down > 0);
        assert_eq!(client.catalog_version(), None);
        let status = client.status();
        assert_eq!(status.last_reason.as_deref(), Some("BUDGET_SPENT"));
        let next = status.next_attempt.expect("a next attempt");
        phone
            .clock
            .forward_ms(next.saturating_ms_since(phone.clock.read().wall));
    }
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.catalog_version(), Some(1));
    assert_eq!(client.status(), Status::default());
}

/// Each attempt brings something: the wait does not grow.
#[tokio::test]
async fn an_attempt_that_brought_something_is_followed_soon() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    for _ in 0..10 {
        phone.clock.forward_ms(24 * HOUR_MS);
        client.check_in(PLACE).expect("a place that is open");
        // The outcomes come, and the pages do not.
        desk.disturb(Disturbance::CutAfter(1));
        client.sync(BUDGET).await.expect_err("cut");
        let next = client.status().next_attempt.expect("a next attempt");
        let wait_ms = next.saturating_ms_since(phone.clock.read().wall);
        assert!(wait_ms <= 38_000, "{wait_ms}");
    }
}
