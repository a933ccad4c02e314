//! What a device does beside asking: it follows streams and lets go of the past.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::{
    catalog::Catalog,
    id::{GoalId, LogId},
    key::credential::CallCredential,
    stream::{StreamKey, short::standard_streams},
    time::{LocalDate, Timestamp},
};

use super::{
    Decided, Engine,
    draft::Draft,
    hand_back::waits,
    row::{AcceptedOpsRow, LogRow, LogStanding, OwnOp, Row, Standing, StreamRow, Table},
    streams::WINDOW_MS,
    tied_time::is_untold,
};
use crate::Error;

/// Accepted own ops in one row: few are written anew when one of them leaves, and a month of steps is
/// some ten rows.
const PACKED_OPS: usize = 32;

impl Engine {
    /// A credential for calls made around now.
    pub(crate) fn credential(&self, now: Timestamp) -> Result<(Timestamp, String), Error> {
        let enrolment = self.enrolment()?;
        let issued_at = self.server_time(now);
        let credential = CallCredential {
            tenant: enrolment.tenant,
            device: enrolment.device,
            issued_at,
        };
        Ok((issued_at, credential.sign(&self.key, &enrolment.audience)))
    }

    /// Follows the role's own streams and a stream for each collective challenge.
    pub(super) fn follow_streams(&self, draft: &mut Draft<'_>) -> Result<(), Error> {
        let enrolment = self.enrolment()?;
        let challenges = collective_challenges(&self.view.catalog);
        for key in standard_streams(enrolment.device, enrolment.participant, challenges) {
            if self.model.stream_by_key(key).is_none() {
                draft.append(Row::Stream(StreamRow::fresh(key.selector())))?;
            }
        }
        Ok(())
    }

    /// What ends a sync that was answered whole, where it is `now` by the server's time: days before
    /// yesterday go, own ops that were accepted long ago and are in a stream, and logs of which nothing is
    /// left. Not before: a server that was restored meanwhile wants them back.
    pub(crate) fn let_go(&self, now: Timestamp) -> Result<Decided<()>, Error> {
        let mut draft = Draft::new(&self.model);
        for (&number, row) in &self.model.streams {
            if let Some(StreamKey::PlaceDay(place, date)) = self.model.stream_key(row)
                && self
                    .view
                    .catalog
                    .local_date(place, now)
                    .is_some_and(|today| is_past(date, today))
                && !self.has_to_return(number)
            {
                self.drop_stream(&mut draft, number);
            }
        }
        let mut written: BTreeSet<u32> = BTreeSet::new();
        for (&number, own) in &self.model.own {
            let Standing::Accepted { at } = own.standing else {
                continue;
            };
            if is_untold(at, now) {
                draft.put(number, own.with(Standing::Accepted { at: now }));
            } else if now.saturating_ms_since(at) > WINDOW_MS && self.is_held(own) {
                draft.delete(Table::OwnOp, number);
            } else {
                continue;
            }
            written.insert(number);
        }
        self.pack_accepted(&mut draft, &written)?;
        // The short form names it until something of the open log is sealed.
        let named = self.given_up_last();
        let is_sealed = |(_, log): (u32, &LogRow)| log.last_sealed.is_some();
        let named = named.filter(|_| !self.model.open_log().is_some_and(is_sealed));
        for (&number, log) in &self.model.logs {
            if log.standing == LogStanding::Abandoned
                && named.is_none_or(|(named, _)| named != number)
                && self.model.carried_by(log.id, 0).next().is_none()
            {
                draft.delete(Table::Log, number);
            }
        }
        Ok(Decided::new(draft.finish(), ()))
    }

    /// Puts accepted own ops of a log into one row, as soon as it is worth it; all but those that the draft
    /// has written already.
    fn pack_accepted(&self, draft: &mut Draft<'_>, written: &BTreeSet<u32>) -> Result<(), Error> {
        let mut logs: BTreeMap<LogId, Vec<(u32, &OwnOp)>> = BTreeMap::new();
        for (number, own) in self.model.accepted_alone() {
            if !written.contains(&number) {
                logs.entry(own.log).or_default().push((number, own));
            }
        }
        for (log, alone) in logs {
            for ops in alone.chunks_exact(PACKED_OPS) {
                for (number, _) in ops {
                    draft.delete(Table::OwnOp, *number);
                }
                let ops = ops.iter().map(|&(number, own)| (number, own.clone()));
                let ops = ops.collect();
                draft.append(Row::AcceptedOps(AcceptedOpsRow { log, ops }))?;
            }
        }
        Ok(())
    }

    /// Whether pages of a stream go back to a server that was restored.
    fn has_to_return(&self, stream: u32) -> bool {
        let mut pages = self.model.window.values();
        pages.any(|page| page.stream == stream && waits(page))
    }

    /// Whether the server's copy of an own op is here, or is not meant to come.
    fn is_held(&self, own: &OwnOp) -> bool {
        self.view
            .participant
            .as_ref()
            .is_none_or(|view| view.knows(&own.op))
    }
}

pub(super) fn collective_challenges(catalog: &Catalog) -> impl Iterator<Item = GoalId> {
    catalog
        .goals()
        .filter(|goal| goal.rule.collective().is_some())
        .map(|goal| goal.id)
}

fn is_past(date: LocalDate, today: LocalDate) -> bool {
    date.as_days() < today.as_days().saturating_sub(1)
}
