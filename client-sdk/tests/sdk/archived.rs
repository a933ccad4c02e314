//! Steps of long ago are kept where opening does not read them, and nobody can tell.

use std::{collections::BTreeMap, sync::Arc};

use askel_client_sdk::{Client, KeyStore as _, RowWrite, SealedRow, StepReading, Storage as _};
use askel_proto::v1::Measure;
use askel_sync::{
    id::{ParticipantId, StepSourceId},
    time::{DAY_MS, HOUR_MS, LocalDate},
};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};

use crate::common::{BUDGET, Desk, Disturbance, PLACE, Phone, TUESDAY_NOON, enrolled};

/// The tables of archived steps and of what they come to.
const ARCHIVED: u8 = 14;
const DAYS: u8 = 15;

const fn source(number: u8) -> StepSourceId {
    StepSourceId::from_bytes([number; 16])
}

fn count(client: &Client, source: StepSourceId, (day, hour): (i64, i64), count: u32) {
    let at = TUESDAY_NOON.saturating_add_ms(day * DAY_MS + hour * HOUR_MS);
    client
        .record_steps(source, Measure::Steps, &[StepReading { at, count }])
        .expect("recorded");
}

fn person(client: &Client) -> ParticipantId {
    let enrolled = client.enrolled().expect("enrolled");
    enrolled.participant.expect("a participant")
}

fn rows(phone: &Phone, table: u8) -> Vec<SealedRow> {
    let rows = phone.storage.clone().load().expect("rows");
    rows.into_iter()
        .filter(|row| row.key.table == table)
        .collect()
}

async fn sync(client: &Client) {
    client.sync(BUDGET).await.expect("a sync");
}

fn days(client: &Client) -> BTreeMap<LocalDate, u64> {
    client.day_steps(Measure::Steps)
}

/// The days of the server's ops are shown, before and after a restart.
fn assert_same_days(desk: &Desk, phone: &Phone, client: &Client) {
    let state = desk.participant(person(client));
    let expected: BTreeMap<LocalDate, u64> = state.days(Measure::Steps).collect();
    for client in [client, &phone.open()] {
        assert_eq!(days(client), expected);
    }
}

/// All that the server's ops come to is shown, and nothing was found wrong on the way.
fn assert_same(desk: &Desk, phone: &Phone, client: &Client) {
    assert_same_days(desk, phone, client);
    let state = desk.participant(person(client));
    let again = phone.open();
    for client in [client, &again] {
        assert_eq!(client.attendances().len(), state.attendances().len());
        assert_eq!(client.status().mismatches, 0);
    }
    assert_eq!(client.progress(), again.progress());
    assert_eq!(client.awards(), again.awards());
}

/// Days from one to another, each with two hours and a sync.
async fn live(phone: &Phone, client: &Client, days: std::ops::Range<i64>) {
    for day in days {
        phone.clock.forward_ms(DAY_MS);
        let steps = u32::try_from(1_000 + day).expect("small");
        count(client, source(5), (day, -2), steps);
        count(client, source(5), (day, -1), 50);
        sync(client).await;
    }
}

#[tokio::test]
async fn steps_of_long_ago_are_archived_and_nothing_that_is_shown_changes() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    // A code that goes along as evidence, and of which nothing shows.
    let code = [b'x'; 80];
    client
        .check_in_with_code(PLACE, &code)
        .expect("a place that is open");
    live(&phone, &client, 1..34).await;
    assert!(rows(&phone, ARCHIVED).is_empty() && rows(&phone, DAYS).is_empty());
    live(&phone, &client, 34..120).await;
    assert_eq!(
        (rows(&phone, ARCHIVED).len(), rows(&phone, DAYS).len()),
        (1, 1)
    );
    assert_same(&desk, &phone, &client);
    // The archive has all days but those in the window, and the one it was settled on.
    assert!(
        client.footprint().document_bytes > 200,
        "{:?}",
        client.footprint()
    );
    let reopened = phone.open();
    live(&phone, &reopened, 120..125).await;
    assert_same(&desk, &phone, &reopened);
}

/// More than one row has room for: full ones are not written anew.
#[tokio::test]
async fn full_rows_of_the_archive_stay_as_they_are() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    for day in 1..95 {
        phone.clock.forward_ms(DAY_MS);
        for hour in 0..20 {
            count(&client, source(5), (day, hour - 20), 100);
        }
        sync(&client).await;
    }
    let before = rows(&phone, ARCHIVED);
    assert_eq!(before.len(), 2);
    live(&phone, &client, 95..100).await;
    let after = rows(&phone, ARCHIVED);
    assert_eq!((after.len(), &after[0]), (2, &before[0]));
    assert_ne!(after[1], before[1]);
    assert_same(&desk, &phone, &client);
}

#[tokio::test]
async fn hours_of_long_ago_that_another_phone_brings_count() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let (old_phone, old) = enrolled(&desk, 2).await;
    live(&phone, &client, 1..90).await;
    old_phone.clock.forward_ms(89 * DAY_MS);
    // Another source, in an hour with and one without steps; and a later value of an archived count.
    count(&old, source(6), (5, -2), 3_000);
    count(&old, source(6), (7, 3), 700);
    sync(&old).await;
    count(&old, source(5), (6, -2), 40);
    sync(&old).await;
    sync(&client).await;
    assert_same(&desk, &phone, &client);
    assert_same(&desk, &old_phone, &old);
    // They are settled in their turn.
    live(&phone, &client, 90..132).await;
    assert_same(&desk, &phone, &client);
    live(&phone, &client, 132..135).await;
    assert_same(&desk, &phone, &client);
    // Of an archived register the archive has the last value alone.
    #[cfg(feature = "inspection")]
    {
        let counts = phone.open().step_counts();
        let registers: BTreeMap<_, u32> = counts.iter().copied().collect();
        assert_eq!(registers.len(), counts.len());
        assert_eq!(registers.values().filter(|count| **count == 40).count(), 1);
    }
    let (new_phone, new) = enrolled(&desk, 3).await;
    new_phone.clock.forward_ms(134 * DAY_MS);
    sync(&new).await;
    assert_same(&desk, &new_phone, &new);
}

#[tokio::test]
async fn a_phone_knows_what_it_counted_long_ago() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live(&phone, &client, 1..90).await;
    let client = phone.open();
    let at = TUESDAY_NOON.saturating_add_ms(5 * DAY_MS - 2 * HOUR_MS);
    let again = |client: &Client, count| {
        let readings = [StepReading { at, count }];
        let made = client.record_steps(source(5), Measure::Steps, &readings);
        made.expect("recorded").written
    };
    assert_eq!(again(&client, 1_005), 0, "the same count is no news");
    assert_eq!(again(&client, 900), 1);
    let shown = days(&client);
    assert_eq!(days(&phone.open()), shown);
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!(
        (report.accepted, report.rejected),
        (1, 0),
        "its revision is the next"
    );
    assert_eq!(days(&client), shown);
    assert_same(&desk, &phone, &client);
}

/// The counts of years from a clock that is not sure, offline phones, restarts: at any time what a
/// phone shows is what all ops come to.
#[tokio::test]
async fn at_any_time_what_is_shown_is_what_all_ops_come_to() {
    for seed in 1..3_u64 {
        let desk = Arc::new(Desk::new());
        let (phone, mut client) = enrolled(&desk, seed).await;
        let (other_phone, other) = enrolled(&desk, seed + 10).await;
        let mut state = seed;
        let mut draw = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((state >> 33) % below).expect("small")
        };
        for day in 1..130_i64 {
            for one in [&phone, &other_phone] {
                one.clock.forward_ms(DAY_MS);
            }
            for _ in 0..2 {
                let late = if draw(12) == 0 {
                    draw(day.unsigned_abs() + 1)
                } else {
                    0
                };
                let steps = u32::try_from(draw(3_000)).expect("small");
                count(&client, source(5), (day - late, -draw(3)), steps);
            }
            let steps = u32::try_from(draw(3_000)).expect("small");
            count(&other, source(6), (day, -draw(3)), steps);
            if draw(30) == 0 {
                sync(&other).await;
            }
            if draw(3) > 0 {
                sync(&client).await;
            }
            if draw(10) == 0 {
                client = phone.open();
            }
            if day % 13 == 0 {
                sync(&client).await;
                sync(&client).await;
                assert_same(&desk, &phone, &client);
            }
        }
        assert!(!rows(&phone, ARCHIVED).is_empty());
    }
}

/// The row as it would be with other content: sealed by the same key.
fn forged(phone: &Phone, row: &SealedRow, change: impl Fn(&mut Vec<u8>)) -> SealedRow {
    let keys = phone.key_store.clone().load().expect("keys").expect("keys");
    let cipher = XChaCha20Poly1305::new(&keys.data_key.into());
    let [n0, n1, n2, n3] = row.key.number.to_be_bytes();
    let aad = [
        b"askel/row/v1\0".as_slice(),
        &[row.key.table, n0, n1, n2, n3],
    ]
    .concat();
    let (nonce, sealed) = row.sealed.split_at(24);
    let nonce: [u8; 24] = nonce.try_into().expect("24 bytes");
    let payload = Payload {
        msg: sealed,
        aad: &aad,
    };
    let mut plain = cipher.decrypt(&nonce.into(), payload).expect("its own row");
    change(&mut plain);
    let payload = Payload {
        msg: &plain,
        aad: &aad,
    };
    let sealed = cipher.encrypt(&nonce.into(), payload).expect("sealed");
    SealedRow {
        key: row.key,
        sealed: [&nonce[..], &sealed].concat(),
    }
}

/// In the usual case nothing reads the archive; who needs an archive that is spoiled has it again from
/// the server.
#[tokio::test]
async fn opening_and_showing_read_no_archive_and_a_spoiled_one_is_pulled_again() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live(&phone, &client, 1..90).await;
    let before = (days(&client), client.progress(), client.awards());
    drop(client);
    let row = rows(&phone, ARCHIVED).remove(0);
    let spoiled = forged(&phone, &row, |plain| {
        *plain.last_mut().expect("a frame") ^= 0x55;
    });
    phone
        .storage
        .clone()
        .commit(&[RowWrite::Put(spoiled)])
        .expect("written");
    let client = phone.open();
    assert_eq!((days(&client), client.progress(), client.awards()), before);
    // A count of today asks nothing of it.
    phone.clock.forward_ms(DAY_MS);
    count(&client, source(5), (90, -1), 77);
    assert_eq!(days(&client).len(), before.0.len() + 1);
    // Syncing does, and finds it out.
    sync(&client).await;
    assert_eq!(client.status().mismatches, 1);
    assert_same_days(&desk, &phone, &client);
}

#[tokio::test]
async fn a_database_that_lacks_a_row_of_its_archive_or_has_a_later_versions_does_not_open() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live(&phone, &client, 1..90).await;
    drop(client);
    let open = |phone: &Phone| Client::open(phone.components()).map(drop);
    assert!(open(&phone).is_ok());
    let (archived, totals) = (
        rows(&phone, ARCHIVED).remove(0),
        rows(&phone, DAYS).remove(0),
    );
    for row in [&archived, &totals] {
        let mut storage = phone.storage.clone();
        storage
            .commit(&[RowWrite::Delete(row.key)])
            .expect("written");
        assert!(open(&phone).is_err(), "without {:?}", row.key);
        // Another encoding of the frame, another way to make totals.
        let later = forged(&phone, row, |plain| {
            let at = if row.key.table == DAYS {
                0
            } else {
                plain
                    .iter()
                    .position(|byte| *byte == 0x10)
                    .expect("an encoding")
            };
            assert_eq!(plain[at + 1], 1);
            plain[at + 1] = 2;
        });
        storage.commit(&[RowWrite::Put(later)]).expect("written");
        assert!(open(&phone).is_err(), "{:?} of a later version", row.key);
        storage
            .commit(&[RowWrite::Put(row.clone())])
            .expect("written");
        assert!(open(&phone).is_ok());
    }
}

#[tokio::test]
async fn a_stream_that_begins_anew_takes_its_archive_along() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live(&phone, &client, 1..90).await;
    let shown = days(&client);
    assert_eq!(rows(&phone, ARCHIVED).len(), 1);
    client.set_picture(2).expect("written");
    desk.disturb(Disturbance::WrongSum);
    desk.disturb(Disturbance::WrongSum);
    sync(&client).await;
    assert_eq!(client.status().mismatches, 1);
    assert!(rows(&phone, ARCHIVED).is_empty() && rows(&phone, DAYS).is_empty());
    for client in [&client, &phone.open()] {
        assert_eq!(days(client), shown);
    }
    live(&phone, &client, 90..130).await;
    assert_eq!(rows(&phone, ARCHIVED).len(), 1);
    assert_same_days(&desk, &phone, &client);
}

/// What was archived goes on to count when the server was restored from a backup of before.
#[tokio::test]
async fn a_server_restored_from_before_the_archive_makes_the_stream_begin_anew() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live(&phone, &client, 1..20).await;
    let backup = desk.backup();
    live(&phone, &client, 20..30).await;
    let recent = desk.backup();
    live(&phone, &client, 30..60).await;
    assert_eq!(rows(&phone, ARCHIVED).len(), 1);
    for backup in [recent, backup] {
        desk.restore(&backup);
        for _ in 0..3 {
            sync(&client).await;
        }
        assert_same_days(&desk, &phone, &client);
    }
}
