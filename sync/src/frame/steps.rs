//! Step counts: one device counts hour after hour, and counts at the same hours each day.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "widths are fixed, and indexes are masked or taken modulo the length of their array"
)]

use super::{
    mix::Weights,
    odds::{Bit, Distance, Number},
    wire::Wire,
};

/// A register's key: which device counts what.
pub(super) type Counter = ([u8; 16], u64);

/// What the counters count, and the odds of it.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    counters: Vec<State>,
    is_same: [Bit; 2],
    is_expected: [Bit; 8],
    gap: [Distance; 2],
    is_first: [Bit; 2],
    revision: Number,
    growth: Distance,
    count: Hour,
    large: Number,
}

/// Counters kept in mind; the next one makes a new beginning.
const COUNTERS_MAX: usize = 32;
/// Hours of which the counts are kept in mind.
const HOURS: usize = 64;
/// Quarters of a day.
const DAY: u64 = 96;

#[derive(Debug, Clone)]
struct State {
    counter: Counter,
    bucket: u64,
    revision: u64,
    count: u64,
    hits: usize,
    /// By hour of the day: how many quarters later the next count was.
    gaps: [u64; 24],
    /// By hour: the bucket and its count.
    hours: [(u64, u64); HOURS],
}

/// A count within its hour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    index: usize,
    bucket: u64,
    is_repeated: bool,
}

impl Counts {
    pub(super) const NEW: Self = Self {
        counters: Vec::new(),
        is_same: [Bit::NEW; 2],
        is_expected: [Bit::NEW; 8],
        gap: [Distance::NEW; 2],
        is_first: [Bit::NEW; 2],
        revision: Number::NEW,
        growth: Distance::NEW,
        count: Hour::NEW,
        large: Number::NEW,
    };

    /// Forgets the counters and keeps the odds.
    pub(super) fn forget(&mut self) {
        self.counters.clear();
    }

    /// Which bucket. `is_first` says that the op is the first of its batch; `now` is a bucket near which
    /// a counter that was not seen before may have begun.
    pub(super) fn bucket<W: Wire>(
        &mut self,
        wire: &mut W,
        counter: Counter,
        (is_first, now): (bool, u64),
        bucket: u64,
    ) -> Reading {
        let known = self
            .counters
            .iter()
            .position(|state| state.counter == counter);
        let Some(index) = known else {
            let bucket = self.gap[0].code(wire, now as i64, bucket as i64) as u64;
            return self.begin(counter, bucket);
        };
        let state = &mut self.counters[index];
        if self.is_same[usize::from(is_first)].code(wire, state.bucket == bucket) {
            return Reading {
                index,
                bucket: state.bucket,
                is_repeated: true,
            };
        }
        let hour = (state.bucket % DAY / 4) as usize;
        let gap = &mut state.gaps[hour % 24];
        let expected = state.bucket.wrapping_add(*gap);
        let context = state.hits & 3 | usize::from(*gap == 4) << 2;
        let is_hit = self.is_expected[context & 7].code(wire, bucket == expected);
        let read = if is_hit {
            expected
        } else {
            self.gap[1].code(wire, state.bucket as i64, bucket as i64) as u64
        };
        let seen = read.wrapping_sub(state.bucket);
        if seen < 1 << 16 {
            *gap = seen;
        }
        state.hits = state.hits << 1 | usize::from(is_hit);
        Reading {
            index,
            bucket: read,
            is_repeated: false,
        }
    }

    fn begin(&mut self, counter: Counter, bucket: u64) -> Reading {
        if self.counters.len() >= COUNTERS_MAX {
            self.forget();
        }
        self.counters.push(State {
            counter,
            bucket,
            revision: 0,
            count: 0,
            hits: 0,
            gaps: [4; 24],
            hours: [(u64::MAX, 0); HOURS],
        });
        Reading {
            index: self.counters.len().saturating_sub(1),
            bucket,
            is_repeated: false,
        }
    }

    /// Which revision.
    pub(super) fn revision<W: Wire>(
        &mut self,
        wire: &mut W,
        reading: Reading,
        revision: u64,
    ) -> u64 {
        let Some(state) = self.counters.get(reading.index) else {
            return self.revision.code(wire, revision);
        };
        let expected = if reading.is_repeated {
            state.revision.wrapping_add(1)
        } else {
            1
        };
        let is_first = &mut self.is_first[usize::from(reading.is_repeated)];
        if is_first.code(wire, revision == expected) {
            expected
        } else {
            self.revision.code(wire, revision)
        }
    }

    /// How many; the counter's state is then that of this reading.
    pub(super) fn count<W: Wire>(&mut self, wire: &mut W, reading: Reading, count: u64) -> u64 {
        let Some(state) = self.counters.get(reading.index) else {
            return self.large.code(wire, count);
        };
        if reading.is_repeated {
            return self.growth.code(wire, state.count as i64, count as i64) as u64;
        }
        let slot = (reading.bucket / 4) as usize % HOURS;
        let others = self.counters.iter().enumerate();
        let other = others
            .filter(|(index, _)| *index != reading.index)
            .map(|(_, other)| other.hours[slot])
            .find(|(bucket, _)| *bucket == reading.bucket)
            .map_or(0, |(_, count)| count.saturating_add(1));
        let context = Context {
            counter: reading.index.min(3),
            hour: (reading.bucket % DAY / 4) as usize,
            before: length(state.count),
            other,
        };
        match self.count.code(wire, context, count) {
            LARGE => self.large.code(wire, count),
            count => count,
        }
    }

    /// Keeps a reading in mind. Gives the bucket that may be expected next.
    pub(super) fn keep(&mut self, reading: Reading, revision: u64, count: u64) -> Option<u64> {
        let state = self.counters.get_mut(reading.index)?;
        state.bucket = reading.bucket;
        state.revision = revision;
        state.count = count;
        state.hours[(reading.bucket / 4) as usize % HOURS] = (reading.bucket, count);
        let hour = (reading.bucket % DAY / 4) as usize;
        Some(reading.bucket.wrapping_add(state.gaps[hour % 24]))
    }
}

impl Reading {
    /// The bucket.
    pub(super) const fn bucket(self) -> u64 {
        self.bucket
    }
}

/// Bits of a number, at most 15.
fn length(count: u64) -> usize {
    (64 - count.leading_zeros()).min(15) as usize
}

/// What the odds of a count depend on.
#[derive(Debug, Clone, Copy)]
struct Context {
    counter: usize,
    hour: usize,
    before: usize,
    /// One more than what another device counted in the same hour; 0 when none did.
    other: u64,
}

impl Context {
    /// How the other device's count compares with one of so many bits: by its length, and by its two
    /// bits below the highest.
    fn beside(self, bits: usize) -> Option<usize> {
        let other = length(self.other).checked_sub(1)?;
        let below = (self.other << 2 >> other) as usize & 3;
        let distance = (bits + 3).saturating_sub(other).min(7);
        Some(distance << 2 | below | usize::from(bits > 8) << 5)
    }
}

/// The odds of an hour's count.
#[derive(Debug, Clone)]
struct Hour {
    length: [[[Bit; 16]; 64]; 4],
    alone_weights: [Weights<3>; 16],
    beside_weights: [Weights<4>; 16],
    upper: [[Bit; 8]; 16],
    beside: [[Bit; 4]; 64],
    upper_weights: [Weights<2>; 4],
}

/// Stands for a count of more than 14 bits.
const LARGE: u64 = u64::MAX;

impl Hour {
    const NEW: Self = Self {
        length: [[[Bit::NEW; 16]; 64]; 4],
        alone_weights: [Weights::NEW; 16],
        beside_weights: [Weights::NEW; 16],
        upper: [[Bit::NEW; 8]; 16],
        beside: [[Bit::NEW; 4]; 64],
        upper_weights: [Weights::NEW; 4],
    };

    fn code<W: Wire>(&mut self, wire: &mut W, context: Context, count: u64) -> u64 {
        let bits = self.length(wire, context, length(count));
        if bits >= 15 {
            return LARGE;
        }
        if bits < 2 {
            return bits as u64;
        }
        let beside = context.beside(bits);
        let mut left = bits as u32 - 1;
        let mut read = 1_u64;
        let mut node = 1_usize;
        while left > 0 && node < 8 {
            left -= 1;
            let bit = count >> left & 1 == 1;
            let odds = &mut self.upper[bits & 15][node & 7];
            let bit = match beside {
                Some(beside) if node < 4 => {
                    let odds = [odds, &mut self.beside[beside & 63][node & 3]];
                    self.upper_weights[node & 3].code(wire, odds, bit)
                }
                _ => odds.code(wire, bit),
            };
            node = node << 1 | usize::from(bit);
            read = read << 1 | u64::from(bit);
        }
        super::odds::raw(wire, left, read, count)
    }

    fn length<W: Wire>(&mut self, wire: &mut W, context: Context, bits: usize) -> usize {
        let other = length(context.other);
        let of_counter = usize::from(context.counter > 0) << 5;
        let [by_counter, by_hour, by_before, by_other] = &mut self.length;
        let mut node = 1_usize;
        for level in (0..4).rev() {
            let at = node & 15;
            let bit = bits >> level & 1 == 1;
            let [first, second, third] = [
                &mut by_counter[context.counter & 63][at],
                &mut by_hour[(context.hour | of_counter) & 63][at],
                &mut by_before[context.before & 63][at],
            ];
            let bit = if other == 0 {
                self.alone_weights[at].code(wire, [first, second, third], bit)
            } else {
                let odds = [first, second, third, &mut by_other[other & 63][at]];
                self.beside_weights[at].code(wire, odds, bit)
            };
            node = node << 1 | usize::from(bit);
        }
        node & 15
    }
}
