//! Appending: load what the plan needs, plan, write; one statement a table, however many entries.

mod load;
mod write;

use std::collections::BTreeSet;

use askel_store::{Append, AppendError, Needs, Plan, StoreError, StreamHead};
use askel_sync::{
    id::{ParticipantId, TenantId},
    time::Timestamp,
};
use sqlx::SqliteConnection;

use crate::{
    audit,
    projection::{Marks, project},
    push::plan_pushes,
};

/// The outcomes as the table `log_entry` documents them.
const ACCEPTED: i64 = 1;
const REJECTED: i64 = 2;
pub(super) const DEFERRED: i64 = 3;

/// What [`rows`](crate::rows::rows) makes of nothing.
const NO_ROWS: &str = "[]";

/// Appends in the caller's transaction.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    append: &Append,
    now: Timestamp,
) -> Result<Vec<StreamHead>, AppendError> {
    let mut connection = Appending { connection, tenant };
    let before = connection.load(&Needs::of(append)).await?;
    let plan = Plan::of(append, before)?;
    connection.write(&plan, now).await?;
    connection.finish(&plan, append).await?;
    Ok(plan.streams)
}

struct Appending<'a> {
    connection: &'a mut SqliteConnection,
    tenant: TenantId,
}

impl Appending<'_> {
    /// What is derived and what is noted.
    async fn finish(&mut self, plan: &Plan<'_>, append: &Append) -> Result<(), StoreError> {
        let marks = Marks {
            dirty: dirty_of(plan),
            outbox: &plan.outbox,
            tallies: &plan.tallies,
        };
        marks.write(self.connection, self.tenant).await?;
        project(self.connection, self.tenant, &plan.projection).await?;
        plan_pushes(self.connection, self.tenant, &append.pushes).await?;
        for audit in &append.audits {
            audit::note_once(self.connection, self.tenant, audit).await?;
        }
        Ok(())
    }
}

/// Each once, in order.
fn dirty_of(plan: &Plan<'_>) -> Vec<ParticipantId> {
    let mut seen = BTreeSet::new();
    let dirty = plan.dirty.iter().chain(&plan.projection.dirty).copied();
    dirty
        .filter(|participant| seen.insert(*participant))
        .collect()
}
