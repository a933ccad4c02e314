//! What a backup file shows, and what happens when it can't be used: nothing.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::{Vault, done, refusal, run};
use crate::world::{Server, World};

/// How files begin that are not encrypted.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// What lies in a data folder that a backup or a restore made for a while.
fn left_over(data: &Path) -> Vec<String> {
    let entries = fs::read_dir(data).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_str().expect("text").to_owned());
    names
        .filter(|name| name.starts_with("askel.backing-up.sqlite") || name.contains("restoring"))
        .collect()
}

fn database(data: &Path) -> Vec<u8> {
    fs::read(data.join("askel.sqlite")).expect("a database")
}

fn holds(bytes: &[u8], marker: &[u8]) -> bool {
    bytes.windows(marker.len()).any(|some| some == marker)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_for_its_owner_and_the_holder_of_the_key_alone() {
    let world = World::found().await;
    let (data, vault) = (world.data(), Vault::new(&world));
    done(&vault.back_up(&data, "one.backup"));
    let mode = |name: &str| {
        fs::metadata(vault.path(name))
            .expect("there")
            .permissions()
            .mode()
    };
    assert_eq!(mode("one.backup") & 0o777, 0o600, "the backup");
    assert_eq!(mode("secret.key") & 0o777, 0o600, "the key");
    let sealed = fs::read(vault.path("one.backup")).expect("a file");
    assert!(sealed.starts_with(b"age-encryption.org/v1\n"));
    for marker in [SQLITE, world.tenant.as_bytes(), b"CREATE TABLE"] {
        assert!(!holds(&sealed, marker));
    }
    // The same without encryption, which has to be said.
    let to = vault.path("open.backup");
    let told = refusal(&run(&data, "backup", &["--to", &to]));
    assert!(told.contains("backup.recipients"), "{told}");
    assert!(!Path::new(&to).exists());
    done(&run(&data, "backup", &["--to", &to, "--unencrypted"]));
    let open = fs::read(&to).expect("a file");
    assert!(open.starts_with(SQLITE) && holds(&open, world.tenant.as_bytes()));
    assert_eq!(mode("open.backup") & 0o777, 0o600);
    // One is never written over another, and nothing is left beside.
    let told = refusal(&vault.back_up(&data, "one.backup"));
    assert!(told.contains("there already"), "{told}");
    assert_eq!(left_over(&data), [""; 0]);
    assert!(!Path::new(&vault.path("one.backup.partial")).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_can_not_be_opened_changes_nothing() {
    let mut world = World::found().await;
    let (data, vault) = (world.data(), Vault::new(&world));
    done(&vault.back_up(&data, "askel.backup"));
    world.server = None;
    let before = database(&data);
    let whole = fs::read(vault.path("askel.backup")).expect("a file");
    let damaged = |name: &str, bytes: &[u8], reason: &str| {
        fs::write(vault.path(name), bytes).expect("written");
        let told = refusal(&vault.restore(&data, name, &["--replace"]));
        assert!(told.contains(reason), "{name}: {told}");
        assert!(database(&data) == before, "{name}");
        assert_eq!(left_over(&data), [""; 0], "{name}");
    };
    let piece = 64 * 1024 + 16;
    let pieces = whole.len() / piece * piece;
    assert!(pieces > 0, "more than one piece");
    let first = whole.len() - (whole.len() - 200) % piece;
    damaged("cut", &whole[..whole.len() - 1], "cut short");
    damaged("head", &whole[..100], "cut short");
    damaged("empty", b"", "no backup");
    damaged("other", b"no database at all", "no backup");
    for at in [0, 150, 10_000, first, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        let reason = if at == 0 { "no backup" } else { "the " };
        damaged("flipped", &bytes, reason);
    }
    // Somebody else's key, no key, and a file that holds none.
    let other = vault.path("other.key");
    let mut command = crate::world::askel();
    let made = command.args(["admin", "backup-key", "--to", &other]);
    done(&made.output().expect("askel runs"));
    let from = vault.path("askel.backup");
    let with = |more: &[&str]| {
        let told = run(
            &data,
            "restore",
            &[&["--from", &from, "--replace"], more].concat(),
        );
        refusal(&told)
    };
    assert!(with(&["--identity", &other]).contains("another one"));
    assert!(with(&[]).contains("--identity"));
    assert!(with(&["--identity", &from]).contains("can't read"));
    assert!(with(&["--identity", &vault.path("askel.toml")]).contains("no secret key"));
    assert!(database(&data) == before);
    // And with the right one all is well.
    done(&vault.restore(&data, "askel.backup", &["--replace"]));
    done(&run(&data, "doctor", &[]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_is_refused_when_it_could_lose_something() {
    let mut world = World::found().await;
    let (data, vault) = (world.data(), Vault::new(&world));
    done(&vault.back_up(&data, "askel.backup"));
    let replace = ["--replace"];
    let told = refusal(&vault.restore(&data, "askel.backup", &replace));
    assert!(told.contains("another server"), "{told}");
    world.server = None;
    let told = refusal(&vault.restore(&data, "askel.backup", &[]));
    assert!(told.contains("--replace"), "{told}");
    let journal = data.join("journal/askel.journal");
    let aside = data.join("journal/aside");
    fs::rename(&journal, &aside).expect("moved");
    let told = refusal(&vault.restore(&data, "askel.backup", &replace));
    assert!(told.contains("journal"), "{told}");
    let without = ["--replace", "--without-journal"];
    done(&vault.restore(&data, "askel.backup", &without));
    fs::rename(&aside, &journal).expect("moved");
    done(&vault.restore(&data, "askel.backup", &replace));
    // The database stands.
    done(&run(&data, "doctor", &[]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_backup_left_is_swept() {
    let mut world = World::found().await;
    let (data, vault) = (world.data(), Vault::new(&world));
    let leave = |names: &[&str]| {
        for name in names {
            fs::write(data.join(name), b"everybody's data").expect("written");
        }
    };
    let copies = ["askel.backing-up.sqlite", "askel.backing-up.sqlite-journal"];
    // By the next backup; a restore may be under way.
    leave(&copies);
    done(&vault.back_up(&data, "askel.backup"));
    assert_eq!(left_over(&data), [""; 0]);
    // By the next start.
    leave(&copies);
    leave(&["askel.restoring.sqlite", "askel.restoring.sqlite-wal"]);
    let address = world.server.take().expect("it runs").address.clone();
    world.server = Some(Server::start(&data, &address));
    assert_eq!(left_over(&data), [""; 0]);
}
