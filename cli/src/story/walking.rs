//! What people walked: the truth that the closing table compares everything with.

use std::collections::BTreeMap;

use askel_sync::time::{LocalDate, Timestamp};

/// The steps of everyone who walks in the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Walking {
    /// In the order of the source.
    pub(crate) walkers: Vec<Walker>,
}

/// One person's steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Walker {
    /// By the beginning of the hour, ascending.
    pub(crate) hours: BTreeMap<Timestamp, Hour>,
}

/// What was walked in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hour {
    /// The local day, cut at midnight.
    pub(crate) date: LocalDate,
    /// Steps.
    pub(crate) steps: u32,
}

/// The figures of [`Walking`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepFigures {
    /// Steps of everyone.
    pub(crate) total: u64,
    /// Days of a person with any reading, also of 0 steps.
    pub(crate) person_days: u64,
    /// Of the person-days; the mean of the two in the middle, rounded down.
    pub(crate) median_day: u64,
    /// The largest person-day.
    pub(crate) largest_day: u64,
}

/// Steps by local day.
pub(crate) type DaySteps = BTreeMap<LocalDate, u64>;

impl Walker {
    /// Steps by local day, zero days included.
    pub(crate) fn day_steps(&self) -> DaySteps {
        let mut days = DaySteps::new();
        for hour in self.hours.values() {
            let day = days.entry(hour.date).or_default();
            *day = day.saturating_add(u64::from(hour.steps));
        }
        days
    }
}

impl Walking {
    /// The first and the last local day; `None` when nobody has a reading.
    pub(crate) fn season(&self) -> Option<(LocalDate, LocalDate)> {
        let dates = || {
            self.walkers
                .iter()
                .flat_map(|w| w.hours.values())
                .map(|hour| hour.date)
        };
        Some((dates().min()?, dates().max()?))
    }
}

/// Figures of the day totals of several people.
pub(crate) fn figures<'a>(people: impl IntoIterator<Item = &'a DaySteps>) -> StepFigures {
    let mut days: Vec<u64> = people
        .into_iter()
        .flat_map(|days| days.values().copied())
        .collect();
    days.sort_unstable();
    let count = days.len();
    let at = |index: usize| days.get(index).copied().unwrap_or_default();
    let upper = at(count.div_euclid(2));
    let lower = if count.is_multiple_of(2) {
        at(count.div_euclid(2).saturating_sub(1))
    } else {
        upper
    };
    StepFigures {
        total: days.iter().fold(0, |sum, day| sum.saturating_add(*day)),
        person_days: u64::try_from(count).unwrap_or(u64::MAX),
        median_day: lower.midpoint(upper),
        largest_day: days.last().copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_mean_of_the_two_days_in_the_middle_and_zero_days_count() {
        let day = LocalDate::from_days;
        let one = DaySteps::from([(day(1), 0), (day(2), 10)]);
        let other = DaySteps::from([(day(1), 20), (day(2), 101)]);
        let figures = figures([&one, &other]);
        assert_eq!(
            figures,
            StepFigures {
                total: 131,
                person_days: 4,
                median_day: 15,
                largest_day: 101
            }
        );
    }

    #[test]
    fn nobody_walked_nothing() {
        assert_eq!(figures([]).total, 0);
        assert_eq!(figures([]).median_day, 0);
        assert_eq!(Walking { walkers: vec![] }.season(), None);
    }
}
