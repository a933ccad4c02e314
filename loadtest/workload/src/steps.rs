//! What the sensors count.

use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::{Act, Device, Event, HOUR_MS, MINUTE_MS, Shape, chance, day_start};

/// The phone's waking hours.
const AWAKE: std::ops::Range<u32> = 5..21;
/// The hours in which the old phone is carried.
const CARRIED: std::ops::Range<u32> = 8..16;

/// One day of both phones.
pub(crate) fn day(shape: Shape, day: u32, events: &mut Vec<Event>) {
    let mut dice = chance::dice(shape, "steps", day);
    for hour in AWAKE {
        let total = hour_total(&mut dice);
        phone_hour(day, hour, total, &mut dice, events);
        if CARRIED.contains(&hour) {
            // It lies on the table for part of the hour.
            let percent = dice.random_range(5..=100_u32);
            let count = (total.saturating_mul(percent) / 100).max(1);
            let after = dice.random_range(0..2 * MINUTE_MS);
            events.push(event(
                Device::OldPhone,
                day,
                hour,
                count,
                HOUR_MS.saturating_add(after),
            ));
        }
    }
}

/// An hour's count, as it grows.
fn phone_hour(day: u32, hour: u32, total: u32, dice: &mut ChaCha8Rng, events: &mut Vec<Event>) {
    /// Minutes after the hour's start at which it is updated, before the last time.
    const MINUTES: [&[u32]; 3] = [&[30], &[20, 40], &[15, 30, 45]];
    for minute in *MINUTES.choose(dice).unwrap_or(&[].as_slice()) {
        let percent = (minute.saturating_mul(100) / 60)
            .saturating_add(dice.random_range(0..=15))
            .saturating_sub(dice.random_range(0..=15));
        let count = (total.saturating_mul(percent) / 100).clamp(1, total);
        let after = i64::from(*minute)
            .saturating_mul(MINUTE_MS)
            .saturating_add(dice.random_range(0..2 * MINUTE_MS));
        events.push(event(Device::Phone, day, hour, count, after));
    }
    let after = HOUR_MS.saturating_add(dice.random_range(0..2 * MINUTE_MS));
    events.push(event(Device::Phone, day, hour, total, after));
}

fn event(device: Device, day: u32, hour: u32, count: u32, after_ms: i64) -> Event {
    let hour_start = day_start(day).saturating_add(HOUR_MS.saturating_mul(i64::from(hour)));
    Event {
        at_ms: hour_start.saturating_add(after_ms),
        device,
        act: Act::Steps {
            hour: u32::try_from(hour_start / HOUR_MS).unwrap_or(u32::MAX),
            count,
        },
    }
}

/// What a person walks in an hour: one in five is spent sitting, the others spread as a log-normal
/// does, about 400 in the middle and a few thousand at most. In integers, so that it is the same on every machine.
fn hour_total(dice: &mut ChaCha8Rng) -> u32 {
    if dice.random_ratio(1, 5) {
        return dice.random_range(1..=60);
    }
    // A sum of four throws is nearly normal. It is a logarithm to the base 2, in 256ths: 4.6 to 12.6.
    let throws: u32 = (0..4).map(|_| dice.random_range(0..512_u32)).sum();
    let logarithm = throws.saturating_add(1178);
    let fraction = logarithm % 256;
    let mantissa = 256_u32.saturating_add(fraction);
    (mantissa.checked_shl(logarithm / 256).unwrap_or(mantissa) / 256).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_look_like_walking() {
        let mut dice = chance::dice(Shape { days: 1, seed: 1 }, "test", 0);
        let mut totals: Vec<u32> = (0..10_000).map(|_| hour_total(&mut dice)).collect();
        totals.sort_unstable();
        assert!((200..500).contains(&totals[5_000]), "{}", totals[5_000]);
        assert!((350..700).contains(&(totals.iter().sum::<u32>() / 10_000)));
        assert!(totals[9_999] < 7_000);
    }
}
