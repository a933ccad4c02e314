//! The SDK and the real server with TLS between them: the server's own, or one that ends before it, as at
//! a proxy. A good certificate is talked to, and whoever can't show one hears nothing.

#![expect(clippy::expect_used, reason = "a test that can't go on fails")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use askel_client_sdk::{
    Advice, Budget, Client, Clock as _, Components, Error, GrpcTransport, MemoryKeyStore,
    MemoryStorage, PushWish, QuietHours, SyncEnd, SystemClock, SystemEntropy,
};
use askel_server::{
    Config, Server, boot,
    clock::SystemClock as ServerClock,
    config::TlsFiles,
    credential_file::Credentials,
    entropy::SystemEntropy as ServerEntropy,
    operator::{NewTenant, OperatorInvitation, invite},
};
use askel_store::Store;
use askel_sync::{admission::Role, invitation::Link};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// Made for these tests, and good for nothing else: an issuer, and of it certificates of one key. Those
/// that have not ended are good until 2120.
const ISSUER: &[u8] = include_bytes!("certificates/issuer.pem");
/// Another issuer, who issued none of them.
const STRANGER: &[u8] = include_bytes!("certificates/stranger.pem");
/// For `localhost`.
const GOOD: &[u8] = include_bytes!("certificates/good.pem");
/// For `elsewhere.example`.
const ELSEWHERE: &[u8] = include_bytes!("certificates/elsewhere.pem");
/// For `localhost`, until 2021.
const EXPIRED: &[u8] = include_bytes!("certificates/expired.pem");
const KEY: &[u8] = include_bytes!("certificates/server.key.pem");

const BUDGET: Budget = Budget {
    time: Duration::from_mins(1),
};

/// A tenant on a server.
struct World {
    tenant: NewTenant,
    server: Server,
    store: Arc<dyn Store>,
    _folder: TempDir,
}

impl World {
    /// Whose server speaks in clear.
    async fn start() -> Self {
        Self::with(tempfile::tempdir().expect("a folder"), None).await
    }

    /// Whose server speaks TLS itself.
    async fn secured(certificate: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files = TlsFiles {
            certificate: folder.path().join("chain.pem"),
            key: folder.path().join("key.pem"),
        };
        std::fs::write(&files.certificate, certificate).expect("written");
        std::fs::write(&files.key, KEY).expect("written");
        Self::with(folder, Some(files)).await
    }

    async fn with(folder: TempDir, tls: Option<TlsFiles>) -> Self {
        let mut config = Config::default();
        config.server.tls = tls;
        config.store.data_dir = folder.path().to_path_buf();
        config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let tenant = NewTenant::generate(&ServerEntropy).expect("keys");
        let mut credentials = Credentials::default();
        credentials.insert(tenant.id, tenant.server.clone());
        let path = config.store.credential_path();
        credentials.save(&path).expect("saved");
        let clock = Arc::new(ServerClock::start());
        let components = boot::embedded(&config, clock).await.expect("a store");
        let store = Arc::clone(&components.store);
        let now = SystemClock::new().read().wall;
        tenant.record(&*store, now).await.expect("recorded");
        let server = boot::start(&config, components).await.expect("started");
        Self {
            tenant,
            server,
            store,
            _folder: folder,
        }
    }

    /// Where it is called by TLS.
    fn url(&self) -> String {
        format!("https://localhost:{}", self.server.local_addr().port())
    }

    /// A participant's link that names this server.
    async fn link(&self, url: &str) -> String {
        let wanted = OperatorInvitation {
            role: Role::Participant,
            scope: None,
            valid_for_ms: None,
            public_url: url.to_owned(),
        };
        let of = (self.tenant.id, &self.tenant.server);
        let now = SystemClock::new().read().wall;
        let invited = invite(&*self.store, &ServerEntropy, now, of, &wanted).await;
        invited.expect("invited").link
    }
}

/// Ends TLS before a server.
struct Door {
    at: SocketAddr,
    /// What was said through it to the server, in bytes.
    said: Arc<AtomicU64>,
}

impl Door {
    async fn open(certificate: &'static [u8], server: SocketAddr) -> Self {
        let certificate = CertificateDer::from_pem_slice(certificate).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a certificate with its key");
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let at = listener.local_addr().expect("a port");
        let said = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&said);
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    // Whoever does not like the certificate hangs up.
                    if let Ok(stream) = acceptor.accept(caller).await {
                        pass_on(stream, server, &counted).await;
                    }
                });
            }
        });
        Self { at, said }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.at.port())
    }
}

async fn pass_on(
    stream: tokio_rustls::server::TlsStream<TcpStream>,
    server: SocketAddr,
    said: &AtomicU64,
) {
    let server = TcpStream::connect(server).await.expect("the server");
    let (mut from_phone, mut to_phone) = tokio::io::split(stream);
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_phone).await;
    });
    let mut buffer = vec![0; 4_096];
    while let Ok(count) = from_phone.read(&mut buffer).await {
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        said.fetch_add(read.len() as u64, Ordering::Relaxed);
        if to_server.write_all(read).await.is_err() {
            break;
        }
    }
    back.abort();
}

fn phone(transport: GrpcTransport) -> Client {
    let components = Components {
        storage: Box::new(MemoryStorage::new()),
        transport: Arc::new(transport),
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        key_store: Box::new(MemoryKeyStore::new()),
    };
    Client::open(components).expect("a new database")
}

/// The phone is told to come again, and nothing of the invitation is used up.
async fn assert_unreached(client: &Client, link: &str) {
    let refused: Error = client.enrol(link).await.expect_err("nobody to talk to");
    assert_eq!(refused.advice(), Advice::RetryLater, "{refused:?}");
    assert!(refused.refusal().is_none(), "{refused:?}");
    assert_eq!(client.enrolled(), None);
}

#[tokio::test]
async fn a_phone_enrols_and_syncs_through_a_good_certificate() {
    let world = World::start().await;
    let door = Door::open(GOOD, world.server.local_addr()).await;
    // The link names the server, and so does a fixed address.
    let named = GrpcTransport::new();
    let fixed = GrpcTransport::connect_lazy(&door.url()).expect("an address");
    for transport in [named, fixed] {
        let client = phone(transport.with_root_certificate(ISSUER));
        let link = world.link(&door.url()).await;
        client.enrol(&link).await.expect("enrolled");
        let report = client.sync(BUDGET).await.expect("a sync");
        assert_eq!(report.end, SyncEnd::Done);
    }
    assert!(door.said.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn a_server_that_speaks_tls_itself_is_talked_to_by_who_trusts_its_certificate() {
    for (certificate, root, is_trusted) in [
        (GOOD, Some(ISSUER), true),
        (GOOD, None, false),
        (ELSEWHERE, Some(ISSUER), false),
        (EXPIRED, Some(ISSUER), false),
    ] {
        let world = World::secured(certificate).await;
        let link = world.link(&world.url()).await;
        let transport = GrpcTransport::new();
        let client = phone(match root {
            Some(root) => transport.with_root_certificate(root),
            None => transport,
        });
        if !is_trusted {
            assert_unreached(&client, &link).await;
            continue;
        }
        client.enrol(&link).await.expect("enrolled");
        let report = client.sync(BUDGET).await.expect("a sync");
        assert_eq!(report.end, SyncEnd::Done);
        // The same server, called without TLS, as no link of its own says.
        let in_clear = world.url().replace("https", "http");
        let clear = phone(GrpcTransport::new());
        assert_unreached(&clear, &world.link(&in_clear).await).await;
    }
}

#[tokio::test]
async fn a_wish_to_be_woken_reaches_the_server_and_so_does_its_end() {
    let world = World::secured(GOOD).await;
    let client = phone(GrpcTransport::new().with_root_certificate(ISSUER));
    let link = world.link(&world.url()).await;
    let device = client.enrol(&link).await.expect("enrolled").device;
    let wish = PushWish {
        token: "token".to_owned(),
        quiet_hours: Some(QuietHours {
            from_minute: 1_320,
            until_minute: 420,
        }),
        time_zone: None,
    };
    let held = async || {
        let held = world.store.lookup_push(world.tenant.id, device).await;
        held.expect("looked up")
    };
    client.want_push(wish).expect("kept");
    client.sync(BUDGET).await.expect("a sync");
    let registered = held().await.expect("registered");
    assert_eq!(registered.token.as_str(), "token");
    assert_eq!(registered.quiet_minutes, Some((1_320, 420)));
    client.want_no_push().expect("kept");
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(held().await, None);
}

#[tokio::test]
async fn a_certificate_for_another_name_of_nobody_known_or_that_has_ended_is_told_nothing() {
    let world = World::start().await;
    for (certificate, root) in [
        (ELSEWHERE, Some(ISSUER)),
        (GOOD, Some(STRANGER)),
        (GOOD, None),
        (EXPIRED, Some(ISSUER)),
    ] {
        let door = Door::open(certificate, world.server.local_addr()).await;
        let link = world.link(&door.url()).await;
        let transport = match root {
            Some(root) => GrpcTransport::new().with_root_certificate(root),
            None => GrpcTransport::new(),
        };
        assert_unreached(&phone(transport), &link).await;
        assert_eq!(door.said.load(Ordering::Relaxed), 0);
        // The code is still good where it is safe to say.
        let good = Door::open(GOOD, world.server.local_addr()).await;
        let mut safe: Link = link.parse().expect("a link");
        safe.server_url = good.url();
        let client = phone(GrpcTransport::new().with_root_certificate(ISSUER));
        client.enrol(&safe.to_string()).await.expect("enrolled");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_talked_to_in_clear() {
    let world = World::start().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let heard = tokio::spawn(async move {
        let (mut caller, _) = listener.accept().await.expect("a caller");
        let mut heard = vec![0; 4_096];
        let count = caller.read(&mut heard).await.expect("heard");
        heard.truncate(count);
        // As a server says that expects HTTP/2 in clear: settings.
        let _ = caller.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
        heard
    });
    let link = world.link(&format!("https://localhost:{port}")).await;
    let client = phone(GrpcTransport::new().with_root_certificate(ISSUER));
    assert_unreached(&client, &link).await;
    let heard = heard.await.expect("heard");
    // A handshake record of TLS, and no word of HTTP.
    assert_eq!(heard.first(), Some(&0x16), "{heard:?}");
    assert!(!heard.windows(3).any(|part| part == b"PRI"));
    // The real server, called with TLS that it does not speak.
    let client = phone(GrpcTransport::new().with_root_certificate(ISSUER));
    assert_unreached(&client, &world.link(&world.url()).await).await;
}
