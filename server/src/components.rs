//! What the server is made of besides its own code: clock, randomness, store, fan-out, push.

use std::sync::Arc;

use askel_store::Store;

use crate::{clock::Clock, entropy::Entropy, fan_out::FanOut, push::Push};

/// The components. Cheap to clone.
#[derive(Clone)]
pub struct Components {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Keeps everything.
    pub store: Arc<dyn Store>,
    /// Tells watchers what moved.
    pub fan_out: Arc<dyn FanOut>,
    /// Wakes phones.
    pub push: Arc<dyn Push>,
}
