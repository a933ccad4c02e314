//! How walked hours reach the phones: two step sources a person, in random chunks, out of order, a
//! fifth of them twice, after gaps of days.

use askel_sync::time::{HOUR_MS, LocalDate, Timestamp};
use rand::{RngExt as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;

use super::{chance, walking::Walker};

/// What one step source hands over, chunk by chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Ascending by day.
    pub(crate) chunks: Vec<Chunk>,
}

/// What a step source hands over at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The evening on which it happens; the last one is the day after the season.
    pub(crate) day: LocalDate,
    /// In no order; some were handed over before.
    pub(crate) readings: Vec<Reading>,
}

/// An hour's count, as one source saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// When the hour began.
    pub(crate) at: Timestamp,
    /// Steps.
    pub(crate) count: u32,
}

/// When a walker's sources hand over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Season {
    /// The first local day.
    pub(crate) first: LocalDate,
    /// The last local day.
    pub(crate) last: LocalDate,
    /// From the beginning of a local day (UTC) to the evening's hand-over, in milliseconds.
    pub(crate) evening_ms: i64,
}

impl Season {
    /// The instant of a day's hand-over.
    pub(crate) fn evening(&self, day: LocalDate) -> Timestamp {
        let midnight = i64::from(day.as_days()).saturating_mul(askel_sync::time::DAY_MS);
        Timestamp::from_ms(midnight).saturating_add_ms(self.evening_ms)
    }

    fn day_after(&self) -> LocalDate {
        LocalDate::from_days(self.last.as_days().saturating_add(1))
    }
}

/// The plans of a walker's two sources. The first saw every hour, the second a random three
/// quarters of them, some with lower counts.
pub(crate) fn plan(walker: &Walker, index: usize, season: Season, seed: u64) -> [Plan; 2] {
    let mut chance = chance::stream(seed, "delivery", index);
    let all: Vec<Reading> = walker
        .hours
        .iter()
        .map(|(at, hour)| Reading {
            at: *at,
            count: hour.steps,
        })
        .collect();
    let seen_by_second = three_quarters(&all, &mut chance);
    [all, seen_by_second].map(|readings| hand_over(readings, season, &mut chance))
}

fn three_quarters(all: &[Reading], chance: &mut ChaCha8Rng) -> Vec<Reading> {
    let mut seen = all.to_vec();
    seen.shuffle(chance);
    seen.truncate(all.len().saturating_mul(3).div_euclid(4));
    for reading in &mut seen {
        if chance.random_ratio(1, 4) {
            reading.count = chance.random_range(0..=reading.count);
        }
    }
    seen
}

fn hand_over(mut waiting: Vec<Reading>, season: Season, chance: &mut ChaCha8Rng) -> Plan {
    waiting.sort_by_key(|reading| reading.at);
    let mut chunks = Vec::new();
    let mut again = Vec::new();
    let mut day = season.first;
    while day <= season.last {
        let counted_by = season
            .evening(day)
            .saturating_add_ms(HOUR_MS.saturating_neg());
        let mut readings = std::mem::take(&mut again);
        let (counted, not_yet) = waiting
            .into_iter()
            .partition(|reading| reading.at <= counted_by);
        let (now, later) = some_stay_behind(counted, chance);
        waiting = [later, not_yet].concat();
        again = a_fifth(&now, chance);
        readings.extend(now);
        readings.shuffle(chance);
        chunks.push(Chunk { day, readings });
        day = LocalDate::from_days(day.as_days().saturating_add(chance.random_range(2..=6)));
    }
    again.extend(a_fifth(&waiting, chance));
    waiting.append(&mut again);
    waiting.shuffle(chance);
    chunks.push(Chunk {
        day: season.day_after(),
        readings: waiting,
    });
    Plan { chunks }
}

fn some_stay_behind(
    counted: Vec<Reading>,
    chance: &mut ChaCha8Rng,
) -> (Vec<Reading>, Vec<Reading>) {
    counted.into_iter().partition(|_| chance.random_ratio(6, 7))
}

fn a_fifth(readings: &[Reading], chance: &mut ChaCha8Rng) -> Vec<Reading> {
    readings
        .iter()
        .copied()
        .filter(|_| chance.random_ratio(1, 5))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::story::{generated_month, helsinki::Helsinki};

    fn plans(seed: u64) -> (Walker, [Plan; 2]) {
        let month = generated_month::make(&Helsinki::open().unwrap()).unwrap();
        let (first, last) = month.season().unwrap();
        let season = Season {
            first,
            last,
            evening_ms: 17 * HOUR_MS,
        };
        let walker = month.walkers[0].clone();
        let plans = plan(&walker, 0, season, seed);
        (walker, plans)
    }

    fn readings(plan: &Plan) -> Vec<Reading> {
        plan.chunks
            .iter()
            .flat_map(|chunk| chunk.readings.clone())
            .collect()
    }

    #[test]
    fn every_walked_hour_arrives_and_some_of_them_twice() {
        let (walker, [first, second]) = plans(1);
        let arrived: BTreeMap<_, _> = readings(&first).iter().map(|r| (r.at, r.count)).collect();
        let hours: BTreeMap<_, _> = walker.hours.iter().map(|(at, h)| (*at, h.steps)).collect();
        assert_eq!(arrived, hours);
        let twice = readings(&first).len() - hours.len();
        assert!(
            (hours.len() / 6..hours.len() / 4).contains(&twice),
            "{twice}"
        );
        let seen: BTreeSet<_> = readings(&second).iter().map(|r| r.at).collect();
        assert_eq!(seen.len(), hours.len() * 3 / 4);
        assert!(readings(&second).iter().all(|r| r.count <= hours[&r.at]));
        assert!(readings(&second).iter().any(|r| r.count < hours[&r.at]));
    }

    #[test]
    fn nothing_arrives_before_it_was_walked_and_not_in_order() {
        let (_, plans) = plans(2);
        for chunk in plans.iter().flat_map(|plan| &plan.chunks) {
            let evening = i64::from(chunk.day.as_days()) * 24 * HOUR_MS + 17 * HOUR_MS;
            assert!(
                chunk
                    .readings
                    .iter()
                    .all(|r| r.at.as_ms() + HOUR_MS <= evening)
            );
        }
        let first = readings(&plans[0]);
        assert!(!first.is_sorted_by_key(|reading| reading.at));
        assert!(plans[0].chunks.is_sorted_by_key(|chunk| chunk.day));
    }

    #[test]
    fn the_seed_alone_decides() {
        assert_eq!(plans(3).1, plans(3).1);
        assert_ne!(plans(3).1, plans(4).1);
    }
}
