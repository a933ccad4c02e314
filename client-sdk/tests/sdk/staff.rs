//! Tablets at the door.

use std::sync::Arc;

use askel_client_sdk::{Advice, Client, Scanned};
use askel_proto::v1::{CorrectionReason, Role};
use askel_sync::{
    id::{ParticipantId, SessionId},
    op::SessionRef,
    time::{DAY_MS, HOUR_MS, MINUTE_MS},
};

use crate::common::{BUDGET, Desk, Disturbance, GROUP_PLACE, PLACE, Phone, enrolled, other_place};

const SOMEONE: ParticipantId = ParticipantId::from_bytes([0x77; 16]);

/// A volunteer's tablet.
async fn volunteer(desk: &Arc<Desk>, seed: u64) -> (Phone, Client) {
    let phone = Phone::new(desk, seed);
    let client = phone.open();
    let link = desk.world.volunteer_invitation();
    assert_eq!(
        client.enrol(&link).await.expect("enrolled").role,
        Role::Volunteer
    );
    client.sync(BUDGET).await.expect("a sync");
    (phone, client)
}

async fn tablet(desk: &Arc<Desk>, seed: u64) -> (Phone, Client) {
    let phone = Phone::new(desk, seed);
    let client = phone.open();
    let enrolled = client
        .enrol(&desk.world.staff_invitation())
        .await
        .expect("enrolled");
    assert_eq!((enrolled.role, enrolled.participant), (Role::Staff, None));
    client.sync(BUDGET).await.expect("a sync");
    (phone, client)
}

fn counts(client: &Client) -> (u64, u64, u64) {
    let day = client.place_day(PLACE).expect("a place");
    (day.scanned, day.anonymous, day.encounters)
}

#[tokio::test]
async fn a_card_is_counted_once_and_hands_without_a_name_add_up() {
    let desk = Arc::new(Desk::new());
    let (_, tablet) = tablet(&desk, 1).await;
    let card = desk.card(SOMEONE);
    assert!(matches!(
        tablet.scan(PLACE, &card),
        Ok(Scanned::Welcome { .. })
    ));
    assert!(matches!(
        tablet.scan(PLACE, &card),
        Ok(Scanned::AlreadyHere)
    ));
    tablet.tally(PLACE, 3).expect("counted");
    tablet.tally(PLACE, -1).expect("one too many");
    assert_eq!(counts(&tablet), (1, 2, 3));
    let report = tablet.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, report.rejected), (3, 0));
    assert_eq!(counts(&tablet), (1, 2, 3));
}

/// What is counted on Friday morning belongs to Thursday's outing, and shows at once.
#[tokio::test]
async fn a_count_at_an_outing_of_last_night_shows_with_it() {
    let desk = Arc::new(Desk::new());
    let (phone, tablet) = tablet(&desk, 1).await;
    phone.clock.forward_ms(2 * DAY_MS + 20 * HOUR_MS);
    tablet.tally(GROUP_PLACE, 3).expect("counted");
    tablet
        .scan(GROUP_PLACE, &desk.card(SOMEONE))
        .expect("scanned");
    let day = tablet.place_day(GROUP_PLACE).expect("a place");
    assert_eq!((day.scanned, day.anonymous, day.encounters), (1, 3, 4));
    let outing = SessionRef::Dated(SessionId::new(1));
    let sessions: Vec<_> = day
        .sessions
        .iter()
        .map(|of| (of.session, of.encounters))
        .collect();
    assert_eq!(sessions, [(outing, 4)]);
    let report = tablet.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, report.rejected), (2, 0));
    let day = tablet.place_day(GROUP_PLACE).expect("a place");
    assert_eq!((day.scanned, day.anonymous), (1, 3));
}

#[tokio::test]
async fn two_tablets_learn_of_each_others_scans_by_syncing() {
    let desk = Arc::new(Desk::new());
    let (_, first) = tablet(&desk, 1).await;
    let (_, second) = tablet(&desk, 2).await;
    let card = desk.card(SOMEONE);
    first.scan(PLACE, &card).expect("scanned");
    second.work_at(PLACE).expect("at work");
    first.sync(BUDGET).await.expect("a sync");
    second.sync(BUDGET).await.expect("a sync");
    assert!(matches!(
        second.scan(PLACE, &card),
        Ok(Scanned::AlreadyHere)
    ));
    // Another place is another session.
    assert!(matches!(
        second.scan(GROUP_PLACE, &card),
        Ok(Scanned::Welcome { .. })
    ));
    assert_eq!(counts(&second), (1, 0, 1));
}

#[tokio::test]
async fn a_scan_taken_back_counts_no_more_and_comes_back_when_shown_again() {
    let desk = Arc::new(Desk::new());
    let (_, tablet) = tablet(&desk, 1).await;
    let (_, other) = self::tablet(&desk, 2).await;
    let card = desk.card(SOMEONE);
    let Ok(Scanned::Welcome { op }) = tablet.scan(PLACE, &card) else {
        panic!("welcome")
    };
    tablet.sync(BUDGET).await.expect("a sync");
    tablet
        .void(op, CorrectionReason::ScannedByMistake)
        .expect("taken back");
    assert_eq!(counts(&tablet), (0, 0, 0));
    assert!(tablet.own_scans(PLACE)[0].voided);
    tablet.sync(BUDGET).await.expect("a sync");
    other.work_at(PLACE).expect("at work");
    other.sync(BUDGET).await.expect("a sync");
    assert_eq!(counts(&other), (0, 0, 0));
    assert!(matches!(other.scan(PLACE, &card), Ok(Scanned::Welcome { op: again }) if again == op));
    assert_eq!(counts(&other), (1, 0, 1));
    let report = other.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, report.rejected), (1, 0));
    tablet.sync(BUDGET).await.expect("a sync");
    assert_eq!(counts(&tablet), (1, 0, 1));
    assert!(!tablet.own_scans(PLACE)[0].voided);
}

#[tokio::test]
async fn a_volunteer_takes_an_own_scan_back_for_ten_minutes_and_is_refused_the_rest() {
    let desk = Arc::new(Desk::new());
    let (_, staff) = tablet(&desk, 1).await;
    let (phone, volunteer) = volunteer(&desk, 2).await;
    let reason = CorrectionReason::ScannedByMistake;
    let Ok(Scanned::Welcome { op: own }) = volunteer.scan(PLACE, &desk.card(SOMEONE)) else {
        panic!("welcome")
    };
    let other = ParticipantId::from_bytes([0x78; 16]);
    let Ok(Scanned::Welcome { op: theirs }) = staff.scan(PLACE, &desk.card(other)) else {
        panic!("welcome")
    };
    staff.sync(BUDGET).await.expect("a sync");
    volunteer.sync(BUDGET).await.expect("a sync");
    assert_eq!(counts(&volunteer), (2, 0, 2));
    let refused = volunteer.void(theirs, reason).expect_err("refused");
    assert_eq!(refused.advice(), Advice::FixInput);
    volunteer.void(own, reason).expect("taken back");
    phone.clock.forward_ms(10 * MINUTE_MS + 1);
    let late = volunteer.reinstate(own, reason).expect_err("too late");
    assert_eq!(late.advice(), Advice::FixInput);
    let report = volunteer.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, report.rejected), (1, 0));
    assert_eq!(counts(&volunteer), (1, 0, 1));
}

#[tokio::test]
async fn without_a_certificate_a_tablet_does_not_work() {
    let desk = Arc::new(Desk::new());
    desk.disturb(Disturbance::NoCertificate);
    let (_, tablet) = tablet(&desk, 1).await;
    let refused = tablet.tally(PLACE, 1).expect_err("no lease");
    assert_eq!(refused.advice(), Advice::RetryLater);
}

/// The wall clock says Wednesday; by the server's it is Tuesday.
#[tokio::test]
async fn a_clock_that_is_a_day_ahead_counts_for_the_day_it_is() {
    let desk = Arc::new(Desk::new());
    let (phone, tablet) = tablet(&desk, 1).await;
    let (_, right) = self::tablet(&desk, 2).await;
    phone.clock.jump_ms(DAY_MS);
    desk.disturb(Disturbance::Stale);
    desk.disturb(Disturbance::RequestLost);
    tablet
        .sync(BUDGET)
        .await
        .expect_err("told the time, and lost");
    tablet.scan(PLACE, &desk.card(SOMEONE)).expect("scanned");
    tablet.tally(PLACE, 2).expect("counted");
    right.tally(PLACE, 1).expect("counted");
    let (wrong, right) = (tablet.place_day(PLACE), right.place_day(PLACE));
    let (wrong, right) = (wrong.expect("a place"), right.expect("a place"));
    assert_eq!(wrong.date, right.date);
    assert_eq!(wrong.sessions[0].session, right.sessions[0].session);
    assert_eq!((wrong.scanned, wrong.anonymous), (1, 2));
    assert_eq!(tablet.own_scans(PLACE).len(), 1);
}

#[tokio::test]
async fn what_is_no_pass_or_no_place_is_refused() {
    let desk = Arc::new(Desk::new());
    let (_, tablet) = tablet(&desk, 1).await;
    let (_, phone) = enrolled(&desk, 2).await;
    let card = desk.card(SOMEONE);
    let last = card.len() - 1;
    let forged = format!(
        "{}{}",
        &card[..last],
        if card.ends_with('0') { "2" } else { "0" }
    );
    let refused = [
        tablet.scan(PLACE, "").map(drop),
        tablet.scan(PLACE, &forged).map(drop),
        tablet.scan(other_place(), &card).map(drop),
        tablet.tally(PLACE, 0).map(drop),
        tablet.tally(PLACE, 101).map(drop),
        tablet.tally(PLACE, -101).map(drop),
        tablet
            .void(
                askel_sync::id::OpId::from_bytes([1; 16]),
                CorrectionReason::WrongTime,
            )
            .map(drop),
        tablet.check_in(PLACE).map(drop),
        phone.scan(PLACE, &card).map(drop),
        phone.place_day(PLACE).map(drop),
    ];
    for refusal in refused {
        assert_eq!(refusal.expect_err("refused").advice(), Advice::FixInput);
    }
    tablet.tally(PLACE, 100).expect("at the limit");
    assert_eq!(tablet.status().pending, 1);
}

#[tokio::test]
async fn days_before_yesterday_are_dropped_and_a_lease_ends() {
    let desk = Arc::new(Desk::new());
    let (phone, tablet) = tablet(&desk, 1).await;
    tablet.scan(PLACE, &desk.card(SOMEONE)).expect("scanned");
    tablet.sync(BUDGET).await.expect("a sync");
    let followed = |desk: &Desk| {
        let requests = desk.requests();
        let last = requests.last().expect("a request");
        last.cursors.len() + last.positions.len()
    };
    assert_eq!(followed(&desk), 3);
    phone.clock.forward_ms(DAY_MS);
    tablet.sync(BUDGET).await.expect("a sync");
    assert_eq!(followed(&desk), 3);
    phone.clock.forward_ms(DAY_MS);
    // Once more: only at its end is it known that the server has not lost them.
    for followed_then in [3, 2] {
        tablet.sync(BUDGET).await.expect("a sync");
        assert_eq!(followed(&desk), followed_then);
    }
    phone.clock.forward_ms(6 * DAY_MS);
    let refused = tablet.tally(PLACE, 1).expect_err("the lease has ended");
    assert_eq!(refused.advice(), Advice::RetryLater);
}
