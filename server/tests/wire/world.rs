//! A tenant on a running server, a clock that the test sets, and a look at everything stored.

use std::{path::PathBuf, sync::Arc};

use askel_private_services::{Database, redis};
use askel_proto::v1::{self, enrolment_service_client::EnrolmentServiceClient};
use askel_server::{
    Components, Config, Journaled, Server, boot,
    clock::RehearsalClock,
    credential_file::Credentials,
    entropy::{SystemEntropy, draw},
    fan_out::{InProcess, RedisFanOut},
    operator::{NewTenant, OperatorInvitation, invite},
    parse_record,
    push::{LogPush, Push},
    verify,
};
use askel_store::{NodeId, PageRequest, RestoreStore as _, Store, memory::MemoryStore};
use askel_sync::{
    admission::Role,
    id::PlaceId,
    invitation,
    key::{KeyPair, prove_enrolment},
    stream::StreamKey,
    time::Timestamp,
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{bound_journal::BoundJournal, catalog, device::Device, postgres};

/// Tuesday, 12 April 2016, noon in Helsinki.
pub(crate) const NOON: Timestamp = Timestamp::from_ms(1_460_451_600_000);

/// On which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    Sqlite,
    Postgres,
}

/// A server beside the one that a world begins with, on the same store.
pub(crate) struct Node {
    server: Server,
    channel: Channel,
    _folder: tempfile::TempDir,
}

impl Node {
    /// Ends it as a deployment does.
    pub(crate) async fn stop(self) {
        self.server.shutdown().await;
    }

    /// Ends it as SIGKILL does: nothing is left in order.
    pub(crate) fn kill(self) {
        drop(self.server);
    }
}

/// A server with one tenant.
pub(crate) struct World {
    server: Option<Server>,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) clock: Arc<RehearsalClock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tenant: NewTenant,
    pub(crate) channel: Channel,
    folder: tempfile::TempDir,
    config: Config,
    journal: BoundJournal,
    push: Arc<dyn Push>,
    /// The store itself, if it is in memory.
    memory: Option<Arc<MemoryStore>>,
    _database: Option<Database>,
}

/// What a test goes back to.
pub(crate) enum Backup {
    Memory(MemoryStore),
    File(PathBuf),
}

fn config(folder: &tempfile::TempDir) -> Config {
    let mut config = Config::default();
    folder.path().clone_into(&mut config.store.data_dir);
    config.server.listen = "127.0.0.1:0".parse().expect("an address");
    config.push.look_ms = 10;
    config
}

async fn serve(
    config: &Config,
    clock: &Arc<RehearsalClock>,
    store: &Arc<dyn Store>,
    push: &Arc<dyn Push>,
) -> Server {
    let components = Components {
        clock: Arc::clone(clock) as _,
        entropy: Arc::new(SystemEntropy),
        store: Arc::clone(store),
        fan_out: Arc::new(InProcess::default()),
        push: Arc::clone(push),
        node: None,
    };
    boot::start(config, components).await.expect("started")
}

impl World {
    pub(crate) async fn start(backend: Backend) -> Self {
        Self::started(backend, Arc::new(LogPush), |_| {}).await
    }

    /// With something that wakes phones.
    pub(crate) async fn start_with(backend: Backend, push: Arc<dyn Push>) -> Self {
        Self::started(backend, push, |_| {}).await
    }

    /// With a configuration that the test changes.
    pub(crate) async fn configured(backend: Backend, change: impl FnOnce(&mut Config)) -> Self {
        Self::started(backend, Arc::new(LogPush), change).await
    }

    async fn started(
        backend: Backend,
        push: Arc<dyn Push>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = config(&folder);
        change(&mut config);
        let clock = Arc::new(RehearsalClock::start());
        clock.set(Some(NOON));
        let mut database = None;
        let journal = BoundJournal::default();
        let memory = Arc::new(MemoryStore::new());
        let (store, kept): (Arc<dyn Store>, _) = match backend {
            Backend::Memory => {
                let inner = Arc::clone(&memory) as _;
                let store = Journaled::new(inner, Arc::new(journal.clone()));
                (Arc::new(store), Some(memory))
            }
            Backend::Sqlite => {
                let clock = Arc::clone(&clock) as _;
                let components = boot::embedded(&config, clock).await;
                (components.expect("a store").store, None)
            }
            Backend::Postgres => {
                let (store, made) = postgres::open().await;
                database = Some(made);
                let store = Journaled::new(Arc::new(store), Arc::new(journal.clone()));
                (Arc::new(store), None)
            }
        };
        let tenant = NewTenant::generate(&SystemEntropy).expect("randomness");
        let mut credentials = Credentials::default();
        credentials.insert(tenant.id, tenant.server.clone());
        credentials
            .save(&config.store.credential_path())
            .expect("saved");
        tenant.record(&*store, NOON).await.expect("recorded");
        let server = serve(&config, &clock, &store, &push).await;
        let channel = channel(&server);
        let address = server.local_addr();
        Self {
            server: Some(server),
            address,
            clock,
            store,
            tenant,
            channel,
            folder,
            config,
            journal,
            push,
            memory: kept,
            _database: database,
        }
    }

    /// The store itself, past its journal.
    pub(crate) fn memory(&self) -> &MemoryStore {
        self.memory.as_deref().expect("a world in memory")
    }

    /// The journal of a store that keeps none in a file.
    pub(crate) fn journal(&self) -> &BoundJournal {
        &self.journal
    }

    /// What the server's files hold; of a store in memory those of its journal and keys.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut folders = vec![self.folder.path().to_path_buf()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push((path.clone(), std::fs::read(&path).expect("a file")));
                }
            }
        }
        files
    }

    /// A backup of what stands now.
    pub(crate) async fn back_up(&self) -> Backup {
        if let Some(store) = &self.memory {
            return Backup::Memory(store.snapshot());
        }
        let to = self.folder.path().join("backup.sqlite");
        let sealing = boot::Sealing::Open;
        let made = boot::backup(&self.config, &to, &sealing, &SystemEntropy).await;
        made.expect("backed up");
        Backup::File(to)
    }

    /// The same tenant after going back to a backup: every stream has a new handle, and all stands as
    /// the journal says.
    pub(crate) async fn go_back_to(&mut self, backup: Backup) {
        self.stop().await;
        let config = self.config.clone();
        match backup {
            Backup::Memory(store) => {
                let renewed = store.renew_streams(self.tenant.id, &[9; 32]).await;
                renewed.expect("renewed");
                let records = self.journal.records();
                let entries = records.iter().map(|record| parse_record(record));
                let entries: Result<Vec<_>, _> =
                    entries.map(|entry| entry.map(|(_, entry)| entry)).collect();
                let entries = entries.expect("records of this version");
                let applied = store.apply_journal(self.tenant.id, &entries).await;
                applied.expect("applied");
                let store = Arc::new(store);
                self.memory = Some(Arc::clone(&store));
                let journal = Arc::new(self.journal.clone());
                self.store = Arc::new(Journaled::new(store, journal));
            }
            Backup::File(from) => {
                // The file's former users close it first, as processes do that end.
                self.store = Arc::new(MemoryStore::new());
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                let options = boot::RestoreOptions {
                    identities: Vec::new(),
                    journals: boot::Journals::Configured,
                    standing: boot::StandingDatabase::Replace,
                };
                let restored = boot::restore(&config, &from, &options, &SystemEntropy).await;
                restored.expect("restored");
                let store = boot::open_store(&config.store).await;
                self.store = store.expect("a store");
            }
        }
        self.serve(&config).await;
    }

    async fn serve(&mut self, config: &Config) {
        let server = serve(config, &self.clock, &self.store, &self.push).await;
        self.channel = channel(&server);
        self.address = server.local_addr();
        self.server = Some(server);
    }

    /// Another server in the place of this one, which ends in the middle of what it does.
    pub(crate) async fn end_and_start(&mut self, push: Arc<dyn Push>) {
        drop(self.server.take());
        self.push = push;
        let config = self.config.clone();
        self.serve(&config).await;
    }

    /// What a second server on the same data folder is told.
    pub(crate) async fn start_another(&self) -> String {
        let config = &self.config;
        let components = Components {
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::new(SystemEntropy),
            store: Arc::clone(&self.store),
            fan_out: Arc::new(InProcess::default()),
            push: Arc::new(LogPush),
            node: None,
        };
        match boot::start(config, components).await {
            Ok(_) => panic!("two servers on one folder"),
            Err(error) => error.to_string(),
        }
    }

    /// Another server on the same store, with hints between it and the others.
    pub(crate) async fn join(&self) -> Node {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = config(&folder);
        config.retention = self.config.retention;
        let mut credentials = Credentials::default();
        credentials.insert(self.tenant.id, self.tenant.server.clone());
        let path = config.store.credential_path();
        credentials.save(&path).expect("saved");
        let redis = redis().expect("a Redis");
        let fan_out = RedisFanOut::start(redis.url(), credentials.channels(), &SystemEntropy);
        let components = Components {
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::new(SystemEntropy),
            store: Arc::clone(&self.store),
            fan_out: Arc::new(fan_out.expect("hints")),
            push: Arc::clone(&self.push),
            node: Some(NodeId::from_bytes(draw(&SystemEntropy).expect("a name"))),
        };
        let server = boot::start(&config, components).await.expect("started");
        Node {
            channel: channel(&server),
            server,
            _folder: folder,
        }
    }

    /// Calls go to this node from now on.
    pub(crate) fn turn_to(&mut self, node: &Node) {
        self.channel = node.channel.clone();
    }

    /// Stops the server.
    pub(crate) async fn stop(&mut self) {
        self.server.take().expect("running").shutdown().await;
    }

    /// Moves the server's clock on.
    pub(crate) fn set_clock(&self, now: Timestamp) {
        self.clock.set(Some(now));
    }

    /// An operator's invitation: its device is active at once.
    pub(crate) async fn invite(&self, role: Role, places: &[u32]) -> String {
        let scope =
            (!places.is_empty()).then(|| places.iter().copied().map(PlaceId::new).collect());
        let wanted = OperatorInvitation {
            role,
            scope,
            valid_for_ms: None,
            public_url: "http://localhost".to_owned(),
        };
        let of = (self.tenant.id, &self.tenant.server);
        let now = askel_server::clock::Clock::now(&*self.clock);
        invite(&*self.store, &SystemEntropy, now, of, &wanted)
            .await
            .expect("invited")
            .code
    }

    /// A device with a new key that comes in by an operator's invitation.
    pub(crate) async fn enrolled(&self, role: Role, places: &[u32]) -> Device {
        let code = self.invite(role, places).await;
        let key = new_key();
        let enrolled = self.enrol(&code, &key).await.expect("enrolled");
        Device::new(self, key, &enrolled)
    }

    /// An organiser who has published the tests' catalog.
    pub(crate) async fn organised(&self) -> Device {
        let organiser = self.enrolled(Role::Organiser, &[]).await;
        let content = catalog::build(self.tenant.id, |_| {});
        catalog::publish(self, &organiser, content)
            .await
            .expect("published");
        organiser
    }

    /// A participant's device that belongs to a tenant with a catalog.
    pub(crate) async fn participant(&self) -> Device {
        self.organised().await;
        self.enrolled(Role::Participant, &[]).await
    }

    pub(crate) async fn enrol(
        &self,
        code: &str,
        key: &KeyPair,
    ) -> Result<v1::EnrolResponse, Status> {
        let normalised = invitation::normalise(code).unwrap_or_default();
        let request = v1::EnrolRequest {
            tenant_id: self.tenant.id.to_vec(),
            invitation_code: code.to_owned(),
            device_public_key: key.public_key().as_bytes().to_vec(),
            proof: prove_enrolment(key, self.tenant.id, &normalised),
            versions: Some(v1::VersionRange {
                lowest: 1,
                highest: 1,
            }),
        };
        self.enrol_with(request).await
    }

    pub(crate) async fn enrol_with(
        &self,
        request: v1::EnrolRequest,
    ) -> Result<v1::EnrolResponse, Status> {
        let mut client = EnrolmentServiceClient::new(self.channel.clone());
        client.enrol(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn come_back(
        &self,
        right: v1::come_back_request::Right,
        key: &KeyPair,
    ) -> Result<v1::EnrolResponse, Status> {
        use v1::come_back_request::Right;
        let code = match &right {
            Right::RecoveryCode(code) | Right::ReInvitationCode(code) => {
                invitation::normalise(code).unwrap_or_default()
            }
            Right::Approval(_) => String::new(),
        };
        let request = v1::ComeBackRequest {
            tenant_id: self.tenant.id.to_vec(),
            right: Some(right),
            device_public_key: key.public_key().as_bytes().to_vec(),
            proof: prove_enrolment(key, self.tenant.id, &code),
            versions: None,
        };
        let mut client = EnrolmentServiceClient::new(self.channel.clone());
        client
            .come_back(request)
            .await
            .map(tonic::Response::into_inner)
    }

    /// Everything that a refused call could have changed, as text to compare.
    pub(crate) async fn snapshot(&self) -> String {
        let (store, tenant) = (&*self.store, self.tenant.id);
        let all = PageRequest {
            size: 1_000,
            after: Vec::new(),
        };
        let verified = verify(store, tenant).await.expect("verified");
        let audit = store.list_audit(tenant, &all).await.expect("listed");
        let invitations = store.list_invitations(tenant, &all).await.expect("listed");
        let staff = store
            .list_staff_devices(tenant, &all)
            .await
            .expect("listed");
        let catalogs = store.list_catalogs(tenant, &all).await.expect("listed");
        let mut keys = vec![StreamKey::Catalog];
        let mut devices = Vec::new();
        for participant in store.list_participants(tenant).await.expect("listed") {
            keys.push(StreamKey::Participant(participant));
            devices.extend(
                store
                    .list_participant_devices(tenant, participant)
                    .await
                    .expect("listed"),
            );
        }
        keys.extend(
            devices
                .iter()
                .chain(&staff.items)
                .map(|device| StreamKey::Device(device.id)),
        );
        let heads = store
            .lookup_streams(tenant, &keys)
            .await
            .expect("looked up");
        // A reader calls its streams into being; only what is in them counts.
        let heads: Vec<_> = heads.iter().filter(|head| head.head > 0).collect();
        let dirty = store.list_dirty(tenant, 100).await.expect("listed");
        format!(
            "{verified:?}\n{audit:?}\n{invitations:?}\n{staff:?}\n{devices:?}\n{catalogs:?}\n\
             {heads:?}\n{dirty:?}"
        )
    }
}

/// A key pair of nobody yet.
pub(crate) fn new_key() -> KeyPair {
    KeyPair::from_seed(&draw(&SystemEntropy).expect("randomness"))
}

fn channel(server: &Server) -> Channel {
    let url = format!("http://{}", server.local_addr());
    Channel::from_shared(url).expect("a URL").connect_lazy()
}

/// A refusal with this code and reason.
pub(crate) fn refused(status: &Status, code: Code, reason: &str) {
    let info = status.get_details_error_info();
    let told = info
        .as_ref()
        .map(|info| (info.reason.as_str(), info.domain.as_str()));
    assert_eq!(
        (status.code(), told),
        (code, Some((reason, "askel"))),
        "{status:?}"
    );
}
