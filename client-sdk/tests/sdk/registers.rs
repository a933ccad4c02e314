//! Values that are far ahead of what this phone knows, and one clock read twice.

use std::sync::Arc;

use askel_client_sdk::{Client, StepReading};
use askel_proto::v1::Measure;
use askel_sync::{
    id::ParticipantId,
    limits::{REVISION_AHEAD_MAX, REVISION_MAX, STEPS_PER_BUCKET_MAX},
    op::{Payload, ProfileField, ProfileSet, StepCount},
    stream::StreamKey,
    time::{DAY_MS, Quarter},
};

use crate::common::{BUDGET, Desk, PLACE, SOURCE, TUESDAY_NOON, assert_all_settled, enrolled};

fn person(client: &Client) -> ParticipantId {
    let enrolled = client.enrolled().expect("enrolled");
    enrolled.participant.expect("a person")
}

fn counted(revision: u32, count: u32) -> Payload {
    Payload::StepCount(StepCount {
        source: SOURCE,
        bucket: Quarter::containing(TUESDAY_NOON).expect("after 1970"),
        measure: Measure::Steps,
        count,
        revision,
    })
}

fn picture(revision: u32) -> Payload {
    Payload::ProfileSet(ProfileSet {
        occurred_at: TUESDAY_NOON,
        field: ProfileField::Picture(3),
        revision,
    })
}

/// The old phone of the same person, with the same counter, had come far; the new one goes on.
#[tokio::test]
async fn a_correction_stands_however_far_ahead_another_device_had_come() {
    for ahead in [
        1,
        REVISION_AHEAD_MAX,
        REVISION_AHEAD_MAX + 1,
        5_000,
        REVISION_MAX - 1,
    ] {
        let desk = Arc::new(Desk::new());
        let (phone, client) = enrolled(&desk, 1).await;
        let stream = StreamKey::Participant(person(&client));
        for payload in [counted(ahead, STEPS_PER_BUCKET_MAX), picture(ahead)] {
            let op = (payload.kind() as u32, payload.encode());
            desk.say_raw(stream, op, Some(person(&client)), TUESDAY_NOON);
        }
        client.sync(BUDGET).await.expect("a sync");
        let steps = |client: &Client| client.day_steps(Measure::Steps).values().sum::<u64>();
        assert_eq!(steps(&client), u64::from(STEPS_PER_BUCKET_MAX));
        let reading = [StepReading {
            at: TUESDAY_NOON,
            count: 500,
        }];
        client
            .record_steps(SOURCE, Measure::Steps, &reading)
            .expect("recorded");
        client.set_picture(7).expect("set");
        let report = client.sync(BUDGET).await.expect("a sync");
        assert_eq!((report.accepted, report.rejected), (2, 0), "{ahead}");
        for client in [&client, &phone.open()] {
            assert_eq!(steps(client), 500, "{ahead}");
            assert_eq!(client.profile().picture, Some(7), "{ahead}");
        }
        assert_all_settled(&desk, &client);
    }
}

/// No honest writer ever comes there.
#[tokio::test]
async fn at_the_last_revision_nothing_breaks() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let stream = StreamKey::Participant(person(&client));
    for payload in [counted(REVISION_MAX, 9), picture(REVISION_MAX)] {
        let op = (payload.kind() as u32, payload.encode());
        desk.say_raw(stream, op, Some(person(&client)), TUESDAY_NOON);
    }
    client.sync(BUDGET).await.expect("a sync");
    let reading = [StepReading {
        at: TUESDAY_NOON,
        count: 500,
    }];
    let told = client.record_steps(SOURCE, Measure::Steps, &reading);
    told.expect_err("there is no revision above the last");
    client.set_picture(7).expect_err("nor here");
    client.check_in(PLACE).expect("everything else goes on");
    client.sync(BUDGET).await.expect("a sync");
    for client in [&client, &phone.open()] {
        assert_eq!(client.profile().picture, Some(3));
        assert_eq!((client.status().pending, client.status().rejected), (0, 0));
        assert_eq!(client.attendances().len(), 1);
    }
}

/// A new clock segment at each start of the app would cost its bytes each time.
#[tokio::test]
async fn a_clock_that_is_read_anew_is_in_the_same_segment_unless_it_was_moved() {
    for (moved_ms, segments) in [(40, 1), (-40, 1), (DAY_MS, 2), (-DAY_MS, 2)] {
        let desk = Arc::new(Desk::new());
        let (phone, client) = enrolled(&desk, 1).await;
        client.check_in(PLACE).expect("a place that is open");
        phone.clock.jump_ms(moved_ms);
        let client = phone.open();
        client.set_picture(7).expect("written");
        let found = segments_of(&desk, &client).await;
        assert_eq!(found, segments, "{moved_ms}");
    }
    // Small steps do not add up to a jump that nobody sees.
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("a place that is open");
    for picture in 1..=60 {
        phone.clock.jump_ms(100);
        client.set_picture(picture).expect("written");
        client.set_language("fi").expect("written");
        client.set_language("sv").expect("written");
    }
    assert!(segments_of(&desk, &client).await >= 2);
}

/// How many clock segments the next sync hands in ops of.
async fn segments_of(desk: &Desk, client: &Client) -> usize {
    let before = desk.segments_named();
    client.sync(BUDGET).await.expect("a sync");
    desk.segments_named() - before
}
