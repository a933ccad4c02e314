//! A server that announces small limits.

use std::sync::Arc;

use askel_client_sdk::StepReading;
use askel_proto::v1::{self, Measure};
use askel_sync::{
    id::StepSourceId,
    time::{DAY_MS, HOUR_MS},
};
use prost::Message as _;

use crate::common::{BUDGET, Desk, Disturbance, PLACE, TUESDAY_NOON, enrolled};

const SOURCE: StepSourceId = StepSourceId::from_bytes([5; 16]);

#[tokio::test]
async fn announced_limits_are_kept_to_the_last_and_nothing_waits_for_larger_ones() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let tiny = v1::Limits {
        revision: 2,
        ops_per_batch_max: 3,
        batches_per_sync_max: 2,
        request_bytes_max: 1_500,
        cursors_max: 2,
        ..v1::Limits::default()
    };
    let record = |count| {
        let reading = |hour: i64| StepReading {
            at: TUESDAY_NOON.saturating_add_ms(-hour * HOUR_MS),
            count,
        };
        let readings: Vec<_> = (0..40).map(reading).collect();
        client
            .record_steps(SOURCE, Measure::Steps, &readings)
            .expect("recorded");
    };
    record(100);
    // Sealed by the limits of before, and lost on the way.
    desk.disturb(Disturbance::RequestLost);
    client.sync(BUDGET).await.expect_err("lost");
    desk.announce(tiny);
    desk.forget_limits();
    client.sync(BUDGET).await.expect("told of the limits");
    let before = desk.requests().len();
    phone.clock.forward_ms(DAY_MS);
    record(200);
    client.check_in(PLACE).expect("a place that is open");
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, client.status().pending), (41, 0));
    let requests = desk.requests();
    let under = &requests[before..];
    assert!(under.len() >= 7, "{}", under.len());
    for request in under {
        assert!(request.batches.len() <= 2 && request.cursors.len() <= 2);
        assert!(request.encoded_len() <= 1_500);
        let ops = |sealed: &v1::SealedBatch| match sealed.encoding {
            0 => v1::Batch::decode(&*sealed.batch)
                .expect("a batch")
                .ops
                .len(),
            _ => 0,
        };
        assert!(request.batches.iter().all(|sealed| ops(sealed) <= 3));
    }
}
