//! What to ask of the server: a Sync request.

use std::collections::BTreeMap;

use askel_proto::v1;
use askel_sync::{
    admission::ClockReading,
    id::{OpId, StreamId},
    limits::BOOTS_TOLD_MAX,
    time::Timestamp,
};
use prost::Message as _;

use super::{
    Decided, Engine,
    asked::Asked,
    draft::Draft,
    enrolment::VERSIONS,
    model::Forms,
    row::{BatchRow, LogRow, OwnOp, Standing, StreamRow},
    server_time::boots_of,
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

/// How batches are encoded on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batches {
    /// In few bytes, which refer to what the server holds.
    Compact,
    /// As they were signed.
    Plain,
}

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) form: Form,
    pub(crate) batches: Batches,
    /// Where more streams are followed than a request has room for, each turn asks for some of them.
    pub(crate) turn: usize,
    /// Whether what a restored server has lost goes back: once everything was pulled.
    pub(crate) hands_back: bool,
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
    pub(crate) fn sync_request(
        &self,
        now: ClockReading,
        Wish {
            form,
            batches,
            turn,
            hands_back,
        }: Wish,
    ) -> (v1::SyncRequest, Asked) {
        let mut asked = Asked {
            in_full: form == Form::LongWithoutContext,
            open_log: self.model.open_log().map(|(_, log)| log.id),
            sealed_before: self
                .model
                .open_log()
                .map_or(0, |(_, log)| log.sealed_before),
            ..Asked::default()
        };
        let mut request = v1::SyncRequest::default();
        // A server of before knows no short form.
        let (form, batches) = match self.model.limits().forms {
            Forms::All => (form, batches),
            Forms::LongOnly if form == Form::Short => (Form::Long, Batches::Plain),
            Forms::LongOnly => (form, Batches::Plain),
        };
        // A boot of which nothing is known yet says its clock once.
        let tells_clock = form != Form::Short
            || batches == Batches::Plain
            || self.is_untied(now)
            || !self.clock_is_known(now);
        // Where the clock is not told, both sides write as if the time were unknown.
        let hinted = ClockReading {
            wall: if tells_clock {
                now.wall
            } else {
                Timestamp::from_ms(0)
            },
            ..now
        };
        let (rest, bytes) = self.add_batches(&mut request, &mut asked, batches, (now, hinted));
        self.hand_on(&mut request, &mut asked, hands_back, (now.wall, bytes));
        let short = (form == Form::Short && rest == Rest::None)
            .then(|| self.standard_rows())
            .flatten();
        if short.is_none() && form != Form::LongWithoutContext {
            request.context_ops = self.context_held();
        }
        match short {
            Some(rows) => self.say_short(&mut request, &mut asked, &rows, turn),
            None => self.say_long(&mut request, form, turn),
        }
        self.say_sums(&mut request, &mut asked, now.wall);
        let matters = !asked.is_short() || !asked.batches.is_empty() || self.is_untied(now);
        if tells_clock && matters {
            request.client_clock = Some(client_clock(now));
            asked.clock_told = Some(now);
        }
        (request, asked)
    }

    /// Sealed batches, as many as a request takes, and the time of the boots that their ops were written in.
    fn add_batches(
        &self,
        request: &mut v1::SyncRequest,
        asked: &mut Asked,
        encoding: Batches,
        (now, hinted): (ClockReading, ClockReading),
    ) -> (Rest, usize) {
        let limits = self.model.limits();
        let mut bytes = limits.beside_batches();
        let mut boots = BTreeMap::new();
        let due = |standing: &Standing| match standing {
            Standing::Pending => true,
            Standing::Deferred { until } => self.deferred_ms(*until, now) == 0,
            Standing::Accepted { .. } | Standing::Rejected { .. } => false,
        };
        for batch in self.model.batches.values() {
            if !self.is_open(batch, due) {
                continue;
            }
            let sealed = match (encoding, self.model.enrolment()) {
                (Batches::Compact, Some(enrolment)) => self.compact_batch(enrolment, batch, hinted),
                _ => batch.sealed.clone(),
            };
            let with_batch = bytes
                .saturating_add(sealed.encoded_len())
                .saturating_add(PART_FRAME_BYTES);
            let most = if request.batches.is_empty() {
                limits.request_bytes
            } else {
                self.bytes_most()
            };
            let known = &self.model.attempt.boots;
            let mut with_its = boots_of(known, self.ops_of(batch), Some(now.segment.boot_id));
            with_its.extend(&boots);
            let is_first = request.batches.is_empty();
            if with_batch > most
                || request.batches.len() == limits.batches_per_sync
                || with_its.len() > BOOTS_TOLD_MAX && !is_first
            {
                return (Rest::Waits, bytes);
            }
            bytes = with_batch;
            boots = with_its;
            let told = boots.values().take(BOOTS_TOLD_MAX);
            request.boots = told.copied().map(Into::into).collect();
            request.batches.push(sealed);
            asked.batches.push((batch.log, batch.sequences()));
        }
        (Rest::None, bytes)
    }

    /// The most bytes of a request, with those kept free: but for its first batch, frame or page, which
    /// goes in any case.
    fn bytes_most(&self) -> usize {
        let limits = self.model.limits();
        let with_room = limits.beside_batches().saturating_add(self.request_room());
        with_room.min(limits.request_bytes)
    }

    /// Others' frames and pages that the server lost, as many as there is room for.
    fn hand_on(
        &self,
        request: &mut v1::SyncRequest,
        asked: &mut Asked,
        with_pages: bool,
        (now, mut bytes): (Timestamp, usize),
    ) {
        let limits = self.model.limits();
        let mut most = if request.batches.is_empty() {
            limits.request_bytes
        } else {
            self.bytes_most()
        };
        let mut has_room = |length: usize| {
            bytes = bytes
                .saturating_add(length)
                .saturating_add(PART_FRAME_BYTES);
            let has_room = bytes <= most;
            most = self.bytes_most();
            has_room
        };
        let frames = self.frames_due(now).take(limits.carried_frames);
        for (number, frame) in frames {
            if !has_room(frame.len()) {
                return;
            }
            asked.frames.push(number);
            request.carried_frames.push(v1::CarriedFrame {
                sealed: frame.clone(),
            });
        }
        self.add_returned(request, asked, with_pages, &mut has_room);
    }

    fn say_long(&self, request: &mut v1::SyncRequest, form: Form, turn: usize) {
        request.versions = Some(VERSIONS);
        request.limits_revision = self.model.limits().revision;
        let streams = self.model.streams.iter();
        let streams = streams.map(|(&number, row)| (number, row));
        let streams = self.turn_of(streams, turn);
        request.cursors.extend(streams.map(|(_, row)| cursor(row)));
        // Of a log that is named, ops may be left out of pages.
        if form != Form::LongWithoutContext {
            let heads = self.model.logs.values().map(|log| self.log_head(log));
            request.log_heads.extend(heads);
        }
    }

    fn log_head(&self, log: &LogRow) -> v1::LogHead {
        let own = self.model.carried_by(log.id, 0);
        let accepted = own.filter(|(_, own)| matches!(own.standing, Standing::Accepted { .. }));
        let settled = accepted.max_by_key(|(_, own)| own.sequence);
        // The last one sealed is told as such.
        let settled = settled.filter(|(_, own)| Some(own.id) != log.last_sealed);
        v1::LogHead {
            log_id: log.id.to_vec(),
            next_sequence: log.sealed_before,
            last_op_id_prefix: log.last_sealed.map(id_prefix).unwrap_or_default(),
            settled_before: settled.map_or(0, |(_, own)| own.sequence.saturating_add(1)),
            settled_op_id_prefix: settled
                .map(|(_, own)| id_prefix(own.id))
                .unwrap_or_default(),
        }
    }

    pub(super) fn turn_of<'m>(
        &self,
        streams: impl Iterator<Item = (u32, &'m StreamRow)>,
        turn: usize,
    ) -> impl Iterator<Item = (u32, &'m StreamRow)> {
        let cursors = self.model.limits().cursors;
        streams.skip(turn.saturating_mul(cursors)).take(cursors)
    }

    /// How many turns it takes to ask for every stream.
    pub(crate) fn turns(&self, asked: &Asked) -> usize {
        let cursors = self.model.limits().cursors.max(1);
        let standard = asked.standard_streams();
        let others = self.model.streams.len().saturating_sub(standard);
        others.div_ceil(cursors)
    }

    /// Whether something is left to hand in that was not deferred.
    pub(crate) fn has_more_to_send(&self) -> bool {
        let pending = |standing: &Standing| *standing == Standing::Pending;
        let log = self.model.open_log();
        log.is_some_and(|(_, log)| log.sealed_before < log.next_sequence)
            || self
                .model
                .batches
                .values()
                .any(|batch| self.is_open(batch, pending))
    }

    fn is_open(&self, batch: &BatchRow, is_open: impl Fn(&Standing) -> bool) -> bool {
        self.ops_of(batch).any(|own| is_open(&own.standing))
    }

    pub(super) fn ops_of(&self, batch: &BatchRow) -> impl Iterator<Item = &OwnOp> {
        let next_sequence = batch.next_sequence;
        self.model
            .carried_by(batch.log, batch.first_sequence)
            .map(|(_, own)| own)
            .take_while(move |own| own.sequence < next_sequence)
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

pub(super) fn cursor(row: &StreamRow) -> v1::Cursor {
    v1::Cursor {
        selector: Some(row.selector),
        stream_id: row.id.map(StreamId::to_vec).unwrap_or_default(),
        position: row.position,
    }
}

fn client_clock(now: clock::ClockReading) -> v1::ClientClock {
    v1::ClientClock {
        wall_ms: now.wall.as_ms(),
        segment: Some(now.segment.into()),
    }
}

/// How an op is told from any other at its place in a log.
pub(super) fn id_prefix(id: OpId) -> Vec<u8> {
    id.as_bytes().iter().take(8).copied().collect()
}
