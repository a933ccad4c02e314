//! A line over which long requests never arrive: what waits arrives in shorter ones.

use std::sync::Arc;

use askel_client_sdk::StepReading;
use askel_proto::v1::{self, Measure};
use askel_sync::{
    id::StepSourceId,
    time::{DAY_MS, HOUR_MS},
};
use prost::Message as _;

use crate::common::{BUDGET, Desk, Disturbance, PLACE, TUESDAY_NOON, enrolled};

#[tokio::test]
async fn what_is_too_long_for_the_line_arrives_in_shorter_requests() {
    let desk = Arc::new(Desk::new());
    desk.announce(v1::Limits {
        revision: 1,
        ops_per_batch_max: 8,
        ..v1::Limits::default()
    });
    let (phone, client) = enrolled(&desk, 1).await;
    for day in 1..=40 {
        phone.clock.forward_ms(DAY_MS);
        client.check_in(PLACE).expect("a place that is open");
        let readings: Vec<StepReading> = (0..10)
            .map(|hour| StepReading {
                at: TUESDAY_NOON.saturating_add_ms(day * DAY_MS - hour * HOUR_MS),
                count: 1_000,
            })
            .collect();
        let source = StepSourceId::from_bytes([5; 16]);
        client
            .record_steps(source, Measure::Steps, &readings)
            .expect("recorded");
    }
    desk.disturb(Disturbance::Narrow(2_000));
    for _ in 0..6 {
        // Each is opened anew, as an app in the background is.
        let _ = phone.open().sync(BUDGET).await;
    }
    let lost = desk.lost_bytes();
    assert!(lost.len() > 1, "{lost:?}");
    assert_eq!(phone.open().status().pending, 0, "{lost:?}");
    // At most half, and what it has beside.
    assert!(lost[1] <= lost[0] / 2 + 200, "{lost:?}");
}

/// Bytes that no encoding makes fewer.
fn code_byte(day: u64, byte: u64) -> u8 {
    let mixed = (day * 1_000 + byte + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed.to_be_bytes()[2]
}

#[tokio::test]
async fn frames_too_many_for_the_line_arrive_a_few_at_a_time_and_then_more() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let (_, carrier) = enrolled(&desk, 2).await;
    let carry = |days: std::ops::Range<u64>| {
        for day in days {
            phone.clock.forward_ms(DAY_MS);
            let code: Vec<u8> = (0..100).map(|byte| code_byte(day, byte)).collect();
            client.check_in_with_code(PLACE, &code).expect("here");
        }
        let frames = client.lifeboat(600).expect("frames");
        for frame in &frames {
            carrier.carry(frame).expect("room");
        }
        frames.len()
    };
    assert!(carry(0..20) > 3);
    desk.disturb(Disturbance::Narrow(1_500));
    for _ in 0..6 {
        let _ = carrier.sync(BUDGET).await;
    }
    assert_eq!(carrier.status().carried, 0, "{:?}", desk.lost_bytes());
    // It is wide again: after what arrived more goes.
    desk.mend();
    assert!(carry(20..40) > 3);
    let calls = desk.requests().len();
    carrier.sync(BUDGET).await.expect("a sync");
    assert_eq!(carrier.status().carried, 0);
    let sent = desk.requests().split_off(calls);
    let longest = sent.iter().map(v1::SyncRequest::encoded_len).max();
    assert!(
        longest.is_some_and(|longest| longest > 2_000),
        "{longest:?}"
    );
}
