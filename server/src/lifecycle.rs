//! Starting to stop: one signal that everything which waits listens to.

use std::io;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Begins the stop, once.
#[derive(Debug)]
pub struct Stopper {
    sender: watch::Sender<bool>,
}

/// Tells when the stop begins. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop {
    receiver: watch::Receiver<bool>,
}

/// A stopper and what listens to it.
pub fn stop_pair() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper { sender }, Stop { receiver })
}

impl Stopper {
    /// Begins the stop. A stopper that is dropped begins it too.
    pub fn stop(&self) {
        self.sender.send_replace(true);
    }
}

impl Stop {
    /// Returns when the stop has begun.
    pub async fn begun(&mut self) {
        // An error says that the stopper is gone, which is a stop as well.
        let _ = self.receiver.wait_for(|stopping| *stopping).await;
    }

    /// Whether the stop has begun.
    pub fn has_begun(&self) -> bool {
        *self.receiver.borrow() || self.receiver.has_changed().is_err()
    }
}

/// The signals by which an operator or the system asks the process to end: SIGTERM and SIGINT.
#[derive(Debug)]
pub struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl EndSignals {
    /// Catches the signals from now on.
    ///
    /// # Errors
    /// When the signal handlers can't be installed.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns when one of them has come.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_listens_hears_the_stop_and_so_does_who_comes_late() {
        let (stopper, mut stop) = stop_pair();
        assert!(!stop.has_begun());
        stopper.stop();
        stop.begun().await;
        let mut late = stop.clone();
        late.begun().await;
        assert!(late.has_begun());
    }

    #[tokio::test]
    async fn a_dropped_stopper_is_a_stop() {
        let (stopper, mut stop) = stop_pair();
        drop(stopper);
        stop.begun().await;
        assert!(stop.has_begun());
    }
}
