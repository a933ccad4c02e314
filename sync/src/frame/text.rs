//! Bytes that no field explains: each by the ones before it.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "widths are fixed, and indexes are masked to the length of their table"
)]

use super::{mix::Weights, odds::Bit, wire::Wire};

/// Odds of the next byte after none, one, two and three bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Text(Option<Box<Tables>>);

/// Entries of one table of odds, a power of two.
const ENTRIES: usize = 1 << 13;
/// Tables that are shared by many beginnings.
const ORDERS: usize = 4;

#[derive(Debug, Clone)]
struct Tables {
    odds: Vec<Vec<Bit>>,
    weights: [Weights<ORDERS>; 8],
}

impl Text {
    pub(super) const NEW: Self = Self(None);

    /// Appends `length` bytes to `out`; those of `bytes`, when they are written.
    pub(super) fn code<W: Wire>(
        &mut self,
        wire: &mut W,
        bytes: &[u8],
        length: usize,
        out: &mut Vec<u8>,
    ) {
        let tables = self.0.get_or_insert_with(|| {
            Box::new(Tables {
                odds: vec![vec![Bit::NEW; ENTRIES]; ORDERS],
                weights: [Weights::NEW; 8],
            })
        });
        let mut before = 0_u32;
        for index in 0..length {
            let byte = tables.byte(wire, before, bytes.get(index).copied().unwrap_or(0));
            out.push(byte);
            before = before << 8 | u32::from(byte);
        }
    }
}

impl Tables {
    fn byte<W: Wire>(&mut self, wire: &mut W, before: u32, byte: u8) -> u8 {
        let starts = [
            0,
            hash(before & 0xff | 1 << 24),
            hash(before & 0xffff | 2 << 24),
            hash(before & 0xff_ffff | 3 << 24),
        ];
        let [zero, one, two, three] = &mut self.odds[..] else {
            return byte;
        };
        let mut node = 1_usize;
        for level in (0..8_u32).rev() {
            let odds = [
                &mut zero[(starts[0] ^ node) & (ENTRIES - 1)],
                &mut one[(starts[1] ^ node) & (ENTRIES - 1)],
                &mut two[(starts[2] ^ node) & (ENTRIES - 1)],
                &mut three[(starts[3] ^ node) & (ENTRIES - 1)],
            ];
            let weights = &mut self.weights[(level & 7) as usize];
            let bit = weights.code(wire, odds, byte >> level & 1 == 1);
            node = node << 1 | usize::from(bit);
        }
        node as u8
    }
}

/// Spreads the bytes before over a table.
const fn hash(before: u32) -> usize {
    (before.wrapping_mul(0x9e37_79b1) >> 12) as usize & !0xff
        ^ (before.wrapping_mul(0x85eb_ca6b) >> 24) as usize
}
