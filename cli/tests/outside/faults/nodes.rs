//! SIGKILLs of one of two servers on PostgreSQL, at random moments.
//!
//! `cargo xtask drill node-kills`.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{
    cluster::{Cluster, END_LEASES},
    faults, tell,
};
use crate::crowd::{Crowd, from_environment};

/// As many as are waited out: then the leases of the dead end by themselves.
const MANY: u64 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn killing_one_of_two_servers_loses_and_doubles_nothing() {
    let kills = faults(8);
    let mut chance = ChaCha8Rng::seed_from_u64(from_environment("ASKEL_SEED", 1));
    let mut cluster = Cluster::found().await;
    let crowd = Crowd::at_work(&cluster.world, Duration::from_millis(5)).await;
    for _ in 0..kills {
        crowd.more(chance.random_range(1..8)).await;
        // Into the middle of whatever comes next.
        tokio::time::sleep(Duration::from_micros(chance.random_range(0..20_000))).await;
        let node = chance.random_range(0..cluster.size());
        cluster.kill(node);
        cluster.start(node);
    }
    if kills < MANY {
        cluster.sql(END_LEASES);
    }
    let all = crowd.all_once(&cluster.world).await;
    tell(&format!("{kills} kills: {all:?}"));
}
