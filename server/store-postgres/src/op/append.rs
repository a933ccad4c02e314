//! Appending: lock what it is about, load what the plan needs, plan, write; in as few trips to the
//! server as can be, however many entries.

mod columns;
mod load;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use askel_store::{Append, AppendError, Before, Needs, Plan, StoreError, StreamHead};
use askel_sync::{
    id::{LogId, ParticipantId, TenantId},
    stream::StreamKey,
    time::Timestamp,
};
use sqlx::PgConnection;

use crate::{
    PostgresStore, audit,
    error::gave_way,
    projection::{Marks, project},
    push::plan_pushes,
    store::commit,
};

/// The outcomes as the table `log_entry` documents them.
const ACCEPTED: i16 = 1;
const REJECTED: i16 = 2;
pub(super) const DEFERRED: i16 = 3;

/// How often an append begins anew before its caller has to: each time, somebody else came first.
const TRIES_MAX: u32 = 8;

/// Appends, in a transaction of its own.
pub(super) async fn append(
    store: &PostgresStore,
    tenant: TenantId,
    append: &Append,
    now: Timestamp,
) -> Result<Vec<StreamHead>, AppendError> {
    for _ in 0..TRIES_MAX {
        match attempt(store, tenant, append, now).await {
            Ok(Some(moved)) => return Ok(moved),
            Ok(None) => {}
            Err(AppendError::Store(error)) if gave_way(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(AppendError::Raced)
}

/// `None` when somebody made a row meanwhile that was to be made here: nothing is written.
async fn attempt(
    store: &PostgresStore,
    tenant: TenantId,
    append: &Append,
    now: Timestamp,
) -> Result<Option<Vec<StreamHead>>, AppendError> {
    let mut transaction = store.write_in_company(tenant).await?;
    let mut appending = Appending {
        connection: &mut transaction,
        tenant,
    };
    let before = appending.load(&Needs::of(append)).await?;
    let standing = Standing::of(&before);
    let plan = Plan::of(append, before)?;
    let dirty = dirty_of(&plan);
    if !appending.write(&plan, &standing, &dirty, now).await? {
        return Ok(None);
    }
    appending.finish(&plan, append).await?;
    commit(transaction).await?;
    Ok(Some(plan.streams))
}

/// Which rows are there and locked; the others have to be made.
struct Standing {
    /// With where they went on.
    logs: BTreeMap<LogId, u64>,
    streams: BTreeSet<StreamKey>,
}

impl Standing {
    fn of(before: &Before) -> Self {
        Self {
            logs: before
                .logs
                .iter()
                .map(|(log, (_, next))| (*log, *next))
                .collect(),
            streams: before.streams.keys().copied().collect(),
        }
    }
}

struct Appending<'a> {
    connection: &'a mut PgConnection,
    tenant: TenantId,
}

impl Appending<'_> {
    /// What is derived and what is noted.
    async fn finish(&mut self, plan: &Plan<'_>, append: &Append) -> Result<(), StoreError> {
        let marks = Marks {
            dirty: Vec::new(),
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

/// Each once.
fn dirty_of(plan: &Plan<'_>) -> Vec<ParticipantId> {
    let dirty = plan.dirty.iter().chain(&plan.projection.dirty).copied();
    dirty.collect::<BTreeSet<_>>().into_iter().collect()
}
