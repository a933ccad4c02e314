//! An arithmetic coder: decisions with known odds become bytes, and bytes decisions.
//!
//! Everything above it is written once for both directions, generic over [`Wire`]: what goes in on one
//! side comes out on the other. A decoder reads zeros past the end of its bytes, so any bytes give
//! some decisions; a frame's check value tells whether they were meant.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "widths are fixed: a range is at least 2^32 before each step, a total at most 2^16"
)]

/// One direction of the coder.
pub(super) trait Wire {
    /// Whether decisions come out of it: what is passed in then means nothing.
    const READS: bool;

    /// One of two, where `one` in 65 536 say yes.
    fn bit(&mut self, one: u16, bit: bool) -> bool;

    /// `count` bits (at most 16) without odds.
    fn raw(&mut self, count: u32, value: u32) -> u32;

    /// One share of a `total` (1..=65 536): what is read lies in the share that [`Self::take`] must be
    /// told next. Meaningless where nothing is read.
    fn part(&mut self, total: u32) -> u32;

    /// Takes the share that begins at `start` and is `size` wide; all of it needs no [`Self::part`].
    fn take(&mut self, start: u32, size: u32, total: u32);
}

/// What the range is never below before a step.
const RANGE_MIN: u64 = 1 << 32;

/// From decisions to bytes.
pub(super) struct Encoder {
    low: u64,
    range: u64,
    out: Vec<u8>,
}

impl Encoder {
    /// Appends to these bytes.
    pub(super) const fn new(out: Vec<u8>) -> Self {
        Self {
            low: 0,
            range: u64::MAX,
            out,
        }
    }

    /// The bytes, in as few as tell the decisions.
    pub(super) fn finish(mut self, header_bytes: usize) -> Vec<u8> {
        for kept in 0..=8_u32 {
            let mask = u64::MAX.checked_shr(8 * kept).unwrap_or(0);
            let (rounded, carried) = self.low.overflowing_add(mask);
            let rounded = rounded & !mask;
            if rounded.wrapping_sub(self.low) < self.range {
                if carried {
                    self.carry();
                }
                self.out.extend(rounded.to_be_bytes());
                break;
            }
        }
        let zeros = self.out.iter().rev().take_while(|byte| **byte == 0).count();
        let length = self.out.len().saturating_sub(zeros).max(header_bytes);
        self.out.truncate(length);
        self.out
    }

    fn narrow(&mut self, start: u64, range: u64) {
        let (low, carried) = self.low.overflowing_add(start);
        if carried {
            self.carry();
        }
        self.low = low;
        self.range = range;
        if range < RANGE_MIN {
            let [a, b, c, d, ..] = low.to_be_bytes();
            self.out.extend([a, b, c, d]);
            self.low = low << 32;
            self.range = range << 32;
        }
    }

    fn carry(&mut self) {
        for byte in self.out.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
    }
}

impl Wire for Encoder {
    const READS: bool = false;

    #[inline]
    fn bit(&mut self, one: u16, bit: bool) -> bool {
        let bound = (self.range >> 16) * u64::from(one);
        if bit {
            self.narrow(0, bound);
        } else {
            self.narrow(bound, self.range - bound);
        }
        bit
    }

    fn raw(&mut self, count: u32, value: u32) -> u32 {
        let share = self.range >> count;
        self.narrow(share * u64::from(value), share);
        value
    }

    fn part(&mut self, _: u32) -> u32 {
        0
    }

    fn take(&mut self, start: u32, size: u32, total: u32) {
        let share = self.range / u64::from(total.max(1));
        self.narrow(share * u64::from(start), share * u64::from(size));
    }
}

/// From bytes to decisions.
pub(super) struct Decoder<'a> {
    code: u64,
    range: u64,
    /// One of the shares that were asked for last; 0 once one is taken.
    share: u64,
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Reads these bytes, and zeros after them.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self {
            code: 0,
            range: u64::MAX,
            share: 0,
            rest: bytes,
        };
        decoder.code = decoder.word() << 32;
        decoder.code |= decoder.word();
        decoder
    }

    fn word(&mut self) -> u64 {
        if let Some((word, rest)) = self.rest.split_first_chunk() {
            self.rest = rest;
            return u64::from(u32::from_be_bytes(*word));
        }
        let mut word = [0; 4];
        for (slot, byte) in word.iter_mut().zip(self.rest) {
            *slot = *byte;
        }
        self.rest = &[];
        u64::from(u32::from_be_bytes(word))
    }

    #[inline]
    fn narrow(&mut self, start: u64, range: u64) {
        self.code = self.code.wrapping_sub(start);
        self.range = range;
        if range < RANGE_MIN {
            self.code = self.code << 32 | self.word();
            self.range = range << 32;
        }
    }
}

impl Wire for Decoder<'_> {
    const READS: bool = true;

    #[inline]
    fn bit(&mut self, one: u16, _: bool) -> bool {
        let bound = (self.range >> 16) * u64::from(one);
        let bit = self.code < bound;
        if bit {
            self.narrow(0, bound);
        } else {
            self.narrow(bound, self.range - bound);
        }
        bit
    }

    #[inline]
    fn raw(&mut self, count: u32, _: u32) -> u32 {
        let share = self.range >> count;
        let most = (1_u64 << count) - 1;
        let value = (self.code / share).min(most);
        self.narrow(share * value, share);
        u32::try_from(value).unwrap_or(0)
    }

    fn part(&mut self, total: u32) -> u32 {
        self.share = self.range / u64::from(total.max(1));
        let most = u64::from(total.saturating_sub(1));
        u32::try_from((self.code / self.share).min(most)).unwrap_or(0)
    }

    fn take(&mut self, start: u32, size: u32, total: u32) {
        let share = match std::mem::take(&mut self.share) {
            0 => self.range / u64::from(total.max(1)),
            share => share,
        };
        self.narrow(share * u64::from(start), share * u64::from(size));
    }
}

/// Neither: decisions that both sides know pass by, so that the odds learn of them.
pub(super) struct Learner;

impl Wire for Learner {
    const READS: bool = false;

    #[inline]
    fn bit(&mut self, _: u16, bit: bool) -> bool {
        bit
    }

    fn raw(&mut self, _: u32, value: u32) -> u32 {
        value
    }

    fn part(&mut self, _: u32) -> u32 {
        0
    }

    fn take(&mut self, _: u32, _: u32, _: u32) {}
}
