//! Connections: with TLS and in clear, what is refused of either, how an idle one ends.

use std::{net::SocketAddr, path::Path, pin::Pin, sync::Arc, time::Duration};

use askel_proto::v1::{self, sync_service_client::SyncServiceClient};
use askel_server::config::TlsFiles;
use askel_sync::admission::Role;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};
use tonic::{
    Code,
    body::Body,
    transport::{Certificate, Channel, ClientTlsConfig},
};
use tower::service_fn;

use crate::{
    acts,
    catalog::BASEMENT,
    device::{Device, from_beginning},
    world::{Backend, World},
};

macro_rules! pem {
    ($name:literal) => {
        include_bytes!(concat!(
            "../../../client-sdk/tests/tls/certificates/",
            $name,
            ".pem"
        ))
    };
}

const ISSUER: &[u8] = pem!("issuer");
/// For `localhost`.
const GOOD: &[u8] = pem!("good");
/// Of the same key, for `elsewhere.example`.
const ELSEWHERE: &[u8] = pem!("elsewhere");
const KEY: &[u8] = pem!("server.key");

/// How long anything may take that comes at all.
const SOON: Duration = Duration::from_secs(20);

/// A server that speaks TLS.
struct Secured {
    world: World,
    folder: TempDir,
}

impl Secured {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files = TlsFiles {
            certificate: folder.path().join("chain.pem"),
            key: folder.path().join("key.pem"),
        };
        std::fs::write(&files.certificate, GOOD).expect("written");
        std::fs::write(&files.key, KEY).expect("written");
        let mut world = World::configured(Backend::Memory, |config| {
            config.server.tls = Some(files);
            config.server.tls_look_ms = 10;
        })
        .await;
        world.channel = channel(world.address);
        Self { world, folder }
    }

    /// As tools that renew certificates do: beside, then in the place.
    fn certify(&self, chain: &[u8]) {
        let beside = self.folder.path().join("next.pem");
        std::fs::write(&beside, chain).expect("written");
        std::fs::rename(beside, self.folder.path().join("chain.pem")).expect("replaced");
    }
}

/// By TLS, to whoever is certified as `localhost`.
fn channel(address: SocketAddr) -> Channel {
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(ISSUER))
        .domain_name("localhost");
    let endpoint = Channel::from_shared(format!("https://{address}")).expect("a URL");
    endpoint.tls_config(tls).expect("good roots").connect_lazy()
}

/// A handshake with whoever is certified under this name.
async fn handshake(
    address: SocketAddr,
    name: &'static str,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let issuer = CertificateDer::from_pem_slice(ISSUER).expect("a certificate");
    roots.add(issuer).expect("an issuer");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await.expect("connected");
    let name = ServerName::try_from(name).expect("a name");
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn syncs(world: &World, phone: &mut Device) {
    let answer = phone.check_in(world, BASEMENT).await;
    assert!(answer.outcome().exceptions.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn a_device_enrols_and_syncs_by_tls() {
    let secured = Secured::start().await;
    let mut phone = secured.world.participant().await;
    syncs(&secured.world, &mut phone).await;
}

#[tokio::test]
async fn whoever_speaks_in_clear_or_another_protocol_is_not_let_in() {
    let secured = Secured::start().await;
    let address = secured.world.address;
    // HTTP/2 in clear, as a phone begins that was told http://.
    let mut clear = TcpStream::connect(address).await.expect("connected");
    clear.write_all(PREFACE).await.expect("said");
    let mut heard = Vec::new();
    let ended = timeout(SOON, clear.read_to_end(&mut heard)).await;
    ended.expect("ended").ok();
    // An alert of TLS at most, and no frame of HTTP/2.
    assert!(matches!(heard.first(), None | Some(0x15)), "{heard:?}");
    let in_clear = format!("http://{address}");
    let in_clear = Channel::from_shared(in_clear)
        .expect("a URL")
        .connect_lazy();
    let called = health(in_clear).await.expect_err("nobody answers");
    assert_ne!(called.code(), Code::Ok);
    let other = handshake(address, "localhost", b"http/1.1").await;
    assert!(other.is_err(), "gRPC is HTTP/2");
    let good = handshake(address, "localhost", b"h2").await;
    let good = good.expect("good");
    assert_eq!(good.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let version = good.get_ref().1.protocol_version();
    assert_eq!(format!("{version:?}"), "Some(TLSv1_3)");
}

async fn health(channel: Channel) -> Result<(), tonic::Status> {
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let asked = tonic_health::pb::HealthCheckRequest::default();
    health.check(asked).await.map(|_| ())
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_old_ones_go_on() {
    let secured = Secured::start().await;
    let world = &secured.world;
    let mut phone = world.participant().await;
    secured.certify(b"torn");
    secured.certify(ELSEWHERE);
    let renewed = async {
        while handshake(world.address, "elsewhere.example", b"h2")
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, renewed).await.expect("the new one is served");
    let former = handshake(world.address, "localhost", b"h2").await;
    assert!(former.is_err(), "the former one is not");
    // The connection that stood before.
    syncs(world, &mut phone).await;
}

#[tokio::test]
async fn a_torn_certificate_changes_nothing() {
    let secured = Secured::start().await;
    secured.certify(b"torn");
    // Far more looks than it takes to be told: the fault's own time.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let still = handshake(secured.world.address, "localhost", b"h2").await;
    still.expect("the one before is still served");
}

#[tokio::test]
async fn a_server_does_not_start_with_files_that_do_not_belong_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = async |key: Option<&[u8]>| {
        let mut config = askel_server::Config::default();
        config.store.data_dir = folder.path().join("data");
        config.server.listen = "127.0.0.1:0".parse().expect("an address");
        let files = TlsFiles {
            certificate: folder.path().join("chain.pem"),
            key: folder.path().join("key.pem"),
        };
        let write = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).expect("written");
        write(&files.certificate, GOOD);
        if let Some(key) = key {
            write(&files.key, key);
        }
        config.server.tls = Some(files);
        let clock = Arc::new(askel_server::clock::SystemClock::start());
        let components = askel_server::boot::embedded(&config, clock).await;
        let started = askel_server::boot::start(&config, components.expect("a store")).await;
        started.map(|_| ()).map_err(|error| error.to_string())
    };
    let missing = start(None).await.expect_err("refused");
    assert!(missing.contains("key.pem can't be read"), "{missing}");
    let other = start(Some(pem!("other.key"))).await.expect_err("refused");
    assert!(other.contains("does not belong to"), "{other}");
    assert_eq!(start(Some(KEY)).await, Ok(()));
}

/// How an HTTP/2 connection begins: the client's preface, and empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A whole call of HTTP/2 by hand, of a method that there is not.
fn call() -> Vec<u8> {
    let mut headers = vec![0x83, 0x86];
    // `:path` by name, and its value.
    headers.extend([0x04, 2]);
    headers.extend(b"/x");
    // A length, HEADERS with END_STREAM and END_HEADERS, stream 1.
    let length = u8::try_from(headers.len()).expect("short");
    let mut bytes = PREFACE.to_vec();
    bytes.extend([0, 0, length, 1, 5, 0, 0, 0, 1]);
    bytes.extend(headers);
    bytes
}

/// Kinds and payloads of frames until the connection ends, each ping and settings answered as they ask.
async fn frames(stream: &mut TcpStream) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags) = (head[3], head[4]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.expect("a frame");
        let is_question = flags & 1 == 0;
        if is_question && matches!(kind, 4 | 6) {
            let echoed: &[u8] = if kind == 6 { &payload } else { &[] };
            let length = u8::try_from(echoed.len()).expect("short");
            let answer = [&[0, 0, length, kind, 1, 0, 0, 0, 0], echoed].concat();
            // The server may have gone by now.
            stream.write_all(&answer).await.ok();
        }
        frames.push((kind, payload));
    }
    frames
}

/// Calls over one connection, which is not made again when it ends.
async fn one_connection(
    address: SocketAddr,
) -> impl FnMut(http::Request<Body>) -> ResponseFuture + Clone {
    let stream = TcpStream::connect(address).await.expect("connected");
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    move |request| {
        let mut sender = sender.clone();
        Box::pin(async move { sender.send_request(request).await })
    }
}

type ResponseFuture = Pin<Box<dyn Future<Output = hyper::Result<http::Response<Incoming>>> + Send>>;

#[tokio::test]
async fn an_idle_connection_is_closed_in_good_order_and_one_with_a_watch_goes_on() {
    let idle_ms = 400;
    let world = World::configured(Backend::Memory, |config| {
        config.server.idle_ms_max = idle_ms;
    })
    .await;
    let organiser = world.organised().await;
    let staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let request = v1::WatchRequest {
        cursors: vec![from_beginning(acts::catalog_stream())],
    };
    let alone = one_connection(world.address).await;
    let at = format!("http://{}", world.address).parse().expect("a URL");
    let mut watcher = SyncServiceClient::with_origin(service_fn(alone), at);
    let watch = watcher.watch(staff.call(request.clone())).await;
    let mut hints = watch.expect("watching").into_inner();
    for _ in ["it stands", "what is new"] {
        hints.message().await.expect("open").expect("an answer");
    }

    let mut idle = TcpStream::connect(world.address).await.expect("connected");
    idle.write_all(&call()).await.expect("asked");
    let frames = timeout(SOON, frames(&mut idle)).await.expect("closed");
    let answered = frames.iter().any(|(kind, _)| *kind == 1);
    assert!(answered, "the call before: {frames:?}");
    let (_, goaway) = frames.iter().rfind(|(kind, _)| *kind == 7).expect("GOAWAY");
    assert_eq!(goaway[4..8], [0; 4], "no error: {frames:?}");

    // Three times as long as a connection may be idle: the fault's own time.
    tokio::time::sleep(Duration::from_millis(3 * idle_ms)).await;
    let next = crate::catalog::build(world.tenant.id, |next| next.version = 2);
    let published = crate::catalog::publish(&world, &organiser, next).await;
    published.expect("published, on a new connection if need be");
    let hint = timeout(SOON, hints.message()).await.expect("soon");
    assert!(hint.expect("open").is_some(), "the watch goes on");
    let another = watcher.watch(staff.call(request)).await;
    another.expect("its connection was not told to end");
}
