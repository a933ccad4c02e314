//! Erasing people.
//!
//! One transaction. What it deletes or overwrites stays in the files of the database as dead rows until
//! vacuum has gone over the tables. The role that serves may not ask for that: it owns nothing. The
//! migrations let autovacuum come to these tables long before it would by itself, and the owner may run
//! `VACUUM` at any time; readers that began before the erasure hold it up. Unused parts of pages keep old
//! bytes until they are written over, and the write-ahead log, its archive and replicas keep them for as
//! long as they are kept: the operator's retention bounds that, as it does that of backups. No query
//! sees any of it.

mod derived;
mod frozen;
mod ops;
mod rights;

use std::collections::BTreeSet;

use askel_store::{
    Audit, Erased, ErasureStore, Frozen, OutboxDraft, StoreError, TheirCounts, Tombstone,
};
use askel_sync::id::{ParticipantId, TenantId};
use async_trait::async_trait;
use sqlx::PgConnection;

use crate::{
    PostgresStore, audit,
    column::{columns, id, tombstone},
    error::store_error,
    job_lease::end_generations,
    projection::Marks,
    store::commit,
};

/// The kinds of the table `erased`.
const PARTICIPANT: i16 = 1;
const DEVICE: i16 = 2;
const LOG: i16 = 3;
const PASS: i16 = 4;

#[async_trait]
impl ErasureStore for PostgresStore {
    async fn erase(
        &self,
        tenant: TenantId,
        participant: ParticipantId,
        audit: &Audit,
    ) -> Result<Erased, StoreError> {
        let mut transaction = self.write(tenant).await?;
        let mut erasing = Erasing {
            connection: &mut transaction,
            tenant,
        };
        let known = erasing.known(participant).await?;
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
        Ok(erased)
    }

    async fn read_frozen(&self, tenant: TenantId) -> Result<Frozen, StoreError> {
        let mut reader = self.read(tenant).await?;
        frozen::read(&mut reader, tenant).await
    }

    async fn lookup_erased(
        &self,
        tenant: TenantId,
        ids: &[Tombstone],
    ) -> Result<BTreeSet<Tombstone>, StoreError> {
        let mut connection = self.read(tenant).await?;
        erased_of(&mut connection, tenant, ids).await
    }
}

/// Those of the ids that are erased.
pub(crate) async fn erased_of(
    connection: &mut PgConnection,
    tenant: TenantId,
    ids: &[Tombstone],
) -> Result<BTreeSet<Tombstone>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let key = &tenant.as_bytes()[..];
    let ids = columns(ids.iter().map(Tombstone::as_bytes));
    let found = sqlx::query_scalar!(
        "SELECT id FROM erased WHERE tenant = $1 AND id = ANY($2)",
        key,
        &ids
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    found.iter().map(|id| tombstone(id)).collect()
}

/// The connection of a transaction that erases.
pub(crate) struct Erasing<'a> {
    pub(crate) connection: &'a mut PgConnection,
    pub(crate) tenant: TenantId,
}

impl Erasing<'_> {
    /// What was erased of someone before; `None` if nothing was.
    async fn known(&mut self, participant: ParticipantId) -> Result<Option<Erased>, StoreError> {
        let (key, of) = (&self.tenant.as_bytes()[..], &participant.as_bytes()[..]);
        let rows = sqlx::query!(
            "SELECT id, kind FROM erased WHERE tenant = $1 AND participant = $2 ORDER BY kind, id",
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
        let mut stones: Vec<(Tombstone, i16)> = vec![(erased.participant.into(), PARTICIPANT)];
        stones.extend(erased.devices.iter().map(|id| ((*id).into(), DEVICE)));
        stones.extend(erased.logs.iter().map(|id| ((*id).into(), LOG)));
        stones.extend(erased.passes.iter().map(|id| ((*id).into(), PASS)));
        let key = &self.tenant.as_bytes()[..];
        let of = &erased.participant.as_bytes()[..];
        let ids = columns(stones.iter().map(|(id, _)| id.as_bytes()));
        let kinds: Vec<i16> = stones.iter().map(|(_, kind)| *kind).collect();
        sqlx::query!(
            "INSERT INTO erased (tenant, id, participant, kind)
             SELECT $1, id, $3, kind FROM unnest($2::bytea[], $4::smallint[]) AS stone (id, kind)
             ON CONFLICT (tenant, id, kind) DO NOTHING",
            key,
            &ids,
            of,
            &kinds
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }
}
