//! What is real in a run: a tenant on a server over `SQLite`, on loopback, and devices with the real SDK.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use askel_client_sdk::{
    Budget, Client, ComeBack, Components, FileKeyStore, GrpcTransport, SqliteStorage, SyncEnd,
    SyncReport, SystemEntropy,
};
use askel_server::{
    Config, Server, VerifiedTenant, boot,
    config::StoreConfig,
    credential_file::Credentials,
    entropy::SystemEntropy as ServerEntropy,
    operator::{self, NewTenant, OperatorInvitation},
};
use askel_sync::{admission::Role, catalog, invitation::Link};
use tempfile::TempDir;

use crate::{
    clock::{DeviceTime, Now, ServerTime},
    organiser,
    proxy::{Line, Proxy},
    rows::{RowSizes, SizedStorage},
    tally::{Tally, TallyTransport},
};

/// What a sync may take, in real time.
pub(crate) const BUDGET: Budget = Budget {
    time: Duration::from_mins(2),
};
/// Syncs until a budget that is spent again and again is taken for a fault.
const SYNCS_MAX: u32 = 20;

/// A tenant with its server.
pub(crate) struct World {
    pub(crate) now: Now,
    tenant: NewTenant,
    server: Server,
    store: StoreConfig,
    folder: TempDir,
}

/// An installation of the SDK, with what passed between it and the server.
pub(crate) struct Installation {
    pub(crate) client: Client,
    pub(crate) proxy: Proxy,
    /// Encoded messages by field.
    pub(crate) tally: Arc<Tally>,
    pub(crate) traffic: Traffic,
    pub(crate) rows: RowSizes,
    folder: PathBuf,
    number: u64,
}

/// Encoded Sync messages, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) up: u64,
    pub(crate) down: u64,
    /// Content of catalogs, which is no part of a participant's data.
    pub(crate) catalog: u64,
    pub(crate) calls: u64,
}

impl Traffic {
    pub(crate) fn total(self) -> u64 {
        self.up.saturating_add(self.down)
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            up: self.up.saturating_sub(before.up),
            down: self.down.saturating_sub(before.down),
            catalog: self.catalog.saturating_sub(before.catalog),
            calls: self.calls.saturating_sub(before.calls),
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            up: self.up.saturating_add(other.up),
            down: self.down.saturating_add(other.down),
            catalog: self.catalog.saturating_add(other.catalog),
            calls: self.calls.saturating_add(other.calls),
        }
    }

    fn add(&mut self, report: &SyncReport) {
        self.up = self.up.saturating_add(report.bytes_up);
        self.down = self.down.saturating_add(report.bytes_down);
        self.catalog = self.catalog.saturating_add(report.catalog_bytes);
        self.calls = self.calls.saturating_add(u64::from(report.calls));
    }
}

impl World {
    /// A tenant with its catalog, and nobody in it.
    pub(crate) async fn start(now_ms: i64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let now = Now::at(now_ms);
        let mut config = Config::default();
        config.store.data_dir = folder.path().join("server");
        config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        std::fs::create_dir_all(&config.store.data_dir)?;
        let tenant = NewTenant::generate(&ServerEntropy)?;
        let mut credentials = Credentials::default();
        credentials.insert(tenant.id, tenant.server.clone());
        credentials.save(&config.store.credential_path())?;
        let components = boot::embedded(&config, Arc::new(ServerTime::new(&now))).await?;
        tenant.record(&*components.store, now.get()).await?;
        let server = boot::start(&config, components).await?;
        let world = Self {
            now,
            tenant,
            server,
            store: config.store,
            folder,
        };
        world.publish().await?;
        Ok(world)
    }

    async fn publish(&self) -> anyhow::Result<()> {
        let content = catalog::encode(&crate::catalog::build(self.tenant.id));
        let signature = catalog::sign(&content, self.tenant.id, &self.tenant.catalog);
        let link = self.invite(Role::Organiser).await?;
        organiser::publish(&link, self.now.get(), (content, signature)).await
    }

    async fn invite(&self, role: Role) -> anyhow::Result<Link> {
        let store = boot::open_store(&self.store).await?;
        let wanted = OperatorInvitation {
            role,
            scope: None,
            valid_for_ms: None,
            public_url: format!("http://{}", self.server.local_addr()),
        };
        let of = (self.tenant.id, &self.tenant.server);
        let invited =
            operator::invite(&*store, &ServerEntropy, self.now.get(), of, &wanted).await?;
        Ok(invited.link.parse()?)
    }

    /// A new installation that reaches the server over a line of its own.
    pub(crate) async fn install(&self, number: u64, line: Line) -> anyhow::Result<Installation> {
        let proxy = Proxy::start(self.server.local_addr(), line).await?;
        let folder = self.folder.path().join(format!("device-{number}"));
        std::fs::create_dir_all(&folder)?;
        let tally = Arc::new(Tally::default());
        let rows = RowSizes::default();
        let client = open(&self.now, (&folder, number), &proxy, (&tally, &rows))?;
        Ok(Installation {
            client,
            proxy,
            tally,
            traffic: Traffic::default(),
            rows,
            folder,
            number,
        })
    }

    /// Enrols an installation by an operator's invitation.
    pub(crate) async fn enrol(&self, device: &Installation, role: Role) -> anyhow::Result<()> {
        let link = self.invite(role).await?;
        device.client.enrol(&link.to_string()).await?;
        Ok(())
    }

    /// Brings a participant's next device, which their first approves.
    pub(crate) async fn approve(&self, first: &Installation, next: &Client) -> anyhow::Result<()> {
        let key = next.device_public_key();
        first.client.approve_device(&key, None).await?;
        let link = self.invite(Role::Participant).await?.to_string();
        next.come_back(ComeBack::Approved(link)).await?;
        Ok(())
    }

    /// Lets an installation reach the server over another line.
    pub(crate) async fn rewire(
        &self,
        device: Installation,
        line: Line,
    ) -> anyhow::Result<Installation> {
        let proxy = Proxy::start(self.server.local_addr(), line).await?;
        self.reopen(Installation { proxy, ..device })
    }

    /// Opens an installation's database again.
    pub(crate) fn reopen(&self, device: Installation) -> anyhow::Result<Installation> {
        let Installation { client, rows, .. } = device;
        drop((client, rows));
        let rows = RowSizes::default();
        let seen = (&device.tally, &rows);
        let client = open(
            &self.now,
            (&device.folder, device.number),
            &device.proxy,
            seen,
        )?;
        Ok(Installation {
            client,
            rows,
            ..device
        })
    }

    /// Folds everything that the server holds again.
    pub(crate) async fn refold(&self) -> anyhow::Result<VerifiedTenant> {
        let store = boot::open_store(&self.store).await?;
        Ok(askel_server::verify(&*store, self.tenant.id).await?)
    }
}

fn open(
    now: &Now,
    (folder, number): (&PathBuf, u64),
    proxy: &Proxy,
    (tally, rows): (&Arc<Tally>, &RowSizes),
) -> anyhow::Result<Client> {
    let transport = GrpcTransport::connect_lazy(&proxy.url())?;
    let storage = SqliteStorage::open(folder.join("askel.sqlite"))?;
    Client::open(Components {
        storage: Box::new(SizedStorage::new(storage, rows.clone())),
        transport: Arc::new(TallyTransport::new(transport, Arc::clone(tally))),
        clock: Arc::new(DeviceTime::new(now, number)),
        entropy: Arc::new(SystemEntropy),
        key_store: Box::new(FileKeyStore::new(folder.join("keys"))),
    })
    .context("the SDK")
}

impl Installation {
    /// Syncs until nothing is left to hand in or to fetch.
    pub(crate) async fn sync(&mut self) -> anyhow::Result<Traffic> {
        let before = self.traffic;
        for _ in 0..SYNCS_MAX {
            let report = self.client.sync(BUDGET).await?;
            self.traffic.add(&report);
            anyhow::ensure!(report.rejected == 0, "the server refused an op of the year");
            if report.end == SyncEnd::Done {
                return Ok(self.traffic.since(before));
            }
        }
        anyhow::bail!("a sync does not end")
    }

    /// The database with its journal files, in bytes.
    pub(crate) fn database_bytes(&self) -> anyhow::Result<u64> {
        let mut sum: u64 = 0;
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with("askel.sqlite")
            {
                sum = sum.saturating_add(entry.metadata()?.len());
            }
        }
        Ok(sum)
    }

    /// Where its keys lie.
    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    /// Where its database lies.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("askel.sqlite")
    }
}
