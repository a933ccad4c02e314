//! Several odds of one decision, mixed by how well each did so far.
//!
//! The mix is a weighted sum in the logistic domain, in integers: the same on every machine.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "widths are fixed, and indexes are clamped to the length of their table"
)]

use super::{odds::Bit, wire::Wire};

/// 4 096 ÷ (1 + e^-x), for x from -8 to 8 in halves.
const LOGISTIC: [i32; 33] = [
    1, 3, 4, 6, 10, 17, 27, 45, 74, 120, 194, 311, 488, 747, 1102, 1546, 2048, 2550, 2994, 3349,
    3608, 3785, 3902, 3976, 4022, 4051, 4069, 4079, 4086, 4090, 4092, 4093, 4095,
];

/// 65 536 ÷ (1 + e^(-x ÷ 256)), for x from -2 047 to 2 047.
const fn squash(x: i32) -> i32 {
    let x = if x > 2047 {
        2047
    } else if x < -2047 {
        -2047
    } else {
        x
    };
    let place = x + 2048;
    let (index, rest) = ((place >> 7) as usize, place & 127);
    (LOGISTIC[index] * (128 - rest) + LOGISTIC[index + 1] * rest) >> 3
}

/// [`squash`], looked up.
static SQUASHED: [u16; 4096] = {
    let mut table = [0; 4096];
    let mut x = -2047;
    while x <= 2047 {
        table[(x + 2048) as usize] = squash(x) as u16;
        x += 1;
    }
    table
};

/// The inverse of [`squash`], for probabilities of 4 096.
static STRETCH: [i16; 4096] = {
    let mut table = [0; 4096];
    let mut next = 0;
    let mut x = -2047;
    while x <= 2047 {
        let odds = (squash(x) >> 4) as usize;
        while next <= odds && next < 4096 {
            table[next] = x as i16;
            next += 1;
        }
        x += 1;
    }
    while next < 4096 {
        table[next] = 2047;
        next += 1;
    }
    table
};

/// How much each of `N` odds counts; 65 536 is once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weights<const N: usize>([i32; N]);

/// How fast weights learn.
const LEARNING: i32 = 16;

impl<const N: usize> Weights<N> {
    /// All alike.
    pub(super) const NEW: Self = Self([80_000 / N as i32; N]);

    /// A decision by the mix of these odds; odds and weights learn of it.
    #[inline]
    pub(super) fn code<W: Wire>(
        &mut self,
        wire: &mut W,
        mut odds: [&mut Bit; N],
        bit: bool,
    ) -> bool {
        let mut stretched = [0; N];
        let mut sum = 0_i64;
        for ((slot, odds), weight) in stretched.iter_mut().zip(&odds).zip(&self.0) {
            *slot = i32::from(STRETCH[usize::from(odds.one() >> 4) & 4095]);
            sum += i64::from(*slot) * i64::from(*weight);
        }
        let place = (sum >> 16).clamp(-2047, 2047) + 2048;
        let mixed = i32::from(SQUASHED[place as usize & 4095]);
        let bit = wire.bit(mixed.clamp(24, 65_512) as u16, bit);
        let error = ((i32::from(bit) << 12) - (mixed >> 4)) * LEARNING;
        for (weight, stretched) in self.0.iter_mut().zip(stretched) {
            *weight = (*weight + ((stretched * error + 0x8000) >> 16)).clamp(-1 << 20, 1 << 20);
        }
        for odds in &mut odds {
            odds.learn(bit);
        }
        bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretching_undoes_squashing() {
        for x in (-1700..=1700).step_by(50) {
            let there_and_back = i32::from(STRETCH[(squash(x) >> 4) as usize]);
            assert!((there_and_back - x).abs() < 150, "{x}: {there_and_back}");
        }
        assert!((1..4096).all(|odds| STRETCH[odds - 1] <= STRETCH[odds]));
    }
}
