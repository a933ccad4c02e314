//! What a deployment suffers: its database, its Redis, its nodes, its disk and strangers fail it while
//! people sync. Nothing acknowledged is lost, nothing counts twice, calls meanwhile are told what it is,
//! and the server comes back by itself.
//!
//! Each is a drill as well, longer and more often: `ASKEL_FAULTS` says how often, `ASKEL_AWAY_MS` for how
//! long, `ASKEL_SEED` when.

mod balancer;
mod cluster;
mod database;
mod disk;
mod hostile;
mod nodes;
mod redis;
mod rolling;
mod waking;

use std::{collections::BTreeMap, io::Write as _, time::Duration};

use crate::{crowd::from_environment, world::Server};

/// How often.
fn faults(share: u64) -> u64 {
    from_environment("ASKEL_FAULTS", share)
}

/// For how long what fails is away.
fn away(share_ms: u64) -> Duration {
    Duration::from_millis(from_environment("ASKEL_AWAY_MS", share_ms))
}

/// Nobody was told anything else.
fn only(failed: &BTreeMap<String, u64>, expected: &[&str]) {
    let mut told = failed.keys();
    let other = told.find(|why| !expected.contains(&why.as_str()));
    assert_eq!(other, None, "{failed:?}");
}

/// What a server may take in memory more than before, in bytes: what waits for a database or for a hint's
/// way to other nodes, bodies of requests that it holds, buffers of connections.
const MEMORY_MORE_MAX: u64 = 96 * 1_024 * 1_024;

/// The most memory that each of some servers had taken before something happened to them.
struct Memory(Vec<u64>);

impl Memory {
    /// Nothing has happened yet.
    fn before<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Self {
        let servers = servers.into_iter();
        Self(servers.map(Server::memory_bytes_max).collect())
    }

    /// What the one that grew most has taken more since, in bytes; the same servers in the same order.
    fn more_bytes<'a>(&self, servers: impl IntoIterator<Item = &'a Server>) -> u64 {
        let now = servers.into_iter().map(Server::memory_bytes_max);
        let more = now.zip(&self.0).map(|(now, before)| now - before);
        more.max().expect("a server")
    }

    /// It is no more than what is bounded comes to.
    fn is_bounded<'a>(&self, servers: impl IntoIterator<Item = &'a Server>) {
        let more = self.more_bytes(servers);
        assert!(more <= MEMORY_MORE_MAX, "{more} bytes more");
    }
}

/// What a drill has found, for who runs it.
fn tell(found: &str) {
    writeln!(std::io::stderr(), "{found}").expect("stderr is there");
}
