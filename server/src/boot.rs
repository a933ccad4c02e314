//! The composition root: the only room that names concrete backends.

mod backup;
mod data_dir;
mod hearing;
mod push;
mod serving;

pub use backup::{
    BackupError, Journals, RestoreOptions, Restored, Sealing, StandingDatabase, backup,
    follow_restore, healing, restore,
};
pub use push::PushError;

use data_dir::{lock, lock_whole, whole};
use push::push;
use serving::{keep_fresh, serving};

use std::{fs::File, io, net::SocketAddr, sync::Arc, time::Duration};

use askel_store::{NodeId, Store, StoreError};
use askel_store_postgres::{PostgresOptions, PostgresStore};
use askel_store_sqlite::SqliteStore;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{
    app::{App, AppError, Guesses, KnownDevices, Quotas, announce_key_list},
    catalogs::Catalogs,
    clock::{Clock, SystemClock},
    components::Components,
    config::{Config, StoreConfig, StoreUrl},
    connection::{Door, Ends},
    credential_file::{CredentialFileError, Credentials},
    entropy::{EntropyFailed, SystemEntropy, draw},
    fan_out::{FanOut, InProcess, RedisFanOut, RedisFanOutError},
    ingest::Ingest,
    journal::FileJournal,
    journaled::{Journaled, fold_records},
    levels::Levels,
    lifecycle::{Stopper, stop_pair},
    measured::measured,
    overload::Gate,
    project::{Desk, Projector},
    retention::Retention,
    rpc::{self, BrokenDescriptors, CallLayer},
    server_log::ServerLog,
    tls::{Tls, TlsError},
    waking::Sender,
};

/// The server can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// The data folder can't be made.
    #[error("the data folder can't be made")]
    DataDir(#[source] io::Error),
    /// Another process serves from this data folder.
    #[error("another server is running on the data folder {0}: stop it first")]
    DataDirTaken(std::path::PathBuf),
    /// A restore was begun, and not finished.
    #[error(
        "a restore was not finished: for PostgreSQL run `askel restore` without --from, for SQLite run it again with --replace"
    )]
    RestoreUnfinished,
    /// The store can't be opened or used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server's keys can't be read.
    #[error(transparent)]
    Credentials(#[from] CredentialFileError),
    /// A tenant of the store has no keys in the file.
    #[error("the server's key file lacks a tenant of the store: run `askel admin init` with both")]
    KeysMissing,
    /// Phones can't be woken.
    #[error(transparent)]
    Push(#[from] PushError),
    /// Hints can't go by Redis.
    #[error(transparent)]
    FanOut(#[from] RedisFanOutError),
    /// No randomness for the node's name.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
    /// TLS can't be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address can't be listened on.
    #[error("can't listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// A bug in the services' descriptors.
    #[error(transparent)]
    Descriptors(#[from] BrokenDescriptors),
    /// What is to be announced at the start could not be written.
    #[error("the start could not be written to the store")]
    Announce(#[source] AppError),
}

/// Opens the configured store with its journal. The embedded one is migrated first; `PostgreSQL` has to
/// be ([`migrate`]).
///
/// # Errors
/// [`BootError::DataDir`], [`BootError::RestoreUnfinished`] and [`BootError::Store`].
pub async fn open_store(config: &StoreConfig) -> Result<Arc<dyn Store>, BootError> {
    std::fs::create_dir_all(&config.data_dir).map_err(BootError::DataDir)?;
    whole(&config.data_dir)?;
    let clock = Arc::new(SystemClock::start());
    Ok(journaled(config, backend(config).await?, clock))
}

fn journaled(config: &StoreConfig, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Arc<dyn Store> {
    let journal = FileJournal::at(config.journal_path()).folding_by(fold_records);
    Arc::new(Journaled::new(store, Arc::new(journal)).timed_by(clock))
}

/// The same with each call measured, as a server has it.
async fn measured_store(
    config: &StoreConfig,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Store>, BootError> {
    std::fs::create_dir_all(&config.data_dir).map_err(BootError::DataDir)?;
    let system = match &config.url {
        StoreUrl::Postgres(_) => "postgresql",
        _ => "sqlite",
    };
    let store = measured(backend(config).await?, Arc::clone(clock), system);
    Ok(journaled(config, store, Arc::clone(clock)))
}

/// The store itself, whose changes go past the journal.
async fn backend(config: &StoreConfig) -> Result<Arc<dyn Store>, BootError> {
    let wait_max = Duration::from_millis(config.wait_ms_max);
    Ok(match (&config.url, config.database_path()) {
        (StoreUrl::Postgres(url), _) => {
            let options = PostgresOptions {
                max_connections: config.connections_max,
                acquire_timeout: wait_max,
                statement_timeout: wait_max,
            };
            Arc::new(PostgresStore::connect(url, options).await?)
        }
        (_, Some(path)) => Arc::new(SqliteStore::open(&path).await?),
        (_, None) => return Err(StoreError::Inconsistent("a database of an unknown kind").into()),
    })
}

/// Brings the schema up to date. For `PostgreSQL` the configured URL has to be that of the role that
/// owns the tables; servers may run meanwhile.
///
/// # Errors
/// As [`open_store`].
pub async fn migrate(config: &StoreConfig) -> Result<(), BootError> {
    if let StoreUrl::Postgres(url) = &config.url {
        return Ok(askel_store_postgres::migrate(url).await?);
    }
    std::fs::create_dir_all(&config.data_dir).map_err(BootError::DataDir)?;
    whole(&config.data_dir)?;
    backend(config).await.map(|_| ())
}

/// The components of a server: the configured store, hints within this process unless a Redis is named,
/// no push service unless an account is.
///
/// # Errors
/// As [`open_store`], and [`BootError::DataDirTaken`].
pub async fn embedded(config: &Config, clock: Arc<dyn Clock>) -> Result<Components, BootError> {
    // A restore holds it while files change places: to open what is missing then would make a new one.
    let _restores_wait = lock_whole(&config.store.data_dir)?;
    let store = measured_store(&config.store, &clock).await?;
    Ok(Components {
        clock,
        entropy: Arc::new(SystemEntropy),
        store,
        fan_out: fan_out(config)?,
        push: push(&config.push)?,
        node: node(&config.store)?,
    })
}

/// A name among the servers that share a `PostgreSQL`; the embedded store is one process's alone.
fn node(config: &StoreConfig) -> Result<Option<NodeId>, BootError> {
    match config.url {
        StoreUrl::Postgres(_) => Ok(Some(NodeId::from_bytes(draw(&SystemEntropy)?))),
        _ => Ok(None),
    }
}

/// Within this process, or between several servers when a Redis is named.
fn fan_out(config: &Config) -> Result<Arc<dyn FanOut>, BootError> {
    if config.redis.url.is_empty() {
        return Ok(Arc::new(InProcess::default()));
    }
    let channels = Credentials::load(&config.store.credential_path())?.channels();
    let redis = RedisFanOut::start(&config.redis.url, channels, &SystemEntropy)?;
    Ok(Arc::new(redis))
}

/// A running server. Dropping it stops it at once; [`Server::shutdown`] lets it finish.
pub struct Server {
    local_addr: SocketAddr,
    speaks_tls: bool,
    stopper: Stopper,
    out_of_time: Stopper,
    drain: Duration,
    health: HealthReporter,
    serving: JoinHandle<()>,
    behind: Vec<JoinHandle<()>>,
    /// Held for as long as the server is there; the system lets go of it when the process ends.
    _data_dir_lock: File,
}

/// How long whatever is left may take once the time to drain is over.
const LAST_MOMENTS: Duration = Duration::from_millis(500);

/// What calls are carried out with, and what works behind them.
pub(crate) struct Assembled {
    pub(crate) app: Arc<App>,
    pub(crate) projector: Arc<Projector>,
    pub(crate) ingesting: JoinHandle<()>,
}

/// Puts together what is the same with and without sockets.
pub(crate) async fn assemble(
    config: &Config,
    mut components: Components,
    credentials: Credentials,
) -> Result<Assembled, BootError> {
    let devices = KnownDevices::new();
    components.store = devices.noticing(components.store);
    let credentials = Arc::new(credentials);
    let catalogs = Arc::new(Catalogs::new(
        Arc::clone(&components.store),
        Arc::clone(&components.clock),
    ));
    let server_log = Arc::new(ServerLog::new(
        components.clone(),
        Arc::clone(&credentials),
        Arc::clone(&catalogs),
    ));
    let desk = Desk {
        components: components.clone(),
        catalogs: Arc::clone(&catalogs),
        server_log: Arc::clone(&server_log),
    };
    let projector = Arc::new(Projector::new(desk, config.projector));
    let (ingest, ingesting) =
        Ingest::start(components.clone(), Arc::clone(&catalogs), config.ingest);
    let app = Arc::new(App {
        components,
        credentials,
        catalogs,
        server_log,
        guesses: Guesses::default(),
        trying: tokio::sync::Mutex::default(),
        quotas: Quotas::default(),
        devices,
        ingest,
        projector: Arc::clone(&projector),
        enrolment: config.enrolment,
        retention: config.retention,
        audience: config.server.audience.clone(),
        public_url: config.server.public_url.clone(),
        follow_callers: config.telemetry.follow_callers,
    });
    announce(&app).await?;
    Ok(Assembled {
        app,
        projector,
        ingesting,
    })
}

/// Starts a server. It takes calls when this returns.
///
/// # Errors
/// [`BootError`], by the first step that fails.
pub async fn start(config: &Config, components: Components) -> Result<Server, BootError> {
    let tls = config
        .server
        .tls
        .clone()
        .map(Tls::load)
        .transpose()?
        .map(Arc::new);
    let data_dir_lock = lock_whole(&config.store.data_dir)?;
    backup::sweep(&config.store).map_err(BootError::DataDir)?;
    let credentials = Credentials::load(&config.store.credential_path())?;
    let Assembled {
        app,
        projector,
        ingesting,
    } = assemble(config, components, credentials).await?;
    let catalogs = Arc::clone(&app.catalogs);
    let sender = Sender::new(app.components.clone(), catalogs, &config.push);
    let (stopper, stop) = stop_pair();
    let (out_of_time, last) = stop_pair();
    let hearing = tokio::spawn(hearing::hear_used(Arc::clone(&app), stop.clone()));
    let levels = Levels::of(config, &app.components);
    let retention = Retention::new(app.components.clone(), config.retention);
    let dropping = tokio::spawn(retention.run(stop.clone()));
    let address = config.server.listen;
    let listen = |error| BootError::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let local_addr = listener.local_addr().map_err(listen)?;
    let (routes, health) = rpc::routes(&app, stop.clone(), config.server.watches_max)?;
    let ends = Ends {
        stop: stop.clone(),
        out_of_time: last,
    };
    let door = Door {
        listener,
        tls: tls.clone(),
        connections_max: config.server.connections_max,
        idle_max: Duration::from_millis(config.server.idle_ms_max),
        ends,
    };
    let clock = Arc::clone(&app.components.clock);
    let gate = Arc::new(Gate::new(&config.server, Arc::clone(&clock)));
    let serving = serving(door, routes, CallLayer { app, gate });
    let (ending, certifying) = (stop.clone(), stop.clone());
    let pushing = tokio::spawn(async move { sender.run(ending).await });
    let looking = tokio::spawn(levels.run(stop.clone()));
    let projecting = tokio::spawn(async move { projector.run(stop).await });
    let drain = Duration::from_millis(config.server.drain_ms);
    let mut behind = vec![projecting, ingesting, pushing, looking, hearing, dropping];
    let speaks_tls = tls.is_some();
    behind.extend(tls.map(|tls| keep_fresh(tls, &config.server, clock, certifying)));
    Ok(Server {
        local_addr,
        speaks_tls,
        stopper,
        out_of_time,
        drain,
        health,
        serving,
        behind,
        _data_dir_lock: data_dir_lock,
    })
}

/// Tells in the catalogs' streams what stands in the store and is not told there yet.
async fn announce(app: &App) -> Result<(), BootError> {
    for tenant in app.components.store.list_tenants().await? {
        if app.credentials.get(tenant.id).is_none() {
            return Err(BootError::KeysMissing);
        }
        announce_key_list(app, &tenant)
            .await
            .map_err(BootError::Announce)?;
    }
    Ok(())
}

impl Server {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Whether it speaks TLS, and nothing in clear.
    pub fn speaks_tls(&self) -> bool {
        self.speaks_tls
    }

    /// Stops: no new connections, watches end, silent connections end, calls under way have the
    /// configured time to finish, and everything taken in is committed.
    pub async fn shutdown(mut self) {
        self.health
            .set_service_status("", ServingStatus::NotServing)
            .await;
        self.stopper.stop();
        if tokio::time::timeout(self.drain, &mut self.serving)
            .await
            .is_err()
        {
            self.out_of_time.stop();
            if tokio::time::timeout(LAST_MOMENTS, &mut self.serving)
                .await
                .is_err()
            {
                tracing::warn!("connections did not end in time and are cut");
                self.serving.abort();
            }
        }
        for task in &mut self.behind {
            if tokio::time::timeout(LAST_MOMENTS, task).await.is_err() {
                tracing::warn!("background work did not end in time");
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
        for task in &self.behind {
            task.abort();
        }
    }
}
