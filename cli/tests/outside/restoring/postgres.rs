//! Going back to a backup of PostgreSQL where a database stands, and where that is cut off or can't be.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Output, Stdio},
};

use super::{
    done,
    machine::{Machine, new_key, output},
    refusal,
};

/// Said of a restore that was cut off.
const MARK: &str = "data/askel.restore-unfinished";

/// A tenant, a backup of it, and something that came after.
pub(super) fn backed_up() -> Machine {
    let machine = Machine::new();
    machine.found();
    let to = machine.text("one.backup");
    machine.run("backup", &["backup", "--to", &to]);
    machine.run("server", &["admin", "invite", "--role", "staff"]);
    machine
}

/// `askel restore`, with the owner for the rows and this role for the rest.
pub(super) fn restoring(machine: &Machine, role: &str, file: &str, more: &[&str]) -> Command {
    let mut command = machine.askel(role);
    command.env("ASKEL_BACKUP__URL", machine.url("owner", "owner"));
    command.args(["restore", "--without-journal"]).args(more);
    if !file.is_empty() {
        command.args(["--from", &machine.text(file)]);
    }
    command
}

pub(super) fn restore(machine: &Machine, file: &str, more: &[&str]) -> Output {
    let key = machine.text("secret.key");
    let more = [&["--identity", &*key], more].concat();
    output(&mut restoring(machine, "server", file, &more))
}

/// How many invitations a dump holds.
pub(super) fn invitations(dump: &str) -> usize {
    let (_, rows) = dump
        .split_once("COPY public.invitation ")
        .expect("the table");
    let rows = rows.lines().skip(1);
    rows.take_while(|line| *line != "\\.").count()
}

/// A server that is killed when it is let go of.
pub(super) struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // Either is an error only when it has ended before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server, once it listens; what it says if it does not.
pub(super) fn serving(machine: &Machine) -> Result<Serving, String> {
    let mut command = machine.askel("server");
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = Serving(command.spawn().expect("askel serve starts"));
    let mut lines = BufReader::new(server.0.stdout.take().expect("piped")).lines();
    if lines.any(|line| line.is_ok_and(|line| line.starts_with("listening "))) {
        return Ok(server);
    }
    // It has ended.
    let mut told = String::new();
    let stderr = server.0.stderr.as_mut().expect("piped");
    stderr.read_to_string(&mut told).expect("text");
    Err(told)
}

/// Whether a server starts; what it says if not.
pub(super) fn start(machine: &Machine) -> Result<(), String> {
    serving(machine).map(drop)
}

#[test]
fn what_stands_is_replaced_when_that_is_said_and_not_otherwise() {
    let machine = backed_up();
    let before = machine.dump();
    assert_eq!(invitations(&before), 1);
    let told = refusal(&restore(&machine, "one.backup", &[]));
    assert!(told.contains("--replace"), "{told}");
    assert!(machine.dump() == before, "nothing happened");
    done(&restore(&machine, "one.backup", &["--replace"]));
    assert_eq!(invitations(&machine.dump()), 0);
    assert!(!machine.path(MARK).exists());
    // Owner, policies and grants are as they were: migrations and servers go on.
    machine.run("owner", &["migrate"]);
    machine.run("server", &["admin", "invite", "--role", "staff"]);
    start(&machine).expect("it serves");
}

#[test]
fn no_server_starts_before_a_restore_that_was_cut_off_is_finished() {
    let machine = backed_up();
    let key = machine.text("secret.key");
    // The rows are back, and nothing else can be done as this role.
    let mut cut_off = restoring(
        &machine,
        "server",
        "one.backup",
        &["--identity", &key, "--replace"],
    );
    cut_off.env("ASKEL_STORE__URL", machine.url("server", "wrong"));
    refusal(&output(&mut cut_off));
    assert_eq!(invitations(&machine.dump()), 0, "the rows are back");
    assert!(machine.path(MARK).exists());
    let told = start(&machine).expect_err("not before it is finished");
    assert!(told.contains("`askel restore` without --from"), "{told}");
    done(&output(&mut restoring(&machine, "server", "", &[])));
    assert!(!machine.path(MARK).exists());
    start(&machine).expect("it serves");
}

#[test]
fn without_postgresql_s_programs_it_is_said_which_is_missing() {
    let machine = backed_up();
    let before = machine.dump();
    let bare = machine.path("programs");
    let two = machine.text("two.backup");
    let mut backup = machine.askel("backup");
    backup.env("PATH", &bare).args(["backup", "--to", &two]);
    let told = refusal(&output(&mut backup));
    assert!(told.contains("the program pg_dump is not there"), "{told}");
    assert!(!machine.path("two.backup").exists());
    assert!(!machine.path("two.backup.partial").exists());
    let key = machine.text("secret.key");
    let arguments = ["--identity", &key, "--replace"];
    let mut restore = restoring(&machine, "server", "one.backup", &arguments);
    let told = refusal(&output(restore.env("PATH", &bare)));
    assert!(
        told.contains("the program pg_restore is not there"),
        "{told}"
    );
    assert!(machine.dump() == before, "nothing happened");
    assert!(!machine.path(MARK).exists());
    start(&machine).expect("it serves");
}

#[test]
fn a_backup_that_is_damaged_or_not_ours_leaves_the_database_as_it_is() {
    let machine = backed_up();
    let before = machine.dump();
    let whole = fs::read(machine.path("one.backup")).expect("a file");
    let unchanged = |file: &str, reason: &str, told: &Output| {
        let told = refusal(told);
        assert!(told.contains(reason), "{file}: {told}");
        assert!(machine.dump() == before, "{file}");
        assert!(!machine.path(MARK).exists(), "{file}");
    };
    let middle = whole.len() / 2;
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        bytes
    };
    let damaged = [
        ("cut", whole[..whole.len() - 1].to_vec(), "cut short"),
        ("half", whole[..middle].to_vec(), "cut short"),
        ("head", flipped(150), "the "),
        ("middle", flipped(middle), "damaged"),
        ("end", flipped(whole.len() - 1), "damaged"),
        (
            "sqlite",
            b"SQLite format 3\0 and more".to_vec(),
            "another kind",
        ),
    ];
    for (file, bytes, reason) in damaged {
        fs::write(machine.path(file), bytes).expect("written");
        let told = restore(&machine, file, &["--replace"]);
        unchanged(file, reason, &told);
    }
    new_key(&machine.path("other.key"));
    let other = ["--identity", &machine.text("other.key"), "--replace"];
    let told = output(&mut restoring(&machine, "server", "one.backup", &other));
    unchanged("another key", "another one", &told);
    let told = output(&mut restoring(
        &machine,
        "server",
        "one.backup",
        &["--replace"],
    ));
    unchanged("no key", "--identity", &told);
}
