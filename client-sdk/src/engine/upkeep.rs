//! What a device does beside asking: it follows streams and lets go of the past.

use askel_sync::{
    catalog::Catalog,
    id::GoalId,
    key::credential::CallCredential,
    stream::{StreamKey, short::standard_streams},
    time::{LocalDate, Timestamp},
};

use super::{
    Decided, Engine,
    draft::Draft,
    row::{LogStanding, OwnOp, Row, Standing, StreamRow, Table},
    streams::WINDOW_MS,
};
use crate::Error;

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

    /// What begins a sync: days before yesterday go, own ops that were accepted long ago and are in a
    /// stream, and logs of which nothing is left.
    pub(crate) fn begin_sync(&self, now: Timestamp) -> Decided<()> {
        let mut draft = Draft::new(&self.model);
        for (&number, row) in &self.model.streams {
            if let Some(StreamKey::PlaceDay(place, date)) = self.model.stream_key(row)
                && self
                    .date_at(place, now)
                    .is_some_and(|today| is_past(date, today))
            {
                self.drop_stream(&mut draft, number);
            }
        }
        for (&number, own) in &self.model.own {
            let Standing::Accepted { at } = own.standing else {
                continue;
            };
            if now.saturating_ms_since(at) > WINDOW_MS && self.is_held(own) {
                draft.delete(Table::OwnOp, number);
            }
        }
        for (&number, log) in &self.model.logs {
            if log.standing == LogStanding::Abandoned
                && self.model.carried_by(log.id, 0).next().is_none()
            {
                draft.delete(Table::Log, number);
            }
        }
        Decided::new(draft.finish(), ())
    }

    /// Whether the server's copy of an own op is here, or is not meant to come.
    fn is_held(&self, own: &OwnOp) -> bool {
        self.view
            .participant
            .as_ref()
            .is_none_or(|view| view.knows(own.id))
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
