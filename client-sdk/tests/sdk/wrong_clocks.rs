//! People with wrong clocks: no visit is swallowed, no step is overwritten or doubled, nothing is refused.

use std::sync::Arc;

use askel_client_sdk::{Client, Clock as _, Presence, Scanned, StepReading};
use askel_proto::v1::Measure;
use askel_sync::{
    id::ParticipantId,
    stream::StreamKey,
    time::{DAY_MS, HOUR_MS, MINUTE_MS, QUARTER_MS, Timestamp},
};

use crate::common::{
    BUDGET, Desk, Disturbance, PLACE, Phone, SOURCE, TUESDAY_NOON, assert_all_settled, enrolled,
    enrolled_tablet,
};

/// Where a clock without a battery begins: 1 January 2016, noon.
const BEGINNING: Timestamp = Timestamp::from_ms(1_451_649_600_000);

fn wall(phone: &Phone) -> Timestamp {
    phone.clock.read().wall
}

/// A count of the quarter that it is now, by this phone's clock, and of so many before it.
fn counted(phone: &Phone, quarters: i64, count: u32) -> Vec<StepReading> {
    let at = |quarter: i64| wall(phone).saturating_add_ms(-quarter * QUARTER_MS);
    let reading = |quarter| StepReading {
        at: at(quarter),
        count,
    };
    (0..quarters).map(reading).collect()
}

fn record(client: &Client, readings: &[StepReading]) -> usize {
    let made = client.record_steps(SOURCE, Measure::Steps, readings);
    made.expect("never refused for its clock").written
}

fn all_steps(client: &Client) -> u64 {
    client.day_steps(Measure::Steps).values().sum()
}

/// Switched off and on; the wall clock begins anew.
fn begin_anew(phone: &Phone, boot_id: u64) {
    let back_ms = BEGINNING.saturating_ms_since(wall(phone));
    phone.clock.forward_ms(back_ms);
    phone.clock.reboot(boot_id);
    phone.clock.forward_ms(HOUR_MS);
}

#[tokio::test]
async fn a_visit_by_a_clock_that_was_set_back_is_another() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.sync(BUDGET).await.expect("a sync");
    client.check_in(PLACE).expect("here");
    phone.clock.forward_ms(DAY_MS);
    phone.clock.jump_ms(-DAY_MS);
    let again = || client.check_in(PLACE).expect("here").presence;
    assert_eq!(again(), Presence::Welcome);
    assert_eq!(again(), Presence::AlreadyHere);
    assert_eq!(client.attendances().len(), 2);
}

#[tokio::test]
async fn a_pass_that_is_shown_to_a_clock_that_was_set_back_is_welcome() {
    let desk = Arc::new(Desk::new());
    let (phone, tablet) = enrolled_tablet(&desk, 1).await;
    let card = desk.card(ParticipantId::from_bytes([0x77; 16]));
    let is_welcome = || match tablet.scan(PLACE, &card).expect("never refused") {
        Scanned::Welcome { .. } => true,
        Scanned::AlreadyHere => false,
    };
    assert!(is_welcome());
    phone.clock.forward_ms(DAY_MS);
    phone.clock.jump_ms(-DAY_MS);
    assert!(is_welcome());
    assert!(!is_welcome());
    // Its lease is a matter of true days.
    for days in [9, 400] {
        phone.clock.jump_ms(days * DAY_MS);
        assert!(!is_welcome());
        assert_eq!(tablet.place_day(PLACE).expect("a place").scanned, 1);
        assert_eq!(tablet.own_scans(PLACE).len(), 1);
        phone.clock.jump_ms(-days * DAY_MS);
    }
    // Of a boot without an exchange nobody knows whether its lease still lasts: the server will say.
    phone.clock.reboot(2);
    phone.clock.jump_ms(9 * DAY_MS);
    assert!(is_welcome());
    assert!(!is_welcome());
}

#[tokio::test]
async fn each_boot_of_a_clock_that_begins_anew_has_visits_and_steps_of_its_own() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    for boot in 2..6 {
        begin_anew(&phone, boot);
        let visit = || client.check_in(PLACE).expect("here").presence;
        assert_eq!(visit(), Presence::Welcome, "boot {boot}");
        assert_eq!(visit(), Presence::AlreadyHere, "boot {boot}");
        let count = 1_000 + u32::try_from(boot).expect("small");
        assert_eq!(record(&client, &counted(&phone, 2, count)), 2);
        assert_eq!(record(&client, &counted(&phone, 2, count)), 0, "once");
        // The count of the same quarter goes on.
        assert_eq!(record(&client, &counted(&phone, 1, count + 100)), 1);
    }
    assert_eq!(client.status().pending, 4 * 3);
}

/// A sensor's memory lasts longer than a boot, and an app reads all of it whenever it starts.
#[tokio::test]
async fn steps_that_are_read_again_in_later_boots_count_once() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    for is_tied in [false, true] {
        let before = all_steps(&client);
        phone.clock.forward_ms(DAY_MS);
        let mut memory = Vec::new();
        for boot in 2..6 {
            phone.clock.reboot(boot + 10 * u64::from(is_tied));
            if is_tied {
                client.sync(BUDGET).await.expect("a sync");
            }
            for _ in 0..7 {
                memory.extend(counted(&phone, 1, 100));
                record(&client, &memory);
                phone.clock.forward_ms(QUARTER_MS);
            }
            phone.clock.forward_ms(MINUTE_MS);
        }
        assert_eq!(all_steps(&client) - before, 4 * 7 * 100, "tied: {is_tied}");
        client.sync(BUDGET).await.expect("a sync");
        assert_eq!(all_steps(&client) - before, 4 * 7 * 100, "tied: {is_tied}");
    }
}

#[tokio::test]
async fn steps_of_a_clock_that_is_set_back_in_a_tied_boot_stand_on_their_own_days() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.sync(BUDGET).await.expect("a sync");
    for day in 0..5 {
        assert_eq!(record(&client, &counted(&phone, 8, 100)), 8, "day {day}");
        // And once more: the clock is as far off as it was.
        assert_eq!(record(&client, &counted(&phone, 8, 100)), 0, "day {day}");
        phone.clock.forward_ms(DAY_MS);
        phone.clock.jump_ms(-DAY_MS);
    }
    let days: Vec<u64> = client.day_steps(Measure::Steps).into_values().collect();
    assert_eq!(days, [800; 5]);
    client.sync(BUDGET).await.expect("a sync");
    let person = client.enrolled().and_then(|me| me.participant);
    let stream = StreamKey::Participant(person.expect("a person"));
    assert!(desk.stream(stream).len() >= 40);
}

/// Each boot begins by the same wrong clock, counts the same quarter, and learns the time afterwards.
#[tokio::test]
async fn a_quarter_that_was_named_by_a_wrong_clock_is_not_overwritten_by_another() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let mut expected = Vec::new();
    for day in 0..4 {
        begin_anew(&phone, u64::try_from(day).expect("small") + 2);
        let count = 5_000 - 1_000 * u32::try_from(day).expect("small");
        record(&client, &counted(&phone, 1, count));
        let now = TUESDAY_NOON.saturating_add_ms(day * DAY_MS);
        phone.clock.jump_ms(now.saturating_ms_since(wall(&phone)));
        client.sync(BUDGET).await.expect("a sync");
        // Read again, by the right time, and by the right name.
        assert_eq!(record(&client, &counted(&phone, 1, count)), 0);
        record(&client, &counted(&phone, 1, count + 10));
        client.sync(BUDGET).await.expect("a sync");
        expected.push(u64::from(count) + 10);
    }
    let days: Vec<u64> = client.day_steps(Measure::Steps).into_values().collect();
    assert_eq!(days, expected);
    assert_all_settled(&desk, &client);
}

/// What was named before the first exchange of a boot keeps its name: it is the same quarter after it.
#[tokio::test]
async fn a_quarter_goes_on_when_its_boot_learns_the_time() {
    let desk = Arc::new(Desk::new());
    for ahead_ms in [20 * MINUTE_MS, -20 * MINUTE_MS, DAY_MS, -3_000 * DAY_MS] {
        let (phone, client) = enrolled(&desk, 1 + ahead_ms.unsigned_abs()).await;
        phone.clock.reboot(2);
        phone.clock.jump_ms(ahead_ms);
        phone.clock.forward_ms(3 * HOUR_MS);
        record(&client, &counted(&phone, 8, 100));
        let told = Disturbance::Stale;
        desk.disturb(told);
        desk.disturb(Disturbance::RequestLost);
        client.sync(BUDGET).await.expect_err("told, and lost");
        let mut newest = counted(&phone, 8, 100);
        newest[0].count = 150;
        record(&client, &newest);
        assert_eq!(all_steps(&client), 850, "{ahead_ms} ms ahead");
    }
}

#[tokio::test]
async fn a_day_of_steps_by_a_clock_that_is_fast_is_taken() {
    let desk = Arc::new(Desk::new());
    for fast_min in [1_i64, 3, 14, 20, 60, 9 * 24 * 60] {
        let (phone, client) = enrolled(&desk, 1 + fast_min.unsigned_abs()).await;
        phone.clock.jump_ms(fast_min * MINUTE_MS);
        desk.disturb(Disturbance::Stale);
        desk.disturb(Disturbance::RequestLost);
        client.sync(BUDGET).await.expect_err("told, and lost");
        let readings = counted(&phone, 40, 100);
        assert_eq!(record(&client, &readings), 40, "{fast_min} min fast");
        assert_eq!(all_steps(&client), 4_000, "{fast_min} min fast");
    }
}

/// One reading of the future does not cost the others.
#[tokio::test]
async fn readings_of_the_future_are_left_out() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    for is_tied in [false, true] {
        if is_tied {
            client.sync(BUDGET).await.expect("a sync");
        }
        phone.clock.forward_ms(DAY_MS);
        let mut readings = counted(&phone, 4, 100);
        for ahead_ms in [HOUR_MS, 100 * 365 * DAY_MS, -wall(&phone).as_ms() - DAY_MS] {
            readings.push(StepReading {
                at: wall(&phone).saturating_add_ms(ahead_ms),
                count: 100,
            });
        }
        let made = client.record_steps(SOURCE, Measure::Steps, &readings);
        let made = made.expect("never refused for its clock");
        assert_eq!((made.written, made.unchanged, made.left_out), (4, 0, 3));
    }
}

/// A clock that goes back lets nothing wait for a time that it once showed.
#[tokio::test]
async fn what_was_written_by_a_clock_that_was_ahead_is_due_at_once() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    phone.clock.jump_ms(400 * DAY_MS);
    client.check_in(PLACE).expect("here");
    phone.clock.jump_ms(-400 * DAY_MS);
    let next = client.status().next_attempt.expect("something waits");
    assert!(next <= wall(&phone));
}
