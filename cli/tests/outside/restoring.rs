//! A backup while the server serves, a restore of it, and what phones and the journal bring back.

use std::{
    os::unix::fs::PermissionsExt as _, path::Path, process::Output, sync::Arc, time::Duration,
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

async fn verified(world: &World) -> VerifiedTenant {
    let mut config = Config::default();
    config.store.data_dir = world.data();
    let store = boot::open_store(&config.store).await.expect("a store");
    let verified = askel_server::verify(&*store, world.tenant).await;
    verified.expect("verified")
}

/// Kills the server, goes back to a backup, and starts it where it was.
fn restore(world: &mut World, backup: &str) -> String {
    let address = world.server.take().expect("it runs").address.clone();
    let told = done(&run(
        &world.data(),
        "restore",
        &["--from", backup, "--replace"],
    ));
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
    let backup = world.device("backups").join("askel.backup");
    let backup = backup.to_str().expect("text").to_owned();
    // While the server serves.
    done(&run(&world.data(), "backup", &["--to", &backup]));
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
    restore(&mut world, &backup);
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
    let backup = world.device("backups").join("askel.backup");
    let backup = backup.to_str().expect("text").to_owned();
    done(&run(&world.data(), "backup", &["--to", &backup]));
    phone.erase_me().expect("written");
    // Whatever it says: everything of the person is gone then.
    let _ = phone.sync(BUDGET).await;
    let erased = |server: &VerifiedTenant| {
        let mut known = server.participants.iter();
        known.all(|known| known.participant != participant)
    };
    assert!(erased(&verified(&world).await), "by the server");
    restore(&mut world, &backup);
    assert!(erased(&verified(&world).await), "by the journal");
    assert!(
        phone.attendances().is_empty(),
        "the phone purged everything"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_is_refused_when_it_could_lose_something() {
    let mut world = World::found().await;
    let data = world.data();
    let backup = world.device("backups").join("askel.backup");
    let path = backup.to_str().expect("text").to_owned();
    done(&run(&data, "backup", &["--to", &path]));
    let mode = std::fs::metadata(&backup)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "its owner alone reads it");
    refusal(&run(&data, "backup", &["--to", &path]));
    let from = ["--from", path.as_str(), "--replace"];
    let told = refusal(&run(&data, "restore", &from));
    assert!(told.contains("another server"), "{told}");
    world.server = None;
    let told = refusal(&run(&data, "restore", &from[..2]));
    assert!(told.contains("--replace"), "{told}");
    let journal = data.join("journal/askel.journal");
    let aside = data.join("journal/aside");
    std::fs::rename(&journal, &aside).expect("moved");
    let told = refusal(&run(&data, "restore", &from));
    assert!(told.contains("journal"), "{told}");
    done(&run(
        &data,
        "restore",
        &[&from[..], &["--without-journal"]].concat(),
    ));
    std::fs::rename(&aside, &journal).expect("moved");
    done(&run(&data, "restore", &from));
    let other = world.device("backups").join("no.backup");
    std::fs::write(&other, b"no database").expect("written");
    let other = other.to_str().expect("text");
    refusal(&run(&data, "restore", &["--from", other, "--replace"]));
    // The database that stood is untouched.
    done(&run(&data, "doctor", &[]));
}
