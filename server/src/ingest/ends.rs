//! Where logs ended when this node last wrote to them.
//!
//! Nearly every batch goes on where the one before it ended. It need not be looked up then: the append
//! takes nothing that does not go on where the log ends in truth, and whoever was wrong looks again.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use askel_store::LogState;
use askel_sync::id::{LogId, TenantId};

use super::Submission;
use crate::{cache::Cache, limits::LOG_ENDS_REMEMBERED};

/// The ends of logs, as far as they are remembered.
#[derive(Debug)]
pub(super) struct Ends {
    held: Mutex<Cache<(TenantId, LogId), LogState>>,
}

impl Ends {
    pub(super) fn new() -> Self {
        Self {
            held: Mutex::new(Cache::new(LOG_ENDS_REMEMBERED)),
        }
    }

    /// Those of the group's logs that it does nothing with but go on.
    pub(super) fn gone_on_with(
        &self,
        tenant: TenantId,
        group: &[Submission],
    ) -> HashMap<LogId, LogState> {
        let told = group.iter().flat_map(|submission| &submission.heads);
        let told: BTreeSet<LogId> = told.map(|head| head.log).collect();
        let mut next: HashMap<LogId, Option<u64>> = HashMap::new();
        let mut found = HashMap::new();
        let held = self.held();
        for batch in group.iter().flat_map(|submission| &submission.batches) {
            let log = batch.log;
            let at = next.entry(log).or_insert_with(|| {
                let state = held.get(&(tenant, log)).filter(|_| !told.contains(&log))?;
                found.insert(log, state.clone());
                Some(state.next_sequence)
            });
            let ops = u64::try_from(batch.ops.len()).ok();
            *at = at
                .filter(|at| *at == batch.first_sequence)
                .and_then(|at| at.checked_add(ops?));
        }
        found.retain(|log, _| next.get(log).is_some_and(Option::is_some));
        found
    }

    /// What was written stands.
    pub(super) fn note(&self, tenant: TenantId, states: Vec<LogState>) {
        let mut held = self.held();
        for state in states {
            held.put((tenant, state.log), state);
        }
    }

    /// It may all be otherwise.
    pub(super) fn forget(&self, tenant: TenantId, group: &[Submission]) {
        let mut held = self.held();
        for batch in group.iter().flat_map(|submission| &submission.batches) {
            held.take((tenant, batch.log));
        }
    }

    fn held(&self) -> MutexGuard<'_, Cache<(TenantId, LogId), LogState>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
