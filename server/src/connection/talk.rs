//! What a connection and its calls know of each other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use crate::lifecycle::Stop;

/// How often a connection is looked at before it counts as idle: it ends after its time, and no later
/// than a look more.
const IDLE_LOOKS: u32 = 4;

/// What is said over one connection; whoever carries out its calls says so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Talk(Arc<Said>);

#[derive(Debug, Default)]
struct Said {
    /// Calls whose head has come, ever.
    begun: AtomicU64,
    /// Those that have not been answered to the end.
    open: AtomicU32,
    over: Notify,
}

impl Talk {
    /// The head of a call has come.
    pub(crate) fn begin(&self) -> OpenCall {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.open.fetch_add(1, Ordering::Relaxed);
        OpenCall(self.clone())
    }

    /// Whether a call's head has come over it yet.
    pub(super) fn has_begun(&self) -> bool {
        self.0.begun.load(Ordering::Relaxed) > 0
    }

    /// The connection is gone.
    pub(super) fn over(&self) {
        self.0.over.notify_one();
    }

    /// Returns when there is no more to wait for: the connection is gone, has been idle for so long, or
    /// the stop begins.
    pub(super) async fn ended(self, idle_max: Duration, mut stop: Stop) {
        tokio::select! {
            () = self.0.over.notified() => {}
            () = self.idle(idle_max) => {}
            () = stop.begun() => {}
        }
    }

    /// Returns when nobody has asked anything for so long. Looks now and then, so that calls cost nothing.
    async fn idle(&self, idle_max: Duration) {
        let look_every = idle_max.checked_div(IDLE_LOOKS).unwrap_or(idle_max);
        let mut before = None;
        let mut quiet_looks = 0_u32;
        while quiet_looks < IDLE_LOOKS {
            tokio::time::sleep(look_every).await;
            let begun = self.0.begun.load(Ordering::Relaxed);
            let is_quiet = self.0.open.load(Ordering::Relaxed) == 0 && before == Some(begun);
            quiet_looks = if is_quiet {
                quiet_looks.saturating_add(1)
            } else {
                0
            };
            before = Some(begun);
        }
    }
}

/// A call that is not answered to the end. Dropped, it is.
#[derive(Debug)]
pub(crate) struct OpenCall(Talk);

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Clock as _, SystemClock},
        lifecycle::stop_pair,
    };

    const MAX: Duration = Duration::from_secs(100);

    /// Whether it has ended after so many seconds more.
    async fn ends_within(ended: &mut (impl Future<Output = ()> + Unpin), seconds: u64) -> bool {
        let seconds = Duration::from_secs(seconds);
        tokio::time::timeout(seconds, ended).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_nothing_is_asked_ends_and_one_with_an_open_call_does_not() {
        let (_stopper, stop) = stop_pair();
        let talk = Talk::default();
        let mut ended = Box::pin(talk.clone().ended(MAX, stop));
        let watch = talk.begin();
        assert!(!ends_within(&mut ended, 1_000).await, "a call is open");
        drop(watch);
        assert!(!ends_within(&mut ended, 90).await, "not for long enough");
        assert!(ends_within(&mut ended, 40).await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_on_which_something_is_asked_now_and_then_goes_on() {
        let (_stopper, stop) = stop_pair();
        let talk = Talk::default();
        let mut ended = Box::pin(talk.clone().ended(MAX, stop));
        for _ in 0..20 {
            drop(talk.begin());
            assert!(!ends_within(&mut ended, 99).await);
        }
    }

    #[tokio::test]
    async fn one_that_is_gone_or_stopped_is_not_waited_for() {
        let clock = SystemClock::start();
        let (_stopper, stop) = stop_pair();
        let talk = Talk::default();
        talk.over();
        talk.ended(MAX, stop).await;
        let (stopper, stop) = stop_pair();
        stopper.stop();
        Talk::default().ended(MAX, stop).await;
        assert!(clock.monotonic() < MAX / 2);
    }
}
