//! Reading what was published: versions, chunks, keys.

use askel_proto::v1;
use askel_store::{CatalogVersion, PageOf, PageRequest};
use askel_sync::limits::CATALOG_CHUNK_BYTES;
use prost::Message as _;

use super::{App, AppError, Caller, Reason};

/// One version, or the newest.
pub(crate) async fn catalog_version(
    app: &App,
    caller: &Caller,
    version: Option<u32>,
) -> Result<CatalogVersion, AppError> {
    let found = app.store().lookup_catalog(caller.tenant, version).await?;
    let missing = if version.is_some() {
        Reason::NotFound
    } else {
        Reason::CatalogMissing
    };
    found.ok_or(AppError::Refused(missing))
}

/// Versions, newest first, without their content.
pub(crate) async fn list_catalog_versions(
    app: &App,
    caller: &Caller,
    page: &PageRequest,
) -> Result<PageOf<CatalogVersion>, AppError> {
    Ok(app.store().list_catalogs(caller.tenant, page).await?)
}

/// One chunk of the content with this hash, from an offset on; empty at its end.
pub(crate) async fn catalog_chunk(
    app: &App,
    caller: &Caller,
    hash: [u8; 32],
    offset: u64,
) -> Result<v1::CatalogChunk, AppError> {
    // Nearly always the newest is asked for, and that is in memory.
    let newest = app.catalogs.newest(caller.tenant).await?;
    if let Some(newest) = newest.filter(|newest| *newest.hash() == hash) {
        return chunk(newest.content(), offset);
    }
    let stored = app.store().lookup_catalog_hash(caller.tenant, hash).await?;
    chunk(&stored.ok_or(Reason::NotFound)?.content, offset)
}

fn chunk(content: &[u8], offset: u64) -> Result<v1::CatalogChunk, AppError> {
    let rest = usize::try_from(offset)
        .ok()
        .and_then(|offset| content.get(offset..));
    let rest = rest.ok_or_else(|| AppError::field("offset", "is past the end"))?;
    let data = rest.get(..CATALOG_CHUNK_BYTES).unwrap_or(rest).to_vec();
    let size_bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
    Ok(v1::CatalogChunk {
        data,
        offset,
        size_bytes,
    })
}

/// The tenant's keys, signed by its root.
pub(crate) async fn key_list(app: &App, caller: &Caller) -> Result<v1::SignedKeyList, AppError> {
    let tenant = app.tenant(caller.tenant).await?;
    v1::SignedKeyList::decode(&*tenant.signed_key_list)
        .map_err(|_| AppError::Refused(Reason::Internal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_content_and_end_empty() {
        let content = vec![7; CATALOG_CHUNK_BYTES + 1];
        let read = |offset| chunk(&content, offset).map(|chunk| chunk.data.len());
        let full = CATALOG_CHUNK_BYTES as u64;
        assert_eq!(read(0).ok(), Some(CATALOG_CHUNK_BYTES));
        assert_eq!(read(full).ok(), Some(1));
        assert_eq!(read(full + 1).ok(), Some(0));
        assert!(read(full + 2).is_err());
    }
}
