//! What to ask of the server: a Sync request, and who is calling.

use std::ops::Range;

use askel_proto::v1;
use askel_sync::{
    admission::ClockReading,
    catalog::Catalog,
    id::{GoalId, LogId, StreamId},
    key::credential::CallCredential,
    stream::{
        StreamKey,
        short::{SealedHead, standard_streams, state_tag},
    },
    time::{LocalDate, Timestamp},
};
use prost::Message as _;

use super::{
    Decided, Engine, ONLY,
    draft::Draft,
    enrolment::VERSIONS,
    pack,
    row::{
        Attempt, BatchRow, LogRow, LogStanding, OwnOp, PageStanding, Row, Standing, StreamRow,
        Table, WindowRow,
    },
    streams::WINDOW_MS,
};
use crate::{Error, clock};

/// How to say what this device holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// In a few bytes, where that is possible.
    Short,
    /// With cursors and heads of logs.
    Long,
    /// The same, and pages may refer to nothing.
    LongWithoutContext,
}

/// What a request asked for and handed in: an answer is read by it. An outcome without exceptions accepts
/// what was sent, and nothing else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    batches: Vec<(LogId, Range<u64>)>,
    /// In the short form: the rows of the standard streams, in their order.
    standard: Option<Vec<u32>>,
    /// The log that new ops go to.
    open_log: Option<LogId>,
    /// The rows of the frames handed in.
    frames: Vec<u32>,
    /// The rows of the pages handed back.
    returned: Vec<u32>,
}

impl Asked {
    /// Whether this was the short form.
    pub(crate) fn is_short(&self) -> bool {
        self.standard.is_some()
    }

    /// The row of a standard stream by its index from 1.
    pub(crate) fn standard_stream(&self, index: u32) -> Option<u32> {
        let index = usize::try_from(index).ok()?.checked_sub(1)?;
        self.standard.as_ref()?.get(index).copied()
    }

    /// The log an outcome speaks of.
    pub(super) fn log_of(&self, outcome: &v1::LogOutcome) -> Option<LogId> {
        match &*outcome.log_id {
            [] => self.open_log,
            id => LogId::try_from(id).ok(),
        }
    }

    /// The sequences of a log that were sent.
    pub(super) fn sequences(&self, log: LogId) -> impl Iterator<Item = u64> {
        let of_log = self.batches.iter().filter(move |(of, _)| *of == log);
        of_log.flat_map(|(_, sequences)| sequences.clone())
    }

    /// The row of a carried frame by its index.
    pub(super) fn frame(&self, index: u32) -> Option<u32> {
        self.frames.get(usize::try_from(index).ok()?).copied()
    }

    /// Whether pages were handed back.
    pub(crate) fn hands_back(&self) -> bool {
        !self.returned.is_empty()
    }

    /// Whether a batch was sent.
    pub(super) fn has(&self, batch: &BatchRow) -> bool {
        self.batches.contains(&(batch.log, batch.sequences()))
    }
}

impl Engine {
    /// What has to be on disk before a request is made: everything sealed, and what should be followed.
    pub(crate) fn prepare_request(&self) -> Result<Decided<()>, Error> {
        let mut draft = Draft::new(&self.model);
        draft.seal(self.enrolment()?, &self.key)?;
        self.follow_streams(&mut draft)?;
        Ok(Decided::new(draft.finish(), ()))
    }

    /// The request, from what is on disk, and what it asks for and hands in.
    /// Where more streams are followed than a request has room for, each turn asks for some of them.
    pub(crate) fn sync_request(
        &self,
        now: ClockReading,
        form: Form,
        turn: usize,
    ) -> (v1::SyncRequest, Asked) {
        let mut asked = Asked {
            open_log: self.model.open_log().map(|(_, log)| log.id),
            ..Asked::default()
        };
        let mut request = v1::SyncRequest {
            context_ops: match form {
                Form::Short | Form::Long => self.context_held(),
                Form::LongWithoutContext => 0,
            },
            ..v1::SyncRequest::default()
        };
        let (rest, bytes) = self.add_batches(&mut request, &mut asked, now);
        self.hand_on(&mut request, &mut asked, bytes);
        let short = (form == Form::Short && rest == Rest::None)
            .then(|| self.standard_rows())
            .flatten();
        match &short {
            Some(rows) => self.say_short(&mut request, rows, turn),
            None => self.say_long(&mut request, turn),
        }
        asked.standard = short.map(|rows| rows.iter().map(|(number, _)| *number).collect());
        if !asked.is_short() || !request.batches.is_empty() {
            request.client_clock = Some(client_clock(now));
        }
        (request, asked)
    }

    /// Sealed batches, as many as a request takes.
    fn add_batches(
        &self,
        request: &mut v1::SyncRequest,
        asked: &mut Asked,
        now: ClockReading,
    ) -> (Rest, usize) {
        let limits = self.model.limits();
        let mut bytes = limits.beside_batches();
        let due = |standing: &Standing| match standing {
            Standing::Pending => true,
            Standing::Deferred { until } => *until <= self.server_time(now.wall),
            Standing::Accepted { .. } | Standing::Rejected { .. } => false,
        };
        for batch in self.model.batches.values() {
            if !self.is_open(batch, due) {
                continue;
            }
            let with_batch = bytes
                .saturating_add(batch.sealed.encoded_len())
                .saturating_add(PART_FRAME_BYTES);
            if with_batch > limits.request_bytes || request.batches.len() == limits.batches_per_sync
            {
                return (Rest::Waits, bytes);
            }
            bytes = with_batch;
            request.batches.push(batch.sealed.clone());
            asked.batches.push((batch.log, batch.sequences()));
        }
        (Rest::None, bytes)
    }

    /// Others' frames and pages that the server lost, as many as there is room for.
    fn hand_on(&self, request: &mut v1::SyncRequest, asked: &mut Asked, mut bytes: usize) {
        let limits = self.model.limits();
        let mut has_room = |length: usize| {
            bytes = bytes
                .saturating_add(length)
                .saturating_add(PART_FRAME_BYTES);
            bytes <= limits.request_bytes
        };
        let frames = self.model.carried.iter().take(limits.carried_frames);
        for (&number, frame) in frames {
            if !has_room(frame.len()) {
                return;
            }
            asked.frames.push(number);
            request.carried_frames.push(v1::CarriedFrame {
                sealed: frame.clone(),
            });
        }
        let returnable = self.returnable().take(limits.returned_pages);
        for (&number, page) in returnable {
            let page = pack::returned_page(page);
            if !has_room(page.encoded_len()) {
                return;
            }
            asked.returned.push(number);
            request.returned_pages.push(page);
        }
    }

    fn returnable(&self) -> impl Iterator<Item = (&u32, &WindowRow)> {
        let pages = self.model.window.iter();
        pages.filter(|(_, page)| page.standing == PageStanding::Returnable)
    }

    /// Takes in that a request was answered to its end: what it handed back is with the server, and what
    /// an earlier one handed back has had its time to come again.
    pub(crate) fn request_done(&self, asked: &Asked) -> Decided<()> {
        let mut draft = Draft::new(&self.model);
        for (&number, page) in &self.model.window {
            if page.standing == PageStanding::Returned {
                draft.delete(Table::Window, number);
            } else if asked.returned.contains(&number) {
                let page = WindowRow {
                    standing: PageStanding::Returned,
                    ..page.clone()
                };
                draft.put(number, Row::Window(page));
            }
        }
        Decided::new(draft.finish(), ())
    }

    /// What both sides know goes into a hash.
    fn say_short(&self, request: &mut v1::SyncRequest, rows: &[(u32, &StreamRow)], turn: usize) {
        request.positions = rows.iter().map(|(_, row)| row.position).collect();
        let handles: Vec<StreamId> = rows.iter().filter_map(|(_, row)| row.id).collect();
        let head = self.model.open_log().and_then(|(_, log)| {
            Some(SealedHead {
                log: log.id,
                next_sequence: log.sealed_before,
                last_op: log.last_sealed?,
            })
        });
        request.state_tag = state_tag(&handles, head.as_ref(), self.model.limits().revision);
        let is_standard = |number: u32| rows.iter().any(|(standard, _)| *standard == number);
        let others = self.model.streams.iter();
        let others = others.filter(|(number, _)| !is_standard(**number));
        request
            .cursors
            .extend(self.turn_of(others.map(|(_, row)| row), turn).map(cursor));
    }

    fn say_long(&self, request: &mut v1::SyncRequest, turn: usize) {
        request.versions = Some(VERSIONS);
        request.limits_revision = self.model.limits().revision;
        let streams = self.turn_of(self.model.streams.values(), turn);
        request.cursors.extend(streams.map(cursor));
        request
            .log_heads
            .extend(self.model.logs.values().map(log_head));
    }

    fn turn_of<'m>(
        &self,
        streams: impl Iterator<Item = &'m StreamRow>,
        turn: usize,
    ) -> impl Iterator<Item = &'m StreamRow> {
        let cursors = self.model.limits().cursors;
        streams.skip(turn.saturating_mul(cursors)).take(cursors)
    }

    /// The standard streams in their order; `None` while one has no handle.
    fn standard_rows(&self) -> Option<Vec<(u32, &StreamRow)>> {
        let enrolment = self.model.enrolment()?;
        let challenges = collective_challenges(&self.view.catalog);
        let keys = standard_streams(enrolment.device, enrolment.participant, challenges);
        let row = |key| {
            let (number, row) = self.model.stream_by_key(key)?;
            row.id.map(|_| (number, row))
        };
        keys.into_iter().map(row).collect()
    }

    /// How many turns it takes to ask for every stream.
    pub(crate) fn turns(&self) -> usize {
        let cursors = self.model.limits().cursors.max(1);
        self.model.streams.len().div_ceil(cursors)
    }

    /// Whether something is left to hand in that was not deferred.
    pub(crate) fn has_more_to_send(&self) -> bool {
        let pending = |standing: &Standing| *standing == Standing::Pending;
        let log = self.model.open_log();
        log.is_some_and(|(_, log)| log.sealed_before < log.next_sequence)
            || self.returnable().next().is_some()
            || self
                .model
                .batches
                .values()
                .any(|batch| self.is_open(batch, pending))
    }

    fn is_open(&self, batch: &BatchRow, is_open: impl Fn(&Standing) -> bool) -> bool {
        self.model
            .carried_by(batch.log, batch.first_sequence)
            .take_while(|(_, own)| own.sequence < batch.next_sequence)
            .any(|(_, own)| is_open(&own.standing))
    }

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

    /// What the server's clock most likely says.
    pub(crate) fn server_time(&self, now: Timestamp) -> Timestamp {
        now.saturating_add_ms(self.model.attempt.server_offset_ms)
    }

    /// Takes in what the server's clock says.
    pub(crate) fn take_server_time(&self, server_ms: i64, now: Timestamp) -> Decided<()> {
        let server_offset_ms = server_ms.saturating_sub(now.as_ms());
        let moved_ms = server_offset_ms.saturating_sub(self.model.attempt.server_offset_ms);
        if moved_ms.saturating_abs() < OFFSET_MOVED_MS_MIN {
            return Decided::new(Vec::new(), ());
        }
        let attempt = Attempt {
            server_offset_ms,
            ..self.model.attempt.clone()
        };
        Decided::new(vec![super::Write::Put(ONLY, Row::Attempt(attempt))], ())
    }

    /// Follows the role's own streams and a stream for each collective challenge.
    fn follow_streams(&self, draft: &mut Draft<'_>) -> Result<(), Error> {
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

/// What a part of a request takes beside its bytes.
const PART_FRAME_BYTES: usize = 8;

/// Whether everything sealed is in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    Waits,
}

/// A smaller change of the server's offset is the network's jitter, in milliseconds.
const OFFSET_MOVED_MS_MIN: i64 = 30_000;

fn collective_challenges(catalog: &Catalog) -> impl Iterator<Item = GoalId> {
    catalog
        .goals()
        .filter(|goal| goal.rule.collective().is_some())
        .map(|goal| goal.id)
}

fn is_past(date: LocalDate, today: LocalDate) -> bool {
    date.as_days() < today.as_days().saturating_sub(1)
}

fn cursor(row: &StreamRow) -> v1::Cursor {
    v1::Cursor {
        selector: Some(row.selector),
        stream_id: row.id.map(StreamId::to_vec).unwrap_or_default(),
        position: row.position,
    }
}

fn log_head(log: &LogRow) -> v1::LogHead {
    let prefix = log
        .last_sealed
        .map(|id| id.as_bytes().iter().take(8).copied().collect());
    v1::LogHead {
        log_id: log.id.to_vec(),
        next_sequence: log.sealed_before,
        last_op_id_prefix: prefix.unwrap_or_default(),
    }
}

fn client_clock(now: clock::ClockReading) -> v1::ClientClock {
    v1::ClientClock {
        wall_ms: now.wall.as_ms(),
        segment: Some(v1::ClockSegment {
            boot_id: now.segment.boot_id,
            wall_minus_monotonic_ms: now.segment.wall_minus_monotonic_ms,
        }),
    }
}
