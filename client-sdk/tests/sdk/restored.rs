//! A server that was restored from a backup gets back what phones hold, and a phone keeps few bytes of
//! what no server will want back.

use std::sync::Arc;

use askel_client_sdk::{Client, NoticeKind, StepReading};
use askel_proto::v1::Measure;
use askel_sync::{
    admission::{AdmittedOp, Role},
    id::{OpId, ParticipantId, StepSourceId},
    stream::StreamKey,
    time::{DAY_MS, HOUR_MS},
};

use crate::common::{BUDGET, Desk, PLACE, Phone, TUESDAY_NOON, enrolled};

const SOURCE: StepSourceId = StepSourceId::from_bytes([5; 16]);

fn steps(client: &Client, day: i64, count: u32) {
    let at = TUESDAY_NOON.saturating_add_ms(day * DAY_MS);
    client
        .record_steps(SOURCE, Measure::Steps, &[StepReading { at, count }])
        .expect("recorded");
}

fn person(client: &Client) -> ParticipantId {
    let enrolled = client.enrolled().expect("enrolled");
    enrolled.participant.expect("a participant")
}

/// The ops of a participant's stream, ascending by id.
fn ops_of(desk: &Desk, person: ParticipantId) -> Vec<OpId> {
    let mut ids: Vec<OpId> = desk
        .stream(StreamKey::Participant(person))
        .iter()
        .map(AdmittedOp::id)
        .collect();
    ids.sort_unstable();
    ids
}

/// Those that people wrote: a confirmation is made anew.
fn written(desk: &Desk, person: ParticipantId) -> Vec<OpId> {
    let ops = desk.stream(StreamKey::Participant(person));
    let written = ops
        .iter()
        .filter(|op| op.admission.author_role != Role::Server);
    let mut ids: Vec<OpId> = written.map(AdmittedOp::id).collect();
    ids.sort_unstable();
    ids
}

/// Both phones write, and learn of each other.
async fn a_day(phones: [(&Phone, &Client); 2], day: i64) {
    for (phone, client) in phones {
        phone.clock.forward_ms(DAY_MS);
        client.check_in(PLACE).expect("a place that is open");
        steps(client, day, 1_000 + u32::try_from(day).expect("small"));
    }
    for _ in 0..2 {
        for (_, client) in phones {
            client.sync(BUDGET).await.expect("a sync");
        }
    }
}

#[tokio::test]
async fn one_phone_brings_back_what_it_and_another_had_handed_in() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let (other_phone, other) = enrolled(&desk, 2).await;
    let both = [(&phone, &client), (&other_phone, &other)];
    a_day(both, 1).await;
    let backup = desk.backup();
    a_day(both, 2).await;
    a_day(both, 3).await;
    let before = ops_of(&desk, person(&client));
    let (attended, counted) = (client.attendances(), client.day_steps(Measure::Steps));
    desk.restore(&backup);
    assert!(ops_of(&desk, person(&client)).len() < before.len());

    // The other phone never comes back.
    client.sync(BUDGET).await.expect("a sync");
    let notice = client.status().notice.expect("one sentence for the person");
    assert_eq!(notice.kind, NoticeKind::ServerRestored);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(ops_of(&desk, person(&client)), before);
    assert_eq!(client.attendances(), attended);
    assert_eq!(client.day_steps(Measure::Steps), counted);
    assert_eq!(client.status().pending, 0);
    let calls = desk.requests().len();
    let quiet = client.sync(BUDGET).await.expect("a sync");
    assert_eq!((quiet.received, desk.requests().len()), (0, calls + 1));

    // Or it does, and nothing is there twice.
    for _ in 0..2 {
        other.sync(BUDGET).await.expect("a sync");
        client.sync(BUDGET).await.expect("a sync");
    }
    assert_eq!(ops_of(&desk, person(&client)), before);
    assert_eq!(
        (client.status().mismatches, other.status().mismatches),
        (0, 0)
    );
    for client in [&client, &other, &phone.open(), &other_phone.open()] {
        assert_eq!(client.attendances(), attended);
        assert_eq!(client.day_steps(Measure::Steps), counted);
    }
}

#[tokio::test]
async fn a_phone_cut_while_it_hands_back_goes_on_where_it_was() {
    for cut in 0..14 {
        let desk = Arc::new(Desk::new());
        let (phone, client) = enrolled(&desk, 1).await;
        let (other_phone, other) = enrolled(&desk, 2).await;
        let both = [(&phone, &client), (&other_phone, &other)];
        a_day(both, 1).await;
        let backup = desk.backup();
        a_day(both, 2).await;
        let before = ops_of(&desk, person(&client));
        desk.restore(&backup);
        desk.disturb(crate::common::Disturbance::CutAfter(cut));
        let _ = client.sync(BUDGET).await;
        let client = phone.open();
        client.sync(BUDGET).await.expect("a sync");
        client.sync(BUDGET).await.expect("a sync");
        assert_eq!(ops_of(&desk, person(&client)), before, "cut after {cut}");
        assert_eq!(client.status().mismatches, 0);
    }
}

#[tokio::test]
async fn pages_are_merged_after_35_days_and_nothing_that_counts_is_lost() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    for day in 1..=60 {
        phone.clock.forward_ms(DAY_MS);
        client.check_in(PLACE).expect("a place that is open");
        steps(&client, day, 1_000);
        client.sync(BUDGET).await.expect("a sync");
        // A later count of the same hour supersedes the first.
        steps(&client, day, 2_000);
        client.sync(BUDGET).await.expect("a sync");
    }
    let seen = |client: &Client| {
        let steps: u64 = client.day_steps(Measure::Steps).values().sum();
        (client.attendances().len(), steps, client.awards())
    };
    let before = seen(&client);
    assert_eq!((before.0, before.1), (60, 120_000));
    let young = client.footprint();
    phone.clock.forward_ms(36 * DAY_MS);
    let reopened = phone.open();
    reopened.sync(BUDGET).await.expect("a sync");
    let old = reopened.footprint();
    assert_eq!(old.window_bytes, 0, "{old:?}");
    assert!(
        old.rows < 20 && old.document_bytes < young.window_bytes,
        "{young:?} {old:?}"
    );
    assert_eq!(seen(&reopened), before);
    let again = phone.open();
    assert_eq!(seen(&again), before);
    // The sum still fits when more comes.
    again.check_in(PLACE).expect("a place that is open");
    phone.clock.forward_ms(HOUR_MS);
    again.sync(BUDGET).await.expect("a sync");
    again.sync(BUDGET).await.expect("a sync");
    assert_eq!(
        (again.status().mismatches, again.attendances().len()),
        (0, 61)
    );
}

/// The phone's clock is off by years for a while, as one that began in the past is once it is set.
#[tokio::test]
async fn what_a_restored_server_wants_back_outlives_a_clock_that_jumps() {
    for years in [-3, 1, 11] {
        for syncs_before in [0, 2] {
            let desk = Arc::new(Desk::new());
            let (phone, client) = enrolled(&desk, 1).await;
            let (other_phone, other) = enrolled(&desk, 2).await;
            let both = [(&phone, &client), (&other_phone, &other)];
            a_day(both, 1).await;
            let backup = desk.backup();
            a_day(both, 2).await;
            let before = written(&desk, person(&client));
            phone.clock.jump_ms(years * 365 * DAY_MS);
            for _ in 0..syncs_before {
                client.sync(BUDGET).await.expect("a sync");
            }
            desk.restore(&backup);
            for _ in 0..2 {
                client.sync(BUDGET).await.expect("a sync");
            }
            let told = format!("{years} years, {syncs_before} syncs before");
            assert_eq!(written(&desk, person(&client)), before, "{told}");
        }
    }
}

/// A boot of which no exchange tells the time lets nothing go; what comes meanwhile is young once the
/// time is known.
#[tokio::test]
async fn nothing_goes_by_a_clock_that_nobody_confirms() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    a_day([(&phone, &client), (&phone, &client)], 1).await;
    let backup = desk.backup();
    // A boot without an id is never tied, and a request with nothing to hand in tells no clock.
    phone.clock.reboot(0);
    a_day([(&phone, &client), (&phone, &client)], 2).await;
    let before = written(&desk, person(&client));
    phone.clock.forward_ms(400 * DAY_MS);
    client.sync(BUDGET).await.expect("a sync");
    desk.restore(&backup);
    for _ in 0..2 {
        client.sync(BUDGET).await.expect("a sync");
    }
    assert_eq!(written(&desk, person(&client)), before);
}

/// Phones that can't tell their boots let go of the past too, whenever an exchange tells the time.
#[tokio::test]
async fn a_phone_without_boots_keeps_no_more_than_35_days() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    phone.clock.reboot(0);
    let mut kept = 0;
    for day in 1..=120 {
        a_day([(&phone, &client), (&phone, &client)], day).await;
        if day == 40 {
            kept = client.footprint().window_bytes;
        }
    }
    let footprint = client.footprint();
    assert!(footprint.document_bytes > 0, "{footprint:?}");
    assert!(
        footprint.window_bytes <= kept * 5 / 4,
        "{footprint:?}, {kept}"
    );
}

/// The last time from the oldest backup: the open log is lost, and two that were given up before.
#[tokio::test]
async fn logs_given_up_before_do_not_count_as_new_ones() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let oldest = desk.backup();
    for _ in 0..3 {
        for _ in 0..2 {
            phone.clock.forward_ms(DAY_MS);
            client.check_in(PLACE).expect("a place that is open");
            client.sync(BUDGET).await.expect("a sync");
        }
        let backup = desk.backup();
        phone.clock.forward_ms(DAY_MS);
        client.check_in(PLACE).expect("a place that is open");
        client.sync(BUDGET).await.expect("a sync");
        desk.restore(&backup);
        client.sync(BUDGET).await.expect("a sync");
    }
    let before = written(&desk, person(&client));
    desk.restore(&oldest);
    for _ in 0..2 {
        client.sync(BUDGET).await.expect("a sync");
    }
    assert_eq!(written(&desk, person(&client)), before);
    assert_eq!(client.status().last_reason, None);
}
