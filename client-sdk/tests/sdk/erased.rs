//! A person who was erased, and a pass whose holder was.

use std::sync::Arc;

use askel_client_sdk::{Advice, NoticeKind};
use askel_proto::v1::CorrectionReason;
use askel_sync::{id::PassTag, time::HOUR_MS};

use crate::common::{BUDGET, Desk, Disturbance, PLACE, TUESDAY_NOON, enrolled, enrolled_tablet};

#[tokio::test]
async fn a_phone_whose_person_was_erased_holds_nothing_any_more_and_says_so() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("a place that is open");
    client.sync(BUDGET).await.expect("a sync");
    client.set_picture(1).expect("pending");
    let rows = phone.storage.rows();
    let key = client.device_public_key();
    desk.disturb(Disturbance::Erased);
    let refused = client.sync(BUDGET).await.expect_err("erased");
    assert_eq!(refused.advice(), Advice::EnrolAgain);
    for client in [&client, &phone.open()] {
        let notice = client.status().notice.expect("one sentence for the person");
        assert_eq!(notice.kind, NoticeKind::Erased);
        assert_eq!(client.enrolled(), None);
        assert!(client.attendances().is_empty() && client.awards().is_empty());
        assert_eq!((client.status().pending, client.status().carried), (0, 0));
        assert_ne!(client.device_public_key().as_bytes(), key.as_bytes());
    }
    let left = phone.storage.rows();
    assert!(left.len() <= 2, "{left:?}");
    assert!(left.iter().all(|row| !rows.contains(row)));
}

#[tokio::test]
async fn whoever_asks_to_be_erased_is_after_the_next_sync() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("a place that is open");
    client.erase_me().expect("asked for");
    client.erase_me().expect("once is enough");
    assert_eq!(client.status().pending, 2);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!((client.enrolled(), client.status().pending), (None, 0));
}

#[tokio::test]
async fn a_tablet_forgets_a_pass_whose_holder_was_erased() {
    let desk = Arc::new(Desk::new());
    let (phone, tablet) = enrolled_tablet(&desk, 1).await;
    tablet.work_at(PLACE).expect("a place of work");
    let pass = PassTag::from_bytes([0xC5; 16]);
    let (stream, _) = desk.see_elsewhere(pass, TUESDAY_NOON);
    desk.see_elsewhere(PassTag::from_bytes([9; 16]), TUESDAY_NOON);
    tablet.sync(BUDGET).await.expect("a sync");
    let scanned = || tablet.place_day(PLACE).expect("a place").scanned;
    assert_eq!(scanned(), 2);
    desk.blank(stream, pass, TUESDAY_NOON);
    tablet.sync(BUDGET).await.expect("a sync");
    assert_eq!((scanned(), tablet.status().mismatches), (1, 0));
    let rows = phone.open().place_day(PLACE).expect("a place").scanned;
    assert_eq!(rows, 1);
}

/// Nobody can say any more what it was about, so that waiting would help nobody.
#[tokio::test]
async fn a_correction_waits_no_more_for_a_scan_that_was_erased() {
    let desk = Arc::new(Desk::new());
    let (phone, tablet) = enrolled_tablet(&desk, 1).await;
    tablet.work_at(PLACE).expect("a place of work");
    let [gone, stays] = [0xC5, 9].map(|pass| PassTag::from_bytes([pass; 16]));
    let (stream, about_gone) = desk.see_elsewhere(gone, TUESDAY_NOON);
    let (_, about_stays) = desk.see_elsewhere(stays, TUESDAY_NOON);
    tablet.sync(BUDGET).await.expect("a sync");
    let void = |scan| tablet.void(scan, CorrectionReason::ScannedByMistake);
    let op = void(about_gone).expect("taken back");
    tablet.sync(BUDGET).await.expect("a sync");
    void(about_stays).expect("taken back");
    let report = tablet.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.deferred, tablet.status().pending), (1, 2));
    desk.blank(stream, gone, TUESDAY_NOON);
    tablet.sync(BUDGET).await.expect("a sync");
    for tablet in [&tablet, &phone.open()] {
        assert_eq!(tablet.status().pending, 1);
        let refused = tablet.rejected();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!(
            (refused[0].op, &*refused[0].reason),
            (op, "CITED_OP_UNKNOWN")
        );
    }
    // The server still has it as one that waits, and that is no reason to give up the log.
    desk.disturb(Disturbance::LongFormOnce);
    phone.clock.forward_ms(25 * HOUR_MS);
    tablet.sync(BUDGET).await.expect("a sync");
    let status = tablet.status();
    assert_eq!((status.healed, status.pending, status.notice), (0, 1, None));
}
