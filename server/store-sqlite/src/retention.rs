//! Dropping what is past its time.
//!
//! Within a place its days stand in the order of their dates: the oldest is the first, and no index of
//! dates is needed to find it.

use askel_store::{Dropped, Dropping, Past, RetentionStore, StoreError};
use askel_sync::{
    id::{PlaceId, TenantId},
    stream::StreamKey,
    time::LocalDate,
};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::{
    SqliteStore,
    column::{stream, stream_column},
    error::store_error,
    job_lease::holder,
    store::commit,
};

#[async_trait]
impl RetentionStore for SqliteStore {
    async fn drop_past(
        &self,
        tenant: TenantId,
        past: &Past,
    ) -> Result<Option<Dropped>, StoreError> {
        let mut transaction = self.write().await?;
        if let Some(lease) = past.under
            && holder(&mut transaction, tenant, lease.job).await?
                != Some((lease.node, lease.generation))
        {
            return Ok(None);
        }
        let mut sweep = Sweep {
            connection: &mut transaction,
            tenant,
            dropping: Dropping::begin(past),
        };
        sweep.attempts(past).await?;
        sweep.approvals(past).await?;
        sweep.invitations(past).await?;
        sweep.days().await?;
        let dropped = sweep.dropping.end();
        if dropped.rows() > 0 {
            commit(transaction).await?;
        }
        Ok(Some(dropped))
    }
}

struct Sweep<'a> {
    connection: &'a mut SqliteConnection,
    tenant: TenantId,
    dropping: Dropping,
}

impl Sweep<'_> {
    async fn attempts(&mut self, past: &Past) -> Result<(), StoreError> {
        let (key, before) = (&self.tenant.as_bytes()[..], past.failures.as_ms());
        let room = self.dropping.room();
        let gone = sqlx::query!(
            "DELETE FROM enrol_failure WHERE tenant = ?1 AND at_ms IN
             (SELECT at_ms FROM enrol_failure WHERE tenant = ?1 AND at_ms < ?2
              ORDER BY at_ms LIMIT ?3)",
            key,
            before,
            room
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let gone = gone.rows_affected();
        self.dropping
            .count(|dropped| &mut dropped.enrol_failures, gone);
        Ok(())
    }

    async fn approvals(&mut self, past: &Past) -> Result<(), StoreError> {
        let (key, before) = (&self.tenant.as_bytes()[..], past.rights.as_ms());
        let room = self.dropping.room();
        let gone = sqlx::query!(
            "DELETE FROM approval WHERE tenant = ?1 AND approved IN
             (SELECT approved FROM approval WHERE tenant = ?1 AND expires_at_ms < ?2
              ORDER BY expires_at_ms LIMIT ?3)",
            key,
            before,
            room
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let gone = gone.rows_affected();
        self.dropping.count(|dropped| &mut dropped.approvals, gone);
        Ok(())
    }

    /// By when they were made, which there is an index of: those that ended were made before.
    async fn invitations(&mut self, past: &Past) -> Result<(), StoreError> {
        let (key, before) = (&self.tenant.as_bytes()[..], past.rights.as_ms());
        let room = self.dropping.room();
        let gone = sqlx::query!(
            "DELETE FROM invitation WHERE tenant = ?1 AND invitation IN
             (SELECT invitation FROM invitation
              WHERE tenant = ?1 AND created_at_ms < ?2 AND expires_at_ms < ?2
              ORDER BY created_at_ms, invitation LIMIT ?3)",
            key,
            before,
            room
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let gone = gone.rows_affected();
        self.dropping
            .count(|dropped| &mut dropped.invitations, gone);
        Ok(())
    }

    async fn days(&mut self) -> Result<(), StoreError> {
        while let Some(from) = self.dropping.look() {
            let Some(column) = self.first_day(from).await? else {
                self.dropping.found(None);
                continue;
            };
            if self.dropping.found(Some(stream(&column)?)) {
                self.drop_day(&column).await?;
            }
        }
        Ok(())
    }

    /// The first day of the first place from there on.
    async fn first_day(&mut self, from: PlaceId) -> Result<Option<Vec<u8>>, StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let from = stream_column(StreamKey::PlaceDay(from, LocalDate::from_days(i32::MIN)))?;
        // What follows the days of the last place begins with 4.
        sqlx::query_scalar!(
            "SELECT stream FROM stream WHERE tenant = ?1 AND stream >= ?2 AND stream < x'04'
             ORDER BY stream LIMIT 1",
            key,
            from
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store_error)
    }

    /// Drops as much of a day as there is room for. Its positions are dense, from the first that is left.
    async fn drop_day(&mut self, day: &[u8]) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let room = self.dropping.room();
        let gone = sqlx::query!(
            "DELETE FROM stream_op WHERE tenant = ?1 AND stream = ?2 AND position < ?3 +
             (SELECT min(position) FROM stream_op WHERE tenant = ?1 AND stream = ?2)",
            key,
            day,
            room
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let gone = gone.rows_affected();
        self.dropping
            .count(|dropped| &mut dropped.place_day_ops, gone);
        if self.dropping.room() == 0 {
            return Ok(());
        }
        sqlx::query!(
            "DELETE FROM ancestor WHERE tenant = ?1 AND stream = ?2",
            key,
            day
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "DELETE FROM stream WHERE tenant = ?1 AND stream = ?2",
            key,
            day
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        self.dropping.count(|dropped| &mut dropped.place_days, 1);
        Ok(())
    }
}
