//! Lost requests, cut answers, a clock that is off.

use std::sync::Arc;

use askel_client_sdk::{Advice, StepReading};
use askel_proto::v1::Measure;
use askel_sync::time::{DAY_MS, Timestamp};

use crate::common::{
    BUDGET, Desk, Disturbance, PLACE, SOURCE, TUESDAY_NOON, assert_all_settled, enrolled,
    live_five_days,
};

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
