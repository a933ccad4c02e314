//! Where a server runs, and where that is kept which has to outlive it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use askel_private_services::{SharedPostgres, postgres_program};
use askel_server::{Config, VerifiedTenant, boot};
use askel_sync::{catalog, id::TenantId, invitation::Link};
use tempfile::TempDir;

use crate::world::{Organiser, askel, one_place};

/// A tenant with its servers: one on `SQLite`, or two on PostgreSQL.
pub(crate) struct Site {
    folder: TempDir,
    database: Option<Database>,
    nodes: Vec<Node>,
    tenant: TenantId,
}

/// A server and where it listens, also while it is dead.
struct Node {
    number: usize,
    address: String,
    process: Option<Process>,
}

impl Site {
    /// Makes a tenant, starts its servers and publishes a catalog.
    pub(crate) async fn found(database: Option<Database>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let count = if database.is_some() { 2 } else { 1 };
        let mut site = Self {
            folder,
            database,
            nodes: Vec::new(),
            tenant: TenantId::from_bytes([0; 16]),
        };
        fs::create_dir(site.elsewhere()).expect("a folder");
        let key = site.path("backup.key");
        let made = site.run(0, &["admin", "backup-key", "--to", &key], &[]);
        let recipients = made.lines().find(|line| line.starts_with("recipients"));
        let recipients = recipients.expect("what to configure").to_owned();
        for number in 0..count {
            site.configure(number, &recipients);
        }
        if let Some(database) = &site.database {
            let owner = [("ASKEL_STORE__URL", database.url(Role::Owner))];
            site.run(0, &["migrate", "--config", &site.config(0)], &owner);
        }
        let keys = site.path("offline-keys");
        site.run(
            0,
            &[
                "admin",
                "init",
                "--config",
                &site.config(0),
                "--keys-dir",
                &keys,
            ],
            &[],
        );
        for number in 0..count {
            let (process, address) = site.start(number, "127.0.0.1:0");
            site.nodes.push(Node {
                number,
                address,
                process: Some(process),
            });
        }
        let link: Link = site.invite("organiser", 0).parse().expect("a link");
        site.tenant = link.tenant;
        let organiser = Organiser::enrol(&link).await;
        let content = catalog::encode(&one_place(&link));
        let key = site.elsewhere().join("offline-keys/catalog.key");
        organiser.publish(content, &key).await;
        site
    }

    /// What is kept off the machine.
    fn elsewhere(&self) -> PathBuf {
        self.folder.path().join("elsewhere")
    }

    /// A folder that goes with the machine.
    fn machine(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("machine-{number}"))
    }

    /// A folder for a device.
    pub(crate) fn device(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    fn path(&self, name: &str) -> String {
        text(&self.elsewhere().join(name))
    }

    fn config(&self, number: usize) -> String {
        self.path(&format!("askel-{number}.toml"))
    }

    fn journal(&self, number: usize) -> String {
        self.path(&format!("journal-{number}/askel.journal"))
    }

    /// Data on the machine; keys and journal elsewhere, as on another disk.
    fn configure(&self, number: usize, recipients: &str) {
        let url = |role| match &self.database {
            Some(database) => database.url(role),
            None => "sqlite:".to_owned(),
        };
        let config = format!(
            "[store]\nurl = {:?}\ndata_dir = {:?}\ncredential_file = {:?}\njournal_dir = {:?}\n\
             [backup]\nurl = {:?}\n{recipients}\n",
            url(Role::Serving),
            text(&self.machine(number)),
            self.path("server-keys.toml"),
            self.path(&format!("journal-{number}")),
            url(Role::Backup),
        );
        fs::write(self.config(number), config).expect("written");
    }

    fn run(&self, number: usize, arguments: &[&str], environment: &[(&str, String)]) -> String {
        let mut command = askel();
        command.args(arguments).envs(environment.iter().cloned());
        let output = command.current_dir(self.folder.path()).output();
        done(
            &output.expect("askel runs"),
            &format!("{number} {arguments:?}"),
        )
    }

    fn start(&self, number: usize, address: &str) -> (Process, String) {
        let mut command = askel();
        command.args([
            "serve",
            "--config",
            &self.config(number),
            "--listen",
            address,
        ]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("askel serve starts");
        let stdout = child.stdout.take().expect("piped");
        let told = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening ").map(str::to_owned));
        let address = told.expect("the server says where it listens");
        (Process(child), address)
    }

    /// An invitation to one of the servers, whichever there are.
    pub(crate) fn invite(&self, role: &str, number: usize) -> String {
        let node = number % self.nodes.len();
        let url = format!(
            "http://{}",
            self.nodes.get(node).expect("there is one").address
        );
        let config = self.config(node);
        let arguments = ["admin", "invite", "--role", role, "--server-url", &url];
        let told = self.run(
            node,
            &[&arguments[..], &["--config", &config]].concat(),
            &[],
        );
        let link = told.lines().find_map(|line| line.strip_prefix("link "));
        link.expect("a link is printed").to_owned()
    }

    /// An encrypted backup, while the servers serve. Nothing in it can be read without the key.
    pub(crate) fn back_up(&self) {
        let to = self.path("askel.backup");
        self.run(
            0,
            &["backup", "--config", &self.config(0), "--to", &to],
            &[],
        );
        let sealed = fs::read(&to).expect("a file");
        let shows = |marker: &[u8]| sealed.windows(marker.len()).any(|some| some == marker);
        assert!(!shows(self.tenant.as_bytes()) && !shows(b"CREATE TABLE"));
    }

    /// SIGKILL to all servers; then their folders are gone, and the database.
    pub(crate) fn lose(&mut self) {
        for node in &mut self.nodes {
            node.process = None;
        }
        for node in &self.nodes {
            fs::remove_dir_all(self.machine(node.number)).expect("it was there");
        }
        if let Some(database) = &mut self.database {
            database.lose();
        }
        for node in &self.nodes {
            let number = node.number;
            let recipients = fs::read_to_string(self.config(number)).expect("a file");
            let recipients = recipients.lines().last().expect("a line").to_owned();
            self.configure(number, &recipients);
        }
    }

    /// Goes back to the backup with all journals, on a machine that has nothing, and starts the servers
    /// where they were.
    pub(crate) fn restore(&mut self) {
        let (from, key, config) = (
            self.path("askel.backup"),
            self.path("backup.key"),
            self.config(0),
        );
        let journals: Vec<String> = (0..self.nodes.len())
            .map(|number| self.journal(number))
            .collect();
        let mut arguments = vec![
            "restore",
            "--config",
            &config,
            "--from",
            &from,
            "--identity",
            &key,
        ];
        for journal in &journals {
            arguments.extend(["--journal", journal]);
        }
        let owner = self
            .database
            .as_ref()
            .map(|database| database.url(Role::Owner));
        let owner: Vec<_> = owner
            .into_iter()
            .map(|url| ("ASKEL_BACKUP__URL", url))
            .collect();
        self.run(0, &arguments, &owner);
        let mut nodes = std::mem::take(&mut self.nodes);
        for node in &mut nodes {
            let (process, _) = self.start(node.number, &node.address);
            node.process = Some(process);
        }
        self.nodes = nodes;
    }

    /// What `askel doctor` says.
    pub(crate) fn doctor(&self) -> String {
        self.run(0, &["doctor", "--config", &self.config(0)], &[])
    }

    /// What the ops in the store say, worked out again from scratch; once what is kept for reading
    /// agrees with it.
    pub(crate) async fn verified(&self) -> VerifiedTenant {
        let config = Config::load(Some(Path::new(&self.config(0)))).expect("a configuration");
        let store = boot::open_store(&config.store)
            .await
            .expect("the store opens");
        for _ in 0..200 {
            let verified = askel_server::verify(&*store, self.tenant).await;
            let verified = verified.expect("the store answers");
            if verified.rows_agree {
                return verified;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        askel_server::verify(&*store, self.tenant)
            .await
            .expect("the store answers")
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}

fn done(output: &Output, what: &str) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A process that is killed when it is let go of.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Either is an error only when it has ended before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A database of PostgreSQL with the roles that a deployment has.
pub(crate) struct Database {
    server: SharedPostgres,
    own: askel_private_services::Database,
    /// Ends the names of roles, which are the whole server's.
    name: String,
}

/// As whom.
#[derive(Clone, Copy)]
enum Role {
    Owner,
    Serving,
    Backup,
}

impl Database {
    pub(crate) fn new(server: &SharedPostgres) -> Self {
        let own = server.new_database().expect("a database");
        let name = own.name().to_owned();
        // Roles are the whole server's: another test may make that of all at the same time.
        let roles = format!(
            "DO $$ BEGIN CREATE ROLE askel_serving NOLOGIN NOBYPASSRLS;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
             CREATE ROLE owner_{name} LOGIN PASSWORD 'owner @+%';
             CREATE ROLE serving_{name} LOGIN PASSWORD 'serving' IN ROLE askel_serving;
             CREATE ROLE backup_{name} LOGIN BYPASSRLS PASSWORD 'backup @+%' IN ROLE pg_read_all_data"
        );
        sql(server.url(), &roles);
        let made = Self {
            server: server.clone(),
            own,
            name,
        };
        made.give_to_owner();
        made
    }

    fn give_to_owner(&self) {
        let (database, name) = (self.own.name(), &self.name);
        let owner = format!("ALTER DATABASE {database} OWNER TO owner_{name}");
        sql(self.server.url(), &owner);
    }

    fn url(&self, role: Role) -> String {
        let url = self.own.url();
        let (_, rest) = url.split_once('@').expect("a URL with a user");
        let name = &self.name;
        match role {
            Role::Owner => format!("postgres://owner_{name}:owner%20%40%2B%25@{rest}"),
            Role::Serving => format!("postgres://serving_{name}:serving@{rest}"),
            Role::Backup => format!("postgres://backup_{name}:backup%20%40%2B%25@{rest}"),
        }
    }

    /// It is gone, with all that was in it; there is a new one without anything.
    fn lose(&mut self) {
        self.own = self.server.new_database().expect("a database");
        self.give_to_owner();
    }
}

fn sql(url: &str, statements: &str) {
    let program = postgres_program("psql").expect("PostgreSQL's programs");
    let mut command = Command::new(program);
    let command = command.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
    let output = command.args(["--command", statements, url]).output();
    done(&output.expect("psql runs"), "psql");
}
