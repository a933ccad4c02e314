//! Ops that the server refused, and what a person does about them.

use std::sync::Arc;

use askel_client_sdk::{Advice, StepReading};
use askel_proto::v1::Measure;
use askel_sync::id::{OpId, StepSourceId};

use crate::common::{BUDGET, Desk, Disturbance, PLACE, TUESDAY_NOON, enrolled};

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
