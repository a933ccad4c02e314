//! Day totals that stand for step registers nobody has loaded.
//!
//! Whoever shows days needs no quarters of long ago. A reader may keep those apart, *archived*, and
//! beside them the totals they come to. The totals hold as they are while every other step count is
//! *apart* from the archive: it is a value of another register, and counts on a later day. Then no
//! day is made of both, and what is shown is what a fold of everything would show. As soon as one
//! op is not apart, nothing of the totals can be used, and the archived ops are folded like any
//! others: all or nothing.

use std::collections::BTreeMap;

use super::{ParticipantState, steps::day_of};
use crate::{
    admission::{Admission, AdmittedOp, counted_in},
    catalog::Catalog,
    id::ParticipantId,
    op::{Measure, Op, OpKind, Payload, StepCount},
    time::{LocalDate, Quarter},
};

/// What archived ops come to: of step counts the totals, a day at a time. Of an evidence no fold makes
/// anything; it may be archived too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedDays {
    before: Quarter,
    zone: [u8; 8],
    days: BTreeMap<(Measure, LocalDate), u64>,
    last: Option<LocalDate>,
}

impl ArchivedDays {
    /// Whether an op may be archived before a quarter: a step count that is named by an earlier one and
    /// counts in an earlier one, or an evidence.
    pub fn takes(before: Quarter, admitted: &AdmittedOp) -> bool {
        if admitted.op.kind == OpKind::Evidence as u32 {
            return true;
        }
        step_count(&admitted.op).is_some_and(|count| {
            let counted = counted_in(&count, &admitted.admission);
            count.bucket < before && counted.is_some_and(|quarter| quarter < before)
        })
    }

    /// What ops come to for a participant. Each has to be one that [`Self::takes`] says yes to; others
    /// change nothing.
    pub fn of<'a>(
        participant: ParticipantId,
        ops: impl IntoIterator<Item = &'a AdmittedOp>,
        before: Quarter,
        catalog: &Catalog,
    ) -> Self {
        let taken = ops.into_iter().filter(|op| Self::takes(before, op));
        let state = ParticipantState::fold(participant, taken, catalog);
        Self::from_parts(before, zone_before(before, catalog), state.all_days())
    }

    /// From what was kept of [`Self::of`].
    pub fn from_parts(
        before: Quarter,
        zone: [u8; 8],
        days: impl IntoIterator<Item = ((Measure, LocalDate), u64)>,
    ) -> Self {
        let days: BTreeMap<(Measure, LocalDate), u64> = days.into_iter().collect();
        let last = days.keys().map(|(_, date)| *date).max();
        Self {
            before,
            zone,
            days,
            last,
        }
    }

    /// The quarter that all archived ops are named by an earlier one than, and count earlier than.
    pub fn before(&self) -> Quarter {
        self.before
    }

    /// What the tenant's zone was until then, as a hash.
    pub fn zone(&self) -> [u8; 8] {
        self.zone
    }

    /// The totals of every measure, by measure and day.
    pub fn days(&self) -> impl Iterator<Item = ((Measure, LocalDate), u64)> + use<'_> {
        self.days.iter().map(|(day, total)| (*day, *total))
    }

    /// The totals of a measure, by day.
    pub fn days_of(&self, measure: Measure) -> impl Iterator<Item = (LocalDate, u64)> + use<'_> {
        let first = LocalDate::from_days(i32::MIN);
        let last = LocalDate::from_days(i32::MAX);
        let days = self.days.range((measure, first)..=(measure, last));
        days.map(|((_, date), total)| (*date, *total))
    }

    /// Whether a catalog cuts the archived quarters into the same days.
    pub fn holds_under(&self, catalog: &Catalog) -> bool {
        self.zone == zone_before(self.before, catalog)
    }

    /// Whether an op that is not archived leaves the totals as they are.
    pub fn is_apart(&self, admitted: &AdmittedOp, catalog: &Catalog) -> bool {
        let Some(count) = step_count(&admitted.op) else {
            return true;
        };
        self.is_count_apart(&count, &admitted.admission, catalog)
    }

    /// The same of a step count.
    pub fn is_count_apart(
        &self,
        count: &StepCount,
        admission: &Admission,
        catalog: &Catalog,
    ) -> bool {
        // One that counts nowhere is no register's value.
        let Some(quarter) = counted_in(count, admission) else {
            return true;
        };
        count.bucket >= self.before && self.last.is_none_or(|last| day_of(quarter, catalog) > last)
    }

    /// Whether an op that nobody has judged is surely none of the archived ones.
    pub fn is_named_apart(&self, op: &Op) -> bool {
        step_count(op).is_none_or(|count| count.bucket >= self.before)
    }
}

/// The first quarter of the local day that a quarter counts on: a quarter to archive before, so that
/// no day is cut in two.
pub fn day_begins(quarter: Quarter, catalog: &Catalog) -> Quarter {
    let date = day_of(quarter, catalog);
    let mut first = quarter;
    // Where a clock is set back over midnight, the later part of the day is as good a beginning.
    while first.get() > 0 {
        let earlier = Quarter::new(first.get().saturating_sub(1));
        if day_of(earlier, catalog) != date {
            break;
        }
        first = earlier;
    }
    first
}

fn step_count(op: &Op) -> Option<StepCount> {
    if op.kind != OpKind::StepCount as u32 {
        return None;
    }
    match op.parse() {
        Ok(Some(Payload::StepCount(count))) => Some(count),
        _ => None,
    }
}

/// Of the tenant's zone only what decides about earlier quarters: later versions of a catalog add to
/// its end.
fn zone_before(before: Quarter, catalog: &Catalog) -> [u8; 8] {
    catalog.home_zone().hash_until(before.begins_at())
}
