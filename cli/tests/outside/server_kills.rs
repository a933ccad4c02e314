//! SIGKILLs of the real server at random moments, under syncs of real clients over real gRPC:
//! nothing acknowledged is lost, nothing counts twice.
//!
//! `ASKEL_KILLS` says how often (20), `ASKEL_SEED` when (1). `cargo xtask drill server-kills` does
//! 200.

use std::{io::Write as _, time::Duration};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    crowd::{Crowd, from_environment},
    world::{Server, World},
};

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_server_loses_and_doubles_nothing() {
    let kills = from_environment("ASKEL_KILLS", 20);
    let mut chance = ChaCha8Rng::seed_from_u64(from_environment("ASKEL_SEED", 1));
    let mut world = World::found().await;
    let crowd = Crowd::at_work(&world, Duration::ZERO).await;
    for _ in 0..kills {
        crowd.more(chance.random_range(1..8)).await;
        // Into the middle of whatever comes next.
        tokio::time::sleep(Duration::from_micros(chance.random_range(0..20_000))).await;
        let address = world.server.take().expect("it runs").address.clone();
        world.server = Some(Server::start(&world.data(), &address));
    }
    let all = crowd.all_once(&world).await;
    let (answers, facts) = (all.answered, all.facts);
    writeln!(
        std::io::stderr(),
        "{kills} kills, {answers} syncs answered, {facts} facts: all once"
    )
    .expect("stderr is there");
}
