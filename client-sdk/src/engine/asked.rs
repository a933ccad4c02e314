//! What a request asked for: an answer is read by it.

use std::ops::Range;

use askel_proto::v1;
use askel_sync::id::LogId;

use super::row::BatchRow;

/// What a request asked for and handed in: an answer is read by it. An outcome without exceptions accepts
/// what was sent, and nothing else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(super) batches: Vec<(LogId, Range<u64>)>,
    /// In the short form: the rows of the standard streams, in their order.
    pub(super) standard: Option<Vec<u32>>,
    /// The log that new ops go to.
    pub(super) open_log: Option<LogId>,
    /// Whether it was said that pages may refer to nothing.
    pub(super) in_full: bool,
    /// The rows of the frames handed in.
    pub(super) frames: Vec<u32>,
    /// The rows of the pages handed back.
    pub(super) returned: Vec<u32>,
}

impl Asked {
    /// Whether this was the short form.
    pub(crate) fn is_short(&self) -> bool {
        self.standard.is_some()
    }

    /// Whether pages may refer to nothing in the answer.
    pub(crate) fn is_in_full(&self) -> bool {
        self.in_full
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
