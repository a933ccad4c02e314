//! `[server]`: where the server listens, whom it answers for, how it stops.

use std::net::{Ipv4Addr, SocketAddr};

use super::faults::Reader;

/// The section `[server]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What invitations tell phones to connect to.
    pub public_url: String,
    /// What call credentials are signed for.
    pub audience: String,
    /// Connections open at a time; more wait to be accepted.
    pub connections_max: usize,
    /// Watches open at a time.
    pub watches_max: usize,
    /// How long calls may go on once the stop has begun, in milliseconds, 100 to 8000.
    pub drain_ms: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50_051)),
            public_url: "http://127.0.0.1:50051".to_owned(),
            audience: "askel".to_owned(),
            connections_max: 10_000,
            watches_max: 10_000,
            drain_ms: 5_000,
        }
    }
}

impl ServerConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            listen: reader.parsed("server.listen", default.listen, "an address with a port"),
            public_url: reader.parsed("server.public_url", default.public_url, "text"),
            audience: reader.parsed("server.audience", default.audience, "text"),
            connections_max: reader.number(
                "server.connections_max",
                default.connections_max,
                1..=1_000_000,
            ),
            watches_max: reader.number("server.watches_max", default.watches_max, 0..=1_000_000),
            drain_ms: reader.number("server.drain_ms", default.drain_ms, 100..=8_000),
        }
    }
}
