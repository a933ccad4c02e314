//! What the server's outcomes do to own ops.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use askel_proto::v1::{self, LogOutcome, outcome_exception::Outcome};
use askel_sync::{
    admission::ClockReading,
    id::LogId,
    time::{DAY_MS, Timestamp},
};

use super::{
    Decided, Engine,
    draft::Draft,
    row::{BatchRow, LogRow, LogStanding, OwnOp, Row, Standing, Table},
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

/// The batches of a request: an outcome without exceptions accepts what was sent, and nothing else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent(Vec<(LogId, Range<u64>)>);

impl Sent {
    pub(super) fn add(&mut self, batch: &BatchRow) {
        self.0.push((batch.log, batch.sequences()));
    }

    /// The sequences of a log that were sent.
    fn of(&self, log: LogId) -> impl Iterator<Item = u64> {
        let of_log = self.0.iter().filter(move |(of, _)| *of == log);
        of_log.flat_map(|(_, sequences)| sequences.clone())
    }
}

impl Engine {
    /// Takes in the outcomes of an answer. A repetition changes nothing.
    ///
    /// `fresh_log` becomes the id of a new log if the server says that this writer has forgotten.
    pub(crate) fn take_outcomes(
        &self,
        outcomes: &v1::Outcomes,
        sent: &Sent,
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
            match (&outcome.conflict, log.standing) {
                (None, _) => settled.add(self.settle(&mut draft, outcome, sent, now.wall)?),
                // What the server holds at these sequences is not what was sent: nothing is settled.
                (Some(_), LogStanding::Open) => {
                    settled.conflicts = settled.conflicts.saturating_add(1);
                    self.heal(&mut draft, (number, log), fresh_log)?;
                }
                (Some(_), LogStanding::Abandoned) => {}
            }
        }
        Ok(Decided::new(draft.finish(), settled))
    }

    fn settle(
        &self,
        draft: &mut Draft<'_>,
        outcome: &LogOutcome,
        sent: &Sent,
        at: Timestamp,
    ) -> Result<Settled, Error> {
        let log = LogId::try_from(&*outcome.log_id)
            .map_err(|_| Cause::Answer("an outcome names no log"))?;
        let mut exceptions: BTreeMap<u64, Standing> = BTreeMap::new();
        for exception in &outcome.exceptions {
            let standing = standing_of(exception.outcome.as_ref(), at)
                .ok_or(Cause::Answer("an exception without an outcome"))?;
            exceptions.insert(exception.sequence, standing);
        }
        let mut settled = Settled::default();
        let mut open = BTreeSet::new();
        for sequence in sent.of(log) {
            let Some((number, own)) = self.model.carried_at(log, sequence) else {
                continue;
            };
            if own.standing.is_final() {
                continue;
            }
            if sequence >= outcome.settled_before {
                open.insert(sequence);
                continue;
            }
            let standing = exceptions
                .remove(&sequence)
                .unwrap_or(Standing::Accepted { at });
            settled.count(&standing);
            if !standing.is_final() {
                open.insert(sequence);
            }
            draft.put(number, own.with(standing));
        }
        // A batch is kept as long as an op of it is open.
        for (&number, batch) in &self.model.batches {
            let mut sequences = batch.sequences();
            let was_sent = sent.0.contains(&(batch.log, sequences.clone()));
            if batch.log == log && was_sent && !sequences.any(|one| open.contains(&one)) {
                draft.delete(Table::Batch, number);
            }
        }
        Ok(settled)
    }

    /// Opens a new log and offers again, with their origin, all ops that have no final outcome: this
    /// writer may have forgotten what it wrote in the old one. One transaction, so that nothing is sent
    /// from a log that is not on disk.
    fn heal(
        &self,
        draft: &mut Draft<'_>,
        (number, old): (u32, &LogRow),
        fresh_log: LogId,
    ) -> Result<(), Error> {
        draft.open_log(LogRow::fresh(fresh_log))?;
        let abandoned = LogRow {
            standing: LogStanding::Abandoned,
            ..*old
        };
        draft.put(number, Row::Log(abandoned));
        for (&number, batch) in &self.model.batches {
            if batch.log == old.id {
                draft.delete(Table::Batch, number);
            }
        }
        for (number, own) in self.model.carried(old.id, 0) {
            if !own.standing.is_final() {
                draft.offer_again(number, own)?;
            }
        }
        let mut attempt = self.model.attempt.clone();
        attempt.healed = attempt.healed.saturating_add(1);
        draft.put(super::row::ONLY, Row::Attempt(attempt));
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
        let Some((number, own)) = self.model.carried_at(log, changed.sequence) else {
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
