//! Ops that the server refused, and what a person does about them.

use std::sync::Arc;

use askel_client_sdk::{Advice, Clock as _, Status, StepReading};
use askel_proto::v1::{self, Measure};
use askel_sync::{
    id::{OpId, StepSourceId},
    op::Payload,
    stream::StreamKey,
    time::{DAY_MS, HOUR_MS, LocalDate},
};

use crate::common::{BUDGET, Desk, Disturbance, PLACE, TUESDAY_NOON, assert_all_settled, enrolled};

const SOURCE: StepSourceId = StepSourceId::from_bytes([5; 16]);

#[tokio::test]
async fn a_discarded_op_is_listed_no_more_and_stays_so() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let op = client.check_in(PLACE).expect("a place that is open").op;
    desk.disturb(Disturbance::Reject);
    client.sync(BUDGET).await.expect("a sync");
    // The server said that it is only to be discarded.
    let refused = client.resubmit(op).expect_err("to be discarded");
    assert_eq!(refused.advice(), Advice::FixInput);
    assert_eq!(client.rejected().len(), 1);
    client.discard(op).expect("once");
    client.discard(op).expect("twice");
    client.sync(BUDGET).await.expect("a sync");
    for client in [&client, &phone.open()] {
        assert!(client.rejected().is_empty());
        assert_eq!((client.status().pending, client.status().rejected), (0, 0));
    }
    assert!(desk.accepted().is_empty());
}

#[tokio::test]
async fn a_resubmitted_count_has_the_next_revision_and_is_taken() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let reading = [StepReading {
        at: TUESDAY_NOON,
        count: 500,
    }];
    client
        .record_steps(SOURCE, Measure::Steps, &reading)
        .expect("recorded");
    desk.disturb(Disturbance::RejectToResubmit);
    client.sync(BUDGET).await.expect("a sync");
    let steps = || client.day_steps(Measure::Steps).values().sum::<u64>();
    let rejected: Vec<OpId> = client.rejected().iter().map(|one| one.op).collect();
    assert_eq!((rejected.len(), steps()), (1, 0));
    let anew = client.resubmit(rejected[0]).expect("the server allows it");
    assert_ne!(anew, rejected[0]);
    assert!(client.rejected().is_empty());
    assert!(client.resubmit(rejected[0]).is_err(), "it was done");
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(desk.accepted(), [anew]);
    assert_eq!((steps(), client.status().pending), (500, 0));
}

/// What was counted by a wrong clock is handed in again by that clock, whatever was set since.
#[tokio::test]
async fn steps_that_a_wrong_clock_counted_lie_on_their_day_when_they_are_handed_in_again() {
    for (number, ahead_ms) in (1..).zip([0, 400 * DAY_MS, -400 * DAY_MS]) {
        let desk = Arc::new(Desk::new());
        let (phone, client) = enrolled(&desk, number).await;
        phone.clock.reboot(7);
        phone.clock.jump_ms(ahead_ms);
        let at = phone.clock.read().wall;
        let reading = [StepReading { at, count: 500 }];
        desk.disturb(Disturbance::Clock(at.saturating_add_ms(-ahead_ms)));
        client
            .record_steps(SOURCE, Measure::Steps, &reading)
            .expect("recorded");
        desk.disturb(Disturbance::RejectToResubmit);
        client.sync(BUDGET).await.expect("a sync");
        let rejected = client.rejected();
        desk.mend();
        phone.clock.jump_ms(-ahead_ms);
        phone.clock.reboot(8);
        phone.clock.forward_ms(DAY_MS);
        client.sync(BUDGET).await.expect("a sync in another boot");
        client.resubmit(rejected[0].op).expect("again");
        client.sync(BUDGET).await.expect("a sync");
        let days: Vec<_> = client.day_steps(Measure::Steps).into_iter().collect();
        let tuesday = i32::try_from(TUESDAY_NOON.as_ms().div_euclid(DAY_MS)).expect("a day");
        assert_eq!(
            days,
            [(LocalDate::from_days(tuesday), 500)],
            "{ahead_ms} ms ahead"
        );
    }
}

#[tokio::test]
async fn one_bad_op_delays_no_other() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("to be refused");
    client.set_picture(1).expect("good");
    client.add_favourite(PLACE).expect("good");
    desk.disturb(Disturbance::Reject);
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, report.rejected, report.calls), (2, 1, 1));
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
    let (phone, client) = enrolled(&desk, 1).await;
    let op = client.check_in(PLACE).expect("a place that is open").op;
    desk.disturb(Disturbance::Defer);
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!(report.deferred, 1);
    assert_eq!((client.status().pending, client.awards().len()), (1, 1));
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, report.deferred), (0, 0), "not yet");
    phone.clock.forward_ms(DAY_MS + HOUR_MS);
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!(report.accepted, 1);
    assert_eq!(desk.accepted(), [op]);
    assert_all_settled(&desk, &client);
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

/// Of a batch that it can't rebuild any more the server tells no exception, though it read the next one.
#[tokio::test]
async fn what_a_batch_says_that_the_server_cannot_read_is_not_taken_for_accepted() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let refused = client.check_in(PLACE).expect("to be refused").op;
    client.set_picture(1).expect("good");
    desk.disturb(Disturbance::Reject);
    desk.disturb(Disturbance::CutAfter(0));
    client.sync(BUDGET).await.expect_err("cut");
    client.add_favourite(PLACE).expect("good");
    desk.disturb(Disturbance::PlainWanted);
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, report.rejected), (2, 1));
    let told: Vec<OpId> = client.rejected().iter().map(|one| one.op).collect();
    assert_eq!((told, client.status().pending), (vec![refused], 0));
    assert!(!desk.accepted().contains(&refused));
}
