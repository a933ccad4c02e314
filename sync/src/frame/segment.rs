//! Clock segments that begin within a batch: another boot shortly before its first op, mostly.

use super::{
    odds::{Bit, Choice, Distance, raw},
    wire::{Learner, Wire},
};
use crate::time::ClockSegment;

/// The segments so far, and the odds of what comes.
pub(super) struct Segments {
    begins: [Bit; 2],
    boots: Choice<u64>,
    /// Of each boot the newest one.
    newest: Vec<ClockSegment>,
    /// From one boot's segment to its next one.
    jump: Distance,
    /// From the op's time back to when its boot began.
    uptime: Distance,
    /// Whether one began at the op before, as 0 or 1.
    begun_before: usize,
}

impl Segments {
    /// After these two: the request's and the first op's.
    pub(super) fn new(of_request: ClockSegment, first: ClockSegment) -> Self {
        let mut segments = Self {
            begins: [Bit::NEW; 2],
            boots: Choice::NEW,
            newest: Vec::new(),
            jump: Distance::NEW,
            uptime: Distance::NEW,
            begun_before: 1,
        };
        for segment in [of_request, first] {
            segments
                .boots
                .code(&mut Learner, segment.boot_id, |_, boot_id| boot_id);
            segments.keep(segment);
        }
        segments
    }

    /// The segment that begins at an op that claims this time, if one does.
    pub(super) fn code<W: Wire>(
        &mut self,
        wire: &mut W,
        claimed: Option<i64>,
        begun: Option<ClockSegment>,
    ) -> Option<ClockSegment> {
        let begins = match self.begins.get_mut(self.begun_before) {
            Some(odds) => odds.code(wire, begun.is_some()),
            None => begun.is_some(),
        };
        self.begun_before = usize::from(begins);
        if !begins {
            return None;
        }
        let begun = begun.unwrap_or_default();
        let boot_id = self.boots.code(wire, begun.boot_id, |wire, boot_id| {
            raw(wire, 64, 0, boot_id)
        });
        let offset_ms = begun.wall_minus_monotonic_ms;
        let known = self.newest.iter().find(|newest| newest.boot_id == boot_id);
        let wall_minus_monotonic_ms = match known {
            Some(newest) => self
                .jump
                .code(wire, newest.wall_minus_monotonic_ms, offset_ms),
            // A boot began when its monotonic clock said 0: what it is behind the wall clock by.
            None => self.uptime.code(wire, claimed.unwrap_or(0), offset_ms),
        };
        let segment = ClockSegment {
            boot_id,
            wall_minus_monotonic_ms,
        };
        self.keep(segment);
        Some(segment)
    }

    fn keep(&mut self, segment: ClockSegment) {
        let mut newest = self.newest.iter_mut();
        match newest.find(|newest| newest.boot_id == segment.boot_id) {
            Some(newest) => *newest = segment,
            None => self.newest.push(segment),
        }
    }
}
