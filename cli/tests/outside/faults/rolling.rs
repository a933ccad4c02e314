//! Servers are replaced one after the other, as an upgrade does it: no call of a user fails.
//!
//! A call is what an app waits for: `Client::sync` of the SDK. It fails when it returns an error, or when
//! its five seconds are spent (a minute in the tests, which measure no times); how often the SDK asks below it is its own business. Calls come when they
//! are due, whether or not those before were answered, and hand in a new fact each, so that a call is a
//! commit. A server is asked to end (SIGTERM) while it serves, without a word to the balancer, which finds
//! out by being refused; once it has ended, it is started again on the same address, and both serve for a
//! second before it is the other's turn.
//!
//! `cargo xtask drill rolling-restarts`: 20 restarts at 300 calls a second.

use std::time::Duration;

use askel_server::clock::{Clock as _, SystemClock};

use super::{cluster::Cluster, faults, only, tell};
use crate::crowd::{Walkers, from_environment};

/// So many restarts are a drill, whose calls have to come at the rate that is asked for.
const MANY: u64 = 20;
/// Both servers serve for so long between two restarts.
const BETWEEN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn rolling_restarts_fail_no_call() {
    let restarts = faults(3);
    let calls_per_s = from_environment("ASKEL_CALLS_PER_S", 20);
    let mut cluster = Cluster::found().await;
    let walkers = Walkers::enrol(&cluster.world, calls_per_s).await;
    let clock = SystemClock::start();
    let walking = walkers.set_out();
    for number in 0..restarts {
        tokio::time::sleep(BETWEEN).await;
        let node = usize::try_from(number).expect("a few") % cluster.size();
        cluster.end(node).await;
        cluster.start(node);
    }
    tokio::time::sleep(BETWEEN).await;
    let due = calls_per_s * clock.monotonic().as_secs();
    let (walkers, kept) = walking.come_back().await;
    let answered = u64::try_from(kept.took.len()).expect("some");
    tell(&format!(
        "{restarts} restarts, {answered} of {due} calls, p99 {:?}, the longest {:?}; failed: {:?}",
        kept.p99(),
        kept.longest(),
        kept.failed
    ));
    walkers.all_once(&cluster.world).await;
    only(&kept.failed, &[]);
    if restarts >= MANY {
        // Else it was another load than the one that is told of.
        assert!(answered >= due * 19 / 20, "this machine has no time for it");
    }
}
