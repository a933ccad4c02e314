//! A phone or scanner: a disk, keys, a clock, a way to the server, and the SDK while it runs.

use std::sync::{Arc, Mutex, PoisonError};

use askel_client_sdk::{Client, Components, Error, MemoryKeyStore};
use tokio::task::JoinHandle;

use crate::{
    chance::Bytes,
    disk::{Disk, Image},
    link::Link,
    time::DeviceClock,
};

/// A device.
pub(crate) struct Device {
    pub(crate) disk: Disk,
    pub(crate) keys: MemoryKeyStore,
    pub(crate) clock: Arc<DeviceClock>,
    pub(crate) entropy: Arc<Bytes>,
    pub(crate) link: Arc<Link>,
    pub(crate) client: Option<Client>,
    pub(crate) backup: Option<Image>,
    pub(crate) under_way: Vec<JoinHandle<()>>,
    /// Whether it was ever put back or copied: only then may it find that it has forgotten.
    pub(crate) was_put_back: bool,
    pub(crate) must_heal: MustHeal,
}

/// How often a device had healed when it was put back to less than the server knows: the first sync
/// must make it more.
#[derive(Clone, Default)]
pub(crate) struct MustHeal(Arc<Mutex<Option<u32>>>);

impl MustHeal {
    pub(crate) fn expect(&self, healed: Option<u32>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = healed;
    }

    /// Whether a whole sync has gone by without it; asked once.
    pub(crate) fn is_missed(&self, healed: u32) -> bool {
        let mut expected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        expected.take().is_some_and(|before| healed <= before)
    }
}

impl Device {
    /// Opens the SDK on the disk.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub(crate) fn open(&mut self) -> Result<Client, Error> {
        let client = Client::open(self.components())?;
        self.client = Some(client.clone());
        Ok(client)
    }

    /// Begins anew, as an app does when a database is another key's.
    ///
    /// # Errors
    /// As [`Client::start_fresh`].
    pub(crate) fn start_fresh(&mut self) -> Result<Client, Error> {
        let client = Client::start_fresh(self.components())?;
        self.client = Some(client.clone());
        Ok(client)
    }

    fn components(&self) -> Components {
        Components {
            storage: Box::new(self.disk.clone()),
            transport: Arc::clone(&self.link) as _,
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::clone(&self.entropy) as _,
            key_store: Box::new(self.keys.clone()),
        }
    }

    /// Whatever runs is cut off, and every fault of the disk is over.
    pub(crate) fn stop(&mut self) {
        for task in self.under_way.drain(..) {
            task.abort();
        }
        self.client = None;
        self.disk.start();
    }
}
