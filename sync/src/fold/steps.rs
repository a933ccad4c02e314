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
    op::Measure,
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

/// One device counting one thing.
type Counter = (Measure, StepSourceId);

/// What a source has in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct SourceHour {
    sum: u64,
    readings: u32,
}

/// A local day that has readings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Day {
    /// What it comes to. A day without steps that was counted stands with 0.
    sum: u64,
    /// By local hour, which its first quarter names, and source.
    hours: BTreeMap<(Quarter, StepSourceId), SourceHour>,
}

/// A reading in the day and hour where it counts.
#[derive(Debug, Clone, Copy)]
struct Counted {
    day: (Measure, LocalDate),
    hour: Quarter,
    source: StepSourceId,
    count: u32,
}

/// The fold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Steps {
    registers: BTreeMap<Counter, BTreeMap<Quarter, Reading>>,
    days: BTreeMap<(Measure, LocalDate), Day>,
}

impl Steps {
    /// Takes in a reading of a register.
    pub(super) fn apply(
        &mut self,
        register: Register,
        reading: Reading,
        catalog: &Catalog,
    ) -> Vec<FactChange> {
        let (measure, source, bucket) = register;
        let readings = self.registers.entry((measure, source)).or_default();
        let former = readings.get(&bucket).copied();
        if former.is_some_and(|former| (former >= reading) != crate::planted!(LowerRevisionWins)) {
            return Vec::new();
        }
        readings.insert(bucket, reading);
        let counter = (measure, source);
        let left = former.map(|former| self.count(counter, former, Count::Out, catalog));
        let joined = self.count(counter, reading, Count::In, catalog);
        Moved::changes(left.into_iter().chain([joined]))
    }

    /// Takes in many readings: the same as one by one, at once if there are none yet.
    pub(super) fn apply_all(&mut self, readings: &[(Register, Reading)], catalog: &Catalog) {
        if !self.registers.is_empty() || crate::planted!(LowerRevisionWins) {
            for (register, reading) in readings {
                self.apply(*register, *reading, catalog);
            }
            return;
        }
        let counter = |(register, _): &(Register, Reading)| (register.0, register.1);
        let mut counters: BTreeMap<Counter, Vec<(Quarter, Reading)>> = BTreeMap::new();
        for run in readings.chunk_by(|one, next| counter(one) == counter(next)) {
            if let Some(first) = run.first() {
                let held = counters.entry(counter(first)).or_default();
                held.extend(run.iter().map(|(register, reading)| (register.2, *reading)));
            }
        }
        for (counter, mut readings) in counters {
            // Of one register the last stays, which is the greatest then.
            readings.sort();
            self.registers
                .insert(counter, readings.into_iter().collect());
        }
        self.rebase(catalog);
    }

    pub(super) fn registers(&self) -> impl Iterator<Item = (Register, &Reading)> {
        self.registers
            .iter()
            .flat_map(|(&(measure, source), readings)| {
                readings
                    .iter()
                    .map(move |(&bucket, reading)| ((measure, source, bucket), reading))
            })
    }

    pub(super) fn reading(&self, (measure, source, bucket): Register) -> Option<Reading> {
        let readings = self.registers.get(&(measure, source))?;
        readings.get(&bucket).copied()
    }

    pub(super) fn days(&self) -> impl Iterator<Item = ((Measure, LocalDate), u64)> + use<'_> {
        self.days.iter().map(|(day, held)| (*day, held.sum))
    }

    pub(super) fn days_of(
        &self,
        measure: Measure,
    ) -> impl Iterator<Item = (LocalDate, u64)> + use<'_> {
        let first = LocalDate::from_days(i32::MIN);
        let last = LocalDate::from_days(i32::MAX);
        let days = self.days.range((measure, first)..=(measure, last));
        days.map(|((_, date), held)| (*date, held.sum))
    }

    /// The same facts under another catalog.
    pub(super) fn rebase(&mut self, catalog: &Catalog) {
        self.days.clear();
        let mut counted: Vec<Counted> = self
            .registers()
            .map(|((measure, source, _), reading)| {
                Counted::of((measure, source), *reading, catalog)
            })
            .collect();
        counted.sort_by_key(|one| (one.day.0, one.hour, one.source));
        for of_day in counted.chunk_by(|one, next| one.day == next.day) {
            if let Some(first) = of_day.first() {
                // Where a clock is set back over midnight, a day may come twice.
                self.days.entry(first.day).or_default().add(of_day);
            }
        }
    }

    /// Counts a reading in its hour and day, or takes it out again.
    fn count(
        &mut self,
        counter: Counter,
        reading: Reading,
        count: Count,
        catalog: &Catalog,
    ) -> Moved {
        let placed = Counted::of(counter, reading, catalog);
        let day = self.days.entry(placed.day).or_default();
        let before = day.sum;
        let hour_before = day.hour(placed.hour);
        let key = (placed.hour, placed.source);
        let of_source = day.hours.entry(key).or_default();
        match count {
            Count::In => of_source.add(placed.count),
            Count::Out => {
                of_source.sum = of_source.sum.saturating_sub(placed.count.into());
                of_source.readings = of_source.readings.saturating_sub(1);
                if of_source.readings == 0 {
                    day.hours.remove(&key);
                }
            }
        }
        let after = before
            .saturating_sub(hour_before)
            .saturating_add(day.hour(placed.hour));
        day.sum = after;
        if day.hours.is_empty() {
            self.days.remove(&placed.day);
        }
        Moved {
            day: placed.day,
            before,
            after,
        }
    }
}

impl Counted {
    fn of((measure, source): Counter, reading: Reading, catalog: &Catalog) -> Self {
        let hour = catalog.hour_of(reading.quarter);
        Self {
            day: (measure, catalog.midnight_date(hour.begins_at())),
            hour,
            source,
            count: reading.count,
        }
    }
}

impl SourceHour {
    fn add(&mut self, count: u32) {
        self.sum = self.sum.saturating_add(count.into());
        self.readings = self.readings.saturating_add(1);
    }
}

impl Day {
    /// What an hour comes to.
    fn hour(&self, hour: Quarter) -> u64 {
        let first = StepSourceId::from_bytes([0; 16]);
        let last = StepSourceId::from_bytes([u8::MAX; 16]);
        let sources = self.hours.range((hour, first)..=(hour, last));
        largest(sources.map(|(_, of_source)| *of_source))
    }

    /// Counts readings, in ascending order, of hours that are not there yet.
    fn add(&mut self, readings: &[Counted]) {
        let mut hours: Vec<((Quarter, StepSourceId), SourceHour)> = Vec::new();
        for of_hour in readings.chunk_by(|one, next| one.hour == next.hour) {
            let from = hours.len();
            for of_source in of_hour.chunk_by(|one, next| one.source == next.source) {
                let mut sum = SourceHour::default();
                for reading in of_source {
                    sum.add(reading.count);
                }
                let first = of_source.first();
                hours.extend(first.map(|first| ((first.hour, first.source), sum)));
            }
            let added = hours.iter().skip(from).map(|(_, of_source)| *of_source);
            self.sum = self.sum.saturating_add(largest(added));
        }
        self.hours.append(&mut hours.into_iter().collect());
    }
}

fn largest(sources: impl Iterator<Item = SourceHour>) -> u64 {
    let largest = sources.map(|of_source| of_source.sum).max().unwrap_or(0);
    largest.min(STEPS_PER_HOUR_MAX)
}

/// The local day that a quarter counts on.
pub(super) fn day_of(quarter: Quarter, catalog: &Catalog) -> LocalDate {
    catalog.midnight_date(catalog.hour_of(quarter).begins_at())
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
