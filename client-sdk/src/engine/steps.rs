//! Steps: what a sensor counted, and in which register each reading belongs.
//!
//! A register is named by a source and a quarter, and a later value of it supersedes a former one. So a
//! quarter must have one name however often it is read, and two quarters never the same, whatever the
//! clock says:
//!
//! - In a boot that an exchange has tied to the server's time, quarters are named by that time.
//! - What a boot has named otherwise before keeps its name, with its hour: the monotonic clock tells
//!   which quarter that was.
//! - Where a register that would be taken holds the steps of another time, of which a wrong clock said
//!   the same, the source counts on under a name of its own. An hour is the largest of its sources'
//!   sums, so that a whole hour is counted under one name.
//! - What was measured before the clock that reads it began is a sensor's memory: it is what was read
//!   before, and takes the register that has it.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::{
    admission::ClockReading,
    id::StepSourceId,
    limits::{CLOCK_SKEW_TOLERATED_MS, STEPS_PER_BUCKET_MAX},
    op::{Measure, Payload, StepCount},
    time::{ClockSegment, QUARTER_MS, Quarter, Timestamp},
};
use sha2::{Digest as _, Sha256};

use super::{
    Decided, Engine,
    draft::Draft,
    model::Register,
    record::next_revision,
    row::{OwnOp, Standing},
    server_time::{is_one_segment, wall_in},
    view::ParticipantView,
};
use crate::{Cause, Error, StepReading};

/// Names that a source may count under.
const NAMES_MAX: u8 = 64;
/// What the name of a source is derived with where its own is taken.
const NAME_DOMAIN: &[u8] = b"askel/step-source/v1\0";

/// Step registers, written or left.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StepsMade {
    pub(crate) written: usize,
    pub(crate) unchanged: usize,
    pub(crate) left_out: usize,
}

/// A counting device and what it counts.
type Counter = (StepSourceId, Measure);

/// The clocks of one decision.
struct Clocks {
    /// The phone's.
    read: ClockReading,
    /// The one that names quarters: the server's time where this boot is tied to it and the phone's
    /// clock is off, else the phone's.
    names: ClockReading,
    is_tied: bool,
    /// When the clock that reads began, by the one that names: the boot, or the last op that was written
    /// by this boot's clock before it jumped.
    began: Timestamp,
    /// What this boot's clock was when it wrote other ops.
    others: Vec<ClockSegment>,
}

/// A register, and the clock that names it.
struct Named {
    source: StepSourceId,
    bucket: Quarter,
    clock: ClockReading,
}

impl Engine {
    /// What sensors counted. A count out of bounds has none recorded; readings of a time that is not yet,
    /// or before 1970, are left out.
    pub(crate) fn record_steps(
        &self,
        source: StepSourceId,
        measure: Measure,
        readings: &[StepReading],
        now: ClockReading,
    ) -> Result<Decided<StepsMade>, Error> {
        let view = self.participant()?;
        if measure == Measure::Unspecified {
            return Err(Cause::OutOfBounds("the measure").into());
        }
        let clocks = self.clocks(now);
        let mut made = StepsMade::default();
        // Of several readings of one bucket the last holds.
        let mut newest = BTreeMap::new();
        for reading in readings {
            if reading.count > STEPS_PER_BUCKET_MAX {
                return Err(Cause::OutOfBounds("a step count").into());
            }
            match clocks.bucket(reading.at) {
                Some((bucket, at)) => {
                    newest.insert(bucket, (at, reading.count));
                }
                None => made.left_out = made.left_out.saturating_add(1),
            }
        }
        // What is archived of a quarter decides as if it had been folded.
        let mut looked_at = newest.iter().flat_map(|(bucket, (at, _))| {
            let others = clocks.others.iter();
            let others =
                others.filter_map(|other| Quarter::containing(clocks.wall_of(*at, *other)));
            let first = self.view.catalog.hour_of(*bucket);
            others
                .map(|named| self.view.catalog.hour_of(named))
                .chain([first])
        });
        let is_here = looked_at.all(|bucket| view.has_registers_of(bucket));
        let whole = (!is_here).then(|| self.whole_view());
        let whole = whole.as_ref().and_then(|view| view.participant.as_ref());
        let view = whole.unwrap_or(view);
        let mut draft = Draft::new(&self.model);
        for (bucket, (at, count)) in newest {
            let named = self
                .named_before((source, measure), (bucket, at), &clocks)
                .unwrap_or_else(|| {
                    let source = self.source_of(view, (source, measure), (bucket, count), &clocks);
                    let clock = clocks.names;
                    Named {
                        source,
                        bucket,
                        clock,
                    }
                });
            if view.shown.step_count(named.source, measure, named.bucket) == Some(count) {
                continue;
            }
            let register = StepCount {
                source: named.source,
                bucket: named.bucket,
                count,
                revision: 1,
                measure,
            };
            self.set_steps(&mut draft, view, register, named.clock)?;
            made.written = made.written.saturating_add(1);
        }
        let known = made.written.saturating_add(made.left_out);
        made.unchanged = readings.len().saturating_sub(known);
        Ok(Decided::new(draft.finish(), made))
    }

    fn clocks(&self, read: ClockReading) -> Clocks {
        let tied = self.tied(read);
        let is_off = |tied: &ClockReading| {
            let off_ms = tied.wall.saturating_ms_since(read.wall);
            off_ms.saturating_abs() > CLOCK_SKEW_TOLERATED_MS
        };
        let names = tied.filter(is_off).unwrap_or(read);
        let boot_id = read.segment.boot_id;
        let in_boot = |own: &&OwnOp| boot_id != 0 && own.segment.boot_id == boot_id;
        let before_a_jump = |segment: ClockSegment| {
            let moved_ms = segment
                .wall_minus_monotonic_ms
                .saturating_sub(names.segment.wall_minus_monotonic_ms);
            moved_ms.saturating_abs() > CLOCK_SKEW_TOLERATED_MS
        };
        let mut began = Timestamp::from_ms(names.segment.wall_minus_monotonic_ms);
        let mut others = BTreeSet::new();
        for own in self.model.own.values().filter(in_boot) {
            if before_a_jump(own.segment) {
                others.insert(own.segment.wall_minus_monotonic_ms);
            }
            let is_of_this_clock = is_one_segment(own.segment, read.segment)
                || is_one_segment(own.segment, names.segment);
            if !is_of_this_clock {
                began = began.max(wall_in(own.written_at, own.segment, names.segment));
            }
        }
        let other = |wall_minus_monotonic_ms| ClockSegment {
            boot_id,
            wall_minus_monotonic_ms,
        };
        Clocks {
            read,
            names,
            is_tied: tied.is_some(),
            began,
            others: others.into_iter().map(other).collect(),
        }
    }

    /// The name that a quarter has since before this boot was tied, or since before its clock jumped. An
    /// hour that was begun so goes on so.
    fn named_before(
        &self,
        (source, measure): Counter,
        (bucket, at): (Quarter, Timestamp),
        clocks: &Clocks,
    ) -> Option<Named> {
        clocks.others.iter().find_map(|other| {
            let middle = |quarter: Quarter| quarter.begins_at().saturating_add_ms(QUARTER_MS / 2);
            let by_other = |at| Quarter::containing(clocks.wall_of(at, *other));
            let is_written = |source: StepSourceId, named: Quarter| {
                let own = self.own_steps((source, measure), named);
                own.is_some_and(|own| is_one_segment(own.segment, *other))
            };
            let named = by_other(at)?;
            let source = names_of(source).find(|source| {
                let hour = quarters_of(self.view.catalog.hour_of(bucket));
                let hour = hour.filter_map(|quarter| by_other(middle(quarter)));
                hour.chain([named]).any(|named| is_written(*source, named))
            })?;
            Some(Named {
                source,
                bucket: named,
                clock: ClockReading {
                    wall: clocks.wall_of(clocks.names.wall, *other),
                    segment: *other,
                },
            })
        })
    }

    /// The name under which a source counts in a quarter.
    fn source_of(
        &self,
        view: &ParticipantView,
        (source, measure): Counter,
        (bucket, count): (Quarter, u32),
        clocks: &Clocks,
    ) -> StepSourceId {
        let ends_at = bucket.begins_at().saturating_add_ms(QUARTER_MS);
        if ends_at <= clocks.began {
            let held = |source: &StepSourceId| view.shown.step_count(*source, measure, bucket);
            let has_it = |source: &StepSourceId| held(source) == Some(count);
            let is_of_then = |source: &StepSourceId| {
                held(source).is_some() && !counts_elsewhere(view, (*source, measure), bucket)
            };
            return names_of(source)
                .find(has_it)
                .or_else(|| names_of(source).find(is_of_then))
                .unwrap_or(source);
        }
        let hour = self.view.catalog.hour_of(bucket);
        let is_free = |source: &StepSourceId| {
            let mut hour = quarters_of(hour);
            !hour.any(|quarter| self.is_of_another_time(view, (*source, measure), quarter, clocks))
        };
        names_of(source)
            .find(is_free)
            .or_else(|| names_of(source).last())
            .unwrap_or(source)
    }

    /// Whether a register holds steps of another time than the quarter that it would be now.
    fn is_of_another_time(
        &self,
        view: &ParticipantView,
        counter: Counter,
        bucket: Quarter,
        clocks: &Clocks,
    ) -> bool {
        let now = clocks.names.segment;
        let elsewhere = || counts_elsewhere(view, counter, bucket);
        let Some(own) = self.own_steps(counter, bucket) else {
            return elsewhere();
        };
        if is_one_segment(own.segment, now) {
            return false;
        }
        if now.boot_id == 0 {
            return false;
        }
        if own.segment.boot_id == now.boot_id {
            let moved_ms = own
                .segment
                .wall_minus_monotonic_ms
                .saturating_sub(now.wall_minus_monotonic_ms);
            return moved_ms.saturating_abs() >= QUARTER_MS;
        }
        // No boot begins before the one before it wrote its last.
        let booted_at = Timestamp::from_ms(now.wall_minus_monotonic_ms);
        own.written_at > booted_at || (clocks.is_tied && elsewhere())
    }

    fn own_steps(&self, (source, measure): Counter, bucket: Quarter) -> Option<&OwnOp> {
        let register = Register::steps(source, measure, bucket);
        let (_, own) = self.model.own_register(register)?;
        (!matches!(own.standing, Standing::Rejected { .. })).then_some(own)
    }

    /// In the register's own slot while it is unsealed, else as a new op; one revision above what is
    /// known and can't change any more.
    fn set_steps(
        &self,
        draft: &mut Draft<'_>,
        view: &ParticipantView,
        register: StepCount,
        now: ClockReading,
    ) -> Result<(), Error> {
        let StepCount {
            source,
            bucket,
            measure,
            ..
        } = register;
        let own = self
            .model
            .own_register(Register::steps(source, measure, bucket));
        if let Some((number, held)) = own.filter(|(_, own)| self.model.is_unsealed(own)) {
            let in_slot = match held.op.parse() {
                Ok(Some(Payload::StepCount(count))) => count.revision,
                _ => 1,
            };
            let confirmed = view.confirmed().step_revision(source, measure, bucket);
            let revision = in_slot.max(next_revision(confirmed)?);
            let payload = Payload::StepCount(StepCount {
                revision,
                ..register
            });
            draft.rewrite_op(number, held, &payload, now);
        } else {
            let known = view.shown.step_revision(source, measure, bucket);
            let revision = next_revision(known)?;
            let payload = Payload::StepCount(StepCount {
                revision,
                ..register
            });
            draft.write_op(&payload, now)?;
        }
        Ok(())
    }
}

impl Clocks {
    /// The quarter of a reading, and its time by the clock that names; `None` for one that is not yet.
    /// What the phone's clock says of a reading is most likely as far off as that clock. Where that can't
    /// be, another clock said it, and it stands.
    fn bucket(&self, at: Timestamp) -> Option<(Quarter, Timestamp)> {
        let latest = self.names.wall.saturating_add_ms(CLOCK_SKEW_TOLERATED_MS);
        let by_tie = wall_in(at, self.read.segment, self.names.segment);
        [by_tie, at].into_iter().find_map(|at| {
            let bucket = Quarter::containing(at)?;
            (bucket.begins_at() <= latest).then_some((bucket, at))
        })
    }

    /// What another clock of this boot said at an instant of the one that names.
    fn wall_of(&self, at: Timestamp, other: ClockSegment) -> Timestamp {
        wall_in(at, self.names.segment, other)
    }
}

/// Whether a register that a wrong clock named counts where that clock was corrected to.
fn counts_elsewhere(view: &ParticipantView, (source, measure): Counter, bucket: Quarter) -> bool {
    let counted = view.shown.step_quarter(source, measure, bucket);
    counted.is_some_and(|quarter| quarter.get().abs_diff(bucket.get()) > 1)
}

/// The names a source may count under, its own first.
fn names_of(source: StepSourceId) -> impl Iterator<Item = StepSourceId> {
    let derived = move |number: u8| {
        let digest = Sha256::new()
            .chain_update(NAME_DOMAIN)
            .chain_update(source.as_bytes())
            .chain_update([number])
            .finalize();
        let name = digest.first_chunk().copied();
        StepSourceId::from_bytes(name.unwrap_or_default())
    };
    [source].into_iter().chain((1..NAMES_MAX).map(derived))
}

/// The quarters of an hour.
fn quarters_of(hour: Quarter) -> impl Iterator<Item = Quarter> {
    (0..4).map(move |quarter| Quarter::new(hour.get().saturating_add(quarter)))
}
