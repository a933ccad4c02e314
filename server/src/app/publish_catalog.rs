//! Publishing a catalog that the organiser's own key signed.

use std::sync::Arc;

use askel_proto::v1;
use askel_store::{AuditAction, CatalogVersion, Tenant};
use askel_sync::{
    catalog::{self, Catalog},
    id::TenantId,
    key::KeyList,
    op::Payload,
    stream::StreamKey,
};
use prost::Message as _;

use super::{App, AppError, Caller, Reason};
use crate::{
    limits::STREAM_READ_OPS,
    server_log::{Beside, Draft},
};

/// Whether to publish or only to say what would happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublishMode {
    Publish,
    ValidateOnly,
}

/// Checks content, signature and version, records, and tells everyone. The same content again
/// changes nothing.
pub(crate) async fn publish_catalog(
    app: &App,
    caller: &Caller,
    content: Vec<u8>,
    signature: Vec<u8>,
    mode: PublishMode,
) -> Result<CatalogVersion, AppError> {
    let parsed = Arc::new(parse(&content, caller.tenant)?);
    let tenant = app.tenant(caller.tenant).await?;
    let now = app.now();
    catalog::verify(&content, &signature, tenant.id, &key_list(&tenant)?, now)
        .map_err(|_| Reason::CatalogSignatureInvalid)?;
    let version = CatalogVersion {
        version: parsed.version(),
        hash: *parsed.hash(),
        content,
        signature,
        published_at: now,
    };
    if mode == PublishMode::ValidateOnly {
        check_next(app, &version, tenant.id).await?;
        return Ok(version);
    }
    let name = format!("catalogs/{}", version.version);
    let audit = app.audit(caller, AuditAction::CatalogPublished, name);
    if !app
        .store()
        .record_catalog(tenant.id, &version, &audit)
        .await?
    {
        return Err(Reason::CatalogVersionNotNext.into());
    }
    app.catalogs.replace(tenant.id, parsed);
    app.projector.settle(tenant.id).await;
    let stored = app
        .store()
        .lookup_catalog(tenant.id, Some(version.version))
        .await?;
    stored.ok_or(AppError::Refused(Reason::Internal))
}

fn parse(content: &[u8], tenant: TenantId) -> Result<Catalog, AppError> {
    let refused = |problem: String| AppError::Field {
        reason: Reason::CatalogInvalid,
        field: "content".to_owned(),
        problem,
    };
    let catalog = Catalog::parse(content).map_err(|error| refused(error.to_string()))?;
    if catalog.tenant() == tenant {
        Ok(catalog)
    } else {
        Err(refused("the catalog is of another tenant".to_owned()))
    }
}

async fn check_next(app: &App, version: &CatalogVersion, tenant: TenantId) -> Result<(), AppError> {
    let newest = app.store().lookup_catalog(tenant, None).await?;
    let fits = newest.is_none_or(|newest| {
        newest.hash == version.hash || newest.version.checked_add(1) == Some(version.version)
    });
    if fits {
        Ok(())
    } else {
        Err(Reason::CatalogVersionNotNext.into())
    }
}

fn key_list(tenant: &Tenant) -> Result<KeyList, AppError> {
    let signed =
        v1::SignedKeyList::decode(&*tenant.signed_key_list).map_err(|_| Reason::Internal)?;
    KeyList::verify(&signed, tenant.id, &tenant.root_hash, 0)
        .map_err(|_| AppError::Refused(Reason::Internal))
}

/// Writes the announcement of the tenant's key list, unless it stands in the stream.
pub(crate) async fn announce_key_list(app: &App, tenant: &Tenant) -> Result<(), AppError> {
    let announcement = Payload::KeyListPublished(v1::KeyListPublished {
        signed_key_list: tenant.signed_key_list.clone(),
    });
    let tenant = tenant.id;
    let bytes = announcement.encode();
    let mut after = 0;
    loop {
        let read = app
            .store()
            .read_stream(tenant, StreamKey::Catalog, after, STREAM_READ_OPS)
            .await?;
        if read.iter().any(|told| told.admitted.op.payload == bytes) {
            return Ok(());
        }
        match read.last() {
            Some(last) => after = last.position,
            None => break,
        }
    }
    let draft = Draft::new(&announcement, StreamKey::Catalog);
    app.server_log
        .write(tenant, &[draft], Beside::default())
        .await
}
