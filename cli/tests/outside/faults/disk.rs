//! The disk of a server on `SQLite` is full, and has room again.
//!
//! The disk is a small one in memory, in a mount namespace of its own: this test runs itself again in
//! there, and nothing of it is left when it ends, however it ends.
//!
//! `cargo xtask drill disk-full`.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{Memory, faults, only, tell};
use crate::{
    crowd::{BUDGET, Crowd, from_environment, open_in_memory, sync},
    world::{PLACE, Server, Settings, World, askel},
};

/// Says to the test in the namespace where the disk is.
const DISK: &str = "ASKEL_SMALL_DISK";
/// Mounts, then runs what follows.
const MOUNT: &str = r#"mount -t tmpfs -o size=64m,mode=0700 tmpfs "$1" && shift && exec "$@""#;
/// As root; and as anyone, who may mount in a user namespace of his own.
const NAMESPACES: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
/// This test's name.
const NAME: &str = "faults::disk::a_full_disk_loses_and_halves_nothing";
/// What calls may be told while there is no room.
const FULL: [&str; 4] = [
    "STORE_FULL",
    "STORE_UNAVAILABLE",
    "SERVER_BUSY",
    "SERVER_OVERLOADED",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_and_halves_nothing() {
    match std::env::var_os(DISK) {
        Some(disk) => suffer(Path::new(&disk)).await,
        None => run_on_a_small_disk(),
    }
}

/// Runs this test again where there is one.
fn run_on_a_small_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let on_it = |namespaces: &[&str], command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(namespaces).args(["sh", "-c", MOUNT, "sh"]);
        unshare.arg(folder.path()).args(command);
        unshare
    };
    let may = |namespaces: &[&str]| {
        let tried = on_it(namespaces, &["true"]).output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    let Some(namespaces) = NAMESPACES.iter().find(|namespaces| may(namespaces)) else {
        assert!(std::env::var_os("CI").is_none(), "no mount is permitted");
        tell("skipped: a full disk: this machine permits no mount");
        return;
    };
    let this = std::env::current_exe().expect("this test");
    let this = this.to_str().expect("a name in UTF-8");
    let again = on_it(namespaces, &[this, NAME, "--exact", "--nocapture"])
        .env(DISK, folder.path())
        .status();
    assert!(again.expect("run again").success(), "see above");
}

async fn suffer(disk: &Path) {
    let count = faults(3);
    let mut chance = ChaCha8Rng::seed_from_u64(from_environment("ASKEL_SEED", 1));
    let mut world = World::found_with(Settings::default(), Some(disk.join("server"))).await;
    let crowd = Crowd::at_work(&world, Duration::from_millis(10)).await;
    let reader = open_in_memory();
    reader
        .enrol(&world.invite("participant"))
        .await
        .expect("enrolled");
    sync(&reader, BUDGET).await.expect("the catalog");
    crowd.more(20).await;
    let memory = Memory::before(&world.server);
    for _ in 0..count {
        crowd.more(20).await;
        let newcomer = open_in_memory();
        let invitation = world.invite("participant");
        let ballast = Ballast::fill(disk, chance.random_range(0..200_000));
        crowd.hears("STORE_FULL").await;
        sync(&reader, BUDGET)
            .await
            .expect("who only reads is served");
        if let Err(error) = newcomer.enrol(&invitation).await {
            let reason = error.refusal().map_or("", |refusal| &*refusal.reason);
            assert!(FULL.contains(&reason), "{error:?}");
            ballast.remove();
            newcomer.enrol(&invitation).await.expect("with room");
        } else {
            ballast.remove();
        }
        // It goes on by itself.
        crowd.more(20).await;
        sync(&newcomer, BUDGET).await.expect("the catalog");
        newcomer.check_in(PLACE).expect("checked in");
        sync(&newcomer, BUDGET).await.expect("synced");
    }
    only(&crowd.failed(), &FULL);
    memory.is_bounded(&world.server);
    let more = memory.more_bytes(&world.server);
    let server = world.server.take().expect("it runs");
    let address = server.address.clone();
    assert!(server.end().success(), "it has lived through it");
    let doctor = askel()
        .args(["doctor", "--data-dir"])
        .arg(world.data())
        .output();
    let doctor = doctor.expect("askel runs");
    let why = String::from_utf8_lossy(&doctor.stderr);
    assert!(doctor.status.success(), "{why}");
    world.server = Some(Server::start(&world.data(), &address));
    let all = crowd.all_once(&world).await;
    tell(&format!(
        "{count} times full: at most {} KiB more; {all:?}",
        more / 1_024
    ));
}

/// A file that takes the room.
struct Ballast(PathBuf);

impl Ballast {
    /// Takes all but so many bytes.
    fn fill(disk: &Path, leave: usize) -> Self {
        let path = disk.join("ballast");
        let mut file = File::create(&path).expect("a file");
        let some = vec![1; 64 * 1_024];
        let full = loop {
            if let Err(error) = file.write_all(&some) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        let length = file.metadata().expect("a length").len();
        let leave = u64::try_from(leave).expect("a few");
        file.set_len(length.saturating_sub(leave)).expect("shorter");
        Self(path)
    }

    fn remove(self) {
        fs::remove_file(self.0).expect("removed");
    }
}
