//! PostgreSQL is killed, ends its connections, or hangs.
//!
//! `cargo xtask drill database-kills`, `database-disconnects`, `database-hangs`.

use std::time::Duration;

use super::{
    Memory, away,
    cluster::{Cluster, END_CONNECTIONS},
    faults, only, tell,
};
use crate::{
    crowd::{BUDGET, Crowd, open_in_memory, settle, sync},
    world::PLACE,
};

/// What calls may be told while there is no database: that there is none, or that others wait already;
/// or nothing, for as long as they have.
const AWAY: [&str; 4] = [
    "STORE_UNAVAILABLE",
    "SERVER_BUSY",
    "SERVER_OVERLOADED",
    "BUDGET_SPENT",
];
/// Between two syncs of a device.
const REST: Duration = Duration::from_millis(10);

/// Has a fault happen again and again while devices sync; then looks at what is there.
async fn suffer(count: u64, mut fault: impl AsyncFnMut(&mut Cluster)) {
    let mut cluster = Cluster::found().await;
    let crowd = Crowd::at_work(&cluster.world, REST).await;
    crowd.more(20).await;
    let memory = Memory::before(cluster.servers());
    for _ in 0..count {
        crowd.more(20).await;
        fault(&mut cluster).await;
        // It comes back by itself.
        crowd.more(20).await;
    }
    assert!(cluster.all_live(), "a server has died of it");
    memory.is_bounded(cluster.servers());
    let all = crowd.all_once(&cluster.world).await;
    let more = memory.more_bytes(cluster.servers());
    tell(&format!(
        "{count} times: at most {} KiB more; {all:?}",
        more / 1_024
    ));
    only(&all.failed, &AWAY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_killed_and_comes_back_has_all_that_was_acknowledged() {
    let away = away(1_000);
    suffer(faults(2), async |cluster| {
        cluster.postgres.kill();
        tokio::time::sleep(away).await;
        let start = || cluster.postgres.start_again().expect("it starts");
        tokio::task::block_in_place(start);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_the_database_that_end_at_any_moment_lose_nothing() {
    suffer(faults(6), async |cluster| cluster.sql(END_CONNECTIONS)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_goes_on_where_it_stopped() {
    let away = away(2_000);
    suffer(faults(1), async |cluster| {
        cluster.postgres.suspend();
        tokio::time::sleep(away).await;
        cluster.postgres.resume();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_a_call_is_told_so_in_the_time_that_it_has() {
    let mut cluster = Cluster::found().await;
    let phone = open_in_memory();
    let invitation = cluster.world.invite("participant");
    phone.enrol(&invitation).await.expect("enrolled");
    sync(&phone, BUDGET).await.expect("the catalog");
    phone.check_in(PLACE).expect("checked in");
    cluster.postgres.kill();
    for _ in 0..2 {
        let told = sync(&phone, BUDGET).await;
        assert_eq!(told, Err("STORE_UNAVAILABLE".to_owned()));
    }
    let start = || cluster.postgres.start_again().expect("it starts");
    tokio::task::block_in_place(start);
    settle(&phone).await;
}
