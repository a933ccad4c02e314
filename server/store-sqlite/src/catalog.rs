//! Catalogs.

use askel_store::{Audit, CatalogStore, CatalogVersion, PageOf, PageRequest, StoreError};
use askel_sync::{
    id::{ParticipantId, TenantId},
    time::Timestamp,
};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::{
    SqliteStore, audit,
    column::{array, id, number},
    error::store_error,
    projection::Marks,
    store::commit,
};

struct CatalogRow {
    version: i64,
    hash: Vec<u8>,
    content: Vec<u8>,
    signature: Vec<u8>,
    published_at_ms: i64,
}

impl TryFrom<CatalogRow> for CatalogVersion {
    type Error = StoreError;

    fn try_from(row: CatalogRow) -> Result<Self, StoreError> {
        Ok(Self {
            version: number(row.version)?,
            hash: array(&row.hash)?,
            content: row.content,
            signature: row.signature,
            published_at: Timestamp::from_ms(row.published_at_ms),
        })
    }
}

#[async_trait]
impl CatalogStore for SqliteStore {
    async fn record_catalog(
        &self,
        tenant: TenantId,
        catalog: &CatalogVersion,
        audit: &Audit,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        match take_up(&mut transaction, tenant, catalog).await? {
            TakenUp::Now => {
                audit::note(&mut transaction, tenant, audit).await?;
                commit(transaction).await?;
                Ok(true)
            }
            TakenUp::Before => Ok(true),
            TakenUp::NotNext => Ok(false),
        }
    }

    async fn lookup_catalog(
        &self,
        tenant: TenantId,
        version: Option<u32>,
    ) -> Result<Option<CatalogVersion>, StoreError> {
        let key = &tenant.as_bytes()[..];
        let row = match version {
            Some(version) => {
                let mut connection = self.readers.acquire().await.map_err(store_error)?;
                return read(&mut connection, tenant, version).await;
            }
            None => {
                sqlx::query_as!(
                    CatalogRow,
                    "SELECT version, hash, content, signature, published_at_ms
                     FROM catalog WHERE tenant = ? ORDER BY version DESC LIMIT 1",
                    key
                )
                .fetch_optional(&self.readers)
                .await
            }
        };
        row.map_err(store_error)?.map(TryInto::try_into).transpose()
    }

    async fn lookup_catalog_hash(
        &self,
        tenant: TenantId,
        hash: [u8; 32],
    ) -> Result<Option<CatalogVersion>, StoreError> {
        let (key, hash) = (&tenant.as_bytes()[..], &hash[..]);
        let row = sqlx::query_as!(
            CatalogRow,
            "SELECT version, hash, content, signature, published_at_ms
             FROM catalog WHERE tenant = ? AND hash = ? ORDER BY version DESC LIMIT 1",
            key,
            hash
        )
        .fetch_optional(&self.readers)
        .await
        .map_err(store_error)?;
        row.map(TryInto::try_into).transpose()
    }

    async fn list_catalogs(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<CatalogVersion>, StoreError> {
        let key = &tenant.as_bytes()[..];
        // Newest first: the key counts down.
        let before = match (&page.after[..], <[u8; 4]>::try_from(&page.after[..])) {
            ([], _) => i64::MAX,
            (_, Ok(after)) => u32::MAX.saturating_sub(u32::from_be_bytes(after)).into(),
            (_, Err(_)) => return Ok(PageOf::empty()),
        };
        let fetch = page.fetch();
        let rows = sqlx::query_as!(
            CatalogRow,
            r#"SELECT version, hash, x'' AS "content!: Vec<u8>", signature, published_at_ms
               FROM catalog WHERE tenant = ? AND version < ? ORDER BY version DESC LIMIT ?"#,
            key,
            before,
            fetch
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        let items: Vec<CatalogVersion> = rows
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, _>>()?;
        Ok(PageOf::cut(items, page, |catalog| {
            u32::MAX
                .saturating_sub(catalog.version)
                .to_be_bytes()
                .to_vec()
        }))
    }
}

async fn everyone(
    connection: &mut SqliteConnection,
    tenant: TenantId,
) -> Result<Vec<ParticipantId>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let rows = sqlx::query_scalar!(
        "SELECT participant FROM participant WHERE tenant = ? ORDER BY participant",
        key
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.iter().map(|participant| id(participant)).collect()
}

/// The hash of the newest.
pub(crate) async fn newest_hash(
    connection: &mut SqliteConnection,
    tenant: TenantId,
) -> Result<Option<[u8; 32]>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let hash = sqlx::query_scalar!(
        "SELECT hash FROM catalog WHERE tenant = ? ORDER BY version DESC LIMIT 1",
        key
    )
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    hash.map(|hash: Vec<u8>| array(&hash)).transpose()
}

/// One version.
pub(crate) async fn read(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    version: u32,
) -> Result<Option<CatalogVersion>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let row = sqlx::query_as!(
        CatalogRow,
        "SELECT version, hash, content, signature, published_at_ms
         FROM catalog WHERE tenant = ? AND version = ?",
        key,
        version
    )
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(TryInto::try_into).transpose()
}

/// What became of a version.
pub(crate) enum TakenUp {
    Now,
    Before,
    /// Its number is not the next one, or another content stands there.
    NotNext,
}

/// Adds a version, announces it and marks everyone dirty.
pub(crate) async fn take_up(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    catalog: &CatalogVersion,
) -> Result<TakenUp, StoreError> {
    let (key, hash) = (&tenant.as_bytes()[..], &catalog.hash[..]);
    let (content, signature) = (&catalog.content[..], &catalog.signature[..]);
    let published_at = catalog.published_at.as_ms();
    let standing = sqlx::query_scalar!(
        "SELECT hash FROM catalog WHERE tenant = ? AND version = ?",
        key,
        catalog.version
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    if let Some(standing) = standing {
        let same = standing == hash;
        return Ok(if same {
            TakenUp::Before
        } else {
            TakenUp::NotNext
        });
    }
    let newest = sqlx::query_scalar!(
        r#"SELECT version FROM catalog WHERE tenant = ? ORDER BY version DESC LIMIT 1"#,
        key
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    if newest.unwrap_or(0).checked_add(1) != Some(catalog.version.into()) {
        return Ok(TakenUp::NotNext);
    }
    sqlx::query!(
        "INSERT INTO catalog (tenant, version, hash, signature, published_at_ms, content)
         VALUES (?, ?, ?, ?, ?, ?)",
        key,
        catalog.version,
        hash,
        signature,
        published_at,
        content
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    let announcement = catalog.announcement();
    let marks = Marks {
        dirty: everyone(connection, tenant).await?,
        outbox: &[announcement.draft()],
        tallies: &[],
    };
    marks.write(connection, tenant).await?;
    Ok(TakenUp::Now)
}
