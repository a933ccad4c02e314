//! A process that writes through the SDK is killed (SIGKILL) at random moments: whatever it was told is
//! on disk is there, once.
//!
//! `ASKEL_KILLS` says how often, 20 if it is not set.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that can't go on fails"
)]

#[path = "../common/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the other suite uses the rest")]
mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use askel_client_sdk::{
    Client, Entropy as _, FileKeyStore, SqliteStorage, StepReading, SystemEntropy,
};
use askel_proto::v1::Measure;
use askel_sync::{
    id::StepSourceId,
    time::{DAY_MS, QUARTER_MS, Timestamp},
};
use common::{BUDGET, Desk, PLACE, Phone, TUESDAY_NOON};

/// Says to [`writer`], in a process of its own, where its database is and which day it is.
const DIRECTORY: &str = "ASKEL_WRITER_DIRECTORY";
const FIRST_DAY: &str = "ASKEL_WRITER_FIRST_DAY";
const SOURCE: StepSourceId = StepSourceId::from_bytes([5; 16]);
/// Days a writer lives at most: the driver has killed it long before.
const DAYS_MAX: i64 = 1_000_000;
/// The longest a writer lives, in acknowledgements.
const ACKNOWLEDGED_MAX: u16 = 16;

fn open(phone: &Phone, directory: &Path) -> Client {
    let storage = SqliteStorage::open(directory.join("askel.db")).expect("a file");
    let key_store = FileKeyStore::new(directory.join("keys"));
    Client::open(phone.components_on(Box::new(storage), Box::new(key_store))).expect("open")
}

/// What was acknowledged, by day: the check-in's op id and the steps.
#[derive(Default)]
struct Told {
    check_ins: BTreeSet<String>,
    steps: BTreeMap<i64, u32>,
    last_day: i64,
}

impl Told {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match &words[..] {
            // A writer that goes on in a day begun before finds that day's check-in.
            [.., "check-in", op] => {
                self.check_ins.insert((*op).to_owned());
            }
            [.., "steps", day, count] => {
                self.last_day = day.parse().expect("a day");
                self.steps
                    .insert(self.last_day, count.parse().expect("a count"));
            }
            _ => {}
        }
    }
}

/// The process that is killed: a check-in and three growing counts a day.
#[test]
fn writer() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let first_day: i64 = std::env::var(FIRST_DAY)
        .expect("a day")
        .parse()
        .expect("a day");
    let phone = Phone::new(&Arc::new(Desk::new()), 1);
    let client = open(&phone, Path::new(&directory));
    phone.clock.forward_ms(first_day * DAY_MS);
    let mut out = std::io::stdout().lock();
    let mut tell = move |line: String| {
        writeln!(out, "\n{line}")
            .and_then(|()| out.flush())
            .expect("someone listens");
    };
    for day in first_day..DAYS_MAX {
        let op = client.check_in(PLACE).expect("a place that is open").op;
        tell(format!("check-in {:02x?}", op.as_bytes()).replace(", ", ""));
        for count in 1..=3 {
            let reading = [StepReading {
                at: instant(day),
                count: count * 1_000,
            }];
            client
                .record_steps(SOURCE, Measure::Steps, &reading)
                .expect("recorded");
            tell(format!("steps {day} {}", count * 1_000));
        }
        phone.clock.forward_ms(DAY_MS);
    }
}

fn instant(day: i64) -> Timestamp {
    TUESDAY_NOON.saturating_add_ms(day * DAY_MS - QUARTER_MS)
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_by_kills() {
    let kills: u32 =
        std::env::var("ASKEL_KILLS").map_or(20, |text| text.parse().expect("a number"));
    let directory = tempfile::tempdir().expect("a directory");
    let desk = Arc::new(Desk::new());
    let phone = Phone::new(&desk, 1);
    let client = open(&phone, directory.path());
    client
        .enrol(&desk.world.invitation())
        .await
        .expect("enrolled");
    client.sync(BUDGET).await.expect("a sync");
    drop(client);
    let mut told = Told::default();
    for kill in 0..kills {
        write_until_killed(directory.path(), &mut told);
        check(&open(&phone, directory.path()), &told, kill);
    }
    phone.clock.forward_ms((told.last_day + 1) * DAY_MS);
    let client = open(&phone, directory.path());
    client.sync(BUDGET).await.expect("a sync");
    let accepted: Vec<String> = desk
        .accepted()
        .iter()
        .map(|op| hex(op.as_bytes()))
        .collect();
    let once: BTreeSet<String> = accepted.iter().cloned().collect();
    assert_eq!(once.len(), accepted.len(), "an op was accepted twice");
    assert!(
        told.check_ins.is_subset(&once),
        "an acknowledged check-in is lost"
    );
    assert_eq!(client.status().pending, 0);
}

/// Listens to a writer for a random while, and kills it in mid-write.
fn write_until_killed(directory: &Path, told: &mut Told) {
    let mut writer = Command::new(std::env::current_exe().expect("this test"))
        .args(["writer", "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(FIRST_DAY, (told.last_day + 1).to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test again");
    let mut random = [0; 2];
    SystemEntropy.fill(&mut random).expect("randomness");
    let [count, pause] = random;
    let mut lines = BufReader::new(writer.stdout.take().expect("piped")).lines();
    let mut acknowledged = 0;
    while acknowledged < 1 + u16::from(count) % ACKNOWLEDGED_MAX {
        let line = lines.next().expect("the writer goes on").expect("text");
        acknowledged += u16::from(line.contains("check-in") || line.contains("steps"));
        told.hear(&line);
    }
    // Somewhere in the next write, not at its end.
    std::thread::park_timeout(Duration::from_micros(u64::from(pause) * 10));
    writer.kill().expect("killed");
    writer.wait().expect("gone");
    // What it said before it died counts.
    for line in lines.map_while(Result::ok) {
        told.hear(&line);
    }
}

fn check(client: &Client, told: &Told, kill: u32) {
    let attended = client.attendances();
    let witnesses: Vec<String> = attended
        .iter()
        .flat_map(|attended| &attended.witnesses)
        .map(|op| hex(op.as_bytes()))
        .collect();
    let once: BTreeSet<String> = witnesses.iter().cloned().collect();
    assert_eq!(
        witnesses.len(),
        attended.len(),
        "kill {kill}: a day counts twice"
    );
    assert!(
        told.check_ins.is_subset(&once),
        "kill {kill}: an acknowledged check-in is lost"
    );
    // One write may have been under way when the writer died.
    assert!(once.len() <= told.check_ins.len() + 1 + usize::try_from(kill).expect("small"));
    let days: Vec<u64> = client.day_steps(Measure::Steps).into_values().collect();
    let sum: u64 = days.iter().sum();
    let acknowledged: u64 = told.steps.values().map(|count| u64::from(*count)).sum();
    assert!(
        days.iter()
            .all(|steps| [1_000, 2_000, 3_000].contains(steps)),
        "{days:?}"
    );
    assert!(
        sum >= acknowledged,
        "kill {kill}: {sum} steps of {acknowledged}"
    );
    let unacknowledged = u64::from(kill + 1) * 1_000;
    assert!(
        sum <= acknowledged + unacknowledged,
        "kill {kill}: {sum} of {acknowledged}"
    );
}

fn hex(bytes: &[u8]) -> String {
    format!("{bytes:02x?}").replace(", ", "")
}
