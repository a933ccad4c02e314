//! A phone or a tablet as a process of its own, which is this test binary again.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use askel_client_sdk::{Client, StepReading};
use askel_sync::{id::StepSourceId, invitation::Link, op::Measure, time::Timestamp};

use super::proxy::Proxy;
use crate::{
    crowd::{BUDGET, FIRST_QUARTER_MS, QUARTER_MS, open_in},
    world::{PLACE, World, signal},
};

/// Says to [`a_process`] where its database is, who holds it, and which quarter comes next.
const FOLDER: &str = "ASKEL_PHONE_FOLDER";
const HOLDER: &str = "ASKEL_PHONE_HOLDER";
const NEXT_QUARTER: &str = "ASKEL_PHONE_QUARTER";
/// Between two syncs.
const PACE: Duration = Duration::from_millis(150);
/// A process lives no longer: its driver may have died.
const LIVES_MAX: u32 = 10_000;

/// Who holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// Walks.
    Participant,
    /// Counts people.
    Staff,
}

/// The process: writes, tells what is on disk, syncs.
#[tokio::test]
async fn a_process() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let client = open_in(Path::new(&folder));
    let is_staff = std::env::var(HOLDER).is_ok_and(|holder| holder == "Staff");
    let next: u32 = std::env::var(NEXT_QUARTER)
        .expect("a quarter")
        .parse()
        .expect("a number");
    for life in 0..LIVES_MAX {
        for quarter in (next + life * 3..).take(3) {
            if is_staff {
                client.tally(PLACE, 1).expect("counted");
                tell("tally");
            } else {
                walk(&client, quarter);
                tell(&format!("quarter {quarter}"));
            }
        }
        // Whether it goes through is what the driver watches.
        let _ = client.sync(BUDGET).await;
        tokio::time::sleep(PACE).await;
    }
}

fn walk(client: &Client, quarter: u32) {
    let at = FIRST_QUARTER_MS + i64::from(quarter) * QUARTER_MS;
    let reading = StepReading {
        at: Timestamp::from_ms(at),
        count: steps_of(quarter),
    };
    let source = StepSourceId::from_bytes([9; 16]);
    client
        .record_steps(source, Measure::Steps, &[reading])
        .expect("recorded");
}

/// The same whenever it is walked: a quarter that was not told of is walked again.
fn steps_of(quarter: u32) -> u32 {
    quarter % 100 + 1
}

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    // The harness writes on the same line.
    writeln!(out, "\n{line}")
        .and_then(|()| out.flush())
        .expect("someone listens");
}

/// What a process told before it died.
#[derive(Debug, Default)]
struct Told {
    tallies: u64,
    next_quarter: u32,
}

/// A phone or tablet with its process.
pub(super) struct Living {
    folder: PathBuf,
    holder: Holder,
    told: Arc<Mutex<Told>>,
    process: Option<(Child, JoinHandle<()>)>,
}

impl Living {
    /// Enrols it through the network of the drill; its folder.
    pub(super) async fn enrol(world: &World, holder: Holder, number: u8, proxy: &Proxy) -> PathBuf {
        let folder = world.device(&format!("process-{number}"));
        let role = match holder {
            Holder::Participant => "participant",
            Holder::Staff => "staff",
        };
        let mut link: Link = world.invite(role).parse().expect("a link");
        link.server_url = format!("http://{}", proxy.address);
        let client = open_in(&folder);
        client.enrol(&link.to_string()).await.expect("enrolled");
        client.sync(BUDGET).await.expect("the catalog");
        folder
    }

    pub(super) fn start(folder: PathBuf, holder: Holder) -> Self {
        let mut living = Self {
            folder,
            holder,
            told: Arc::default(),
            process: None,
        };
        living.go_on();
        living
    }

    /// Starts the process where the one before ended.
    pub(super) fn go_on(&mut self) {
        let next = self.told.lock().expect("no panic").next_quarter;
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["processes::phone::a_process", "--exact", "--nocapture"])
            .env(FOLDER, &self.folder)
            .env(HOLDER, format!("{:?}", self.holder))
            .env(NEXT_QUARTER, next.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test again");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let told = Arc::clone(&self.told);
        let listening = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut told = told.lock().expect("no panic");
                if line == "tally" {
                    told.tallies += 1;
                } else if let Some(quarter) = line.strip_prefix("quarter ") {
                    told.next_quarter = quarter.parse::<u32>().expect("a number") + 1;
                }
            }
        });
        self.process = Some((child, listening));
    }

    /// SIGKILL; what it said before it died counts.
    pub(super) fn kill(&mut self) {
        let (mut child, listening) = self.process.take().expect("it lives");
        child.kill().expect("killed");
        child.wait().expect("gone");
        listening.join().expect("heard to the end");
    }

    pub(super) fn signal(&self, name: &str) {
        let (child, _) = self.process.as_ref().expect("it lives");
        signal(child.id(), name);
    }

    /// What the process left.
    pub(super) fn open(&self) -> Client {
        open_in(&self.folder)
    }

    /// Quarters that were told of.
    pub(super) fn quarters(&self) -> u64 {
        self.told.lock().expect("no panic").next_quarter.into()
    }

    /// Of what is there: all that was told of, and one write more at most for each death.
    pub(super) fn nothing_told_is_lost(&self, tallies: u64, steps: u64) {
        let told = self.told.lock().expect("no panic");
        assert!(tallies >= told.tallies, "{tallies} of {told:?}");
        let sum = |quarters: u32| (0..quarters).map(|q| u64::from(steps_of(q))).sum::<u64>();
        let (least, most) = (sum(told.next_quarter), sum(told.next_quarter + 1));
        match self.holder {
            Holder::Participant => assert!(steps == least || steps == most, "{steps} {told:?}"),
            Holder::Staff => assert_eq!(steps, 0),
        }
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.process {
            // Either is an error only when it has ended before.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
