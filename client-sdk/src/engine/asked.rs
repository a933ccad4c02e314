//! What a request asked for: an answer is read by it.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use askel_proto::v1;
use askel_sync::{
    admission::ClockReading, frame::Chain, id::LogId, stream::listed::neighbour, time::Timestamp,
};

use super::row::BatchRow;

/// What a request asked for and handed in: an answer is read by it. An outcome without exceptions accepts
/// what was sent, and nothing else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(super) batches: Vec<(LogId, Range<u64>)>,
    /// In the short form: the standard streams, in their order, then the places' days it lists.
    pub(super) streams: Option<Vec<AskedStream>>,
    /// How many of them are places' days.
    pub(super) days: usize,
    /// The log that new ops go to.
    pub(super) open_log: Option<LogId>,
    /// The first sequence of it that was not sealed.
    pub(super) sealed_before: u64,
    /// In the short form: how many of the last positions of the participant's stream are held.
    pub(super) context_ops: u32,
    /// The clock that was told.
    pub(super) clock_told: Option<ClockReading>,
    /// Set when the sums of all streams were told.
    pub(super) sums_told_at: Option<Timestamp>,
    /// Whether it was said that pages may refer to nothing.
    pub(super) in_full: bool,
    /// What the page before told, for the next one of a snapshot to go on from.
    pub(super) page_before: Arc<Mutex<Option<Told>>>,
    /// The rows of the frames handed in.
    pub(super) frames: Vec<u32>,
    /// The rows of the pages handed back.
    pub(super) returned: Vec<u32>,
    /// The rows of pages of which it said that nothing is missing.
    pub(super) told: Vec<u32>,
}

/// What a page of a stream told, and where it ended.
#[derive(Debug)]
pub(super) struct Told {
    stream: u32,
    next_position: u64,
    chain: Box<Chain>,
}

/// A stream as a short form asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AskedStream {
    pub(super) row: u32,
    /// The last position committed.
    pub(super) position: u64,
}

impl Asked {
    /// Whether this was the short form.
    pub(crate) fn is_short(&self) -> bool {
        self.streams.is_some()
    }

    /// Whether pages may refer to nothing in the answer.
    pub(crate) fn is_in_full(&self) -> bool {
        self.in_full
    }

    /// A stream of the short form by its index from 1.
    pub(super) fn stream(&self, index: u32) -> Option<AskedStream> {
        let index = usize::try_from(index).ok()?.checked_sub(1)?;
        self.streams.as_ref()?.get(index).copied()
    }

    /// Of a place's day, by its index from 1, and of those listed before it, the nearest of which this
    /// device held anything.
    pub(super) fn neighbour(&self, index: u32) -> Option<AskedStream> {
        let streams = self.streams.as_ref()?;
        let standard = streams.len().checked_sub(self.days)?;
        let days = streams.get(standard..)?;
        let index = usize::try_from(index).ok()?.checked_sub(1)?;
        let positions: Vec<u64> = days.iter().map(|day| day.position).collect();
        let found = neighbour(&positions, index.checked_sub(standard)?)?;
        days.get(found).copied()
    }

    /// How many of the streams are the standard ones.
    pub(super) fn standard_streams(&self) -> usize {
        let streams = self.streams.as_ref().map_or(0, Vec::len);
        streams.saturating_sub(self.days)
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

    /// What an answer to a short form means that says nothing of outcomes: everything sent is accepted.
    /// `None` where nothing was sent.
    pub(crate) fn all_accepted(&self) -> Option<v1::Outcomes> {
        let of_open_log = |(log, _): &(LogId, _)| Some(*log) == self.open_log;
        let sent = self.is_short() && self.batches.iter().any(of_open_log);
        sent.then(|| v1::Outcomes {
            logs: vec![v1::LogOutcome {
                settled_before: self.sealed_before,
                ..v1::LogOutcome::default()
            }],
            frames: Vec::new(),
        })
    }

    /// Where the columns of a page go on; `None` if it begins by itself or the page before it is not here.
    pub(super) fn chain_before(&self, page: &v1::Page, stream: u32) -> Option<Box<Chain>> {
        let told = self.page_before().take().filter(|_| page.goes_on)?;
        let joins =
            told.stream == stream && told.next_position.checked_add(1) == Some(page.first_position);
        joins.then_some(told.chain)
    }

    /// Where the page after the last one of a stream begins, if it goes on.
    pub(super) fn goes_on_at(&self, stream: u32) -> Option<u64> {
        let before = self.page_before();
        let before = before.as_ref().filter(|told| told.stream == stream)?;
        before.next_position.checked_add(1)
    }

    /// Keeps what a page of a snapshot told.
    pub(super) fn keep_chain(&self, page: &v1::Page, stream: u32, chain: Box<Chain>) {
        *self.page_before() = page.snapshot.then_some(Told {
            stream,
            next_position: page.next_position,
            chain,
        });
    }

    fn page_before(&self) -> MutexGuard<'_, Option<Told>> {
        self.page_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
