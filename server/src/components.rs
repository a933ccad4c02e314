//! What the server is made of besides its own code: clock, randomness, store, fan-out, push.

use std::sync::Arc;

use askel_store::{NodeId, Store};
use askel_sync::id::{DeviceId, TenantId};

use crate::{
    clock::Clock,
    entropy::Entropy,
    fan_out::{FanOut, Hint},
    push::Push,
};

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
    /// This process among several that serve from one store; `None` when it is the only one.
    pub node: Option<NodeId>,
}

impl Components {
    /// Has watches end whose device was revoked, here and on other nodes; `None` for whichever it was.
    pub(crate) fn tell_rights(&self, tenant: TenantId, device: Option<DeviceId>) {
        self.fan_out.publish(tenant, Hint::Rights(device));
    }
}
