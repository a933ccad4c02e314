//! Erasing people.
//!
//! One transaction; then the file is swept. Deleted rows are overwritten where they stood, but when
//! pages were split earlier, copies of rows stayed behind in their unused parts, and old pages stand
//! in the write-ahead log. Only a file that is written anew has none of that.

mod derived;
mod frozen;
mod ops;
mod rights;
mod sweep;

use std::collections::BTreeSet;

use askel_store::{
    Audit, Erased, ErasureStore, Frozen, OutboxDraft, StoreError, TheirCounts, Tombstone,
};
use askel_sync::id::{ParticipantId, TenantId};
use async_trait::async_trait;
use serde_json::Value;
use sqlx::SqliteConnection;

use crate::{
    SqliteStore, audit,
    column::{id, tombstone},
    error::store_error,
    job_lease::end_generations,
    projection::Marks,
    rows::{bytes, row, rows},
    store::commit,
};

/// The kinds of the table `erased`.
const PARTICIPANT: i64 = 1;
const DEVICE: i64 = 2;
const LOG: i64 = 3;
const PASS: i64 = 4;

#[async_trait]
impl ErasureStore for SqliteStore {
    async fn erase(
        &self,
        tenant: TenantId,
        participant: ParticipantId,
        audit: &Audit,
    ) -> Result<Erased, StoreError> {
        let mut transaction = self.write().await?;
        let mut erasing = Erasing {
            connection: &mut transaction,
            tenant,
        };
        let known = erasing.known(participant).await?;
        erasing.leave_for_sweeping().await?;
        let erased = erasing
            .erase(
                known.clone().unwrap_or(Erased::new(participant)),
                TheirCounts::Added,
            )
            .await?;
        if known.is_none() {
            audit::note(&mut transaction, tenant, audit).await?;
        }
        commit(transaction).await?;
        self.sweep_if_small().await?;
        Ok(erased)
    }

    async fn read_frozen(&self, tenant: TenantId) -> Result<Frozen, StoreError> {
        let mut reader = self.readers.begin().await.map_err(store_error)?;
        frozen::read(&mut reader, tenant).await
    }

    async fn lookup_erased(
        &self,
        tenant: TenantId,
        ids: &[Tombstone],
    ) -> Result<BTreeSet<Tombstone>, StoreError> {
        let mut connection = self.readers.acquire().await.map_err(store_error)?;
        erased_of(&mut connection, tenant, ids).await
    }
}

/// Those of the ids that are erased.
pub(crate) async fn erased_of(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    ids: &[Tombstone],
) -> Result<BTreeSet<Tombstone>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let key = &tenant.as_bytes()[..];
    let ids = rows(ids.iter().map(|id| bytes(id.as_bytes())));
    let found = sqlx::query_scalar!(
        "SELECT id FROM erased
         WHERE tenant = ?1 AND id IN (SELECT unhex(value) FROM json_each(?2))",
        key,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    found.iter().map(|id| tombstone(id)).collect()
}

/// The connection of a transaction that erases.
pub(crate) struct Erasing<'a> {
    pub(crate) connection: &'a mut SqliteConnection,
    pub(crate) tenant: TenantId,
}

impl Erasing<'_> {
    /// What was erased of someone before; `None` if nothing was.
    async fn known(&mut self, participant: ParticipantId) -> Result<Option<Erased>, StoreError> {
        let (key, of) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        let rows = sqlx::query!(
            "SELECT id, kind FROM erased WHERE tenant = ? AND participant = ? ORDER BY kind, id",
            key,
            of
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut erased = Erased::new(participant);
        for row in rows {
            match row.kind {
                DEVICE => erased.devices.push(id(&row.id)?),
                LOG => erased.logs.push(id(&row.id)?),
                PASS => erased.passes.push(id(&row.id)?),
                _ => {}
            }
        }
        Ok(Some(erased))
    }

    /// Erases what is known of someone, and what a journal says is theirs.
    pub(crate) async fn erase(
        &mut self,
        known: Erased,
        counts: TheirCounts,
    ) -> Result<Erased, StoreError> {
        let mut erased = known;
        if let Some(before) = self.known(erased.participant).await? {
            erased.add(&before);
        }
        self.find_rights(&mut erased).await?;
        self.find_logs(&mut erased).await?;
        // In order, each once.
        erased.add(&Erased::new(erased.participant));
        self.bury(&erased).await?;
        let notices = self.erase_ops(&erased).await?;
        self.erase_rights(&erased).await?;
        self.erase_derived(&erased, counts).await?;
        end_generations(self.connection, self.tenant).await?;
        let drafts: Vec<_> = notices
            .iter()
            .map(|(stream, kind, payload)| OutboxDraft {
                stream: *stream,
                kind: *kind,
                payload,
            })
            .collect();
        let marks = Marks {
            dirty: Vec::new(),
            outbox: &drafts,
            tallies: &[],
        };
        marks.write(self.connection, self.tenant).await?;
        Ok(erased)
    }

    /// Writes the tombstones.
    async fn bury(&mut self, erased: &Erased) -> Result<(), StoreError> {
        let of = bytes(erased.participant.as_bytes());
        let stone = |id: Tombstone, kind: i64| row![bytes(id.as_bytes()), of.clone(), kind];
        let mut stones: Vec<Value> = vec![stone(erased.participant.into(), PARTICIPANT)];
        stones.extend(erased.devices.iter().map(|id| stone((*id).into(), DEVICE)));
        stones.extend(erased.logs.iter().map(|id| stone((*id).into(), LOG)));
        stones.extend(erased.passes.iter().map(|id| stone((*id).into(), PASS)));
        let (key, stones) = (&self.tenant.as_bytes()[..], rows(stones));
        sqlx::query!(
            "INSERT INTO erased (tenant, id, participant, kind)
             SELECT ?1, unhex(value ->> 0), unhex(value ->> 1), value ->> 2
             FROM json_each(?2) WHERE true ON CONFLICT (tenant, id, kind) DO NOTHING",
            key,
            stones
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }
}
