//! A leaf's partial state: keyed, and invertible, so that a fact can be taken out again.

use std::collections::BTreeMap;

use askel_proto::v1::{ActivityKind, DistinctBy};

use super::{Collective, Condition, Filter, MeasureMin, Unit};
use crate::{
    catalog::Catalog,
    fold::Attendance,
    id::{ActivityId, PlaceId},
    op::Measure,
    time::LocalDate,
};

/// The state of one leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Aggregate {
    /// Attendances, or the sum of a measure.
    Total(u64),
    /// How often each value occurs; a value without an occurrence has no entry.
    Distinct(BTreeMap<DistinctKey, u64>),
    /// What happened on each day; a day on which nothing did has no entry.
    Days(BTreeMap<LocalDate, Day>),
    /// Units of each contribution, in the rule's order.
    Units(Vec<u64>),
}

/// One day of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Day {
    attendances: u64,
    measured: u64,
}

/// A value that attendances differ by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DistinctKey {
    Place(PlaceId),
    Activity(ActivityId),
    Kind(ActivityKind),
    Date(LocalDate),
    Week(i32),
}

/// Whether a fact comes in or is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    In,
    Out,
}

/// A day total that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DayChange {
    pub measure: Measure,
    pub date: LocalDate,
    pub before: u64,
    pub after: u64,
}

impl Aggregate {
    /// Nothing yet.
    pub(super) fn empty(condition: &Condition) -> Self {
        match condition {
            Condition::Count(_) | Condition::Sum(_) => Self::Total(0),
            Condition::CountDistinct(..) => Self::Distinct(BTreeMap::new()),
            Condition::DaysActive(..) => Self::Days(BTreeMap::new()),
            Condition::Collective(collective) => {
                Self::Units(vec![0; collective.contributions.len()])
            }
        }
    }

    /// Adds an attendance, or takes it out.
    pub(super) fn attendance(
        &mut self,
        condition: &Condition,
        attendance: &Attendance,
        sign: Sign,
        catalog: &Catalog,
    ) {
        let admits = |filter: &Filter| filter.admits(attendance, catalog);
        match (self, condition) {
            (Self::Total(total), Condition::Count(filter)) if admits(filter) => sign.one(total),
            (Self::Distinct(values), Condition::CountDistinct(filter, by)) if admits(filter) => {
                if let Some(key) = distinct_key(*by, attendance, catalog) {
                    let occurrences = values.entry(key).or_default();
                    sign.one(occurrences);
                    if *occurrences == 0 {
                        values.remove(&key);
                    }
                }
            }
            (Self::Days(days), Condition::DaysActive(filter, _)) if admits(filter) => {
                change_day(days, attendance.key.date, |day| {
                    sign.one(&mut day.attendances);
                });
            }
            (Self::Units(units), Condition::Collective(collective)) => {
                for (units, contribution) in units.iter_mut().zip(&collective.contributions) {
                    if matches!(&contribution.unit, Unit::Attendance(filter) if admits(filter)) {
                        sign.one(units);
                    }
                }
            }
            _ => {}
        }
    }

    /// Moves a day's total of a measure.
    pub(super) fn day(&mut self, condition: &Condition, change: DayChange) {
        let moved = |value: u64| {
            value
                .saturating_sub(change.before)
                .saturating_add(change.after)
        };
        match (self, condition) {
            (Self::Total(total), Condition::Sum(measure)) if *measure == change.measure => {
                *total = moved(*total);
            }
            (Self::Days(days), Condition::DaysActive(_, Some(min)))
                if min.measure == change.measure =>
            {
                change_day(days, change.date, |day| day.measured = change.after);
            }
            (Self::Units(units), Condition::Collective(collective)) => {
                for (units, contribution) in units.iter_mut().zip(&collective.contributions) {
                    if contribution.unit == Unit::Measure(change.measure) {
                        *units = moved(*units);
                    }
                }
            }
            _ => {}
        }
    }

    /// What the leaf is worth.
    pub(super) fn value(&self, condition: &Condition) -> u64 {
        match (self, condition) {
            (Self::Total(total), _) => *total,
            (Self::Distinct(values), _) => length(values.len()),
            (Self::Days(days), Condition::DaysActive(_, min)) => {
                length(days.values().filter(|day| day.is_active(*min)).count())
            }
            (Self::Units(units), Condition::Collective(collective)) => points(units, collective),
            (Self::Days(_) | Self::Units(_), _) => 0,
        }
    }
}

impl Day {
    fn is_active(self, min: Option<MeasureMin>) -> bool {
        self.attendances > 0 || min.is_some_and(|min| self.measured >= min.min)
    }
}

impl Sign {
    fn one(self, value: &mut u64) {
        *value = match self {
            Self::In => value.saturating_add(1),
            Self::Out => value.saturating_sub(1),
        };
    }
}

/// Points of all contributions; held at the end of the range.
pub(super) fn points(units: &[u64], collective: &Collective) -> u64 {
    units
        .iter()
        .zip(&collective.contributions)
        .map(|(units, contribution)| units.saturating_mul(u64::from(contribution.points)))
        .fold(0, u64::saturating_add)
}

/// The value that an attendance counts for; `None` when it has none, such as a drop-in without an
/// activity.
pub(super) fn distinct_key(
    by: DistinctBy,
    attendance: &Attendance,
    catalog: &Catalog,
) -> Option<DistinctKey> {
    let key = &attendance.key;
    match by {
        DistinctBy::Unspecified => None,
        DistinctBy::Place => Some(DistinctKey::Place(key.place)),
        DistinctBy::Activity => attendance.activity.map(DistinctKey::Activity),
        DistinctBy::ActivityKind => {
            let activity = attendance.activity.and_then(|id| catalog.activity(id));
            activity.map(|activity| DistinctKey::Kind(activity.kind))
        }
        DistinctBy::Date => Some(DistinctKey::Date(key.date)),
        DistinctBy::Week => Some(DistinctKey::Week(key.date.week())),
    }
}

/// A count as a value.
pub(super) fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn change_day(days: &mut BTreeMap<LocalDate, Day>, date: LocalDate, change: impl FnOnce(&mut Day)) {
    let day = days.entry(date).or_default();
    change(day);
    if *day == Day::default() {
        days.remove(&date);
    }
}
