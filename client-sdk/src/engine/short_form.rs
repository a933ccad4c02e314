//! The short form of a request: what both sides know goes without saying.

use askel_proto::v1;
use askel_sync::{
    admission::ClockReading,
    id::StreamId,
    stream::{
        StreamKey,
        listed::{ListedDay, to_numbers},
        short::{SealedHead, standard_streams, state_tag},
    },
    time::{DAY_MS, Timestamp},
};

use super::{
    Engine, ONLY,
    asked::{Asked, AskedStream},
    draft::Draft,
    pack,
    request::cursor,
    row::{Attempt, LogRow, LogStanding, Row, StreamRow},
    upkeep::collective_challenges,
};

/// A clock is told anew after so long: what the server took for its own time may have been wrong.
const CLOCK_TOLD_EVERY_MS: i64 = 7 * DAY_MS;

impl Engine {
    /// Keeps that the server remembers now what this clock says.
    pub(super) fn note_clock_told(&self, draft: &mut Draft<'_>, asked: &Asked) {
        // Of one boot among many that look alike nothing can be remembered.
        let told = asked.clock_told.filter(|told| told.segment.boot_id != 0);
        let Some(told) = told.filter(|_| self.remembers_clocks() && !asked.batches.is_empty())
        else {
            return;
        };
        let attempt = Attempt {
            clock_told: Some((told.segment, self.server_time(told.wall))),
            ..self.model.attempt.clone()
        };
        draft.put(ONLY, Row::Attempt(attempt));
    }

    /// Whether this server remembers clocks at all.
    fn remembers_clocks(&self) -> bool {
        self.model.limits().place_days > 0
    }

    /// Whether the server remembers what this clock says.
    pub(super) fn clock_is_known(&self, now: ClockReading) -> bool {
        let told = self.model.attempt.clock_told;
        let told = told.filter(|(segment, _)| *segment == now.segment);
        let is_fresh = |at: Timestamp| {
            let age_ms = self.server_time(now.wall).saturating_ms_since(at);
            (0..CLOCK_TOLD_EVERY_MS).contains(&age_ms)
        };
        self.remembers_clocks() && told.is_some_and(|(_, at)| is_fresh(at))
    }

    /// What both sides know goes into a hash.
    pub(super) fn say_short(
        &self,
        request: &mut v1::SyncRequest,
        asked: &mut Asked,
        rows: &[(u32, &StreamRow)],
        turn: usize,
    ) {
        request.positions = rows.iter().map(|(_, row)| row.position).collect();
        asked.context_ops = self.context_held();
        request.context_missing = self.context_most().saturating_sub(asked.context_ops);
        self.shorten_batches(request);
        let is_standard = |number: u32| rows.iter().any(|(standard, _)| *standard == number);
        let others = self.model.streams.iter();
        let others = others
            .filter(|(number, _)| !is_standard(**number))
            .map(|(&number, row)| (number, row));
        let others = self.turn_of(others, turn);
        let days = self.say_days(request, others);
        let begun = days.iter().filter(|(_, row)| row.position > 0);
        let handles: Vec<StreamId> = rows
            .iter()
            .chain(begun)
            .filter_map(|(_, row)| row.id)
            .collect();
        let streams = rows.iter().chain(&days);
        let streams = streams.map(|(number, row)| AskedStream {
            row: *number,
            position: row.position,
        });
        asked.streams = Some(streams.collect());
        asked.days = days.len();
        let head = self.sealed_head();
        request.state_tag = state_tag(&handles, head.as_ref(), self.model.limits().revision);
    }

    /// How far the open log is sealed; while nothing of it is, which log was given up for it.
    fn sealed_head(&self) -> Option<SealedHead> {
        let sealed = self.model.open_log().and_then(|(_, log)| {
            Some(SealedHead {
                log: log.id,
                next_sequence: log.sealed_before,
                last_op: log.last_sealed?,
            })
        });
        let given_up = self.given_up_last();
        sealed.or_else(|| given_up.map(|(_, log)| SealedHead::given_up(log.id)))
    }

    /// The log that was given up last, with its number.
    pub(super) fn given_up_last(&self) -> Option<(u32, &LogRow)> {
        let mut newest = self.model.logs.iter().rev();
        let log = newest.find(|(_, log)| log.standing == LogStanding::Abandoned);
        log.map(|(&number, log)| (number, log))
    }

    /// All batches in a few bytes each, or none: their order counts.
    fn shorten_batches(&self, request: &mut v1::SyncRequest) {
        if self.model.limits().place_days == 0 {
            return;
        }
        let short: Option<Vec<Vec<u8>>> = request.batches.iter().map(pack::short_batch).collect();
        if let Some(short) = short {
            request.short_batches = short;
            request.batches.clear();
        }
    }

    /// Lists places' days, as many as the server takes; names what is left by cursors.
    fn say_days<'m>(
        &self,
        request: &mut v1::SyncRequest,
        others: impl Iterator<Item = (u32, &'m StreamRow)>,
    ) -> Vec<(u32, &'m StreamRow)> {
        let most = self.model.limits().place_days;
        let mut rows = Vec::new();
        let mut listed = Vec::new();
        for (number, row) in others {
            match self.model.stream_key(row) {
                Some(StreamKey::PlaceDay(place, date)) if listed.len() < most => {
                    rows.push((number, row));
                    listed.push(ListedDay {
                        place,
                        date,
                        position: row.position,
                    });
                }
                _ => request.cursors.push(cursor(row)),
            }
        }
        request.place_days = to_numbers(&listed);
        rows
    }

    /// The standard streams in their order; `None` while one has no handle.
    pub(super) fn standard_rows(&self) -> Option<Vec<(u32, &StreamRow)>> {
        let enrolment = self.model.enrolment()?;
        let challenges = collective_challenges(&self.view.catalog);
        let keys = standard_streams(enrolment.device, enrolment.participant, challenges);
        let row = |key| {
            let (number, row) = self.model.stream_by_key(key)?;
            row.id.map(|_| (number, row))
        };
        keys.into_iter().map(row).collect()
    }
}
