//! A desk that is restored from a backup: its streams get new handles, and it takes back what phones
//! still hold.

use askel_proto::v1;
use askel_sync::{
    admission::AdmittedOp,
    frame::{FrameLimits, decode_ops},
    id::{DeviceId, LogId, StreamId},
    stream::StreamKey,
};

use super::{Desk, State, answer::outcome_of, first16};

const LIMITS: FrameLimits = FrameLimits {
    ops_max: 1_000,
    bytes_max: 1_024 * 1_024,
};

/// What a desk knew once.
pub(crate) struct Backup(State);

impl Desk {
    /// A copy of everything.
    pub(crate) fn backup(&self) -> Backup {
        Backup(self.state().clone())
    }

    /// Forgets what came after the backup.
    pub(crate) fn restore(&self, backup: &Backup) {
        let mut state = self.state();
        let generation = state.generation + 1;
        let requests = std::mem::take(&mut state.requests);
        *state = backup.0.clone();
        state.generation = generation;
        state.requests = requests;
        let heads = state.streams.iter().map(|(key, ops)| (*key, ops.len()));
        state.parent_heads = heads.collect();
    }

    /// The ops of a stream.
    pub(crate) fn stream(&self, key: StreamKey) -> Vec<AdmittedOp> {
        self.state().streams.get(&key).cloned().unwrap_or_default()
    }

    /// Takes back what pages of before the restore hold and this desk lacks.
    pub(super) fn take_returned(&self, state: &mut State, device: DeviceId, page: &v1::Page) {
        if page.mac.is_empty() {
            let bare = page.columns.is_empty() && page.ops.is_empty();
            assert!(bare, "a page without a MAC is a word and no more");
            return;
        }
        assert_eq!(page.mac, [7; 8], "not a page of this desk");
        let participant = state.devices[&device].participant;
        let of = |key: &StreamKey, generation| {
            stream_id(*key, generation).as_bytes() == &*page.stream_id
        };
        let mut keys: Vec<StreamKey> = state.streams.keys().copied().collect();
        keys.extend(participant.map(StreamKey::Participant));
        let Some(key) = keys
            .into_iter()
            .find(|key| (0..state.generation).any(|generation| of(key, generation)))
        else {
            return;
        };
        let tenant = self.world.tenant;
        let ops = decode_ops(tenant, &[], &|_| None, &page.columns, LIMITS).expect("a page");
        for op in ops {
            let held = state.streams.entry(key).or_default();
            if held.iter().all(|one| one.id() != op.id()) {
                state.accepted.push(op.id());
                held.push(op);
            }
        }
    }

    /// Which handle a stream has now, and which one it continues.
    pub(super) fn stream_info(
        state: &State,
        key: StreamKey,
        cursor: &v1::Cursor,
    ) -> v1::StreamInfo {
        let head = state.streams.get(&key).map_or(0, Vec::len);
        let known = &*cursor.stream_id;
        let of_before = |generation: &u32| stream_id(key, *generation).as_bytes() == known;
        let is_parent = (0..state.generation).any(|generation| of_before(&generation));
        let parent_head = state.parent_heads.get(&key).copied().unwrap_or(0);
        v1::StreamInfo {
            selector: Some(key.selector()),
            stream_id: stream_id(key, state.generation).to_vec(),
            head: head as u64,
            parent_stream_id: if is_parent {
                known.to_vec()
            } else {
                Vec::new()
            },
            parent_head: if is_parent { parent_head as u64 } else { 0 },
            ..v1::StreamInfo::default()
        }
    }

    /// Where the stream is read on for a cursor.
    pub(super) fn position(info: &v1::StreamInfo, cursor: &v1::Cursor) -> u64 {
        if info.parent_stream_id.is_empty() {
            cursor.position
        } else {
            cursor.position.min(info.parent_head)
        }
    }

    /// What it answers of logs that reach further than it remembers.
    pub(super) fn forgotten(state: &State, heads: &[v1::LogHead]) -> Vec<(LogId, v1::LogOutcome)> {
        let forgotten = |head: &v1::LogHead| {
            let log = LogId::try_from(&*head.log_id).expect("an id");
            let settled = state.logs.get(&log).map_or(&[][..], |(_, settled)| settled);
            let is_behind = (settled.len() as u64) < head.next_sequence;
            is_behind.then(|| (log, outcome_of(log, settled)))
        };
        heads.iter().filter_map(forgotten).collect()
    }
}

/// A stream's handle after so many restores.
pub(super) fn stream_id(key: StreamKey, generation: u32) -> StreamId {
    let selector = format!("{:?}", key.selector());
    StreamId::from_bytes(first16(&[selector.as_bytes(), &generation.to_be_bytes()]))
}
