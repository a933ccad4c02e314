//! Leases of jobs.

use askel_store::{Job, JobBid, JobLease, JobLeaseStore, NodeId, StoreError};
use askel_sync::id::TenantId;
use async_trait::async_trait;
use sqlx::PgConnection;

use crate::{
    PostgresStore,
    column::{array, number},
    error::store_error,
    store::commit,
};

#[async_trait]
impl JobLeaseStore for PostgresStore {
    async fn take_job(
        &self,
        tenant: TenantId,
        bid: &JobBid,
    ) -> Result<Option<JobLease>, StoreError> {
        let (key, job) = (&tenant.as_bytes()[..], i16::from(bid.job.number()));
        let node = &bid.node.as_bytes()[..];
        let (now, until) = (bid.now.as_ms(), bid.until().as_ms());
        let believable = bid.believable().as_ms();
        let mut transaction = self.write_in_company(tenant).await?;
        let generation = sqlx::query_scalar!(
            "INSERT INTO job_lease (tenant, job, node, generation, until_ms)
             VALUES ($1, $2, $3, 1, $4)
             ON CONFLICT (tenant, job) DO UPDATE
             SET node = excluded.node,
                 until_ms = excluded.until_ms,
                 generation = job_lease.generation
                     + CASE WHEN job_lease.node = excluded.node THEN 0 ELSE 1 END
             WHERE job_lease.node = excluded.node
                OR job_lease.until_ms <= $5 OR job_lease.until_ms > $6
             RETURNING generation",
            key,
            job,
            node,
            until,
            now,
            believable
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(store_error)?;
        let Some(generation) = generation else {
            return Ok(None);
        };
        commit(transaction).await?;
        Ok(Some(JobLease {
            job: bid.job,
            node: bid.node,
            generation: number(generation)?,
            until: bid.until(),
        }))
    }

    async fn leave_job(&self, tenant: TenantId, lease: &JobLease) -> Result<(), StoreError> {
        let (key, job) = (&tenant.as_bytes()[..], i16::from(lease.job.number()));
        let node = &lease.node.as_bytes()[..];
        let mut transaction = self.write_in_company(tenant).await?;
        sqlx::query!(
            "UPDATE job_lease SET until_ms = 0 WHERE tenant = $1 AND job = $2 AND node = $3",
            key,
            job,
            node
        )
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
        commit(transaction).await
    }
}

/// Who does a job, under which generation; nobody takes it before the
/// transaction ends.
pub(crate) async fn holder(
    connection: &mut PgConnection,
    tenant: TenantId,
    job: Job,
) -> Result<Option<(NodeId, u64)>, StoreError> {
    let (key, job) = (&tenant.as_bytes()[..], i16::from(job.number()));
    let row = sqlx::query!(
        "SELECT node, generation FROM job_lease WHERE tenant = $1 AND job = $2 FOR SHARE",
        key,
        job
    )
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    let holder = |(node, generation): (Vec<u8>, i64)| {
        Ok((NodeId::from_bytes(array(&node)?), number(generation)?))
    };
    row.map(|row| holder((row.node, row.generation)))
        .transpose()
}

/// What was read under the generations of before is void.
pub(crate) async fn end_generations(
    connection: &mut PgConnection,
    tenant: TenantId,
) -> Result<(), StoreError> {
    let key = &tenant.as_bytes()[..];
    sqlx::query!(
        "UPDATE job_lease SET generation = generation + 1 WHERE tenant = $1",
        key
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Nobody does anything any more, and what was read before is void: the nodes that did are of before a
/// restore.
pub(crate) async fn end_all(
    connection: &mut PgConnection,
    tenant: TenantId,
) -> Result<(), StoreError> {
    let key = &tenant.as_bytes()[..];
    sqlx::query!(
        "UPDATE job_lease SET generation = generation + 1, until_ms = 0 WHERE tenant = $1",
        key
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
