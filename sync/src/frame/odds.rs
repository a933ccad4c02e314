//! Odds that learn: of a yes or no, of a number, of one among values seen before.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "widths are fixed, and indexes are masked to the length of their array"
)]

use super::wire::Wire;

/// The odds of one yes or no: 22 bits of probability, 10 bits of how often it was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bit(u32);

/// After so many answers the odds follow the newest ones.
const PATIENCE: u32 = 255;

/// 65 536 ÷ (answers + 1½).
const RATES: [u32; 1024] = {
    let mut rates = [0; 1024];
    let mut answers = 0;
    while answers < 1024 {
        rates[answers] = 131_072 / (2 * answers as u32 + 3);
        answers += 1;
    }
    rates
};

impl Bit {
    /// Even odds, nothing known.
    pub(super) const NEW: Self = Self(1 << 31);

    /// Fifteen in sixteen, nothing known.
    pub(super) const LIKELY: Self = Self(15 << 28);

    /// A decision by these odds, of which they learn.
    #[inline]
    pub(super) fn code<W: Wire>(&mut self, wire: &mut W, bit: bool) -> bool {
        let bit = wire.bit(self.one(), bit);
        self.learn(bit);
        bit
    }

    /// Yes in 65 536.
    #[inline]
    pub(super) fn one(self) -> u16 {
        (self.0 >> 16).clamp(12, 65_524) as u16
    }

    #[inline]
    pub(super) fn learn(&mut self, bit: bool) {
        let answers = self.0 & 1023;
        let odds = i64::from(self.0 >> 10);
        let target = if bit { (1 << 22) - 1 } else { 0 };
        let rate = i64::from(RATES[(answers & 1023) as usize]);
        let odds = odds + (((target - odds) * rate) >> 16);
        self.0 = (odds as u32) << 10 | (answers + 1).min(PATIENCE);
    }
}

/// One of `N` values by a tree of decisions; `N` is a power of two.
#[derive(Debug, Clone)]
pub(super) struct Tree<const N: usize>([Bit; N]);

impl<const N: usize> Tree<N> {
    pub(super) const NEW: Self = Self([Bit::NEW; N]);

    #[inline]
    pub(super) fn code<W: Wire>(&mut self, wire: &mut W, value: u32) -> u32 {
        let mut node = 1;
        let mut level = N.trailing_zeros();
        while level > 0 {
            level -= 1;
            let bit = self.0[node & (N - 1)].code(wire, value >> level & 1 == 1);
            node = node << 1 | usize::from(bit);
        }
        (node & (N - 1)) as u32
    }
}

/// Odds of a number: of its length in bits, and of the bits below the highest.
#[derive(Debug, Clone)]
pub(super) struct Number {
    short: Tree<16>,
    long: Tree<64>,
    upper: [[Bit; 8]; 32],
}

/// Bits below the highest that have odds.
const UPPER_BITS: u32 = 3;

impl Number {
    pub(super) const NEW: Self = Self {
        short: Tree::NEW,
        long: Tree::NEW,
        upper: [[Bit::NEW; 8]; 32],
    };

    pub(super) fn code<W: Wire>(&mut self, wire: &mut W, value: u64) -> u64 {
        let mut length = 64 - value.leading_zeros();
        length = match self.short.code(wire, length.min(15)) {
            15 => {
                15 + self
                    .long
                    .code(wire, length.saturating_sub(15).min(63))
                    .min(49)
            }
            short => short,
        };
        if length < 2 {
            return u64::from(length);
        }
        let mut left = length - 1;
        let mut read = 1_u64;
        let upper = &mut self.upper[(length & 31) as usize];
        let mut node = 1;
        while left > 0 && node < 1 << UPPER_BITS {
            left -= 1;
            let bit = upper[node & 7].code(wire, value >> left & 1 == 1);
            node = node << 1 | usize::from(bit);
            read = read << 1 | u64::from(bit);
        }
        raw(wire, left, read, value)
    }
}

/// The lowest `left` bits of a number, below those read already.
pub(super) fn raw<W: Wire>(wire: &mut W, mut left: u32, mut read: u64, value: u64) -> u64 {
    while left > 0 {
        let count = left.min(16);
        left -= count;
        let chunk = (value >> left) as u32 & ((1 << count) - 1);
        read = read << count | u64::from(wire.raw(count, chunk));
    }
    read
}

/// Odds of how far a number is from where it was looked for.
#[derive(Debug, Clone)]
pub(super) struct Distance {
    is_below: [Bit; 2],
    number: Number,
}

impl Distance {
    pub(super) const NEW: Self = Self {
        is_below: [Bit::NEW; 2],
        number: Number::NEW,
    };

    pub(super) fn code<W: Wire>(&mut self, wire: &mut W, from: i64, value: i64) -> i64 {
        let distance = value.wrapping_sub(from);
        let far = self.number.code(wire, distance.unsigned_abs());
        if far == 0 {
            return from;
        }
        let is_far = usize::from(far > 3);
        if self.is_below[is_far & 1].code(wire, distance < 0) {
            from.wrapping_sub(far as i64)
        } else {
            from.wrapping_add(far as i64)
        }
    }
}

/// Odds among the values seen so far, by how often, and of a value not seen before.
#[derive(Debug, Clone)]
pub(super) struct Choice<T> {
    seen: Vec<(T, u32)>,
    total: u32,
    is_new: [Bit; 8],
}

/// Values kept in mind; the next one makes a new beginning.
const VALUES_MAX: usize = 512;
/// Weight that is shared out; above it all are halved.
const WEIGHT_MAX: u32 = 1 << 15;

impl<T: Clone + PartialEq> Choice<T> {
    pub(super) const NEW: Self = Self {
        seen: Vec::new(),
        total: 0,
        is_new: [Bit::NEW; 8],
    };

    /// Forgets the values and keeps the odds of a new one.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
        self.total = 0;
    }

    /// The value, which `fresh` tells when it was not seen before.
    pub(super) fn code<W: Wire>(
        &mut self,
        wire: &mut W,
        value: T,
        fresh: impl FnOnce(&mut W, T) -> T,
    ) -> T {
        if self.total > 0 {
            let at = self.seen.iter().position(|(seen, _)| *seen == value);
            let context = self.seen.len().ilog2().min(7) as usize;
            if !self.is_new[context & 7].code(wire, at.is_none()) {
                return self.pick(wire, at.unwrap_or(0)).unwrap_or(value);
            }
        }
        let value = fresh(wire, value);
        self.add(value.clone());
        value
    }

    fn pick<W: Wire>(&mut self, wire: &mut W, at: usize) -> Option<T> {
        let (mut start, mut found) = (0, at);
        if self.seen.len() > 1 {
            let part = wire.part(self.total);
            for (index, (_, weight)) in self.seen.iter().enumerate() {
                if W::READS && part < start + weight {
                    found = index;
                    break;
                }
                if !W::READS && index == at {
                    break;
                }
                start += weight;
            }
        }
        let (value, weight) = self.seen.get_mut(found)?;
        wire.take(start, *weight, self.total);
        *weight += 2;
        self.total += 2;
        let value = value.clone();
        self.bound();
        Some(value)
    }

    fn add(&mut self, value: T) {
        if self.seen.len() >= VALUES_MAX {
            self.forget();
        }
        self.seen.push((value, 2));
        self.total += 2;
        self.bound();
    }

    fn bound(&mut self) {
        if self.total > WEIGHT_MAX {
            self.total = 0;
            for (_, weight) in &mut self.seen {
                *weight = weight.div_ceil(2);
                self.total += *weight;
            }
        }
    }
}
