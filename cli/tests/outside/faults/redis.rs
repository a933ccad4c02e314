//! Redis is killed, or hangs, and comes back: no sync fails.
//!
//! `cargo xtask drill redis-away`.

use std::time::Duration;

use super::{Memory, away, cluster::Cluster, faults, only, tell};
use crate::crowd::Crowd;

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_no_sync_fails() {
    let (count, away) = (faults(2), away(1_500));
    let mut cluster = Cluster::found().await;
    let crowd = Crowd::at_work(&cluster.world, Duration::from_millis(10)).await;
    crowd.more(20).await;
    let memory = Memory::before(cluster.servers());
    for number in 0..count {
        crowd.more(20).await;
        if number % 2 == 0 {
            cluster.redis.kill();
        } else {
            cluster.redis.suspend();
        }
        crowd.more(20).await;
        tokio::time::sleep(away).await;
        if number % 2 == 0 {
            let start = || cluster.redis.start_again().expect("it starts");
            tokio::task::block_in_place(start);
        } else {
            cluster.redis.resume();
        }
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
    only(&all.failed, &[]);
}
