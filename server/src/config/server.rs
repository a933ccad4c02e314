//! `[server]`: where the server listens, whom it answers for, how it stops.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use super::faults::Reader;

/// The section `[server]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// With what the server itself speaks TLS, and then TLS alone; none for bytes in clear, which is right
    /// behind something that ends TLS.
    pub tls: Option<TlsFiles>,
    /// Milliseconds between two looks whether these files were replaced, 10 to 3600000.
    pub tls_look_ms: u64,
    /// What invitations tell phones to connect to.
    pub public_url: String,
    /// What call credentials are signed for.
    pub audience: String,
    /// Connections open at a time; more wait to be accepted.
    pub connections_max: usize,
    /// How long a connection without a call under way stays open, in milliseconds, 100 to 86400000. A
    /// watch is a call under way.
    pub idle_ms_max: u64,
    /// Watches open at a time.
    pub watches_max: usize,
    /// Calls carried out at a time; one with a large body counts as several.
    pub calls_max: u32,
    /// Calls that wait for their turn; more are asked to come again.
    pub calls_waiting_max: usize,
    /// How long a call waits for its turn before it is asked to come again, in milliseconds.
    pub call_wait_ms_max: u64,
    /// How long calls may go on once the stop has begun, in milliseconds, 100 to 8000.
    pub drain_ms: u64,
}

/// A certificate and its key, in PEM files that are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those of who issued it.
    pub certificate: PathBuf,
    /// Its private key, not encrypted.
    pub key: PathBuf,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50_051)),
            tls: None,
            tls_look_ms: 10_000,
            public_url: "http://127.0.0.1:50051".to_owned(),
            audience: "askel".to_owned(),
            connections_max: 10_000,
            idle_ms_max: 300_000,
            watches_max: 10_000,
            calls_max: 256,
            calls_waiting_max: 1_024,
            call_wait_ms_max: 1_000,
            drain_ms: 5_000,
        }
    }
}

impl ServerConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        let tls = tls(reader);
        let public_url = reader.parsed("server.public_url", default.public_url, "text");
        if tls.is_some() && !public_url.starts_with("https://") {
            reader.fault(
                "server.public_url",
                "a server that speaks TLS is called by https://".to_owned(),
            );
        }
        Self {
            listen: reader.parsed("server.listen", default.listen, "an address with a port"),
            tls,
            tls_look_ms: reader.number("server.tls_look_ms", default.tls_look_ms, 10..=3_600_000),
            public_url,
            audience: reader.parsed("server.audience", default.audience, "text"),
            connections_max: reader.number(
                "server.connections_max",
                default.connections_max,
                1..=1_000_000,
            ),
            idle_ms_max: reader.number("server.idle_ms_max", default.idle_ms_max, 100..=86_400_000),
            watches_max: reader.number("server.watches_max", default.watches_max, 0..=1_000_000),
            calls_max: reader.number("server.calls_max", default.calls_max, 1..=100_000),
            calls_waiting_max: reader.number(
                "server.calls_waiting_max",
                default.calls_waiting_max,
                0..=100_000,
            ),
            call_wait_ms_max: reader.number(
                "server.call_wait_ms_max",
                default.call_wait_ms_max,
                1..=10_000,
            ),
            drain_ms: reader.number("server.drain_ms", default.drain_ms, 100..=8_000),
        }
    }
}

/// Both files, or neither.
fn tls(reader: &mut Reader<'_>) -> Option<TlsFiles> {
    let mut file = |key: &str| reader.parsed(key, PathBuf::new(), "a path");
    let files = TlsFiles {
        certificate: file("server.tls_certificate_file"),
        key: file("server.tls_key_file"),
    };
    let is_named = |file: &PathBuf| !file.as_os_str().is_empty();
    let missing = match (is_named(&files.certificate), is_named(&files.key)) {
        (true, true) => return Some(files),
        (false, false) => return None,
        (false, true) => "server.tls_certificate_file",
        (true, false) => "server.tls_key_file",
    };
    reader.fault(
        missing,
        "a certificate and its key are named together".to_owned(),
    );
    None
}
