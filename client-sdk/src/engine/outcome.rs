//! What the server's outcomes do to own ops.

use std::collections::BTreeMap;

use askel_proto::v1::{self, LogOutcome, outcome_exception::Outcome};
use askel_sync::{
    admission::ClockReading,
    id::LogId,
    time::{DAY_MS, Timestamp},
};

use super::{
    Decided, Engine,
    draft::Draft,
    row::{LogRow, LogStanding, OwnOp, Row, Standing, Table},
};
use crate::{Cause, Error};

/// When a deferred op is offered again if the server can't say.
const DEFERRED_MS: i64 = DAY_MS;

/// What an answer settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Settled {
    pub(crate) accepted: usize,
    pub(crate) rejected: usize,
    pub(crate) deferred: usize,
    /// Logs the server will not go on with.
    pub(crate) conflicts: usize,
}

impl Engine {
    /// Takes in the outcomes of an answer. A repetition changes nothing.
    ///
    /// `fresh_log` becomes the id of a new log if the server says that this writer has forgotten.
    pub(crate) fn take_outcomes(
        &self,
        outcomes: &v1::Outcomes,
        now: ClockReading,
        fresh_log: LogId,
    ) -> Result<Decided<Settled>, Error> {
        let mut draft = Draft::new(&self.model);
        let mut settled = Settled::default();
        for outcome in &outcomes.logs {
            let id = LogId::try_from(&*outcome.log_id)
                .map_err(|_| Cause::Answer("an outcome names no log"))?;
            // An outcome of a log that is not held any more was taken in before.
            let Some((number, log)) = self.model.log(id) else {
                continue;
            };
            settled.add(self.settle(&mut draft, (number, log), outcome, now.wall)?);
            if outcome.conflict.is_some() && log.standing == LogStanding::Open {
                settled.conflicts = settled.conflicts.saturating_add(1);
                self.heal(&mut draft, (number, log), outcome.settled_before, fresh_log)?;
            }
        }
        Ok(Decided::new(draft.finish(), settled))
    }

    fn settle(
        &self,
        draft: &mut Draft<'_>,
        (number, log): (u32, &LogRow),
        outcome: &LogOutcome,
        at: Timestamp,
    ) -> Result<Settled, Error> {
        // What was never sent can't be settled, whatever an answer says.
        let before = outcome.settled_before.min(log.sealed_before);
        let mut settled = Settled::default();
        if before <= log.settled_before {
            return Ok(settled);
        }
        let mut exceptions: BTreeMap<u64, Standing> = BTreeMap::new();
        for exception in &outcome.exceptions {
            let standing = standing_of(exception.outcome.as_ref(), at)
                .ok_or(Cause::Answer("an exception without an outcome"))?;
            exceptions.insert(exception.sequence, standing);
        }
        let newly = self.model.carried(log.id, log.settled_before);
        for (number, own) in newly.take_while(|(_, own)| own.sequence < before) {
            let standing = exceptions
                .remove(&own.sequence)
                .unwrap_or(Standing::Accepted { at });
            settled.count(&standing);
            draft.put(number, own.with(standing));
        }
        self.drop_batches(draft, log.id, before);
        if log.standing == LogStanding::Open {
            draft.advance_log(|log| log.settled_before = before)?;
        } else {
            let row = LogRow {
                settled_before: before,
                ..*log
            };
            draft.put(number, Row::Log(row));
        }
        Ok(settled)
    }

    fn drop_batches(&self, draft: &mut Draft<'_>, log: LogId, settled_before: u64) {
        for (&number, batch) in &self.model.batches {
            if batch.log == log && batch.next_sequence <= settled_before {
                draft.delete(Table::Batch, number);
            }
        }
    }

    /// Opens a new log and offers again, with their origin, all ops that have no outcome: this writer may
    /// have forgotten what it wrote in the old one. One transaction, so that nothing is sent from a log
    /// that is not on disk.
    fn heal(
        &self,
        draft: &mut Draft<'_>,
        (number, old): (u32, &LogRow),
        settled_before: u64,
        fresh_log: LogId,
    ) -> Result<(), Error> {
        let settled_before = settled_before
            .min(old.sealed_before)
            .max(old.settled_before);
        draft.open_log(LogRow {
            id: fresh_log,
            next_sequence: 0,
            sealed_before: 0,
            settled_before: 0,
            last_sealed: None,
            standing: LogStanding::Open,
        })?;
        draft.put(
            number,
            Row::Log(LogRow {
                settled_before,
                standing: LogStanding::Abandoned,
                ..*old
            }),
        );
        for (&number, batch) in &self.model.batches {
            if batch.log == old.id {
                draft.delete(Table::Batch, number);
            }
        }
        for (number, own) in self.model.carried(old.id, settled_before) {
            draft.offer_again(number, own)?;
        }
        let mut attempt = self.model.attempt.clone();
        attempt.healed = attempt.healed.saturating_add(1);
        draft.put(super::row::ONLY, Row::Attempt(attempt));
        Ok(())
    }

    /// Gives deferred ops whose time has come a new slot.
    pub(crate) fn offer_deferred(
        &self,
        draft: &mut Draft<'_>,
        now: Timestamp,
    ) -> Result<(), Error> {
        for (number, own) in self.model.unsettled() {
            if matches!(own.standing, Standing::Deferred { until } if until <= now) {
                draft.offer_again(number, own)?;
            }
        }
        Ok(())
    }

    /// Takes in that the outcome of an own op changed after it was settled.
    pub(crate) fn change_outcome(
        &self,
        draft: &mut Draft<'_>,
        changed: &v1::OutcomeChanged,
        at: Timestamp,
    ) {
        use v1::outcome_changed::Outcome as Changed;
        let Ok(log) = LogId::try_from(&*changed.log_id) else {
            return;
        };
        let Some((number, own)) = self
            .model
            .carried(log, changed.sequence)
            .next()
            .filter(|(_, own)| own.sequence == changed.sequence)
        else {
            return;
        };
        let standing = match &changed.outcome {
            Some(Changed::Accepted(_)) => Standing::Accepted { at },
            Some(Changed::Rejected(rejected)) => Standing::Rejected {
                reason: rejected.reason.clone(),
                text: String::new(),
                undo: v1::Undo::Unspecified,
            },
            // A later version's outcome: this one keeps what it knows.
            None => return,
        };
        draft.put(number, own.with(standing));
    }
}

impl OwnOp {
    fn with(&self, standing: Standing) -> Row {
        Row::OwnOp(Box::new(Self {
            standing,
            ..self.clone()
        }))
    }
}

impl Settled {
    fn count(&mut self, standing: &Standing) {
        let counter = match standing {
            Standing::Accepted { .. } => &mut self.accepted,
            Standing::Rejected { .. } => &mut self.rejected,
            Standing::Deferred { .. } | Standing::Pending => &mut self.deferred,
        };
        *counter = counter.saturating_add(1);
    }

    /// Adds what another part of the answer settled.
    pub(crate) fn add(&mut self, other: Self) {
        self.accepted = self.accepted.saturating_add(other.accepted);
        self.rejected = self.rejected.saturating_add(other.rejected);
        self.deferred = self.deferred.saturating_add(other.deferred);
        self.conflicts = self.conflicts.saturating_add(other.conflicts);
    }
}

fn standing_of(outcome: Option<&Outcome>, now: Timestamp) -> Option<Standing> {
    Some(match outcome? {
        Outcome::Rejected(rejected) => Standing::Rejected {
            reason: rejected.reason.clone(),
            text: rejected.text.clone(),
            undo: rejected.undo(),
        },
        Outcome::Deferred(deferred) => Standing::Deferred {
            until: match deferred.until_ms {
                0 => now.saturating_add_ms(DEFERRED_MS),
                ms => Timestamp::from_ms(ms),
            },
        },
    })
}
