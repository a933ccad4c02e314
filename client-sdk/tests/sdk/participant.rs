//! A participant's phone, offline and synced.

use std::sync::Arc;

use askel_client_sdk::{Advice, Change, Confirmation, Joining, Presence, Status, StepReading};
use askel_proto::v1::Measure;
use askel_sync::{
    id::{GoalId, PlaceId, StepSourceId},
    limits::{CURSORS_MAX, STEPS_PER_BUCKET_MAX},
    op::Alias,
    time::HOUR_MS,
};

use crate::common::{
    BUDGET, Desk, Disturbance, PLACE, Phone, QUEST, TUESDAY_NOON, World, enrolled, other_place,
};

const DAY: i64 = 24 * HOUR_MS;
const SOURCE: StepSourceId = StepSourceId::from_bytes([5; 16]);

#[tokio::test]
async fn a_check_in_shows_its_award_at_once_and_confirmed_after_a_sync() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let mut changes = client.observe();
    let checked_in = client.check_in(PLACE).expect("a place that is open");
    assert_eq!(checked_in.presence, Presence::Welcome);
    let names: Vec<_> = checked_in
        .new_awards
        .iter()
        .map(|award| &*award.name)
        .collect();
    assert_eq!(names, ["Merkki 1"]);
    assert_eq!(client.awards()[0].confirmation, Confirmation::OnThisDevice);
    assert_eq!(client.status().pending, 1);

    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, report.rejected), (1, 0));
    assert_eq!(report.confirmed_awards, client.awards());
    assert_eq!(client.awards()[0].confirmation, Confirmation::Confirmed);
    assert_eq!(
        (client.status().pending, client.status().next_attempt),
        (0, None)
    );
    let mut seen = Vec::new();
    while let Ok(change) = changes.try_recv() {
        seen.push(change);
    }
    assert!(
        seen.iter()
            .any(|change| matches!(change, Change::AwardShown(_)))
    );
    assert!(
        seen.iter()
            .any(|change| matches!(change, Change::AwardConfirmed(_)))
    );
    assert_eq!(seen.last(), Some(&Change::Synced));
}

#[tokio::test]
async fn a_second_check_in_of_a_session_finds_the_first() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let first = client.check_in(PLACE).expect("the first");
    phone.clock.forward_ms(HOUR_MS);
    let second = client.check_in(PLACE).expect("the second");
    assert_eq!(
        (second.presence, second.op),
        (Presence::AlreadyHere, first.op)
    );
    phone.clock.forward_ms(DAY);
    let next_day = client.check_in(PLACE).expect("the next day");
    assert_eq!(next_day.presence, Presence::Welcome);
    assert_eq!(client.attendances().len(), 2);
    assert_eq!(client.status().pending, 2);
}

#[tokio::test]
async fn a_place_that_the_catalog_does_not_know_is_refused() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let refused = client.check_in(other_place()).expect_err("no such place");
    assert_eq!(refused.advice(), Advice::FixInput);
    assert_eq!(client.status().pending, 0);
}

#[tokio::test]
async fn an_hour_updated_forty_times_leaves_as_one_op() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    for count in 1..=40 {
        let reading = [StepReading {
            at: TUESDAY_NOON,
            count: count * 100,
        }];
        let recorded = client
            .record_steps(SOURCE, Measure::Steps, &reading)
            .expect("recorded");
        assert_eq!((recorded.written, recorded.unchanged), (1, 0));
    }
    assert_eq!(client.status().pending, 1);
    assert_eq!(
        client.day_steps(Measure::Steps).values().sum::<u64>(),
        4_000
    );
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!(report.accepted, 1);
    let again = [StepReading {
        at: TUESDAY_NOON,
        count: 4_000,
    }];
    let recorded = client
        .record_steps(SOURCE, Measure::Steps, &again)
        .expect("recorded");
    assert_eq!((recorded.written, recorded.unchanged), (0, 1));
    let less = [StepReading {
        at: TUESDAY_NOON,
        count: 3_999,
    }];
    let recorded = client
        .record_steps(SOURCE, Measure::Steps, &less)
        .expect("recorded");
    assert_eq!(recorded.written, 1);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(
        client.day_steps(Measure::Steps).values().sum::<u64>(),
        3_999
    );
    let person = client
        .enrolled()
        .and_then(|enrolled| enrolled.participant)
        .expect("a person");
    assert_eq!(
        desk.participant(person).day_steps(Measure::Steps),
        client.day_steps(Measure::Steps)
    );
}

#[tokio::test]
async fn a_count_out_of_bounds_records_none_of_the_readings() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let good = StepReading {
        at: TUESDAY_NOON,
        count: STEPS_PER_BUCKET_MAX,
    };
    let bad = StepReading {
        count: STEPS_PER_BUCKET_MAX + 1,
        ..good
    };
    let refused = client.record_steps(SOURCE, Measure::Steps, &[good, bad]);
    assert_eq!(
        refused.expect_err("out of bounds").advice(),
        Advice::FixInput
    );
    assert_eq!(client.status().pending, 0);
    client
        .record_steps(SOURCE, Measure::Steps, &[good])
        .expect("at the limit");
}

#[tokio::test]
async fn profile_quests_and_favourites_are_kept_and_synced() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    client
        .set_alias(Alias {
            word: 1,
            number: 14,
        })
        .expect("an alias");
    client
        .set_alias(Alias {
            word: 1,
            number: 15,
        })
        .expect("another, in the same slot");
    client.set_picture(3).expect("a picture");
    client.set_language("en").expect("a language");
    client.add_favourite(PLACE).expect("marked");
    client.join_quest(QUEST).expect("joined");
    assert_eq!(client.status().pending, 5);
    assert_eq!(
        client.profile().alias_text.as_deref(),
        Some("kuu in English-15")
    );
    client.sync(BUDGET).await.expect("a sync");
    client.leave_quest(QUEST).expect("left");
    client.remove_favourite(PLACE).expect("unmarked");
    client.sync(BUDGET).await.expect("a sync");
    assert!(client.places().iter().all(|place| !place.favourite));
    let joining = client
        .progress()
        .into_iter()
        .find(|goal| goal.goal == QUEST);
    assert_eq!(joining.map(|goal| goal.joining), Some(Joining::NotJoined));
    assert_eq!(client.status(), Status::default());
}

#[tokio::test]
async fn what_is_cited_is_sealed_first() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    client.join_quest(QUEST).expect("joined");
    client.leave_quest(QUEST).expect("left");
    client.sync(BUDGET).await.expect("a sync");
    let sent = desk.requests().pop().expect("a request");
    assert_eq!(sent.batches.len(), 2);
    assert_eq!(client.status(), Status::default());
}

#[tokio::test]
async fn values_out_of_bounds_are_refused() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let refused = [
        client.set_alias(Alias {
            word: 1,
            number: 10_000,
        }),
        client.set_picture(64),
        client.set_language("de"),
        client.join_quest(GoalId::new(99)).map(drop),
        client.tally(PLACE, 1).map(drop),
    ];
    for refusal in refused {
        assert_eq!(refusal.expect_err("refused").advice(), Advice::FixInput);
    }
    assert_eq!(client.status().pending, 0);
}

#[tokio::test]
async fn places_are_found_by_distance_and_opening() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let nearby = client.nearby(65_012_000, 25_465_002);
    let distances: Vec<_> = nearby
        .iter()
        .map(|near| (near.place.id, near.distance_m))
        .collect();
    assert_eq!(distances, [(PlaceId::new(1), 0), (PlaceId::new(2), 0)]);
    let from_helsinki = client.nearby(60_170_000, 24_941_000);
    assert!((537_000..541_000).contains(&from_helsinki[0].distance_m));
    assert_eq!(client.open_now(TUESDAY_NOON).len(), 2);
    assert!(
        client
            .pass()
            .is_some_and(|pass| pass.starts_with("ASKEL:PASS:1:"))
    );
}

#[tokio::test]
async fn nothing_is_written_before_enrolment() {
    let desk = Arc::new(Desk::new());
    let client = Phone::new(&desk, 1).open();
    let refused = client.check_in(PLACE).expect_err("not enrolled");
    assert_eq!(refused.advice(), Advice::EnrolAgain);
    assert_eq!(client.enrolled(), None);
    assert!(client.sync(BUDGET).await.is_err());
}

/// A sensor's tomorrow waits for its time; nothing is lost, and nothing counts before.
#[tokio::test]
async fn a_clock_that_is_a_day_ahead_names_todays_session_and_counts_no_steps_of_tomorrow() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let (_, right) = enrolled(&desk, 2).await;
    phone.clock.jump_ms(DAY);
    desk.disturb(Disturbance::Stale);
    desk.disturb(Disturbance::RequestLost);
    client
        .sync(BUDGET)
        .await
        .expect_err("told the time, and lost");
    let wrong = client.check_in(PLACE).expect("here");
    assert_eq!(wrong.session, right.check_in(PLACE).expect("here").session);
    let reading = StepReading {
        at: TUESDAY_NOON,
        count: 100,
    };
    right
        .record_steps(SOURCE, Measure::Steps, &[reading])
        .expect("recorded");
    let right_steps = right.day_steps(Measure::Steps);
    let at = |ms| StepReading {
        // As its own clock says.
        at: TUESDAY_NOON.saturating_add_ms(DAY + ms),
        count: 100,
    };
    let made = client.record_steps(SOURCE, Measure::Steps, &[at(0), at(DAY)]);
    let made = made.expect("never refused for its clock");
    assert_eq!((made.written, made.left_out), (1, 1));
    assert_eq!(client.day_steps(Measure::Steps), right_steps);
}

/// More than one request has room for.
#[tokio::test]
async fn every_followed_stream_is_asked_for_however_many_there_are() {
    let desk = Arc::new(Desk::of(World::with_challenges(100)));
    let (_, client) = enrolled(&desk, 1).await;
    client.sync(BUDGET).await.expect("a sync");
    let requests = desk.requests();
    let short = requests.last().expect("the second sync's only one");
    assert_eq!(short.positions.len(), 3 + 101);
    let long: Vec<_> = requests
        .iter()
        .filter(|request| !request.cursors.is_empty())
        .collect();
    let (_, last) = long.split_at(long.len() - 2);
    let asked: usize = last.iter().map(|request| request.cursors.len()).sum();
    assert_eq!(asked, 3 + 101);
    assert!(
        last.iter()
            .all(|request| request.cursors.len() <= CURSORS_MAX)
    );
}
