//! A phone or scanner: a disk, keys, a clock, a way to the server, and the SDK while it runs.

use std::sync::Arc;

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
}

impl Device {
    /// Opens the SDK on the disk.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub(crate) fn open(&mut self) -> Result<Client, Error> {
        let client = Client::open(Components {
            storage: Box::new(self.disk.clone()),
            transport: Arc::clone(&self.link) as _,
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::clone(&self.entropy) as _,
            key_store: Box::new(self.keys.clone()),
        })?;
        self.client = Some(client.clone());
        Ok(client)
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
