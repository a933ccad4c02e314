//! Accepted own ops share rows, and nobody can tell but by how soon a database opens.

use std::sync::Arc;

use askel_client_sdk::{Client, StepReading, Storage as _};
use askel_proto::v1::Measure;
use askel_sync::{
    admission::{AdmittedOp, Role},
    id::{OpId, ParticipantId, StepSourceId},
    stream::StreamKey,
    time::{DAY_MS, HOUR_MS},
};

use crate::common::{BUDGET, Desk, PLACE, Phone, TUESDAY_NOON, enrolled};

/// The tables of ops with a row of their own, and of ops that share one.
const ALONE: u8 = 3;
const SHARED: u8 = 16;
/// What one row is shared by.
const PACKED_OPS: usize = 32;

fn rows(phone: &Phone, table: u8) -> usize {
    let rows = phone.storage.clone().load().expect("rows");
    rows.iter().filter(|row| row.key.table == table).count()
}

fn steps(client: &Client, hour: i64) {
    let at = TUESDAY_NOON.saturating_add_ms(hour * HOUR_MS);
    let count = 100 + u32::try_from(hour).expect("small");
    client
        .record_steps(
            StepSourceId::from_bytes([5; 16]),
            Measure::Steps,
            &[StepReading { at, count }],
        )
        .expect("recorded");
}

async fn sync(client: &Client) {
    client.sync(BUDGET).await.expect("a sync");
}

/// Hours, each of which is one op.
async fn hours(phone: &Phone, client: &Client, hours: std::ops::Range<i64>) {
    for hour in hours {
        phone.clock.forward_ms(HOUR_MS);
        steps(client, hour);
        if hour % 5 == 0 {
            sync(client).await;
        }
    }
    sync(client).await;
}

fn person(client: &Client) -> ParticipantId {
    let enrolled = client.enrolled().expect("enrolled");
    enrolled.participant.expect("a participant")
}

/// What the person wrote and the server has: a confirmation is made anew.
fn on_the_server(desk: &Desk, client: &Client) -> Vec<OpId> {
    let ops = desk.stream(StreamKey::Participant(person(client)));
    let written = ops
        .iter()
        .filter(|op| op.admission.author_role != Role::Server);
    let mut ids: Vec<OpId> = written.map(AdmittedOp::id).collect();
    ids.sort_unstable();
    ids
}

fn shown(client: &Client) -> (u64, usize, u32) {
    let steps = client.day_steps(Measure::Steps).values().sum();
    let status = client.status();
    (steps, client.attendances().len(), status.mismatches)
}

#[tokio::test]
async fn accepted_ops_come_to_share_rows_and_leave_them_after_35_days() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    hours(&phone, &client, 0..100).await;
    assert_eq!(rows(&phone, SHARED), 100 / PACKED_OPS);
    assert!(rows(&phone, ALONE) < PACKED_OPS, "{}", rows(&phone, ALONE));
    let reopened = phone.open();
    assert_eq!(shown(&reopened), shown(&client));
    assert_eq!(shown(&reopened).0, (100..200).sum::<u64>());
    // New ops after the packed ones, from the database alone.
    hours(&phone, &reopened, 100..105).await;
    assert_eq!(shown(&reopened).0, (100..205).sum::<u64>());
    let before = shown(&reopened);
    phone.clock.forward_ms(40 * DAY_MS);
    for _ in 0..2 {
        sync(&reopened).await;
    }
    assert_eq!((rows(&phone, SHARED), rows(&phone, ALONE)), (0, 0));
    assert_eq!(shown(&reopened), before);
    assert_eq!(shown(&phone.open()), before);
}

/// Only some of those that share a row are old enough to go.
#[tokio::test]
async fn a_row_loses_the_ops_that_are_old_and_keeps_the_others() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    hours(&phone, &client, 0..16).await;
    phone.clock.forward_ms(20 * DAY_MS);
    hours(&phone, &client, 490..506).await;
    assert_eq!((rows(&phone, SHARED), rows(&phone, ALONE)), (1, 0));
    let backup = desk.backup();
    phone.clock.forward_ms(20 * DAY_MS);
    for _ in 0..2 {
        sync(&client).await;
    }
    assert_eq!((rows(&phone, SHARED), rows(&phone, ALONE)), (1, 0));
    // The younger ones are still offered to a server that lost them.
    let before = on_the_server(&desk, &client);
    desk.restore(&backup);
    let reopened = phone.open();
    for _ in 0..2 {
        sync(&reopened).await;
    }
    assert_eq!(on_the_server(&desk, &reopened), before);
}

#[tokio::test]
async fn a_restored_server_gets_back_what_lies_in_shared_rows() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let backup = desk.backup();
    client.check_in(PLACE).expect("a place that is open");
    hours(&phone, &client, 0..80).await;
    assert_eq!(rows(&phone, SHARED), 2);
    let (before, was_shown) = (on_the_server(&desk, &client), shown(&client));
    desk.restore(&backup);
    // The process ends between any two exchanges.
    for _ in 0..3 {
        sync(&phone.open()).await;
    }
    let client = phone.open();
    assert_eq!(on_the_server(&desk, &client), before);
    assert_eq!(shown(&client), was_shown);
    assert_eq!(client.status().pending, 0);
    assert!(rows(&phone, ALONE) < PACKED_OPS);
}
