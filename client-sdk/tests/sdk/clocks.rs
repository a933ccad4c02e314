//! What a device keeps of the server's time in each boot, and says of boots that are over.

use std::sync::Arc;

use askel_client_sdk::Client;
use askel_proto::v1;
use askel_sync::{
    limits::BOOTS_TOLD_MAX,
    time::{DAY_MS, HOUR_MS},
};

use crate::common::{BUDGET, Desk, Disturbance, PLACE, enrolled};

fn last(desk: &Desk) -> v1::SyncRequest {
    desk.requests().last().cloned().expect("a request")
}

/// Wrong, set right and switched off: nothing of that is to be seen in what sends.
#[tokio::test]
async fn what_was_written_by_a_wrong_clock_of_a_boot_before_goes_with_that_boots_time() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.sync(BUDGET).await.expect("a sync in the first boot");
    phone.clock.jump_ms(-3 * DAY_MS);
    client.check_in(PLACE).expect("a place that is open");
    phone.clock.jump_ms(3 * DAY_MS);
    phone.clock.forward_ms(DAY_MS);
    phone.clock.reboot(2);
    client.sync(BUDGET).await.expect("a sync in the next boot");
    let boots = last(&desk).boots;
    assert_eq!(
        boots,
        [v1::BootTime {
            boot_id: 1,
            server_minus_monotonic_ms: 0
        }]
    );
    // Nothing of that boot is unsettled any more.
    client.check_in(PLACE).expect("a place that is open");
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(last(&desk).boots, []);
}

#[tokio::test]
async fn a_boot_without_an_exchange_is_not_told_of() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.sync(BUDGET).await.expect("a sync");
    phone.clock.reboot(2);
    client.check_in(PLACE).expect("a place that is open");
    phone.clock.reboot(3);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(last(&desk).boots, []);
}

/// Switched off and on for as long as there is no network: one signature for all that was written.
#[tokio::test]
async fn what_was_written_in_several_boots_is_one_batch() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.sync(BUDGET).await.expect("a sync");
    for boot in 2..7 {
        phone.clock.reboot(boot);
        phone.clock.forward_ms(DAY_MS);
        client.check_in(PLACE).expect("a place that is open");
    }
    phone.clock.jump_ms(-HOUR_MS);
    client.add_favourite(PLACE).expect("written");
    desk.disturb(Disturbance::CutAfter(0));
    client.sync(BUDGET).await.expect_err("no answer");
    phone.clock.reboot(7);
    phone.clock.forward_ms(DAY_MS);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!((client.status().pending, desk.accepted().len()), (0, 6));
    let batches = |request: &v1::SyncRequest| request.batches.len() + request.short_batches.len();
    let batches: Vec<usize> = desk.requests().iter().map(batches).collect();
    let sent: Vec<usize> = batches.into_iter().filter(|batches| *batches > 0).collect();
    assert_eq!(sent, [1, 1], "resent as it was");
}

/// In one batch too: an op that was written again in a later boot comes before one of the boot that
/// an exchange had tied.
#[tokio::test]
async fn each_boot_of_a_batch_is_told_of() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.sync(BUDGET).await.expect("a sync in the first boot");
    client.set_picture(1).expect("written");
    client.check_in(PLACE).expect("a place that is open");
    phone.clock.reboot(2);
    client.set_picture(2).expect("written in its own slot");
    phone.clock.reboot(3);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(desk.accepted().len(), 2);
    let told: Vec<u64> = last(&desk).boots.iter().map(|boot| boot.boot_id).collect();
    assert_eq!(told, [1]);
}

/// With nothing to send, a boot's clock is told once: then the boot is tied to the server's time.
#[tokio::test]
async fn each_boot_tells_its_clock_once() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.sync(BUDGET).await.expect("a sync");
    for boot in 2..4 {
        phone.clock.reboot(boot);
        client.sync(BUDGET).await.expect("a sync");
        assert!(last(&desk).client_clock.is_some());
        for _ in 0..2 {
            phone.clock.forward_ms(HOUR_MS);
            client.sync(BUDGET).await.expect("a sync");
            assert_eq!(last(&desk).client_clock, None);
        }
    }
}

/// Beside batches it is told once a week, and whenever the server's time turns out to be another.
#[tokio::test]
async fn a_server_that_remembers_clocks_is_told_each_week() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    desk.announce(v1::Limits {
        revision: 1,
        place_days_max: 64,
        ..v1::Limits::default()
    });
    client.sync(BUDGET).await.expect("told of the limits");
    let mut told = Vec::new();
    for day in 0..16 {
        client.set_picture(day % 5 + 1).expect("written");
        client.sync(BUDGET).await.expect("a sync");
        assert_eq!(client.status().pending, 0);
        if last(&desk).client_clock.is_some() {
            told.push(day);
        }
        phone.clock.forward_ms(DAY_MS);
    }
    assert_eq!(told, [0, 7, 14]);
    // Whose credential is refused for its time is told the server's: the next request says the clock.
    let tells_with = async |picture| {
        client.set_picture(picture).expect("written");
        client.sync(BUDGET).await.expect("a sync");
        last(&desk).client_clock.is_some()
    };
    assert!(!tells_with(20).await);
    desk.disturb(Disturbance::Stale);
    client.sync(BUDGET).await.expect("a sync");
    assert!(tells_with(21).await);
}

/// A device that can't tell its boots says nothing of them, and no clock that helps nobody.
#[tokio::test]
async fn an_unknown_boot_is_not_told_of() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    phone.clock.reboot(0);
    client.sync(BUDGET).await.expect("a sync");
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(last(&desk).client_clock, None);
    client.check_in(PLACE).expect("a place that is open");
    phone.clock.reboot(2);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(last(&desk).boots, []);
}

/// A phone that is switched off and on every day of a long journey: the newest boots are kept.
#[tokio::test]
async fn so_many_boots_are_told_of() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let boots = u64::try_from(BOOTS_TOLD_MAX).expect("few") + 2;
    for boot in 1..=boots {
        phone.clock.reboot(boot);
        phone.clock.forward_ms(HOUR_MS);
        client.check_in(PLACE).expect("a place that is open");
        desk.disturb(crate::common::Disturbance::Defer);
        client.sync(BUDGET).await.expect("a sync");
    }
    phone.clock.reboot(boots + 1);
    phone.clock.forward_ms(HOUR_MS);
    client.sync(BUDGET).await.expect("a sync");
    let told = desk.requests().into_iter().map(|request| request.boots);
    let most = told.map(|boots| boots.len()).max();
    assert!(most.is_some_and(|most| most <= BOOTS_TOLD_MAX), "{most:?}");
}

/// What was accepted is kept for a server that is restored, and so is the time of the boot that wrote it.
#[tokio::test]
async fn what_is_offered_again_after_a_restore_goes_with_its_boots_time() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.sync(BUDGET).await.expect("a sync in the first boot");
    let backup = desk.backup();
    phone.clock.jump_ms(-3 * DAY_MS);
    client.check_in(PLACE).expect("a place that is open");
    phone.clock.jump_ms(3 * DAY_MS);
    phone.clock.forward_ms(DAY_MS);
    client.sync(BUDGET).await.expect("accepted in its boot");
    phone.clock.reboot(2);
    client.sync(BUDGET).await.expect("a sync in the next boot");
    assert_eq!(last(&desk).boots, [], "nothing of that boot goes along");
    desk.restore(&backup);
    assert_eq!(told_with_batches(&desk, &client).await, [vec![1]]);
}

/// More boots than a request may tell of: each op's is told, in several requests.
#[tokio::test]
async fn what_many_boots_wrote_is_offered_again_with_the_time_of_each() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let backup = desk.backup();
    let boots = u64::try_from(BOOTS_TOLD_MAX).expect("few") + 2;
    for boot in 2..2 + boots {
        phone.clock.reboot(boot);
        phone.clock.forward_ms(DAY_MS);
        client.sync(BUDGET).await.expect("the boot is tied");
        client.check_in(PLACE).expect("a place that is open");
        client.sync(BUDGET).await.expect("accepted");
    }
    phone.clock.reboot(2 + boots);
    client.sync(BUDGET).await.expect("a sync");
    desk.restore(&backup);
    let told = told_with_batches(&desk, &client).await;
    assert!(told.iter().all(|one| one.len() <= BOOTS_TOLD_MAX));
    let mut all: Vec<u64> = told.concat();
    all.sort_unstable();
    assert_eq!(all, (2..2 + boots).collect::<Vec<u64>>(), "each once");
}

/// The boots that each request with batches tells of, until all is with the server again.
async fn told_with_batches(desk: &Desk, client: &Client) -> Vec<Vec<u64>> {
    let before = desk.requests().len();
    for _ in 0..3 {
        client.sync(BUDGET).await.expect("a sync");
    }
    assert_eq!(client.status().pending, 0);
    let requests = desk.requests().split_off(before);
    let with_batches = requests
        .iter()
        .filter(|request| !request.batches.is_empty() || !request.short_batches.is_empty());
    with_batches
        .map(|request| request.boots.iter().map(|boot| boot.boot_id).collect())
        .collect()
}
