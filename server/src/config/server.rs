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
    /// Calls carried out at a time; one with a large body counts as several.
    pub calls_max: u32,
    /// Calls that wait for their turn; more are asked to come again.
    pub calls_waiting_max: usize,
    /// How long a call waits for its turn before it is asked to come again, in milliseconds.
    pub call_wait_ms_max: u64,
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
