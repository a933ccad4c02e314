//! Founding the tenant: its keys, its first organiser, and the store beside the server.

use std::net::SocketAddr;

use askel_server::{
    VerifiedTenant, boot,
    config::StoreConfig,
    credential_file::ServerKeys,
    entropy::SystemEntropy,
    operator::{self, OperatorInvitation},
};
use askel_sync::{admission::Role, id::TenantId, invitation::Link, key::KeyPair, time::Timestamp};

use super::home::Home;
use crate::command::admin;

/// A tenant and what its organiser keeps offline.
#[derive(Debug)]
pub(crate) struct Founded {
    pub(crate) tenant: TenantId,
    /// Signs catalogs; the server never has it.
    pub(crate) catalog_key: KeyPair,
    server_keys: ServerKeys,
}

/// Makes the tenant in a store that no server runs on yet.
pub(crate) async fn found(home: &Home, now: Timestamp) -> anyhow::Result<Founded> {
    let tenant = admin::found(&store_config(home), &home.offline_keys(), now).await?;
    Ok(Founded {
        tenant: tenant.id,
        catalog_key: tenant.catalog,
        server_keys: tenant.server,
    })
}

impl Founded {
    /// Makes an invitation on the store beside the running server.
    pub(crate) async fn invite(
        &self,
        home: &Home,
        address: SocketAddr,
        (role, now): (Role, Timestamp),
    ) -> anyhow::Result<Link> {
        let store = boot::open_store(&store_config(home)).await?;
        let wanted = OperatorInvitation {
            role,
            scope: None,
            valid_for_ms: None,
            public_url: url(address),
        };
        let of = (self.tenant, &self.server_keys);
        let invited = operator::invite(&*store, &SystemEntropy, now, of, &wanted).await?;
        Ok(invited.link.parse()?)
    }
}

/// Folds everything that the store holds again.
pub(crate) async fn refold(home: &Home, tenant: TenantId) -> anyhow::Result<VerifiedTenant> {
    let store = boot::open_store(&store_config(home)).await?;
    Ok(askel_server::verify(&*store, tenant).await?)
}

/// What phones connect to.
pub(crate) fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn store_config(home: &Home) -> StoreConfig {
    StoreConfig {
        data_dir: home.server(),
        ..StoreConfig::default()
    }
}
