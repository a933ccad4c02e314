//! Steps: registers per (measure, source, quarter), and what a day comes to.
//!
//! The highest revision holds; of equal revisions the larger count, so that order never matters. A
//! person has one body: an hour is the largest of its sources' sums, not their sum. A day is the sum
//! of its hours. Hours and days are local, in the tenant's own zone; an hour belongs to the day it
//! begins on.

use std::collections::BTreeMap;

use super::FactChange;
use crate::{
    catalog::Catalog,
    id::StepSourceId,
    op::{Measure, StepCount},
    time::{LocalDate, Quarter},
};

/// A register's value; the greater holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reading {
    pub revision: u32,
    pub count: u32,
}

/// What names a register.
pub(super) type Register = (Measure, StepSourceId, Quarter);

/// The fold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Steps {
    registers: BTreeMap<Register, Reading>,
    /// Sums of each source by local hour, which its first quarter names.
    hours: BTreeMap<(Measure, Quarter), BTreeMap<StepSourceId, u64>>,
    /// A day without steps that was counted stands with 0.
    days: BTreeMap<(Measure, LocalDate), u64>,
}

impl Steps {
    pub(super) fn apply(&mut self, count: &StepCount, catalog: &Catalog) -> Option<FactChange> {
        let register = (count.measure, count.source, count.bucket);
        let reading = Reading {
            revision: count.revision,
            count: count.count,
        };
        let former = self.registers.get(&register).copied();
        if former.is_some_and(|former| former >= reading) {
            return None;
        }
        self.registers.insert(register, reading);
        self.move_hour(
            register,
            former.map_or(0, |former| former.count),
            reading.count,
            catalog,
        )
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
        for (register, reading) in self.registers.clone() {
            self.move_hour(register, 0, reading.count, catalog);
        }
    }

    fn move_hour(
        &mut self,
        (measure, source, bucket): Register,
        before: u32,
        after: u32,
        catalog: &Catalog,
    ) -> Option<FactChange> {
        let hour = catalog.hour_of(bucket);
        let sources = self.hours.entry((measure, hour)).or_default();
        let largest = |sources: &BTreeMap<_, u64>| sources.values().copied().max().unwrap_or(0);
        let hour_before = largest(sources);
        let sum = sources.entry(source).or_default();
        *sum = sum
            .saturating_sub(before.into())
            .saturating_add(after.into());
        let hour_after = largest(sources);
        let date = catalog.midnight_date(hour.begins_at());
        let day = self.days.entry((measure, date)).or_default();
        let day_before = *day;
        *day = day.saturating_sub(hour_before).saturating_add(hour_after);
        let change = FactChange::DaySteps {
            measure,
            date,
            before: day_before,
            after: *day,
        };
        (day_before != *day).then_some(change)
    }
}
