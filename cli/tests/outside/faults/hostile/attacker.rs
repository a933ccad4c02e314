//! An attack as a process of its own, which is this test binary again.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use super::attacks::{Attack, Target};

/// Says to [`an_attacker`] what it does, to whom, and as whom.
const ATTACK: &str = "ASKEL_ATTACK";
const ADDRESS: &str = "ASKEL_ATTACKED";
const CREDENTIAL: &str = "ASKEL_ATTACK_CREDENTIAL";
/// What it was told stands behind this.
const TOLD: &str = "told: ";
/// An attacker is at work within this time.
const PATIENCE: Duration = Duration::from_mins(1);
/// It lives no longer: its driver may have died.
const LIFE_MAX: Duration = Duration::from_mins(10);

/// The process.
#[tokio::test]
async fn an_attacker() {
    let Ok(attack) = std::env::var(ATTACK) else {
        return;
    };
    let attack = Attack::ALL
        .into_iter()
        .find(|known| format!("{known:?}") == attack);
    let of = |name: &str| std::env::var(name).expect("said");
    let target = Target {
        address: of(ADDRESS),
        credential: of(CREDENTIAL),
    };
    let attack = attack.expect("a known attack").run(target);
    let _ = tokio::time::timeout(LIFE_MAX, attack).await;
}

/// Tells the driver how something ended.
pub(super) fn tell(what: &str) {
    let mut out = std::io::stdout().lock();
    // The harness writes on the same line.
    writeln!(out, "\n{TOLD}{what}")
        .and_then(|()| out.flush())
        .expect("someone listens");
}

/// A running attack.
pub(super) struct Attacker {
    child: Child,
    told: Arc<Mutex<BTreeMap<String, u64>>>,
    listening: Option<JoinHandle<()>>,
}

impl Attacker {
    pub(super) fn start(attack: Attack, address: &str, credential: &str) -> Self {
        let this = std::env::current_exe().expect("this test");
        let mut child = Command::new("nice")
            .args(["-n", "19"])
            .arg(this)
            .args(["faults::hostile::attacker::an_attacker", "--exact"])
            .arg("--nocapture")
            .env(ATTACK, format!("{attack:?}"))
            .env(ADDRESS, address)
            .env(CREDENTIAL, credential)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test again");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let told = Arc::<Mutex<BTreeMap<String, u64>>>::default();
        let hears = Arc::clone(&told);
        let listening = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(what) = line.strip_prefix(TOLD) {
                    let mut told = hears.lock().unwrap_or_else(PoisonError::into_inner);
                    *told.entry(what.to_owned()).or_default() += 1;
                }
            }
        });
        Self {
            child,
            told,
            listening: Some(listening),
        }
    }

    /// Waits until it has told something.
    pub(super) async fn is_at_work(&self) {
        let at_work = async {
            while self.told().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let at_work = tokio::time::timeout(PATIENCE, at_work).await;
        at_work.expect("an attacker at work");
    }

    /// Ends it; how often what was told.
    pub(super) fn end(mut self) -> BTreeMap<String, u64> {
        assert!(
            self.child.try_wait().expect("asked").is_none(),
            "the attacker gave up: {:?}",
            self.told()
        );
        self.kill();
        if let Some(listening) = self.listening.take() {
            listening.join().expect("heard to the end");
        }
        self.told()
    }

    fn told(&self) -> BTreeMap<String, u64> {
        let told = self.told.lock();
        told.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn kill(&mut self) {
        // Either is an error only when it has ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.kill();
    }
}
