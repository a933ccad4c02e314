//! A month of walking made up for those who bring no file: the same every time, whatever the seed
//! of the story.

use anyhow::Context as _;
use askel_sync::time::LocalDate;
use jiff::civil::{Date, DateTime, Time, date};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::{
    chance,
    helsinki::Helsinki,
    walking::{Hour, Walker, Walking},
};

/// A Tuesday.
const FIRST_DAY: Date = date(2025, 4, 15);
/// Days of the month.
const DAYS: i32 = 31;
/// People who walk.
const WALKERS: usize = 33;
/// What a day's steps are shared out by, hour by hour; the sum is 100.
const DAY_SHAPE: [u32; 24] = [
    0, 0, 0, 0, 0, 1, 3, 6, 7, 6, 6, 7, 8, 7, 6, 6, 8, 9, 8, 6, 4, 2, 0, 0,
];

/// Makes the month.
pub(crate) fn make(helsinki: &Helsinki) -> anyhow::Result<Walking> {
    let walkers = (0..WALKERS)
        .map(|index| walker(index, helsinki))
        .collect::<Result<_, _>>()?;
    Ok(Walking { walkers })
}

fn walker(index: usize, helsinki: &Helsinki) -> anyhow::Result<Walker> {
    let mut chance = chance::stream(0, "generated month", index);
    // Some walk little and some a lot, and a few stop wearing the counter before the end.
    let habit = chance.random_range(3_000..12_500_u32);
    let days_worn = if chance.random_ratio(1, 6) {
        chance.random_range(12..DAYS)
    } else {
        DAYS
    };
    let mut walker = Walker::default();
    let first = LocalDate::from_civil(FIRST_DAY);
    for day in 0..days_worn {
        let day = LocalDate::from_days(first.as_days().saturating_add(day));
        let steps = steps_of_day(habit, &mut chance);
        for (clock_hour, share) in (0..).zip(DAY_SHAPE) {
            let at = DateTime::from_parts(
                day.to_civil().context("a day of the month")?,
                Time::new(clock_hour, 0, 0, 0)?,
            );
            let at = helsinki.instant(at).context("an hour of the month")?;
            let steps = steps_of_hour(steps, share, &mut chance);
            walker.hours.insert(at, Hour { date: day, steps });
        }
    }
    Ok(walker)
}

/// A day at home now and then, else around the person's habit.
fn steps_of_day(habit: u32, chance: &mut ChaCha8Rng) -> u32 {
    if chance.random_ratio(1, 14) {
        return 0;
    }
    habit
        .saturating_mul(chance.random_range(45..165))
        .div_euclid(100)
}

/// Around the hour's share of the day; an hour in three is spent sitting.
fn steps_of_hour(day: u32, share: u32, chance: &mut ChaCha8Rng) -> u32 {
    if chance.random_ratio(1, 3) {
        return 0;
    }
    let around = chance.random_range(60..220_u32);
    day.saturating_mul(share)
        .div_euclid(100)
        .saturating_mul(around)
        .div_euclid(100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::walking::{DaySteps, figures};

    #[test]
    fn the_month_is_the_same_every_time_and_carries_the_story() {
        let helsinki = Helsinki::open().unwrap();
        let month = make(&helsinki).unwrap();
        assert_eq!(month, make(&helsinki).unwrap());
        assert_eq!(month.walkers.len(), 33);
        let (first, last) = month.season().unwrap();
        assert_eq!((first.weekday(), last.as_days() - first.as_days()), (2, 30));
        let days: Vec<DaySteps> = month.walkers.iter().map(Walker::day_steps).collect();
        let figures = figures(&days);
        assert!(
            (5_500_000..9_000_000).contains(&figures.total),
            "{figures:?}"
        );
        assert!(figures.person_days > 900);
    }
}
