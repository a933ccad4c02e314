//! Steps: registers per (measure, source, quarter), and what a day comes to.
//!
//! The highest revision holds; of equal revisions the larger count, then the later quarter, so that
//! order never matters. A register counts in the quarter that admission found, which differs from
//! the one that names it where the writer's clock was off. A person has one body: an hour is the
//! largest of its sources' sums, not their sum, and none holds more than four full quarters. A day is
//! the sum of its hours. Hours and days are local, in the tenant's own zone; an hour belongs to the
//! day it begins on.

use std::collections::BTreeMap;

use super::FactChange;
use crate::{
    catalog::Catalog,
    id::StepSourceId,
    limits::STEPS_PER_BUCKET_MAX,
    op::{Measure, StepCount},
    time::{LocalDate, Quarter},
};

/// A register's value; the greater holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reading {
    pub revision: u32,
    pub count: u32,
    /// Where it counts.
    pub quarter: Quarter,
}

/// What an hour of one source may come to: a wrong clock can put more quarters than four into one.
const STEPS_PER_HOUR_MAX: u64 = 4 * STEPS_PER_BUCKET_MAX as u64;

/// What names a register.
pub(super) type Register = (Measure, StepSourceId, Quarter);

/// What a source has in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct SourceHour {
    sum: u64,
    readings: u32,
}

/// The fold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Steps {
    registers: BTreeMap<Register, Reading>,
    /// Sums of each source by local hour, which its first quarter names.
    hours: BTreeMap<(Measure, Quarter), BTreeMap<StepSourceId, SourceHour>>,
    /// A day without steps that was counted stands with 0.
    days: BTreeMap<(Measure, LocalDate), u64>,
    /// How many readings count in each day.
    counted: BTreeMap<(Measure, LocalDate), u32>,
}

impl Steps {
    /// Takes in a count that admission found to be of `quarter`.
    pub(super) fn apply(
        &mut self,
        count: &StepCount,
        quarter: Quarter,
        catalog: &Catalog,
    ) -> Vec<FactChange> {
        let register = (count.measure, count.source, count.bucket);
        let reading = Reading {
            revision: count.revision,
            count: count.count,
            quarter,
        };
        let former = self.registers.get(&register).copied();
        if former.is_some_and(|former| (former >= reading) != crate::planted!(LowerRevisionWins)) {
            return Vec::new();
        }
        self.registers.insert(register, reading);
        let left = former.map(|former| self.count(register, former, Count::Out, catalog));
        let joined = self.count(register, reading, Count::In, catalog);
        Moved::changes(left.into_iter().chain([joined]))
    }

    pub(super) fn registers(&self) -> &BTreeMap<Register, Reading> {
        &self.registers
    }

    pub(super) fn reading(&self, register: &Register) -> Option<Reading> {
        self.registers.get(register).copied()
    }

    pub(super) fn days(&self) -> &BTreeMap<(Measure, LocalDate), u64> {
        &self.days
    }

    pub(super) fn days_of(
        &self,
        measure: Measure,
    ) -> impl Iterator<Item = (LocalDate, u64)> + use<'_> {
        let first = LocalDate::from_days(i32::MIN);
        let last = LocalDate::from_days(i32::MAX);
        let days = self.days.range((measure, first)..=(measure, last));
        days.map(|((_, date), sum)| (*date, *sum))
    }

    /// The same facts under another catalog.
    pub(super) fn rebase(&mut self, catalog: &Catalog) {
        self.hours.clear();
        self.days.clear();
        self.counted.clear();
        for (register, reading) in self.registers.clone() {
            self.count(register, reading, Count::In, catalog);
        }
    }

    /// Counts a reading in its hour and day, or takes it out again.
    fn count(
        &mut self,
        (measure, source, _): Register,
        reading: Reading,
        count: Count,
        catalog: &Catalog,
    ) -> Moved {
        let hour = catalog.hour_of(reading.quarter);
        let day = (measure, catalog.midnight_date(hour.begins_at()));
        let sources = self.hours.entry((measure, hour)).or_default();
        let largest = |sources: &BTreeMap<_, SourceHour>| {
            let largest = sources.values().map(|hour| hour.sum).max().unwrap_or(0);
            largest.min(STEPS_PER_HOUR_MAX)
        };
        let hour_before = largest(sources);
        let of_source = sources.entry(source).or_default();
        let counted = self.counted.entry(day).or_default();
        match count {
            Count::In => {
                of_source.sum = of_source.sum.saturating_add(reading.count.into());
                of_source.readings = of_source.readings.saturating_add(1);
                *counted = counted.saturating_add(1);
            }
            Count::Out => {
                of_source.sum = of_source.sum.saturating_sub(reading.count.into());
                of_source.readings = of_source.readings.saturating_sub(1);
                *counted = counted.saturating_sub(1);
            }
        }
        let is_counted = *counted > 0;
        let hour_after = largest(sources);
        sources.retain(|_, hour| hour.readings > 0);
        if sources.is_empty() {
            self.hours.remove(&(measure, hour));
        }
        let before = self.days.get(&day).copied().unwrap_or(0);
        let after = before
            .saturating_sub(hour_before)
            .saturating_add(hour_after);
        if is_counted {
            self.days.insert(day, after);
        } else {
            self.days.remove(&day);
            self.counted.remove(&day);
        }
        Moved { day, before, after }
    }
}

/// Which way a reading goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    In,
    Out,
}

/// What a day came to, and comes to now.
struct Moved {
    day: (Measure, LocalDate),
    before: u64,
    after: u64,
}

impl Moved {
    /// The changes of at most two moves, the later of one day continuing the earlier.
    fn changes(moves: impl Iterator<Item = Self>) -> Vec<FactChange> {
        let mut days: Vec<Self> = Vec::new();
        for moved in moves {
            match days.iter_mut().find(|held| held.day == moved.day) {
                Some(held) => held.after = moved.after,
                None => days.push(moved),
            }
        }
        let changed = days.into_iter().filter(|moved| moved.before != moved.after);
        changed
            .map(
                |Self {
                     day: (measure, date),
                     before,
                     after,
                 }| FactChange::DaySteps {
                    measure,
                    date,
                    before,
                    after,
                },
            )
            .collect()
    }
}
