//! Databases that released versions of the SDK left on phones, in a folder a version beside this
//! file, each with its keys and with what a phone that opens it must show. Every later version opens
//! them all.
//!
//! `cargo test -p askel-client-sdk --test golden -- --ignored` writes the folder of this version
//! anew. A released folder is never written again.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that can't go on fails"
)]

#[path = "../common/mod.rs"]
#[expect(dead_code, unused_imports, reason = "other suites use the rest")]
mod common;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use askel_client_sdk::{Alias, Client, FileKeyStore, SqliteStorage, StepReading};
use askel_proto::v1::Measure;
use askel_sync::{
    id::StepSourceId,
    time::{DAY_MS, HOUR_MS, QUARTER_MS},
};
use common::{BUDGET, Desk, PLACE, Phone, QUEST};

/// The folder of the version being made. It is final once that is released.
const NEWEST: &str = "v0.1";
const DATABASE: &str = "askel.db";
const KEYS: &str = "keys";
const EXPECTED: &str = "phone.txt";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn phone() -> Phone {
    Phone::new(&Arc::new(Desk::new()), 1)
}

fn open(phone: &Phone, folder: &Path) -> Client {
    let storage = SqliteStorage::open(folder.join(DATABASE)).expect("a database");
    let key_store = FileKeyStore::new(folder.join(KEYS));
    let components = phone.components_on(Box::new(storage), Box::new(key_store));
    Client::open(components).expect("a database that opens")
}

/// What a phone shows, one fact a line, in words that outlive the types.
fn tell(client: &Client) -> String {
    let mut told = String::new();
    let mut line = |words: String| writeln!(told, "{words}").expect("a string takes all");
    line(format!("catalog {:?}", client.catalog_version()));
    line(format!("enrolled {}", client.enrolled().is_some()));
    line(format!("pass {}", client.pass().unwrap_or_default()));
    for attended in client.attendances() {
        let (place, day) = (attended.place.get(), attended.date.as_days());
        let witnesses = attended.witnesses.len();
        line(format!(
            "attended place {place} on day {day}, {witnesses} witnesses"
        ));
    }
    for (date, steps) in client.day_steps(Measure::Steps) {
        line(format!("walked {steps} on day {}", date.as_days()));
    }
    let profile = client.profile();
    let alias = profile.alias.map(|alias| (alias.word, alias.number));
    line(format!("alias {alias:?} picture {:?}", profile.picture));
    for award in client.awards() {
        let (goal, confirmation) = (award.goal.get(), award.confirmation);
        line(format!("award of goal {goal} {confirmation:?}"));
    }
    let status = client.status();
    line(format!(
        "pending {} rejected {}",
        status.pending, status.rejected
    ));
    told
}

/// A folder that may be written to.
fn copy(version: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [DATABASE, KEYS] {
        fs::copy(version.join(name), folder.path().join(name)).expect("copied");
    }
    folder
}

#[tokio::test]
async fn databases_of_every_version_open_and_go_on() {
    let versions = fs::read_dir(golden()).expect("the golden folder");
    let versions = versions.map(|entry| entry.expect("an entry").path());
    let mut seen = 0;
    for version in versions.filter(|path| path.is_dir()) {
        let expected = fs::read_to_string(version.join(EXPECTED)).expect("words");
        let folder = copy(&version);
        let phone = phone();
        phone.clock.forward_ms(3 * DAY_MS);
        let client = open(&phone, folder.path());
        assert_eq!(tell(&client), expected, "{}", version.display());
        let before = (client.attendances().len(), client.status().pending);
        client.check_in(PLACE).expect("a check-in of today");
        let after = (client.attendances().len(), client.status().pending);
        assert_eq!(after, (before.0 + 1, before.1 + 1));
        seen += 1;
    }
    assert!(seen > 0, "no version has a folder");
}

#[tokio::test]
#[ignore = "writes the folder of this version anew"]
async fn write() {
    let newest = golden().join(NEWEST);
    // What is not there yet can't be removed.
    let _ = fs::remove_dir_all(&newest);
    fs::create_dir_all(&newest).expect("a folder");
    let phone = phone();
    let client = open(&phone, &newest);
    let link = phone.desk.world.invitation();
    client.enrol(&link).await.expect("enrolled");
    client.sync(BUDGET).await.expect("a first sync");
    live(&phone, &client);
    client.sync(BUDGET).await.expect("handed in");
    // Long enough that the first steps are archived, and others are settled beside them.
    phone.clock.forward_ms(40 * DAY_MS);
    client.sync(BUDGET).await.expect("settled");
    // And enough after it that accepted ops share a row, and there are pages in the window.
    for hour in 1..=40 {
        phone.clock.forward_ms(HOUR_MS);
        walk(&phone, &client, &[(HOUR_MS, 100 + hour)]);
    }
    client.sync(BUDGET).await.expect("handed in");
    phone.clock.forward_ms(DAY_MS);
    live(&phone, &client);
    let told = tell(&client);
    drop(client);
    fs::write(newest.join(EXPECTED), told).expect("written");
}

/// Records counts, each of so many milliseconds ago.
fn walk(phone: &Phone, client: &Client, counts: &[(i64, u32)]) {
    let now = askel_client_sdk::Clock::read(&*phone.clock).wall;
    let reading = |&(ago_ms, count): &(i64, u32)| StepReading {
        at: now.saturating_add_ms(-ago_ms),
        count,
    };
    let readings: Vec<StepReading> = counts.iter().map(reading).collect();
    client
        .record_steps(StepSourceId::from_bytes([5; 16]), Measure::Steps, &readings)
        .expect("recorded");
}

fn live(phone: &Phone, client: &Client) {
    client.check_in(PLACE).expect("a place that is open");
    walk(phone, client, &[(HOUR_MS, 1_234), (QUARTER_MS, 321)]);
    let alias = Alias {
        word: 1,
        number: 14,
    };
    client.set_alias(alias).expect("an alias");
    client.set_picture(2).expect("a picture");
    client.add_favourite(PLACE).expect("a place");
    client.join_quest(QUEST).expect("a quest");
}
