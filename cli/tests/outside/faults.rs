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

use std::{collections::BTreeMap, io::Write as _, time::Duration};

use crate::crowd::from_environment;

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

/// What a drill has found, for who runs it.
fn tell(found: &str) {
    writeln!(std::io::stderr(), "{found}").expect("stderr is there");
}
