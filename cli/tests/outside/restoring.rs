//! A backup while the server serves, a restore of it, and what phones and the journal bring back.

mod machine;
mod postgres;
mod scheduled;
mod sealed;
mod unsure;

use std::{
    path::{Path, PathBuf},
    process::Output,
    sync::Arc,
    time::Duration,
};

use askel_client_sdk::{
    Budget, Client, Components, FileKeyStore, GrpcTransport, SqliteStorage, StepReading,
    SystemClock, SystemEntropy,
};
use askel_server::{Config, VerifiedTenant, boot};
use askel_sync::{id::StepSourceId, op::Measure, time::Timestamp};

use crate::world::{PLACE, Server, World, askel};

/// What one sync may take.
const BUDGET: Budget = Budget {
    time: Duration::from_secs(10),
};
/// The first quarter of an hour that anyone walks in.
const FIRST_QUARTER_MS: i64 = 1_460_440_800_000;
/// Syncs after which everything has to be back.
const SYNCS: usize = 2;

fn open(world: &World, name: &str) -> Client {
    let folder = world.device(name);
    Client::open(Components {
        storage: Box::new(SqliteStorage::open(folder.join("askel.db")).expect("a database")),
        transport: Arc::new(GrpcTransport::new()),
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        key_store: Box::new(FileKeyStore::new(folder.join("keys"))),
    })
    .expect("opened")
}

async fn enrolled(world: &World, name: &str, role: &str) -> Client {
    let client = open(world, name);
    client.enrol(&world.invite(role)).await.expect("enrolled");
    client.sync(BUDGET).await.expect("the catalog");
    client
}

fn walk(client: &Client, quarter: i64) {
    let reading = StepReading {
        at: Timestamp::from_ms(FIRST_QUARTER_MS + quarter * 15 * 60_000),
        count: 100,
    };
    client
        .record_steps(
            StepSourceId::from_bytes([1; 16]),
            Measure::Steps,
            &[reading],
        )
        .expect("recorded");
}

/// Runs `askel COMMAND --data-dir … arguments`.
fn run(data: &Path, command: &str, arguments: &[&str]) -> Output {
    let mut process = askel();
    let process = process.arg(command).arg("--data-dir").arg(data);
    process.args(arguments).output().expect("askel runs")
}

fn done(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "it was done");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A key that is kept elsewhere, backups to it, and a configuration that names it.
struct Vault {
    folder: PathBuf,
}

impl Vault {
    fn new(world: &World) -> Self {
        let folder = world.device("vault");
        let vault = Self { folder };
        let mut command = askel();
        let made = command.args(["admin", "backup-key", "--to", &vault.path("secret.key")]);
        let told = done(&made.output().expect("askel runs"));
        let section = told.split_once("[backup]").expect("what to configure").1;
        let config = format!("[backup]{section}");
        std::fs::write(vault.folder.join("askel.toml"), config).expect("written");
        vault
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().expect("text").to_owned()
    }

    /// While the server serves, or not.
    fn back_up(&self, data: &Path, name: &str) -> Output {
        let (config, to) = (self.path("askel.toml"), self.path(name));
        run(data, "backup", &["--config", &config, "--to", &to])
    }

    fn restore(&self, data: &Path, name: &str, more: &[&str]) -> Output {
        let (from, key) = (self.path(name), self.path("secret.key"));
        let arguments = ["--from", &*from, "--identity", &*key];
        run(data, "restore", &[&arguments[..], more].concat())
    }
}

async fn verified(world: &World) -> VerifiedTenant {
    let mut config = Config::default();
    config.store.data_dir = world.data();
    let store = boot::open_store(&config.store).await.expect("a store");
    let verified = askel_server::verify(&*store, world.tenant).await;
    verified.expect("verified")
}

/// Kills the server, goes back to a backup, and starts it where it was.
fn restore(world: &mut World, vault: &Vault, backup: &str) -> String {
    let address = world.server.take().expect("it runs").address.clone();
    let told = done(&vault.restore(&world.data(), backup, &["--replace"]));
    world.server = Some(Server::start(&world.data(), &address));
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_bring_back_what_a_restored_server_lost() {
    let mut world = World::found().await;
    let phone = enrolled(&world, "phone", "participant").await;
    let lost = enrolled(&world, "lost", "participant").await;
    walk(&phone, 0);
    phone.sync(BUDGET).await.expect("synced");
    let vault = Vault::new(&world);
    // While the server serves.
    done(&vault.back_up(&world.data(), "askel.backup"));
    // After it: what phones hold, a new device, and a device that was revoked.
    for quarter in 1..40 {
        walk(&phone, quarter);
    }
    phone.check_in(PLACE).expect("checked in");
    phone.sync(BUDGET).await.expect("synced");
    let before = phone.day_steps(Measure::Steps);
    let newcomer = enrolled(&world, "newcomer", "participant").await;
    newcomer.check_in(PLACE).expect("checked in");
    newcomer.sync(BUDGET).await.expect("synced");
    lost.sync(BUDGET).await.expect("synced");
    let device = lost.enrolled().expect("enrolled").device;
    lost.revoke_own_device(device).await.expect("revoked");
    restore(&mut world, &vault, "askel.backup");
    for client in [&phone, &newcomer] {
        for _ in 0..SYNCS {
            client.sync(BUDGET).await.expect("synced");
        }
        assert_eq!(client.status().pending, 0, "{:?}", client.status());
    }
    assert!(lost.sync(BUDGET).await.is_err(), "revoked stays revoked");
    assert_eq!(phone.day_steps(Measure::Steps), before);
    let server = verified(&world).await;
    let of = |client: &Client| {
        let participant = client.enrolled().and_then(|enrolled| enrolled.participant);
        let mut known = server.participants.iter();
        known.find(|known| Some(known.participant) == participant)
    };
    let walked = of(&phone).expect("known");
    assert_eq!(walked.day_steps, before);
    assert_eq!((walked.attendances, walked.check_ins), (1, 1));
    let came = of(&newcomer).expect("known by the journal");
    assert_eq!((came.attendances, came.check_ins), (1, 1));
    assert!(server.rows_agree);
    let told = done(&run(&world.data(), "doctor", &[]));
    assert!(told.contains("healed"), "{told}");
    assert!(told.contains(" 0 known missing"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_stays_erased_and_their_phone_is_empty() {
    let mut world = World::found().await;
    let phone = enrolled(&world, "phone", "participant").await;
    phone.check_in(PLACE).expect("checked in");
    phone.sync(BUDGET).await.expect("synced");
    let participant = phone.enrolled().and_then(|enrolled| enrolled.participant);
    let participant = participant.expect("a participant");
    let vault = Vault::new(&world);
    done(&vault.back_up(&world.data(), "askel.backup"));
    phone.erase_me().expect("written");
    // Whatever it says: everything of the person is gone then.
    let _ = phone.sync(BUDGET).await;
    let erased = |server: &VerifiedTenant| {
        let mut known = server.participants.iter();
        known.all(|known| known.participant != participant)
    };
    assert!(erased(&verified(&world).await), "by the server");
    restore(&mut world, &vault, "askel.backup");
    assert!(erased(&verified(&world).await), "by the journal");
    assert!(
        phone.attendances().is_empty(),
        "the phone purged everything"
    );
}
