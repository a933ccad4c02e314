//! A private PostgreSQL server.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::Signal;

use crate::{
    Error,
    folder::Folder,
    program::postgres_program,
    random,
    service::{Service, Start},
};

/// Its superuser.
const USER: &str = "postgres";

/// Where PostgreSQL says how far it is, in its data.
const STATUS: &str = "postmaster.pid";

/// A private PostgreSQL server; dropping it stops it and removes its data.
pub struct Postgres {
    service: Service,
    how: How,
}

/// How a server is started.
pub struct PostgresSettings {
    durability: Durability,
    settings: Vec<(String, String)>,
    parent: PathBuf,
}

/// What outlives a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A crash of the machine may lose the data: several times faster, for tests.
    Volatile,
    /// All that was committed, as in production: for measurements, and where the server is killed.
    Durable,
}

impl PostgresSettings {
    /// PostgreSQL's own settings, but for durability and, for tests, little memory and many connections.
    pub fn new(durability: Durability) -> Self {
        let settings: &[(&str, &str)] = match durability {
            Durability::Durable => &[],
            Durability::Volatile => &[
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
                ("shared_buffers", "32MB"),
                ("max_connections", "300"),
            ],
        };
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            durability,
            settings: settings.iter().map(owned).collect(),
            parent: env::temp_dir(),
        }
    }

    /// One more line of `postgresql.conf`; a later one wins.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The data lie under this folder instead of the one for temporary files, which may be no disk.
    #[must_use]
    pub fn under(mut self, parent: &Path) -> Self {
        parent.clone_into(&mut self.parent);
        self
    }
}

impl Postgres {
    /// Starts one, with an empty database named `postgres`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start(settings: &PostgresSettings) -> Result<Self, Error> {
        let folder = Folder::make(&settings.parent)?;
        let how = How {
            server: postgres_program("postgres")?,
            settings: settings.settings.clone(),
            password: random::word()?,
        };
        make_data(&folder, &how.password, settings.durability)?;
        let service = Service::start(folder, "postgres", &how)?;
        Ok(Self { service, how })
    }

    /// Where the superuser reaches the database `postgres`; the same after each start.
    pub fn url(&self) -> String {
        let (password, port) = (&self.how.password, self.service.port());
        format!("postgres://{USER}:{password}@127.0.0.1:{port}/postgres")
    }

    /// The first of its processes; none once it was killed.
    pub fn pid(&self) -> Option<u32> {
        self.service.process()
    }

    /// The folder of its socket, its log and its data.
    pub fn folder(&self) -> &Path {
        self.service.folder().path()
    }

    /// SIGKILL to all its processes. They are gone when this returns, and the data are as they were.
    pub fn kill(&mut self) {
        self.service.kill();
        remove_shared_memory(&self.service.folder().data());
    }

    /// Starts it again with the same data on the same port; one that runs is killed first.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.kill();
        self.service.start_process(&self.how)
    }

    /// SIGSTOP to all its processes: connections stay, and nothing answers.
    pub fn suspend(&self) {
        self.service.signal(Signal::STOP);
    }

    /// SIGCONT to all its processes.
    pub fn resume(&self) {
        self.service.signal(Signal::CONT);
    }

    /// Stops it and removes its data, as dropping does.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What each start needs.
struct How {
    server: PathBuf,
    settings: Vec<(String, String)>,
    password: String,
}

impl Start for How {
    fn command(&self, folder: &Folder, port: u16) -> Result<Command, Error> {
        let mut command = folder.command(&self.server)?;
        command.arg("-D").arg(folder.data()).arg("-k");
        command.arg(folder.path()).arg("-p").arg(port.to_string());
        // Shared memory as a file among the data goes with them.
        let own = [
            ("listen_addresses", "127.0.0.1"),
            ("dynamic_shared_memory_type", "mmap"),
        ];
        let settings = self
            .settings
            .iter()
            .map(|(name, value)| (&**name, &**value));
        for (name, value) in own.into_iter().chain(settings) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        Ok(command)
    }

    fn is_ready(&self, folder: &Folder, process: u32, _: u16) -> bool {
        let status = fs::read_to_string(folder.data().join(STATUS)).unwrap_or_default();
        let mut lines = status.lines();
        let is_own = lines.next() == Some(&*process.to_string());
        is_own && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }
}

fn make_data(folder: &Folder, password: &str, durability: Durability) -> Result<(), Error> {
    let program = postgres_program("initdb")?;
    let secret = folder.write("password", password)?;
    let mut initdb = folder.command(&program)?;
    initdb.arg("-D").arg(folder.data()).arg("--pwfile");
    initdb.arg(&secret).args(["--username", USER]);
    initdb.args(["--encoding=UTF8", "--locale=C.UTF-8"]);
    initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
    if durability == Durability::Volatile {
        initdb.arg("--no-sync");
    }
    let status = initdb.status().map_err(Error::at(&program))?;
    if status.success() {
        return fs::remove_file(&secret).map_err(Error::at(&secret));
    }
    Err(Error::Failed {
        program: "initdb".to_owned(),
        what: "failed",
        log: folder.log(),
    })
}

/// A killed server leaves a bit of System V shared memory, whose id it wrote down. The next start would
/// remove it; but there may be none.
fn remove_shared_memory(data: &Path) {
    let status = fs::read_to_string(data.join(STATUS)).unwrap_or_default();
    let id = status
        .lines()
        .nth(6)
        .and_then(|line| line.split_whitespace().nth(1));
    if let Some(id) = id {
        let mut ipcrm = Command::new("ipcrm");
        // Gone already, or no such program: a few bytes stay.
        let _ = ipcrm.args(["-m", id]).stderr(Stdio::null()).status();
    }
}
