//! Founding the tenant: its keys, its first organiser, and the store beside the server.

use std::{net::SocketAddr, sync::Arc};

use askel_store::Store;
use askel_sync::{id::TenantId, invitation::Link, key::KeyPair, time::Timestamp};

use super::home::Home;

pub(crate) struct Founded {
    pub(crate) tenant: TenantId,
    pub(crate) catalog_key: KeyPair,
}
impl Founded {
    pub(crate) async fn invite_organiser(&self, home: &Home, address: SocketAddr, now: Timestamp) -> anyhow::Result<Link> { todo!() }
}
pub(crate) async fn found(home: &Home, now: Timestamp) -> anyhow::Result<Founded> { todo!() }
pub(crate) async fn open_store(home: &Home) -> anyhow::Result<Arc<dyn Store>> { todo!() }
pub(crate) async fn invite_participant(home: &Home, tenant: TenantId, address: SocketAddr, now: Timestamp) -> anyhow::Result<String> { todo!() }
