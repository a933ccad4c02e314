//! What to ask of the server: a Sync request, and who is calling.

use askel_proto::v1;
use askel_sync::{
    admission::ClockReading,
    catalog::Catalog,
    id::StreamId,
    key::credential::CallCredential,
    limits::{BATCHES_PER_SYNC_MAX, CURSORS_MAX, SYNC_REQUEST_BYTES_MAX},
    stream::StreamKey,
    time::{LocalDate, Timestamp},
};
use prost::Message as _;

use super::{
    Decided, Engine, ONLY,
    draft::Draft,
    enrolment::VERSIONS,
    outcome::Sent,
    row::{Attempt, BatchRow, LogRow, OwnOp, Row, Standing, StreamRow, Table},
    standard_streams,
};
use crate::{Error, clock};

/// Own ops are kept this long after they were accepted, in milliseconds: a restored server gets them
/// again.
const KEPT_AFTER_ACCEPTANCE_MS: i64 = 35 * askel_sync::time::DAY_MS;
/// What a request has beside batches, at most.
const REQUEST_FRAME_BYTES_MAX: usize = 32 * 1_024;

impl Engine {
    /// What begins a sync: what is past is dropped.
    pub(crate) fn begin_sync(&self, now: ClockReading) -> Decided<()> {
        let mut draft = Draft::new(&self.model);
        self.drop_past(&mut draft, now.wall);
        Decided::new(draft.finish(), ())
    }

    /// What has to be on disk before a request is made: everything sealed, and what should be followed.
    pub(crate) fn prepare_request(&self) -> Result<Decided<()>, Error> {
        let mut draft = Draft::new(&self.model);
        draft.seal(self.enrolment()?, &self.key)?;
        self.follow_streams(&mut draft)?;
        Ok(Decided::new(draft.finish(), ()))
    }

    /// The request, from what is on disk, and what it hands in.
    /// Where more streams are followed than a request has room for, each turn asks for some of them.
    pub(crate) fn sync_request(&self, now: ClockReading, turn: usize) -> (v1::SyncRequest, Sent) {
        let mut bytes = REQUEST_FRAME_BYTES_MAX;
        let fits = |batch: &&BatchRow| {
            bytes = bytes
                .saturating_add(batch.sealed.encoded_len())
                .saturating_add(8);
            bytes <= SYNC_REQUEST_BYTES_MAX
        };
        let due = self.model.batches.values().filter(|batch| {
            self.is_open(batch, |standing| match standing {
                Standing::Pending => true,
                Standing::Deferred { until } => *until <= now.wall,
                Standing::Accepted { .. } | Standing::Rejected { .. } => false,
            })
        });
        let mut request = v1::SyncRequest {
            versions: Some(VERSIONS),
            client_clock: Some(client_clock(now)),
            ..v1::SyncRequest::default()
        };
        let mut sent = Sent::default();
        for batch in due.take(BATCHES_PER_SYNC_MAX).take_while(fits) {
            request.batches.push(batch.sealed.clone());
            sent.add(batch);
        }
        let asked_before = turn.saturating_mul(CURSORS_MAX);
        let streams = self.model.streams.values().skip(asked_before);
        let streams = streams.take(CURSORS_MAX);
        request.cursors.extend(streams.map(cursor));
        let open_log = self.model.open_log();
        request
            .log_heads
            .extend(open_log.map(|(_, log)| log_head(log)));
        (request, sent)
    }

    /// How many turns it takes to ask for every stream.
    pub(crate) fn turns(&self) -> usize {
        self.model.streams.len().div_ceil(CURSORS_MAX)
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
        self.model
            .carried(batch.log, batch.first_sequence)
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
        let challenges = challenges.filter(|_| enrolment.participant.is_some());
        for key in standard_streams(enrolment).into_iter().chain(challenges) {
            if self.model.stream_by_key(key).is_none() {
                let row = StreamRow {
                    selector: key.selector(),
                    id: None,
                    position: 0,
                };
                draft.append(Row::Stream(row))?;
            }
        }
        Ok(())
    }

    /// Days before yesterday, and own ops that were accepted long ago and are in a stream.
    fn drop_past(&self, draft: &mut Draft<'_>, now: Timestamp) {
        for (&number, row) in &self.model.streams {
            if let Some(StreamKey::PlaceDay(place, date)) = self.model.stream_key(row)
                && self
                    .date_at(place, now)
                    .is_some_and(|today| is_past(date, today))
            {
                self.drop_stream(draft, number);
            }
        }
        for (&number, own) in &self.model.own {
            let Standing::Accepted { at } = own.standing else {
                continue;
            };
            if now.saturating_ms_since(at) > KEPT_AFTER_ACCEPTANCE_MS && self.is_held(own) {
                draft.delete(Table::OwnOp, number);
            }
        }
    }

    /// Drops a stream with its ops.
    pub(super) fn drop_stream(&self, draft: &mut Draft<'_>, stream: u32) {
        draft.delete(Table::Stream, stream);
        for (&number, held) in &self.model.stream_ops {
            if held.stream == stream {
                draft.delete(Table::StreamOp, number);
            }
        }
    }

    /// Whether the server's copy of an own op is here, or is not meant to come.
    fn is_held(&self, own: &OwnOp) -> bool {
        self.view
            .participant
            .as_ref()
            .is_none_or(|view| view.knows(own.id))
    }
}

/// A smaller change of the server's offset is the network's jitter, in milliseconds.
const OFFSET_MOVED_MS_MIN: i64 = 30_000;

fn collective_challenges(catalog: &Catalog) -> impl Iterator<Item = StreamKey> {
    catalog
        .goals()
        .filter(|goal| goal.rule.collective().is_some())
        .map(|goal| StreamKey::Challenge(goal.id))
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
