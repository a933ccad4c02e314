//! A machine with PostgreSQL as compose makes it, and its folders.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use askel_private_services::{Durability, Postgres, PostgresSettings, postgres_program};
use tempfile::TempDir;

use super::done;
use crate::world::askel;

/// With the roles that `deploy/` makes; each has its name for a password.
pub(super) struct Machine {
    folder: TempDir,
    postgres: Postgres,
    /// To whom backups are encrypted.
    pub(super) recipient: String,
}

impl Machine {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = PostgresSettings::new(Durability::Volatile);
        let postgres = Postgres::start(&settings).expect("a private PostgreSQL");
        let recipient = new_key(&folder.path().join("secret.key"));
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

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
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

    /// The database as one of the roles.
    pub(super) fn url(&self, role: &str, password: &str) -> String {
        format!("postgres://askel_{role}:{password}@{}/askel", self.place())
    }

    fn place(&self) -> String {
        let url = self.postgres.url();
        let (_, rest) = url.split_once('@').expect("a URL with a user");
        rest.split('/').next().expect("an address").to_owned()
    }

    /// The programs that the image has.
    pub(super) fn programs(&self) -> String {
        let psql = postgres_program("psql").expect("PostgreSQL's programs");
        let postgres = psql.parent().expect("a folder").display();
        let own = self.path("programs");
        format!("{}:{postgres}:/usr/bin:/bin", own.display())
    }

    /// `askel` as one of the roles.
    pub(super) fn askel(&self, role: &str) -> Command {
        let mut command = askel();
        command.current_dir(self.folder.path());
        command.env("ASKEL_STORE__URL", self.url(role, role));
        command.env("ASKEL_STORE__DATA_DIR", self.path("data"));
        command.env("ASKEL_BACKUP__RECIPIENTS", format!("[{}]", self.recipient));
        command.env("PATH", self.programs());
        command
    }

    /// The same done, and what it said.
    pub(super) fn run(&self, role: &str, arguments: &[&str]) -> String {
        done(&output(self.askel(role).args(arguments)))
    }

    /// A database with a tenant.
    pub(super) fn found(&self) {
        self.run("owner", &["migrate"]);
        self.run("server", &["admin", "init"]);
    }

    /// Everything that is in the database, as its superuser reads it.
    pub(super) fn dump(&self) -> String {
        let url = self.postgres.url();
        let (server, _) = url.rsplit_once('/').expect("a URL with a database");
        let mut dump = Command::new("pg_dump");
        dump.env("PATH", self.programs());
        dump.arg(format!("{server}/askel"));
        let told = done(&output(&mut dump));
        // These words are others each time.
        let lines = told.lines().filter(|line| !line.contains("restrict "));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// A file of the deployment.
pub(super) fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(file)
}

pub(super) fn output(command: &mut Command) -> Output {
    command.output().expect("it runs")
}

/// Makes a key that opens backups; its public half.
pub(super) fn new_key(path: &Path) -> String {
    let mut command = askel();
    command.args(["admin", "backup-key", "--to"]).arg(path);
    let told = done(&output(&mut command));
    let mut lines = told.lines();
    let public = lines.find_map(|line| line.strip_prefix("public key "));
    public.expect("a public key").to_owned()
}
