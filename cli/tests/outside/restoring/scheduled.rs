//! The backup that a schedule makes: by the roles and the script of `deploy/`.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use askel_private_services::{Durability, Postgres, PostgresSettings, postgres_program};
use tempfile::TempDir;

use super::{done, refusal};
use crate::world::askel;

/// Days that one is kept.
const DAYS: &str = "14";
const DAY: Duration = Duration::from_hours(24);

/// A machine with PostgreSQL as compose makes it, and its folders.
struct Machine {
    folder: TempDir,
    postgres: Postgres,
    recipient: String,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = PostgresSettings::new(Durability::Volatile);
        let postgres = Postgres::start(&settings).expect("a private PostgreSQL");
        let mut key = askel();
        key.args(["admin", "backup-key", "--to"]);
        let told = done(&output(key.arg(folder.path().join("secret.key"))));
        let mut lines = told.lines();
        let recipient = lines.find_map(|line| line.strip_prefix("public key "));
        let recipient = recipient.expect("a public key").to_owned();
        let machine = Self {
            folder,
            postgres,
            recipient,
        };
        machine.make_roles();
        for name in ["programs", "backups", "data"] {
            fs::create_dir(machine.path(name)).expect("a folder");
        }
        let program = env!("CARGO_BIN_EXE_askel");
        symlink(program, machine.path("programs/askel")).expect("a link");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As the image of PostgreSQL does when it is started first.
    fn make_roles(&self) {
        let url = self.postgres.url();
        let (user, rest) = url.split_once('@').expect("a URL with a user");
        let port = rest.split([':', '/']).nth(1).expect("a port");
        let mut script = Command::new("sh");
        script.arg(deploy("compose/roles.sh"));
        script.env("PATH", self.programs()).env("PGPORT", port);
        script.env("PGHOST", "127.0.0.1");
        script.env("PGPASSWORD", user.rsplit(':').next().expect("a password"));
        for role in ["OWNER", "SERVER", "BACKUP"] {
            script.env(format!("ASKEL_{role}_PASSWORD"), role.to_lowercase());
        }
        done(&output(&mut script));
    }

    fn url(&self, role: &str, password: &str) -> String {
        let url = self.postgres.url();
        let (_, rest) = url.split_once('@').expect("a URL with a user");
        let place = rest.split('/').next().expect("an address");
        format!("postgres://askel_{role}:{password}@{place}/askel")
    }

    /// The programs that the image has.
    fn programs(&self) -> String {
        let psql = postgres_program("psql").expect("PostgreSQL's programs");
        let postgres = psql.parent().expect("a folder").display();
        let own = self.path("programs");
        format!("{}:{postgres}:/usr/bin:/bin", own.display())
    }

    /// `askel` as one of the roles.
    fn run(&self, role: &str, arguments: &[&str]) -> String {
        let mut command = askel();
        command.args(arguments).current_dir(self.folder.path());
        command.env("ASKEL_STORE__URL", self.url(role, role));
        command.env("ASKEL_STORE__DATA_DIR", self.path("data"));
        done(&output(&mut command))
    }

    /// What a schedule runs, as the containers' environment has it.
    fn scheduled(&self, password: &str) -> Output {
        let mut command = Command::new("sh");
        command.arg(deploy("backup.sh")).arg(self.path("backups"));
        command.arg(DAYS).env_clear().env("PATH", self.programs());
        command.env("ASKEL_STORE__URL", self.url("backup", password));
        command.env("ASKEL_STORE__DATA_DIR", self.path("data"));
        command.env("ASKEL_BACKUP__RECIPIENTS", format!("[{}]", self.recipient));
        output(&mut command)
    }

    fn backups(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("backups")).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    fn leave(&self, name: &str, days: u32) {
        let file = fs::File::create(self.path("backups").join(name)).expect("a file");
        let made = file.metadata().and_then(|file| file.modified());
        let then = made.expect("a time") - DAY * days;
        file.set_modified(then).expect("its time is set");
    }
}

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(file)
}

fn output(command: &mut Command) -> Output {
    command.output().expect("it runs")
}

#[test]
fn the_schedule_s_backup_is_encrypted_and_takes_the_oldest_away() {
    let machine = Machine::new();
    machine.run("owner", &["migrate"]);
    machine.run("server", &["admin", "init"]);
    let (old, young) = (
        "askel-20260101T031000Z.backup",
        "askel-20260102T031000Z.backup",
    );
    machine.leave(old, 16);
    machine.leave("askel-20260101T031000Z.backup.partial", 16);
    machine.leave(young, 13);
    machine.leave("notes.txt", 16);
    // While none can be made, none goes.
    let told = refusal(&machine.scheduled("wrong"));
    assert!(told.contains("pg_dump failed"), "{told}");
    assert_eq!(machine.backups().len(), 4, "{:?}", machine.backups());
    assert!(!machine.path("data/askel.backed-up").exists());
    done(&machine.scheduled("backup"));
    let mut left = machine.backups();
    let expected = ["notes.txt", young];
    left.retain(|name| !expected.contains(&&**name));
    let [made] = &*left else {
        panic!("{left:?}");
    };
    assert!(made.starts_with("askel-2") && made.ends_with("Z.backup"));
    assert_eq!(machine.backups().len(), 3);
    let bytes = fs::read(machine.path("backups").join(made)).expect("a file");
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
    // The server whose folder this is tells how old it is.
    assert!(machine.path("data/askel.backed-up").exists());
}
