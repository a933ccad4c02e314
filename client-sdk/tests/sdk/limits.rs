//! A server that announces small limits.

use std::sync::Arc;

use askel_client_sdk::StepReading;
use askel_proto::v1::{self, Measure};
use askel_sync::{
    id::StepSourceId,
    limits::FRAME_BYTES_MAX,
    time::{DAY_MS, HOUR_MS},
};
use prost::Message as _;

use crate::common::{BUDGET, Desk, Disturbance, PLACE, TUESDAY_NOON, assert_all_settled, enrolled};

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

#[tokio::test]
async fn more_batches_than_one_request_takes_go_in_the_next() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    for index in 0..33 {
        let wished = if index % 2 == 0 {
            client.add_favourite(PLACE)
        } else {
            client.remove_favourite(PLACE)
        };
        wished.expect("written");
        // Sealed before the next one is written, and so in a batch of its own.
        client.lifeboat(FRAME_BYTES_MAX).expect("frames");
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
