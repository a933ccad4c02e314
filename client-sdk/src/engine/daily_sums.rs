//! Once a day, when there is nothing to hand in: whether the server holds what is held here. A stream
//! that goes on tells its sum in any case.

use askel_proto::v1;
use askel_sync::{
    stream::short::sums_tag,
    time::{DAY_MS, Timestamp},
};

use super::{
    Engine, ONLY,
    asked::Asked,
    draft::Draft,
    row::{Attempt, Row},
    slow_line::handed_in,
};

impl Engine {
    /// Adds the sums of all streams of a short form, if a day has passed since they were told.
    pub(super) fn say_sums(
        &self,
        request: &mut v1::SyncRequest,
        asked: &mut Asked,
        now: Timestamp,
    ) {
        let Some(streams) = &asked.streams else {
            return;
        };
        let hands_in = handed_in(request) > 0;
        let now = self.server_time(now);
        let told = self.model.attempt.sums_told_at;
        let is_due = told.is_none_or(|at| now.saturating_ms_since(at).saturating_abs() >= DAY_MS);
        if hands_in || !is_due {
            return;
        }
        let sum = |row| self.model.streams.get(row).map(|row| row.sum);
        let sums = streams.iter().filter_map(|asked| sum(&asked.row));
        request.sums_tag = sums_tag(sums);
        asked.sums_told_at = Some(now);
    }

    /// Keeps that the sums were told, unless a stream has gone on meanwhile: then the server compared
    /// nothing.
    pub(super) fn note_sums_told(&self, draft: &mut Draft<'_>, asked: &Asked) {
        let Some(told_at) = asked.sums_told_at else {
            return;
        };
        let mut streams = asked.streams.iter().flatten();
        let stands = streams.all(|asked| {
            let row = self.model.streams.get(&asked.row);
            row.is_some_and(|row| row.position == asked.position)
        });
        if stands {
            let attempt = Attempt {
                sums_told_at: Some(told_at),
                ..self.model.attempt.clone()
            };
            draft.put(ONLY, Row::Attempt(attempt));
        }
    }
}
