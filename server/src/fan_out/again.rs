//! Looking again after something was missed: a share of the watchers at a time, so that a Redis that comes
//! back does not have everyone ask the store, and then sync, at the same moment.

use std::{sync::Arc, time::Duration};

use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use super::{InProcess, Share};
use crate::{lifecycle::Stop, limits::REDIS_LOOK_AGAIN_MS};

/// Shares of the watchers.
const SHARES: u8 = 16;
/// From one to the next.
const PAUSE: Duration = Duration::from_millis(REDIS_LOOK_AGAIN_MS / SHARES as u64);

/// What asks for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Again(Arc<Notify>);

impl Again {
    /// Has all watchers of all tenants look again, each within [`REDIS_LOOK_AGAIN_MS`]. Asked while they
    /// do, all look once more afterwards, however often it was asked.
    pub(super) fn ask(&self) {
        self.0.notify_one();
    }

    /// Has them look when it is asked, until the stop. `seed` says whose turn is when.
    pub(super) async fn run(self, here: Arc<InProcess>, seed: [u8; 32], mut stop: Stop) {
        for round in 0_u64.. {
            tokio::select! {
                biased;
                () = stop.begun() => return,
                () = self.0.notified() => {}
            }
            for share in order(&seed, round) {
                here.publish_missed(share);
                tokio::select! {
                    biased;
                    () = stop.begun() => return,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// All shares, in another order on each node and in each round: nobody is always first.
fn order(seed: &[u8; 32], round: u64) -> Vec<Share> {
    let drawn = Sha256::new()
        .chain_update(seed)
        .chain_update(round.to_be_bytes())
        .finalize();
    let mut shares: Vec<_> = drawn
        .chunks(2)
        .zip(0..SHARES)
        .map(|(drawn, index)| {
            let share = Share { index, of: SHARES };
            (drawn.to_vec(), share)
        })
        .collect();
    shares.sort_by(|(one, _), (other, _)| one.cmp(other));
    shares.into_iter().map(|(_, share)| share).collect()
}

#[cfg(test)]
mod tests {
    use askel_sync::id::TenantId;
    use tokio::{
        sync::broadcast::Receiver,
        time::{advance, timeout},
    };

    use super::*;
    use crate::{
        fan_out::{FanOut as _, Hint},
        lifecycle::{Stopper, stop_pair},
    };

    /// What watchers of a tenant are told when it is asked.
    fn running() -> (Again, Receiver<Hint>, Stopper) {
        let here = Arc::new(InProcess::default());
        let hints = here.subscribe(TenantId::from_bytes([1; 16]));
        let (stopper, stop) = stop_pair();
        let again = Again::default();
        tokio::spawn(again.clone().run(here, [7; 32], stop));
        (again, hints, stopper)
    }

    async fn told(hints: &mut Receiver<Hint>) -> Option<Share> {
        let hour = Duration::from_hours(1);
        match timeout(hour, hints.recv()).await.ok()?.expect("told") {
            Hint::Missed(share) => Some(share),
            other => panic!("{other:?}"),
        }
    }

    async fn round(hints: &mut Receiver<Hint>) -> Vec<u8> {
        let mut shares = Vec::new();
        for _ in 0..SHARES {
            shares.push(told(hints).await.expect("told").index);
        }
        shares
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_at_a_time_looks_again_and_all_of_them_do() {
        let (again, mut hints, _stopper) = running();
        again.ask();
        told(&mut hints).await.expect("the first at once");
        for _ in 1..SHARES {
            assert!(hints.try_recv().is_err(), "one at a time");
            advance(PAUSE.saturating_sub(Duration::from_millis(2))).await;
            assert!(hints.try_recv().is_err(), "not yet");
            told(&mut hints).await.expect("the next");
        }
        assert_eq!(told(&mut hints).await, None, "everyone has looked");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missed_meanwhile_has_everyone_look_once_more_in_another_order() {
        let (again, mut hints, _stopper) = running();
        again.ask();
        told(&mut hints).await.expect("begun");
        for _ in 0..100 {
            again.ask();
        }
        for _ in 1..SHARES {
            told(&mut hints).await.expect("the rest");
        }
        let second = round(&mut hints).await;
        again.ask();
        let third = round(&mut hints).await;
        assert_eq!(told(&mut hints).await, None);
        assert_ne!(second, third);
        let sorted = |mut shares: Vec<u8>| {
            shares.sort_unstable();
            shares
        };
        let all: Vec<u8> = (0..SHARES).collect();
        assert_eq!((sorted(second), sorted(third)), (all.clone(), all));
    }
}
