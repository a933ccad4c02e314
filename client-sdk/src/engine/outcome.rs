//! What the server's outcomes do to own ops.

use std::collections::{BTreeMap, BTreeSet};

use askel_proto::v1::{self, LogOutcome, outcome_exception::Outcome};
use askel_sync::{
    admission::ClockReading,
    id::{LogId, OpId},
    time::Timestamp,
};

use super::{
    Decided, Engine, ONLY,
    asked::Asked,
    cited::text_of,
    draft::Draft,
    request::id_prefix,
    row::{LogRow, LogStanding, OwnOp, Row, Standing, Table},
    status::DEFERRED_MS,
};
use crate::{Cause, Error, NoticeKind};

/// What stands for the id of an op that was erased on the server.
const ERASED_OP: OpId = OpId::from_bytes([0; 16]);

/// What an answer settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Settled {
    pub(crate) accepted: usize,
    pub(crate) rejected: usize,
    pub(crate) deferred: usize,
    /// Logs the server will not go on with.
    pub(crate) conflicts: usize,
    /// Logs opened in the place of one of them.
    pub(crate) new_logs: usize,
    /// Logs of which the server wants the batches as they were signed.
    pub(crate) plain_wanted: usize,
}

/// What settling one log did.
#[derive(Debug, Default)]
struct Done {
    settled: Settled,
    /// Own ops that have their last word now.
    final_ops: BTreeSet<u32>,
}

/// Who has forgotten a part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forgotten {
    /// This database is a copy: what it would write next is taken.
    ByWriter,
    /// The server was restored: what it accepted from this sequence on is lost.
    ByServer { from: u64 },
}

impl Forgotten {
    fn notice(self) -> NoticeKind {
        match self {
            Self::ByWriter => NoticeKind::WentOnFromACopy,
            Self::ByServer { .. } => NoticeKind::ServerRestored,
        }
    }
}

impl Engine {
    /// Takes in the outcomes of an answer. A repetition changes nothing.
    ///
    /// `fresh_log` becomes the id of a new log if the server says that this writer has forgotten.
    pub(crate) fn take_outcomes(
        &self,
        outcomes: &v1::Outcomes,
        asked: &Asked,
        now: ClockReading,
        fresh_log: LogId,
    ) -> Result<Decided<Settled>, Error> {
        let mut draft = Draft::new(&self.model);
        let mut settled = Settled::default();
        let mut notice = None;
        let open_log = self.model.open_log().map(|(_, log)| log.id);
        let mut of_logs: Vec<(LogId, &LogOutcome)> = Vec::new();
        for outcome in &outcomes.logs {
            let id = asked
                .log_of(outcome)
                .ok_or(Cause::Answer("an outcome names no log"))?;
            of_logs.push((id, outcome));
        }
        // The open log first: what others carried is offered again in the log that is open then.
        of_logs.sort_by_key(|(id, _)| Some(*id) != open_log);
        for (id, outcome) in of_logs {
            // An outcome of a log that is not held any more was taken in before.
            let Some((number, log)) = self.model.log(id) else {
                continue;
            };
            if outcome.plain_wanted {
                settled.plain_wanted = settled.plain_wanted.saturating_add(1);
            }
            let forgotten = match (&outcome.conflict, log.standing) {
                (None, _) => {
                    let done = self.settle(&mut draft, (id, outcome), asked, now)?;
                    settled.add(done.settled);
                    if ends_erased(log, outcome) {
                        let last_sealed = Some(ERASED_OP);
                        let row = LogRow {
                            last_sealed,
                            ..*log
                        };
                        draft.put(number, Row::Log(row));
                    }
                    let from = self.forgotten_from(log, outcome);
                    from.map(|from| (self.forgotten_by(log, outcome, from), done.final_ops))
                }
                // What the server holds at these sequences is not what was sent: nothing is settled.
                (Some(_), LogStanding::Open) => Some((Forgotten::ByWriter, BTreeSet::new())),
                (Some(_), LogStanding::Abandoned) => None,
            };
            if let Some((forgotten, done)) = forgotten {
                settled.conflicts = settled.conflicts.saturating_add(1);
                if log.standing == LogStanding::Open {
                    settled.new_logs = settled.new_logs.saturating_add(1);
                    self.abandon(&mut draft, (number, log), forgotten, fresh_log)?;
                }
                self.offer_all_again(&mut draft, id, forgotten, &done)?;
                notice = Some(forgotten.notice());
            }
        }
        let mut attempt = self.model.attempt.clone();
        attempt.frames_later =
            self.take_frame_outcomes(&mut draft, &outcomes.frames, asked, now.wall);
        let announce = notice.map(|kind| self.notice_change(kind));
        if let Some(kind) = notice {
            attempt.healed = attempt.healed.saturating_add(1);
            attempt.notice = Some(kind);
        }
        if attempt != self.model.attempt {
            draft.put(ONLY, Row::Attempt(attempt));
        }
        Ok(Decided {
            announce: announce.into_iter().collect(),
            ..Decided::new(draft.finish(), settled)
        })
    }

    fn settle(
        &self,
        draft: &mut Draft<'_>,
        (log, outcome): (LogId, &LogOutcome),
        asked: &Asked,
        now: ClockReading,
    ) -> Result<Done, Error> {
        let mut done = Done::default();
        if outcome.plain_wanted {
            // Of a batch that the server could not read no exception is told: all of the log comes again.
            return Ok(done);
        }
        let at = self.came_at(now);
        let mut exceptions: BTreeMap<u64, Standing> = BTreeMap::new();
        for exception in &outcome.exceptions {
            let standing = standing_of(exception.outcome.as_ref(), self.server_time_of(now))
                .ok_or(Cause::Answer("an exception without an outcome"))?;
            exceptions.insert(exception.sequence, standing);
        }
        let mut open = BTreeSet::new();
        let mut refused = BTreeMap::new();
        for sequence in asked.sequences(log) {
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
                .filter(|_| !askel_sync::planted!(ExceptionsIgnored))
                .unwrap_or(Standing::Accepted { at });
            let standing = self.refused_with_what_it_cites(own, standing, &refused);
            refused.extend(text_of(&standing).map(|text| (own.id, text)));
            done.settled.count(&standing);
            if standing.is_final() {
                done.final_ops.insert(number);
            } else {
                open.insert(sequence);
            }
            draft.put(number, own.with(standing));
        }
        // A batch is kept as long as an op of it is open.
        for (&number, batch) in &self.model.batches {
            if batch.log == log
                && asked.has(batch)
                && !batch.sequences().any(|one| open.contains(&one))
            {
                draft.delete(Table::Batch, number);
            }
        }
        Ok(done)
    }

    /// The first sequence that a restored server has lost of a log; `None` when it knows as much as it
    /// ever said. A log that is still written to is lost with whatever was settled in it, refused ops
    /// and those not kept any more too: nothing can follow them.
    fn forgotten_from(&self, log: &LogRow, outcome: &LogOutcome) -> Option<u64> {
        if outcome.plain_wanted {
            // Of a log whose batches it can't read the server says nothing else yet.
            return None;
        }
        let from = outcome.settled_before;
        let was_accepted = |own: &OwnOp| matches!(own.standing, Standing::Accepted { .. });
        let is_lost = match log.standing {
            LogStanding::Open => {
                // Those that wait for their outcome are no loss, whatever was settled after them.
                let waiting = self.model.carried_by(log.id, from);
                let waiting = waiting.filter(|(_, own)| {
                    own.sequence < log.sealed_before && !own.standing.is_final()
                });
                let waiting = u64::try_from(waiting.count()).unwrap_or(u64::MAX);
                waiting < log.sealed_before.saturating_sub(from)
                    && !(waiting > 0 && askel_sync::planted!(WaitingHidesLoss))
            }
            LogStanding::Abandoned => {
                let mut lost = self.model.carried_by(log.id, from);
                lost.any(|(_, own)| was_accepted(own))
            }
        };
        is_lost.then_some(from)
    }

    /// Whose part of a log is forgotten, where the server has it up to `from`. What it holds there may
    /// be another copy's.
    fn forgotten_by(&self, log: &LogRow, outcome: &LogOutcome, from: u64) -> Forgotten {
        let last = from.checked_sub(1);
        let last = last.and_then(|last| self.model.carried_at(log.id, last));
        let is_another = |(_, own): (_, &OwnOp)| {
            let prefix = &outcome.last_op_id_prefix;
            !prefix.is_empty() && *prefix != id_prefix(own.id)
        };
        if last.is_some_and(is_another) {
            Forgotten::ByWriter
        } else {
            Forgotten::ByServer { from }
        }
    }

    /// Opens a new log in place of one that can't go on. One transaction with what is offered again, so
    /// that nothing is sent from a log that is not on disk.
    fn abandon(
        &self,
        draft: &mut Draft<'_>,
        (number, old): (u32, &LogRow),
        forgotten: Forgotten,
        fresh_log: LogId,
    ) -> Result<(), Error> {
        draft.open_log(LogRow::fresh(fresh_log))?;
        // What is not settled may be another op on the server: of this log nothing is said that is not
        // surely the same there.
        let unsettled = self.model.carried_by(old.id, 0);
        let unsettled = unsettled.filter(|(_, own)| !own.standing.is_final());
        let agreed = unsettled.map(|(_, own)| own.sequence).min();
        let agreed = agreed.unwrap_or(old.sealed_before).min(old.sealed_before);
        let agreed = agreed.max(self.kept_before(old, forgotten));
        let last = agreed
            .checked_sub(1)
            .and_then(|last| self.model.carried_at(old.id, last));
        let abandoned = LogRow {
            standing: LogStanding::Abandoned,
            sealed_before: agreed,
            last_sealed: last.map(|(_, own)| own.id),
            ..*old
        };
        draft.put(number, Row::Log(abandoned));
        for (&number, batch) in &self.model.batches {
            if batch.log == old.id {
                draft.delete(Table::Batch, number);
            }
        }
        Ok(())
    }

    /// The first sequence past what stays accepted in a log that is given up: up to there a server that
    /// is restored once more has to be told of it.
    fn kept_before(&self, old: &LogRow, forgotten: Forgotten) -> u64 {
        let Forgotten::ByServer { from } = forgotten else {
            return 0;
        };
        let kept = self.model.carried_by(old.id, 0).filter(|(_, own)| {
            own.sequence < from && matches!(own.standing, Standing::Accepted { .. })
        });
        let last = kept.map(|(_, own)| own.sequence).max();
        last.map_or(0, |last| last.saturating_add(1))
    }

    /// Offers again, with their origin, all ops of a log that have no final outcome, and those that the
    /// server has lost. `done` are those that this answer settled.
    fn offer_all_again(
        &self,
        draft: &mut Draft<'_>,
        log: LogId,
        forgotten: Forgotten,
        done: &BTreeSet<u32>,
    ) -> Result<(), Error> {
        for (number, own) in self.model.carried_by(log, 0) {
            let is_wanted = match (&own.standing, forgotten) {
                (Standing::Pending | Standing::Deferred { .. }, _) => !done.contains(&number),
                (Standing::Accepted { .. }, Forgotten::ByServer { from }) => own.sequence >= from,
                // A server that was restored meanwhile may hold a twin's ops in the place of these; one
                // that was not takes them as repetitions.
                (Standing::Accepted { .. }, Forgotten::ByWriter) => true,
                (Standing::Rejected { .. }, _) => false,
            };
            if is_wanted && !askel_sync::planted!(HealedWithoutOps) {
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
    pub(super) fn with(&self, standing: Standing) -> Row {
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
        self.new_logs = self.new_logs.saturating_add(other.new_logs);
        self.plain_wanted = self.plain_wanted.saturating_add(other.plain_wanted);
    }
}

/// Whether the server says that a log's last op was erased since.
fn ends_erased(log: &LogRow, outcome: &LogOutcome) -> bool {
    let is_last = outcome.settled_before == log.sealed_before && log.last_sealed.is_some();
    is_last && outcome.last_op_id_prefix == id_prefix(ERASED_OP)
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
