//! The backup that a schedule makes: by the roles and the script of `deploy/`.

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use super::{
    done,
    machine::{Machine, deploy, output},
    refusal,
};

/// Days that one is kept.
const DAYS: &str = "14";
const DAY: Duration = Duration::from_hours(24);

/// What a schedule runs, as the containers' environment has it.
fn scheduled(machine: &Machine, password: &str) -> Output {
    let mut command = Command::new("sh");
    command
        .arg(deploy("backup.sh"))
        .arg(machine.path("backups"));
    command
        .arg(DAYS)
        .env_clear()
        .env("PATH", machine.programs());
    command.env("ASKEL_STORE__URL", machine.url("backup", password));
    command.env("ASKEL_STORE__DATA_DIR", machine.path("data"));
    let recipients = format!("[{}]", machine.recipient);
    command.env("ASKEL_BACKUP__RECIPIENTS", recipients);
    output(&mut command)
}

fn backups(machine: &Machine) -> Vec<String> {
    let entries = fs::read_dir(machine.path("backups")).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names
        .map(|name| name.into_string().expect("text"))
        .collect();
    names.sort();
    names
}

fn leave(machine: &Machine, name: &str, days: u32) {
    let file = fs::File::create(machine.path("backups").join(name)).expect("a file");
    let made = file.metadata().and_then(|file| file.modified());
    let then = made.expect("a time") - DAY * days;
    file.set_modified(then).expect("its time is set");
}

#[test]
fn the_schedule_s_backup_is_encrypted_and_takes_the_oldest_away() {
    let machine = Machine::new();
    machine.found();
    let (old, young) = (
        "askel-20260101T031000Z.backup",
        "askel-20260102T031000Z.backup",
    );
    leave(&machine, old, 16);
    leave(&machine, "askel-20260101T031000Z.backup.partial", 16);
    leave(&machine, young, 13);
    leave(&machine, "notes.txt", 16);
    // While none can be made, none goes.
    let told = refusal(&scheduled(&machine, "wrong"));
    assert!(told.contains("pg_dump failed"), "{told}");
    assert_eq!(backups(&machine).len(), 4, "{:?}", backups(&machine));
    assert!(!machine.path("data/askel.backed-up").exists());
    done(&scheduled(&machine, "backup"));
    let mut left = backups(&machine);
    let expected = ["notes.txt", young];
    left.retain(|name| !expected.contains(&&**name));
    let [made] = &*left else {
        panic!("{left:?}");
    };
    assert!(made.starts_with("askel-2") && made.ends_with("Z.backup"));
    assert_eq!(backups(&machine).len(), 3);
    let bytes = fs::read(machine.path("backups").join(made)).expect("a file");
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
    // The server whose folder this is tells how old it is.
    assert!(machine.path("data/askel.backed-up").exists());
}
