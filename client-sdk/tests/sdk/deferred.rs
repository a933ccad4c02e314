//! Ops that wait for what they cite, and a server that is restored meanwhile.

use std::sync::Arc;

use askel_client_sdk::{Client, Clock as _, NoticeKind, OpId, Scanned};
use askel_proto::v1::CorrectionReason;
use askel_sync::{
    id::{ParticipantId, PassTag},
    time::{DAY_MS, HOUR_MS},
};

use crate::common::{
    BUDGET, Desk, Disturbance, PLACE, Phone, TUESDAY_NOON, enrolled, enrolled_tablet,
};

async fn staffed(desk: &Arc<Desk>) -> (Phone, Client) {
    let (phone, tablet) = enrolled_tablet(desk, 1).await;
    (phone, tablet)
}

/// A tablet that took back another's scan, which the desk does not hold: the correction waits for it.
async fn tablet_that_waits(desk: &Arc<Desk>) -> (Phone, Client) {
    let (phone, tablet) = staffed(desk).await;
    tablet.work_at(PLACE).expect("a place of work");
    let pass = PassTag::from_bytes([0xC5; 16]);
    let (_, scan) = desk.see_elsewhere(pass, TUESDAY_NOON);
    tablet.sync(BUDGET).await.expect("a sync");
    // Every backup knows the cards.
    for card in 0..3 {
        desk.card(ParticipantId::from_bytes([card; 16]));
    }
    let mistake = CorrectionReason::ScannedByMistake;
    tablet.void(scan, mistake).expect("taken back");
    let report = tablet.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.rejected, report.deferred), (0, 1));
    (phone, tablet)
}

/// The desk remembers no refusals, as a server that was restored: the tablet does.
#[tokio::test]
async fn a_correction_of_a_scan_that_was_refused_waits_for_nothing() {
    for sends_before in [false, true] {
        let desk = Arc::new(Desk::new());
        let (_phone, tablet) = staffed(&desk).await;
        let card = desk.card(ParticipantId::from_bytes([0; 16]));
        let Ok(Scanned::Welcome { op }) = tablet.scan(PLACE, &card) else {
            panic!("welcome")
        };
        desk.disturb(Disturbance::Reject);
        if sends_before {
            tablet.sync(BUDGET).await.expect("a sync");
        }
        let mistake = CorrectionReason::ScannedByMistake;
        let void = tablet.void(op, mistake).expect("taken back");
        let report = tablet.sync(BUDGET).await.expect("a sync");
        assert_eq!(report.deferred, 0);
        let refused = tablet.rejected();
        let refused: Vec<OpId> = refused.iter().map(|one| one.op).collect();
        assert_eq!(refused, [op, void]);
        assert_eq!(tablet.status().pending, 0);
    }
}

/// A scan is in no stream that a tablet reads: only its log tells that it is lost.
async fn scanned(desk: &Desk, tablet: &Client, card: u8) -> OpId {
    let card = desk.card(ParticipantId::from_bytes([card; 16]));
    let Ok(Scanned::Welcome { op }) = tablet.scan(PLACE, &card) else {
        panic!("welcome")
    };
    tablet.sync(BUDGET).await.expect("a sync");
    op
}

#[tokio::test]
async fn what_waits_hides_no_lost_op_of_its_log_and_holds_up_none() {
    let desk = Arc::new(Desk::new());
    let (phone, tablet) = tablet_that_waits(&desk).await;
    let backup = desk.backup();
    let lost = scanned(&desk, &tablet, 1).await;
    assert_eq!(desk.accepted(), [lost]);
    desk.restore(&backup);
    for _ in 0..2 {
        phone.clock.forward_ms(HOUR_MS);
        tablet.sync(BUDGET).await.expect("a sync");
    }
    assert_eq!(desk.accepted(), [lost]);
    let status = tablet.status();
    let notice = status.notice.expect("one sentence for the person");
    assert_eq!(notice.kind, NoticeKind::ServerRestored);
    assert_eq!((status.healed, status.pending), (1, 1));
    let next = scanned(&desk, &tablet, 2).await;
    assert_eq!(desk.accepted(), [lost, next]);
    assert_eq!(tablet.status().pending, 1, "only what waits");
    assert_eq!(tablet.status().healed, 1);
}

/// An op refused after it is lost with the log too: nothing could follow it.
#[tokio::test]
async fn a_lost_refusal_after_what_waits_holds_up_nothing() {
    let desk = Arc::new(Desk::new());
    let (phone, tablet) = tablet_that_waits(&desk).await;
    let backup = desk.backup();
    phone.clock.forward_ms(25 * HOUR_MS);
    tablet.tally(PLACE, 5).expect("counted");
    desk.disturb(Disturbance::Defer);
    desk.disturb(Disturbance::Reject);
    tablet.sync(BUDGET).await.expect("a sync");
    desk.restore(&backup);
    tablet.sync(BUDGET).await.expect("a sync");
    let next = scanned(&desk, &tablet, 2).await;
    assert_eq!(desk.accepted(), [next]);
}

/// The log that was given up still says how far it was accepted.
#[tokio::test]
async fn what_was_accepted_after_it_in_a_log_given_up_is_missed_by_the_next_restore() {
    let desk = Arc::new(Desk::new());
    let (_, tablet) = tablet_that_waits(&desk).await;
    let oldest = desk.backup();
    let first = scanned(&desk, &tablet, 1).await;
    let backup = desk.backup();
    let second = scanned(&desk, &tablet, 2).await;
    for backup in [backup, oldest] {
        desk.restore(&backup);
        for _ in 0..2 {
            tablet.sync(BUDGET).await.expect("a sync");
        }
        let mut accepted = desk.accepted();
        let mut expected = vec![first, second];
        accepted.sort_unstable();
        expected.sort_unstable();
        assert_eq!(accepted, expected);
        assert_eq!(tablet.status().pending, 1);
    }
}

/// A day is a day, by whatever clock: an op that waits is offered again once it is over, and not before.
#[tokio::test]
async fn what_waits_waits_a_day_whatever_the_clock_says() {
    for (number, ahead_ms) in (1..).zip([0, 400 * DAY_MS, -400 * DAY_MS]) {
        let desk = Arc::new(Desk::new());
        let (phone, client) = enrolled(&desk, number).await;
        phone.clock.jump_ms(ahead_ms);
        let clock_is_right = || {
            let wall = phone.clock.read().wall;
            desk.mend();
            desk.disturb(Disturbance::Clock(wall.saturating_add_ms(-ahead_ms)));
        };
        clock_is_right();
        client.sync(BUDGET).await.expect("told the time");
        client.check_in(PLACE).expect("a place that is open");
        desk.disturb(Disturbance::Defer);
        let report = client.sync(BUDGET).await.expect("a sync");
        assert_eq!(report.deferred, 1);
        for _ in 0..3 {
            phone.clock.forward_ms(7 * HOUR_MS);
            clock_is_right();
            let next = client.status().next_attempt.expect("something waits");
            let wait_ms = next.saturating_ms_since(phone.clock.read().wall);
            assert!((1..=DAY_MS).contains(&wait_ms), "{ahead_ms}: {wait_ms} ms");
            let report = client.sync(BUDGET).await.expect("a sync");
            assert_eq!((report.accepted, report.deferred), (0, 0), "not yet");
        }
        phone.clock.forward_ms(4 * HOUR_MS);
        clock_is_right();
        let report = client.sync(BUDGET).await.expect("a sync");
        assert_eq!((report.accepted, client.status().pending), (1, 0));
    }
}

/// The clock is set while the op waits, forth or back, and the phone is not switched off.
#[tokio::test]
async fn a_clock_that_is_set_makes_nothing_wait_longer() {
    for (number, ahead_ms) in (1..).zip([400 * DAY_MS, -400 * DAY_MS]) {
        let desk = Arc::new(Desk::new());
        let (phone, client) = enrolled(&desk, number).await;
        phone.clock.jump_ms(ahead_ms);
        client.check_in(PLACE).expect("a place that is open");
        desk.disturb(Disturbance::Defer);
        client.sync(BUDGET).await.expect("a sync");
        phone.clock.jump_ms(-ahead_ms);
        phone.clock.forward_ms(25 * HOUR_MS);
        assert!(client.status().next_attempt <= Some(phone.clock.read().wall));
        let report = client.sync(BUDGET).await.expect("a sync");
        assert_eq!((report.accepted, client.status().pending), (1, 0));
    }
}
