//! What a request gets: batches and frames taken in, outcomes, pages.

use std::{collections::BTreeMap, ops::Range};

use askel_proto::v1::{self, sync_response::Part};
use askel_sync::{
    admission::ClockReading,
    id::{DeviceId, LogId},
    lifeboat,
    log::Batch,
    stream::StreamKey,
};
use prost::Message as _;

use super::{Desk, Disturbance, Settled, State, restore::stream_id};

impl Desk {
    /// The log, and whether its writer may go on with it: what is past a conflict is not taken in.
    fn take_batch(
        &self,
        state: &mut State,
        sealed: &v1::SealedBatch,
        device: DeviceId,
        now: ClockReading,
    ) -> Result<LogId, LogId> {
        let known = state.devices[&device].clone();
        let batch = Batch::open(sealed, self.world.tenant, device, &known.key).expect("sealed");
        state.segments_named += 1 + batch.later_segments.len();
        let fresh = || (device, Vec::new());
        state.logs.entry(batch.log).or_insert_with(fresh);
        for (sequence, written_in, op) in batch.sequenced() {
            state
                .ops
                .entry((batch.log, sequence))
                .or_insert_with(|| op.clone());
            let index = usize::try_from(sequence).expect("small");
            let held = state.logs[&batch.log].1.get(index).cloned();
            match &held {
                Some(held) if held.op() != op.id() => return Err(batch.log),
                // A log has a gap where the desk has forgotten.
                None if state.logs[&batch.log].1.len() != index => {
                    assert!(state.generation > 0, "a log has a gap");
                    return Ok(batch.log);
                }
                Some(_) | None => {}
            }
            if matches!(held, None | Some(Settled::Deferred(_))) {
                let settled = self.settle(state, op, (&batch, written_in), now);
                let log = &mut state.logs.get_mut(&batch.log).expect("there").1;
                match log.get_mut(index) {
                    Some(deferred) => *deferred = settled,
                    None => log.push(settled),
                }
            }
        }
        if let Some(participant) = known.participant {
            self.confirm(state, participant, now.wall);
        }
        Ok(batch.log)
    }

    fn take_frame(
        &self,
        state: &mut State,
        sealed: &[u8],
        now: ClockReading,
    ) -> v1::frame_outcome::Result {
        if state.is_disturbed(Disturbance::FrameLater) {
            return v1::frame_outcome::Result::Later;
        }
        let Ok(frame) = lifeboat::open(&self.world.ingest, self.world.tenant, sealed) else {
            return v1::frame_outcome::Result::Refused;
        };
        let author = DeviceId::try_from(&*frame.device_id).expect("an id");
        let unsaid = v1::SyncRequest::default();
        for batch in &frame.batches {
            let batch = &self.plain(state, &unsaid, author, batch);
            // A conflict is the writer's to hear of, and what it wrote then comes again.
            let _ = self.take_batch(state, batch, author, now);
        }
        v1::frame_outcome::Result::Taken
    }

    fn outcomes(
        &self,
        state: &mut State,
        request: &v1::SyncRequest,
        device: DeviceId,
        now: ClockReading,
    ) -> Vec<v1::LogOutcome> {
        let is_long = request.positions.is_empty();
        let conflict = is_long
            .then(|| state.next_disturbance(|one| one == Disturbance::HeadAhead))
            .flatten();
        let mut logs = BTreeMap::new();
        for (from_last, head) in request.log_heads.iter().rev().enumerate() {
            let log = LogId::try_from(&*head.log_id).expect("an id");
            let held = state.logs.get(&log).map_or(0, |(_, settled)| settled.len());
            if (conflict.is_some() && from_last == 0) || held as u64 > head.next_sequence {
                logs.insert(log, conflict_of(&head.log_id));
            }
        }
        let mut unread = Vec::new();
        for batch in &request.batches {
            if batch.encoding != 0 && state.is_disturbed(Disturbance::PlainWanted) {
                unread.push(self.place_of(state, request, device, batch));
                continue;
            }
            let batch = &self.plain(state, request, device, batch);
            let log = v1::Batch::decode(&*batch.batch).expect("a batch").log_id;
            if logs
                .get(&LogId::try_from(&*log).expect("an id"))
                .is_some_and(|one| one.conflict.is_some())
            {
                continue;
            }
            match self.take_batch(state, batch, device, now) {
                Ok(log) => logs.insert(log, outcome_of(log, &state.logs[&log].1)),
                Err(log) => logs.insert(log, conflict_of(log.as_bytes())),
            };
        }
        for (log, outcome) in Self::forgotten(state, &request.log_heads) {
            logs.entry(log).or_insert(outcome);
        }
        for (log, sequences) in unread {
            // Whatever else it says of the log, it has not read what became of these.
            let outcome = logs.entry(log).or_insert_with(|| outcome_of(log, &[]));
            let is_read = |one: &v1::OutcomeException| !sequences.contains(&one.sequence);
            outcome.exceptions.retain(is_read);
            outcome.plain_wanted = true;
        }
        logs.into_values().collect()
    }

    pub(super) fn answer(
        &self,
        state: &mut State,
        request: &v1::SyncRequest,
        device: DeviceId,
    ) -> Vec<v1::SyncResponse> {
        let now = state.clock_of(request);
        state.boots = request.boots.iter().copied().map(Into::into).collect();
        let own_clock = state.own_clock();
        let told_ms = match own_clock {
            Some(clock) => clock.as_ms(),
            None => request.client_clock.map_or(0, |clock| clock.wall_ms),
        };
        let request = &state.spelled_out(request, device);
        let is_short = !request.positions.is_empty();
        // A server that knows more than this writer does not agree with its short form.
        let is_ahead = is_short && state.disturbances.contains(&Disturbance::HeadAhead);
        let logs = if is_ahead {
            Vec::new()
        } else {
            self.outcomes(state, request, device, now)
        };
        let frames = (0..).zip(&request.carried_frames);
        let frames = frames
            .map(|(index, frame)| v1::FrameOutcome {
                index,
                result: self.take_frame(state, &frame.sealed, now).into(),
            })
            .collect();
        for page in &request.returned_pages {
            self.take_returned(state, device, page);
        }
        let mut parts = vec![Part::Outcomes(v1::Outcomes { logs, frames })];
        let is_doubted = is_short && state.is_disturbed(Disturbance::LongFormOnce);
        let short = self.short_form(state, request, device);
        let short = short.filter(|_| is_short && !is_ahead && !is_doubted);
        let named = Self::named(state, request, short.as_ref().and_then(|(_, log)| *log));
        if let Some((keys, log)) = &short {
            let of_log = |outcome: &mut v1::LogOutcome| {
                if Some(&*outcome.log_id) == log.as_ref().map(|log| &log.as_bytes()[..]) {
                    outcome.log_id.clear();
                }
            };
            if let Some(Part::Outcomes(outcomes)) = parts.first_mut() {
                outcomes.logs.iter_mut().for_each(of_log);
            }
            parts.extend(self.short_pages(state, request, keys, &named));
        }
        let streams = self.follow(state, request, (device, &named), &mut parts);
        if !is_short || !streams.is_empty() || own_clock.is_some() {
            let opening = v1::SyncOpening {
                version: 1,
                server_time_ms: told_ms,
                streams,
                limits: (!is_short).then_some(v1::Limits {
                    carried_frames_max: 32,
                    ..state.limits
                }),
                ..v1::SyncOpening::default()
            };
            parts.insert(0, Part::Opening(opening));
        }
        parts.push(Part::Closing(v1::SyncClosing {
            long_form_wanted: is_short && short.is_none(),
            retry_after_ms: state.wait_asked(),
            ..v1::SyncClosing::default()
        }));
        Self::tell_wrong_sums(state, device, &mut parts);
        parts
            .into_iter()
            .map(|part| v1::SyncResponse { part: Some(part) })
            .collect()
    }

    /// The pages of streams that cursors name; tells where they stand.
    fn follow(
        &self,
        state: &State,
        request: &v1::SyncRequest,
        (device, named): (DeviceId, &[(LogId, u64)]),
        parts: &mut Vec<Part>,
    ) -> Vec<v1::StreamInfo> {
        let participant = state.devices[&device].participant;
        let mut streams = Vec::new();
        for cursor in &request.cursors {
            let selector = cursor.selector.expect("a selector");
            let key = StreamKey::select(&selector, device, participant)
                .expect("known")
                .expect("own");
            if state.gone.contains(&key) {
                parts.push(Part::StreamGone(v1::StreamGone {
                    selector: Some(selector),
                    stream_id: cursor.stream_id.clone(),
                }));
                continue;
            }
            let info = Self::stream_info(state, key, cursor);
            let position = Self::position(&info, cursor);
            streams.push(info);
            let pages = self.pages(state, request, (key, position), named);
            parts.extend(pages.into_iter().map(Part::Page));
        }
        streams
    }

    /// Of a batch that can't be rebuilt here: its log and its place there.
    fn place_of(
        &self,
        state: &State,
        request: &v1::SyncRequest,
        device: DeviceId,
        batch: &v1::SealedBatch,
    ) -> (LogId, Range<u64>) {
        let plain = self.plain(state, request, device, batch);
        let batch = v1::Batch::decode(&*plain.batch).expect("a batch");
        let log = LogId::try_from(&*batch.log_id).expect("an id");
        let first = batch.first_sequence;
        (log, first..first + batch.ops.len() as u64)
    }

    /// Disturbs the sum that the head of a person's stream tells.
    fn tell_wrong_sums(state: &mut State, device: DeviceId, parts: &mut [Part]) {
        let Some(participant) = state.devices.get(&device).and_then(|one| one.participant) else {
            return;
        };
        let handle = stream_id(StreamKey::Participant(participant), state.generation);
        for part in parts {
            if let Part::Page(page) = part
                && (page.stream_index == 1 || page.stream_id == handle.as_bytes())
                && page.sum != 0
                && state.is_disturbed(Disturbance::WrongSum)
            {
                page.sum ^= 1;
            }
        }
    }
}

fn conflict_of(log_id: &[u8]) -> v1::LogOutcome {
    let conflict = v1::LogConflict {
        cause: v1::log_conflict::Cause::HeadAhead.into(),
        server_next_sequence: 1_000,
    };
    // How far the log has come on the server, with ops of a writer that forgot them.
    v1::LogOutcome {
        log_id: log_id.to_vec(),
        settled_before: 1_000,
        conflict: Some(conflict),
        ..Default::default()
    }
}

pub(super) fn outcome_of(log: LogId, settled: &[Settled]) -> v1::LogOutcome {
    use v1::outcome_exception::Outcome;
    let exception = |(sequence, settled): (u64, &Settled)| {
        let outcome = match settled {
            Settled::Accepted(_) => return None,
            Settled::Rejected(_, undo) => Outcome::Rejected(v1::Rejected {
                reason: "OP_NOT_ALLOWED".to_owned(),
                text: "Ei käy.".to_owned(),
                undo: (*undo).into(),
            }),
            Settled::Deferred(_) => Outcome::Deferred(v1::Deferred {
                until_ms: 0,
                reason: "LATER".to_owned(),
            }),
        };
        Some(v1::OutcomeException {
            sequence,
            outcome: Some(outcome),
        })
    };
    v1::LogOutcome {
        log_id: log.to_vec(),
        settled_before: settled.len() as u64,
        exceptions: (0..).zip(settled).filter_map(exception).collect(),
        ..v1::LogOutcome::default()
    }
}
