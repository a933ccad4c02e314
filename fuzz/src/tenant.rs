//! A tenant on a server without sockets: an organiser who has published the golden catalog, two
//! participants and a volunteer. Made once; each run gets a copy of its store.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use askel_proto::v1::{
    self, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient,
};
use askel_server::{
    Config,
    clock::RehearsalClock,
    credential_file::Credentials,
    entropy::{Entropy, EntropyFailed},
    fan_out,
    in_process::{InMemory, InProcess},
    operator::{NewTenant, OperatorInvitation, invite},
    push::LogPush,
};
use askel_store::{
    ChallengeSum, Erased, Frozen, RestoreStore as _,
    journal::{Entry, ImageOf},
    memory::MemoryStore,
};
use askel_sync::{
    admission::Role,
    catalog,
    id::{DeviceId, GoalId, ParticipantId, PlaceId, SessionId},
    invitation,
    key::{
        KeyPair,
        credential::{CallCredential, METADATA_KEY},
        prove_enrolment,
    },
    op::SessionRef,
    time::{LocalDate, Timestamp},
};
use tonic::Request;

use crate::world::{NOON, TENANT, golden, organiser, root};

/// The tenant as it is before each run.
pub(crate) struct Tenant {
    store: MemoryStore,
    credentials: Credentials,
    /// The ones a hostile person got hold of: organiser, participant, volunteer.
    pub(crate) hostile: Vec<Device>,
    /// Nobody got hold of this one.
    pub(crate) honest: Device,
    /// Good for one more participant.
    pub(crate) code: String,
}

/// An enrolled device.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) key: KeyPair,
    pub(crate) id: DeviceId,
    audience: String,
}

/// A server in the middle of a run.
pub(crate) struct Running {
    pub(crate) server: InProcess,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<RehearsalClock>,
}

/// Numbers that look random and are the same in each run.
pub(crate) struct Counted(AtomicU64);

impl Counted {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Splitmix.
    pub(crate) fn draw(&self, buffer: &mut [u8]) {
        for part in buffer.chunks_mut(8) {
            let mut word = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            for (to, from) in part.iter_mut().zip((word ^ (word >> 31)).to_be_bytes()) {
                *to = from;
            }
        }
    }
}

impl Entropy for Counted {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
        self.draw(buffer);
        Ok(())
    }
}

/// Runs on one thread, where waiting takes no time.
pub(crate) fn alone<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

/// The tenant; the first call makes it.
pub(crate) fn tenant() -> &'static Tenant {
    static MADE: OnceLock<Tenant> = OnceLock::new();
    MADE.get_or_init(|| alone(make()))
}

/// What a journal would say of the tenant.
pub(crate) fn images() -> Vec<Entry> {
    let tenant = tenant();
    let devices = tenant.hostile.iter().chain([&tenant.honest]);
    let mut wanted = vec![
        ImageOf::Tenant,
        ImageOf::Catalog(1),
        ImageOf::Invitation([1; 16]),
    ];
    wanted.extend(devices.map(|device| ImageOf::Device(device.id)));
    let read = async |of| tenant.store.read_image(TENANT, &of).await.ok().flatten();
    alone(async {
        let mut images = Vec::new();
        for of in wanted {
            images.extend(read(of).await);
        }
        images.extend(an_erasure());
        images
    })
}

/// What it says of someone who was erased.
fn an_erasure() -> [Entry; 2] {
    let session = (
        PlaceId::new(3),
        LocalDate::from_days(16_900),
        SessionRef::Dated(SessionId::new(9)),
    );
    let sum = ChallengeSum {
        total: 5_000,
        people: 2,
    };
    let frozen = Frozen {
        points: [(GoalId::new(5), sum)].into(),
        people: [(session, 300)].into(),
    };
    let erased = Erased {
        devices: vec![DeviceId::from_bytes([8; 16])],
        ..Erased::new(ParticipantId::from_bytes([7; 16]))
    };
    let counted = Entry::Erased {
        erased,
        is_counted: true,
    };
    [Entry::Frozen(frozen), counted]
}

impl Tenant {
    /// A server on a copy of the store.
    pub(crate) async fn start(&self) -> Running {
        // Other numbers than the tenant was made with: a server never draws the same twice.
        start(self.store.snapshot(), self.credentials.clone(), 1_000).await
    }
}

async fn start(store: MemoryStore, credentials: Credentials, seed: u64) -> Running {
    let store = Arc::new(store);
    let clock = Arc::new(RehearsalClock::start());
    clock.set(Some(NOON));
    let components = askel_server::Components {
        clock: Arc::clone(&clock) as _,
        entropy: Arc::new(Counted::new(seed)),
        store: Arc::clone(&store) as _,
        fan_out: Arc::new(fan_out::InProcess::default()),
        push: Arc::new(LogPush),
        node: None,
    };
    let server = InProcess::start(&Config::default(), components, credentials).await;
    Running {
        server: server.expect("started"),
        store,
        clock,
    }
}

async fn make() -> Tenant {
    let entropy = Counted::new(1);
    let mut tenant = NewTenant::generate(&entropy).expect("entropy");
    (tenant.id, tenant.root, tenant.catalog) = (TENANT, root(), organiser());
    let mut credentials = Credentials::default();
    credentials.insert(tenant.id, tenant.server.clone());
    let store = MemoryStore::new();
    tenant.record(&store, NOON).await.expect("recorded");
    let running = start(store, credentials.clone(), 2).await;
    let mut codes = Vec::new();
    let roles = [Role::Organiser, Role::Participant, Role::Volunteer];
    for role in roles.into_iter().chain([Role::Participant; 2]) {
        let wanted = OperatorInvitation {
            role,
            scope: None,
            valid_for_ms: None,
            public_url: "http://localhost".to_owned(),
        };
        let of = (tenant.id, &tenant.server);
        let invited = invite(&*running.store, &entropy, NOON, of, &wanted).await;
        codes.push(invited.expect("invited").code);
    }
    let code = codes.pop().expect("one too many");
    let mut devices = Vec::new();
    for (seed, code) in (50..).zip(codes) {
        devices.push(enrol(&running, &code, KeyPair::from_seed(&[seed; 32])).await);
    }
    let honest = devices.pop().expect("the last");
    publish(&running, devices.first().expect("the organiser")).await;
    let store = running.store.snapshot();
    Tenant {
        store,
        credentials,
        hostile: devices,
        honest,
        code,
    }
}

async fn enrol(running: &Running, code: &str, key: KeyPair) -> Device {
    let normalised = invitation::normalise(code).expect("a code");
    let request = v1::EnrolRequest {
        tenant_id: TENANT.to_vec(),
        invitation_code: code.to_owned(),
        device_public_key: key.public_key().as_bytes().to_vec(),
        proof: prove_enrolment(&key, TENANT, &normalised),
        versions: None,
    };
    let mut client = EnrolmentServiceClient::new(running.server.calls());
    let enrolled = client.enrol(request).await.expect("enrolled").into_inner();
    Device {
        key,
        id: DeviceId::try_from(&*enrolled.device_id).expect("an id"),
        audience: enrolled.audience,
    }
}

async fn publish(running: &Running, organiser: &Device) {
    let content = golden("catalog.bin");
    let request = v1::PublishCatalogRequest {
        signature: catalog::sign(&content, TENANT, &crate::world::organiser()),
        content,
        validate_only: false,
    };
    let mut client = CatalogServiceClient::new(running.server.calls());
    let published = client.publish_catalog(organiser.call(NOON, request)).await;
    published.expect("published");
}

impl Device {
    /// A call of this device.
    pub(crate) fn call<T>(&self, now: Timestamp, message: T) -> Request<T> {
        let credential = CallCredential {
            tenant: TENANT,
            device: self.id,
            issued_at: now,
        };
        let text = credential.sign(&self.key, &self.audience);
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert(METADATA_KEY, text.parse().expect("ASCII"));
        request
    }
}

impl Running {
    /// Where calls go.
    pub(crate) fn calls(&self) -> InMemory {
        self.server.calls()
    }
}
