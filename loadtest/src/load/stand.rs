//! What is measured: a server of its own process on a database of its own, with tenants and people.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use askel_private_services::{Durability, Postgres, PostgresSettings, Redis, postgres_program};
use askel_server::{
    boot,
    clock::{Clock as _, SystemClock},
    credential_file::Credentials,
    entropy::SystemEntropy,
    operator::{self, NewTenant, OperatorInvitation},
};
use askel_store::Store;
use askel_sync::{
    admission::Role,
    catalog,
    id::PassTag,
    invitation::Link,
    op::Payload,
    time::{LocalDate, Timestamp},
};
use indicatif::ProgressBar;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{
    content,
    crowd::{Device, count, tally, visit},
    drive::progress,
    known::{Phone, first_sync},
    process::{Usage, family_usage},
    server::{Served, ServerProcess},
    wire::{Line, Lines, Told},
};

/// The role that serves.
const SERVING: &str = "askel_loadtest";
/// Invitations used at a time.
const ENROLLING: usize = 32;
/// Days of figures that a stand looks at.
const FIGURE_DAYS: i32 = 3_600;
/// How long figures may take to say everything that was handed in.
const CONFIRM_MS_MAX: u64 = 600_000;
/// Between two looks at them.
const LOOK_MS: u64 = 50;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// The embedded one.
    Sqlite,
    /// A private one, durable as in production; a private Redis beside it.
    Postgres,
}

impl StoreKind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A running server with tenants.
pub(crate) struct Stand {
    // In this order: the server ends before what it works on.
    pub(crate) server: ServerProcess,
    pub(crate) lines: Lines,
    pub(crate) tenants: Vec<Tenancy>,
    store: Arc<dyn Store>,
    pub(crate) clock: SystemClock,
    pub(crate) postgres: Option<Postgres>,
    _redis: Option<Redis>,
    pub(crate) folder: TempDir,
}

/// A tenant with who reads its figures.
pub(crate) struct Tenancy {
    pub(crate) keys: NewTenant,
    pub(crate) organiser: Device,
}

/// What a measurement stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// Which database.
    pub store: StoreKind,
    /// The program whose subcommand [`super::SERVE`] serves.
    pub program: PathBuf,
    /// Connections that calls are spread over.
    pub connections: usize,
}

impl Stand {
    /// Starts it all; nobody but organisers is enrolled.
    pub(crate) async fn start(wanted: &Ground, tenants: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let clock = SystemClock::start();
        let (postgres, redis) = match wanted.store {
            StoreKind::Sqlite => (None, None),
            StoreKind::Postgres => {
                let settings = PostgresSettings::new(Durability::Durable);
                (Some(Postgres::start(&settings)?), Some(Redis::start()?))
            }
        };
        let orders = Served {
            data_dir: folder.path().join("server"),
            store_url: match &postgres {
                None => "sqlite:".to_owned(),
                Some(postgres) => prepare(postgres, folder.path()).await?,
            },
            redis_url: redis.as_ref().map(Redis::url).unwrap_or_default(),
        };
        let config = orders.config()?.store;
        std::fs::create_dir_all(&orders.data_dir)?;
        let store = boot::open_store(&config).await?;
        let mut credentials = Credentials::default();
        let mut made = Vec::with_capacity(tenants);
        for _ in 0..tenants {
            let tenant = NewTenant::generate(&SystemEntropy)?;
            credentials.insert(tenant.id, tenant.server.clone());
            made.push(tenant);
        }
        credentials.save(&config.credential_path())?;
        for tenant in &made {
            tenant.record(&*store, clock.now()).await?;
        }
        let server = ServerProcess::start(&wanted.program, &orders)?;
        let lines = Lines::connect(&server.url(), wanted.connections).await?;
        let mut stand = Self {
            server,
            lines,
            tenants: Vec::with_capacity(tenants),
            store,
            clock,
            postgres,
            _redis: redis,
            folder,
        };
        for keys in made {
            let organiser = stand.invite(&keys, Role::Organiser).await?;
            let organiser = stand.lines.of(0).enrol(&organiser).await?;
            let content = catalog::encode(&content::build(keys.id));
            let signature = catalog::sign(&content, keys.id, &keys.catalog);
            let line = stand.lines.of(0);
            line.publish(&organiser, stand.now(), (content, signature))
                .await?;
            stand.tenants.push(Tenancy { keys, organiser });
        }
        Ok(stand)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The first of the tenants.
    pub(crate) fn tenant(&self) -> anyhow::Result<&Tenancy> {
        self.tenants.first().context("a stand has a tenant")
    }

    async fn invite(&self, keys: &NewTenant, role: Role) -> anyhow::Result<Link> {
        let wanted = OperatorInvitation {
            role,
            scope: None,
            valid_for_ms: None,
            public_url: self.server.url(),
        };
        let of = (keys.id, &keys.server);
        let invited = operator::invite(&*self.store, &SystemEntropy, self.now(), of, &wanted);
        Ok(invited.await?.link.parse()?)
    }

    /// Enrols so many devices of a tenant.
    pub(crate) async fn enrol(
        &self,
        tenant: &Tenancy,
        role: Role,
        devices: usize,
    ) -> anyhow::Result<Vec<Device>> {
        let mut enrolled = Gathered::of(devices);
        for number in 0..devices {
            enrolled.make_room().await?;
            let invited = self.invite(&tenant.keys, role).await?;
            let line = self.lines.of(number);
            enrolled
                .under_way
                .spawn(async move { line.enrol(&invited).await });
        }
        enrolled.all().await
    }

    /// A participant's device after its first sync, with one visit; or staff's, with one tally.
    pub(crate) async fn first_sync(&self, device: Device, number: usize) -> anyhow::Result<Phone> {
        let now = self.now();
        let fact = match device.role {
            Role::Participant => visit(0, now),
            _ => tally(1, now),
        };
        synced(self.lines.of(number), device, Some(fact), now).await
    }

    /// So many people's phones, each with one visit, that have read what it led to.
    pub(crate) async fn phones(&self, people: usize) -> anyhow::Result<Vec<Phone>> {
        let tenant = self.tenant()?;
        let devices = self.enrol(tenant, Role::Participant, people).await?;
        let now = self.now();
        let first = self.all_synced(devices, Some(visit(0, now))).await?;
        self.confirmed(tenant, count(people)).await?;
        let devices = first.into_iter().map(|phone| phone.device).collect();
        self.all_synced(devices, None).await
    }

    async fn all_synced(
        &self,
        devices: Vec<Device>,
        fact: Option<Payload>,
    ) -> anyhow::Result<Vec<Phone>> {
        let mut phones = Gathered::of(devices.len());
        for (number, device) in devices.into_iter().enumerate() {
            phones.make_room().await?;
            let line = self.lines.of(number);
            phones
                .under_way
                .spawn(synced(line, device, fact.clone(), self.now()));
        }
        phones.all().await
    }

    /// So many staff devices that know what they have to for the short form.
    pub(crate) async fn scanners(&self, devices: usize) -> anyhow::Result<Vec<Phone>> {
        let enrolled = self.enrol(self.tenant()?, Role::Staff, devices).await?;
        let mut scanners = Vec::with_capacity(devices);
        for (number, device) in enrolled.into_iter().enumerate() {
            scanners.push(self.first_sync(device, number).await?);
        }
        Ok(scanners)
    }

    /// So many people with a paper card; what they show.
    pub(crate) async fn cards(
        &self,
        staff: &[Phone],
        people: usize,
    ) -> anyhow::Result<Vec<PassTag>> {
        let staff = staff.first().context("somebody registers people")?;
        let mut cards = Gathered::of(people);
        for number in 0..people {
            cards.make_room().await?;
            let (line, device, now) = (self.lines.of(number), staff.device.clone(), self.now());
            cards
                .under_way
                .spawn(async move { line.card(&device, now).await });
        }
        cards.all().await
    }

    /// What the figures of a tenant tell.
    pub(crate) async fn figures(&self, tenant: &Tenancy) -> anyhow::Result<Told> {
        let today = i32::try_from(self.now().as_ms().div_euclid(askel_sync::time::DAY_MS))?;
        let days = (
            LocalDate::from_days(today.saturating_sub(FIGURE_DAYS)),
            LocalDate::from_days(today.saturating_add(1)),
        );
        let line = self.lines.of(0);
        line.figures(&tenant.organiser, self.now(), days).await
    }

    /// Waits until the figures of a tenant count so many, and no more.
    pub(crate) async fn confirmed(&self, tenant: &Tenancy, expected: u64) -> anyhow::Result<()> {
        let patience = self
            .clock
            .monotonic()
            .saturating_add(Duration::from_millis(CONFIRM_MS_MAX));
        loop {
            let counted = self.figures(tenant).await?.attendances;
            if counted == expected {
                return Ok(());
            }
            let late = self.clock.monotonic() > patience;
            anyhow::ensure!(
                counted < expected && !late,
                "the figures count {counted} attendances and should count {expected}"
            );
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }

    /// What the database's processes have used; nothing where it is within the server.
    pub(crate) fn database_usage(&self) -> anyhow::Result<Usage> {
        match self.postgres.as_ref().and_then(Postgres::pid) {
            Some(pid) => family_usage(pid),
            None => Ok(Usage::default()),
        }
    }
}

/// Things that are made at the server, some at a time, with a bar on a terminal.
struct Gathered<T> {
    under_way: JoinSet<anyhow::Result<T>>,
    done: Vec<T>,
    bar: ProgressBar,
}

impl<T: 'static> Gathered<T> {
    fn of(number: usize) -> Self {
        Self {
            under_way: JoinSet::new(),
            done: Vec::with_capacity(number),
            bar: progress(number),
        }
    }

    /// Waits until one more may be begun.
    async fn make_room(&mut self) -> anyhow::Result<()> {
        while self.under_way.len() >= ENROLLING && self.one().await? {}
        Ok(())
    }

    async fn one(&mut self) -> anyhow::Result<bool> {
        let Some(done) = self.under_way.join_next().await else {
            return Ok(false);
        };
        self.done.push(done??);
        self.bar.inc(1);
        Ok(true)
    }

    async fn all(mut self) -> anyhow::Result<Vec<T>> {
        while self.one().await? {}
        self.bar.finish_and_clear();
        Ok(self.done)
    }
}

/// A device after a sync in long form from the beginning, in which it hands something in.
async fn synced(
    line: Line,
    mut device: Device,
    fact: Option<Payload>,
    now: Timestamp,
) -> anyhow::Result<Phone> {
    let streams = device.streams();
    let message = first_sync(&mut device, fact, streams, now);
    let opening = line.opening(&device.credential(now), message).await?;
    Phone::of(device, &opening)
}

/// Makes the schema and the role that serves; the URL of that.
async fn prepare(postgres: &Postgres, folder: &std::path::Path) -> anyhow::Result<String> {
    let owner = Served {
        data_dir: folder.join("migrating"),
        store_url: postgres.url(),
        redis_url: String::new(),
    };
    boot::migrate(&owner.config()?.store).await?;
    let role = format!("CREATE ROLE {SERVING} LOGIN PASSWORD '{SERVING}' IN ROLE askel_serving");
    sql(postgres, &role)?;
    let url = postgres.url();
    let (_, rest) = url.split_once('@').context("a URL with a user")?;
    Ok(format!("postgres://{SERVING}:{SERVING}@{rest}"))
}

/// Has the superuser say something.
pub(crate) fn sql(postgres: &Postgres, statement: &str) -> anyhow::Result<()> {
    let said = std::process::Command::new(postgres_program("psql")?)
        .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"])
        .args(["--command", statement])
        .arg(postgres.url())
        .output()?;
    let why = String::from_utf8_lossy(&said.stderr);
    anyhow::ensure!(said.status.success(), "psql: {why}");
    Ok(())
}
