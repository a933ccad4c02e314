//! What follows a restore.

mod journal;

use askel_store::{
    Ancestor, Claim, Healing, RENEWAL_SEED_BYTES, RestoreStore, StoreError,
    journal::{Entry, ImageOf, counted},
    renewed_handle,
};
use askel_sync::id::{LogId, StreamId, TenantId};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::{
    SqliteStore,
    column::{array, id, number, stream},
    erasure::Erasing,
    error::store_error,
    job_lease::end_all,
    push,
    rows::{bytes, row, rows},
    store::commit,
};

/// Streams of one statement.
const CHUNK: i64 = 500;

struct AncestorRow {
    stream: Vec<u8>,
    head: i64,
    claimed: i64,
    healed: Vec<u8>,
    told: Vec<u8>,
}

impl TryFrom<AncestorRow> for Ancestor {
    type Error = StoreError;

    fn try_from(row: AncestorRow) -> Result<Self, StoreError> {
        let span = |span: &[u8]| {
            let (after, up_to) = span
                .split_first_chunk()
                .ok_or(StoreError::Inconsistent("a span can't be read"))?;
            let up_to = u64::from_be_bytes(array(up_to)?);
            Ok((u64::from_be_bytes(*after), up_to))
        };
        Ok(Self {
            stream: stream(&row.stream)?,
            head: number(row.head)?,
            claimed: number(row.claimed)?,
            healed: row.healed.chunks(16).map(span).collect::<Result<_, _>>()?,
            told: row.told.chunks(16).map(span).collect::<Result<_, _>>()?,
        })
    }
}

/// A stream of before.
pub(crate) async fn ancestor(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    handle: StreamId,
) -> Result<Option<Ancestor>, StoreError> {
    let (key, handle) = (&tenant.as_bytes()[..], &handle.as_bytes()[..]);
    let row = sqlx::query_as!(
        AncestorRow,
        "SELECT stream, head, claimed, healed, told FROM ancestor WHERE tenant = ? AND handle = ?",
        key,
        handle
    )
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(TryInto::try_into).transpose()
}

/// Replaces what is known of a stream of before.
pub(crate) async fn put_ancestor(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    handle: StreamId,
    ancestor: &Ancestor,
) -> Result<(), StoreError> {
    let (key, handle) = (&tenant.as_bytes()[..], &handle.as_bytes()[..]);
    let claimed: i64 = number(ancestor.claimed)?;
    let spans = |spans: &[(u64, u64)]| -> Vec<u8> {
        let ends = spans
            .iter()
            .flat_map(|(after, up_to)| [after.to_be_bytes(), up_to.to_be_bytes()]);
        ends.flatten().collect()
    };
    let (healed, told) = (spans(&ancestor.healed), spans(&ancestor.told));
    sqlx::query!(
        "UPDATE ancestor SET claimed = ?, healed = ?, told = ? WHERE tenant = ? AND handle = ?",
        claimed,
        healed,
        told,
        key,
        handle
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

#[async_trait]
impl RestoreStore for SqliteStore {
    async fn renew_streams(
        &self,
        tenant: TenantId,
        seed: &[u8; RENEWAL_SEED_BYTES],
    ) -> Result<(), StoreError> {
        let key = &tenant.as_bytes()[..];
        let seed_column = &seed[..];
        let mut transaction = self.write().await?;
        let added = sqlx::query!(
            "INSERT INTO renewal (tenant, seed) VALUES (?, ?)
             ON CONFLICT (tenant, seed) DO NOTHING",
            key,
            seed_column
        )
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
        if added.rows_affected() == 0 {
            return Ok(());
        }
        let mut after = Vec::new();
        while let Some(last) = renew_after(&mut transaction, tenant, seed, &after).await? {
            after = last;
        }
        push::forget_all(&mut transaction, tenant).await?;
        end_all(&mut transaction, tenant).await?;
        commit(transaction).await
    }

    async fn record_claims(&self, tenant: TenantId, claims: &[Claim]) -> Result<(), StoreError> {
        let mut news = Vec::new();
        let mut reader = self.readers.acquire().await.map_err(store_error)?;
        for claim in claims {
            if is_news(&mut reader, tenant, *claim).await? {
                news.push(*claim);
            }
        }
        drop(reader);
        // Nearly always all of it is known, and the writer need not be asked.
        if news.is_empty() {
            return Ok(());
        }
        let mut transaction = self.write().await?;
        for claim in news {
            record(&mut transaction, tenant, claim).await?;
        }
        commit(transaction).await
    }

    async fn count_healing(&self, tenant: TenantId) -> Result<Healing, StoreError> {
        let mut reader = self.readers.begin().await.map_err(store_error)?;
        count(&mut reader, tenant).await
    }

    async fn read_image(
        &self,
        tenant: TenantId,
        of: &ImageOf,
    ) -> Result<Option<Entry>, StoreError> {
        let mut reader = self.readers.begin().await.map_err(store_error)?;
        journal::image(&mut reader, tenant, of).await
    }

    async fn apply_journal(&self, tenant: TenantId, journal: &[Entry]) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let erases = journal
            .iter()
            .any(|entry| matches!(entry, Entry::Erased { .. }));
        if erases {
            let connection = &mut transaction;
            Erasing { connection, tenant }.leave_for_sweeping().await?;
        }
        let counted = counted(journal);
        for entry in journal {
            journal::replay(&mut transaction, tenant, entry, &counted).await?;
        }
        commit(transaction).await?;
        if erases {
            self.sweep_if_small().await?;
        }
        Ok(())
    }
}

/// Gives some streams new handles. Returns the last of them; `None` when there was none left.
async fn renew_after(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    seed: &[u8; RENEWAL_SEED_BYTES],
    after: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let streams = sqlx::query!(
        "SELECT stream, handle, head FROM stream WHERE tenant = ? AND stream > ?
         ORDER BY stream LIMIT ?",
        key,
        after,
        CHUNK
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    let Some(last) = streams.last().map(|row| row.stream.clone()) else {
        return Ok(None);
    };
    let renewed = streams.iter().map(|row| {
        let new = renewed_handle(seed, id(&row.handle)?);
        let new = bytes(new.as_bytes());
        Ok(row![bytes(&row.stream), bytes(&row.handle), row.head, new])
    });
    let renewed = rows(renewed.collect::<Result<Vec<_>, StoreError>>()?);
    sqlx::query!(
        "INSERT INTO ancestor (tenant, handle, stream, head, claimed, healed, told)
         SELECT ?1, unhex(value ->> 1), unhex(value ->> 0), value ->> 2, value ->> 2, x'', x''
         FROM json_each(?2)",
        key,
        renewed
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    sqlx::query!(
        "INSERT INTO stream (tenant, stream, handle, head, sum)
         SELECT ?1, unhex(value ->> 0), unhex(value ->> 3), 0, 0 FROM json_each(?2) WHERE true
         ON CONFLICT (tenant, stream) DO UPDATE SET handle = excluded.handle",
        key,
        renewed
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    Ok(Some(last))
}

async fn is_news(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    claim: Claim,
) -> Result<bool, StoreError> {
    Ok(match claim {
        Claim::Stream {
            ancestor: handle,
            position,
        } => {
            let standing = ancestor(connection, tenant, handle).await?;
            standing.is_some_and(|mut standing| standing.claim(position))
        }
        Claim::Log { log, next_sequence } => {
            next_sequence > claimed(connection, tenant, log).await?
        }
    })
}

/// How far a log is said to have been settled.
async fn claimed(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    log: LogId,
) -> Result<u64, StoreError> {
    let (key, log) = (&tenant.as_bytes()[..], &log.as_bytes()[..]);
    let claimed = sqlx::query_scalar!(
        "SELECT next_sequence FROM log_claim WHERE tenant = ? AND log = ?",
        key,
        log
    )
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    number(claimed.unwrap_or(0))
}

async fn record(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    claim: Claim,
) -> Result<(), StoreError> {
    match claim {
        Claim::Stream {
            ancestor: handle,
            position,
        } => {
            let standing = ancestor(connection, tenant, handle).await?;
            if let Some(mut standing) = standing
                && standing.claim(position)
            {
                put_ancestor(connection, tenant, handle, &standing).await?;
            }
        }
        Claim::Log { log, next_sequence } => {
            let (key, log) = (&tenant.as_bytes()[..], &log.as_bytes()[..]);
            let next: i64 = number(next_sequence)?;
            sqlx::query!(
                "INSERT INTO log_claim (tenant, log, next_sequence) VALUES (?, ?, ?)
                 ON CONFLICT (tenant, log) DO UPDATE
                 SET next_sequence = max(next_sequence, excluded.next_sequence)",
                key,
                log,
                next
            )
            .execute(connection)
            .await
            .map_err(store_error)?;
        }
    }
    Ok(())
}

async fn count(connection: &mut SqliteConnection, tenant: TenantId) -> Result<Healing, StoreError> {
    let key = &tenant.as_bytes()[..];
    let ancestors = sqlx::query_as!(
        AncestorRow,
        "SELECT stream, head, claimed, healed, told FROM ancestor WHERE tenant = ?",
        key
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    let mut healing = Healing::default();
    for row in ancestors {
        let (healed, missing) = Ancestor::try_from(row)?.count();
        healing.healed = healing.healed.saturating_add(healed);
        healing.missing = healing.missing.saturating_add(missing);
    }
    let logs = sqlx::query!(
        r#"SELECT count(*) AS "logs!: i64", coalesce(sum(lost), 0) AS "ops!: i64" FROM (
               SELECT log_claim.next_sequence - coalesce(log.next_sequence, 0) AS lost
               FROM log_claim
               LEFT JOIN log ON log.tenant = log_claim.tenant AND log.log = log_claim.log
               WHERE log_claim.tenant = ?
           ) WHERE lost > 0"#,
        key
    )
    .fetch_one(connection)
    .await
    .map_err(store_error)?;
    healing.logs = number(logs.logs)?;
    healing.log_ops = number(logs.ops)?;
    Ok(healing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_back_as_they_were() {
        let row = |healed: &[u8]| AncestorRow {
            stream: crate::column::stream_column(askel_sync::stream::StreamKey::Catalog).unwrap(),
            head: 1,
            claimed: 9,
            healed: healed.to_vec(),
            told: Vec::new(),
        };
        let spans = [[0, 0, 0, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, 0, 0, 5]].concat();
        let read = Ancestor::try_from(row(&spans)).unwrap();
        assert_eq!(read.healed, [(2, 5)]);
        assert!(Ancestor::try_from(row(&spans[..15])).is_err());
    }
}
