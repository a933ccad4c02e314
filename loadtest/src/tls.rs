//! TLS 1.3 between two ends within this process, so that its bytes can be counted in between.

use std::sync::Arc;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
        version::TLS13,
    },
};

/// Bytes that the line within the process holds.
pub(crate) const LINE_BYTES: usize = 256 * 1_024;
/// Bytes carried at a time: what one TLS record holds at most.
const BUFFER_BYTES: usize = 16 * 1_024;
/// Whom the certificate names.
const HOST: &str = "localhost";
/// Self-signed, ECDSA P-256, good until 2120. It and its key are for this line within one process and
/// protect nothing.
const CERTIFICATE: &[u8] = include_bytes!("tls/certificate.der");
/// PKCS #8.
const KEY: &[u8] = include_bytes!("tls/key.der");

/// Both ends' configuration.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl Tls {
    /// With the certificate in the tree.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let certificate = CertificateDer::from(CERTIFICATE);
        let key = PrivateKeyDer::Pkcs8(KEY.into());
        let provider = Arc::new(ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)?;
        server.alpn_protocols = vec![b"h2".to_vec()];
        let mut roots = RootCertStore::empty();
        roots.add(certificate)?;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(server)),
            connector: TlsConnector::from(Arc::new(client)),
        })
    }

    /// Phone in clear ↔ TLS on its near line; TLS on the far line ↔ server in clear.
    pub(crate) async fn tunnel(
        &self,
        (phone, near): (TcpStream, impl AsyncRead + AsyncWrite + Unpin + Send),
        (far, server): (impl AsyncRead + AsyncWrite + Unpin + Send, TcpStream),
    ) -> anyhow::Result<()> {
        let name = ServerName::try_from(HOST)?;
        let (near, far) = tokio::try_join!(
            self.connector.connect(name, near),
            self.acceptor.accept(far)
        )?;
        tokio::select! {
            done = both_ways(phone, near) => done,
            done = both_ways(far, server) => done,
        }
    }
}

async fn both_ways(
    left: impl AsyncRead + AsyncWrite,
    right: impl AsyncRead + AsyncWrite,
) -> anyhow::Result<()> {
    let (from_left, to_left) = tokio::io::split(left);
    let (from_right, to_right) = tokio::io::split(right);
    tokio::select! {
        done = one_way(from_left, to_right) => done,
        done = one_way(from_right, to_left) => done,
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        match buffer.get(..count) {
            Some([]) | None => break,
            Some(read) => to.write_all(read).await?,
        }
        to.flush().await?;
    }
    to.shutdown().await?;
    Ok(())
}
