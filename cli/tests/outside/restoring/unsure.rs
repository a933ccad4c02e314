//! PostgreSQL put back by a program whose answer is lost, or under servers that serve.

use std::{fs, os::unix::fs::PermissionsExt as _};

use askel_private_services::postgres_program;

use super::{
    done,
    machine::{Machine, output},
    postgres::{backed_up, invitations, restore, restoring, serving, start},
    refusal,
};

/// From now on `pg_restore` is a script that has the real one at hand.
fn instead_of_restoring(machine: &Machine, script: &str) {
    let real = postgres_program("pg_restore").expect("PostgreSQL's programs");
    let script = format!("#!/bin/sh\nreal={}\n{script}\n", real.display());
    let path = machine.path("programs/pg_restore");
    fs::write(&path, script).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
}

#[test]
fn rows_that_are_back_though_it_was_not_said_are_not_served_before_the_journal() {
    let machine = backed_up();
    instead_of_restoring(&machine, "\"$real\" \"$@\"; echo gone >&2; exit 1");
    let told = refusal(&restore(&machine, "one.backup", &["--replace"]));
    assert!(told.contains("pg_restore failed"), "{told}");
    assert_eq!(invitations(&machine.dump()), 0, "the rows are back");
    let told = start(&machine).expect_err("not before it is finished");
    assert!(told.contains("a restore was not finished"), "{told}");
    done(&output(&mut restoring(&machine, "server", "", &[])));
    start(&machine).expect("it serves");
}

#[test]
fn a_program_that_put_nothing_back_keeps_nobody_from_serving() {
    let machine = backed_up();
    let before = machine.dump();
    instead_of_restoring(&machine, "cat > /dev/null; echo no >&2; exit 1");
    let told = refusal(&restore(&machine, "one.backup", &["--replace"]));
    assert!(told.contains("pg_restore failed"), "{told}");
    assert!(machine.dump() == before, "nothing happened");
    start(&machine).expect("it serves");
}

#[test]
fn nothing_is_put_back_under_a_server_that_serves() {
    let machine = backed_up();
    let server = serving(&machine).expect("it serves");
    // On another machine: the lock is the folder's.
    let key = machine.text("secret.key");
    for (file, more) in [
        ("one.backup", &["--identity", &*key, "--replace"][..]),
        ("", &[]),
    ] {
        let mut elsewhere = restoring(&machine, "server", file, more);
        elsewhere.env("ASKEL_STORE__DATA_DIR", machine.path("elsewhere"));
        let told = refusal(&output(&mut elsewhere));
        assert!(told.contains("servers are connected"), "{told}");
    }
    assert_eq!(invitations(&machine.dump()), 1, "nothing happened");
    drop(server);
    done(&restore(&machine, "one.backup", &["--replace"]));
}
