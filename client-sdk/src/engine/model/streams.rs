//! The streams that are followed, and what is held of them.

use askel_sync::{admission::AdmittedOp, id::StreamId, op::Op, stream::StreamKey};

use super::{HeldOp, Model, StreamRow};

impl Model {
    /// The ops held of all streams but for archived ones, each with the number of its stream's row; those
    /// of pages that wait to be handed back too.
    pub(crate) fn all_stream_ops(&self) -> impl Iterator<Item = (u32, &HeldOp)> {
        let settled = self.settled.values().map(|row| (row.stream, &row.ops));
        let window = self.window.values().map(|row| (row.stream, &row.ops));
        settled
            .chain(window)
            .flat_map(|(stream, ops)| ops.iter().map(move |held| (stream, held)))
    }

    /// The ops held of one stream, as [`Self::all_stream_ops`] gives them.
    pub(crate) fn stream_ops(&self, stream: u32) -> impl Iterator<Item = &AdmittedOp> {
        let settled = self.settled.values().map(|row| (row.stream, &row.ops));
        let window = self.window.values().map(|row| (row.stream, &row.ops));
        settled
            .chain(window)
            .filter(move |(of, _)| *of == stream)
            .flat_map(|(_, ops)| ops.iter().map(|held| &held.admitted))
    }

    /// The ops of the participant's stream, without the archived ones.
    pub(crate) fn participant_ops(&self) -> impl Iterator<Item = &Op> {
        self.stream_keys()
            .filter(|(_, key)| matches!(key, StreamKey::Participant(_)))
            .flat_map(|(stream, _)| self.stream_ops(stream))
            .map(|admitted| &admitted.op)
    }

    /// The archived ops of the participant's stream, unless they are left out.
    pub(crate) fn archived_participant_ops(&self, left_out: bool) -> impl Iterator<Item = &Op> {
        self.stream_keys()
            .filter(move |(_, key)| !left_out && matches!(key, StreamKey::Participant(_)))
            .flat_map(|(stream, _)| self.archived_ops(stream))
            .map(|held| &held.admitted.op)
    }

    /// The followed streams, each with the number of its row; those of a later version are left out.
    pub(crate) fn stream_keys(&self) -> impl Iterator<Item = (u32, StreamKey)> {
        let key = |(number, row): (&u32, &StreamRow)| Some((*number, self.stream_key(row)?));
        self.streams.iter().filter_map(key)
    }

    pub(crate) fn stream_by_id(&self, id: StreamId) -> Option<(u32, &StreamRow)> {
        self.streams
            .iter()
            .find(|(_, row)| row.id == Some(id))
            .map(|(&number, row)| (number, row))
    }

    pub(crate) fn stream_by_key(&self, key: StreamKey) -> Option<(u32, &StreamRow)> {
        let selector = key.selector();
        self.streams
            .iter()
            .find(|(_, row)| row.selector == selector)
            .map(|(&number, row)| (number, row))
    }

    /// What a followed stream is and whose; `None` for one of a later version.
    pub(crate) fn stream_key(&self, row: &StreamRow) -> Option<StreamKey> {
        let enrolment = self.enrolment()?;
        StreamKey::select(&row.selector, enrolment.device, enrolment.participant).ok()?
    }
}
