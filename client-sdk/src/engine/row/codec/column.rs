//! Packed repeated fields of integers, written and read one value at a time.

use bytes::{Buf as _, Bytes, BytesMut};
use prost::encoding::{decode_varint, encode_varint};

/// A column as it is written.
#[derive(Debug, Default)]
pub(super) struct Writer(BytesMut);

impl Writer {
    /// A value of a `uint32` or `uint64`.
    pub(super) fn number(&mut self, value: impl Into<u64>) {
        encode_varint(value.into(), &mut self.0);
    }

    /// A value of a `sint64`: small ones are short, whatever their sign.
    pub(super) fn signed(&mut self, value: i64) {
        encode_varint(
            value.wrapping_shl(1).cast_unsigned() ^ sign(value),
            &mut self.0,
        );
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0.freeze()
    }
}

/// All bits set for a negative number, else none.
fn sign(value: i64) -> u64 {
    value.wrapping_shr(63).cast_unsigned()
}

/// A column as it is read.
#[derive(Debug)]
pub(super) struct Reader(Bytes);

impl Reader {
    pub(super) fn new(column: Bytes) -> Self {
        Self(column)
    }

    /// The next value of a `uint64`; `None` when there is none, or no number.
    pub(super) fn wide(&mut self) -> Option<u64> {
        if !self.0.has_remaining() {
            return None;
        }
        decode_varint(&mut self.0).ok()
    }

    /// The next value of a `uint32`.
    pub(super) fn number(&mut self) -> Option<u32> {
        u32::try_from(self.wide()?).ok()
    }

    /// The next value of a `sint64`.
    pub(super) fn signed(&mut self) -> Option<i64> {
        let folded = self.wide()?;
        let half = (folded >> 1).cast_signed();
        Some(if folded & 1 == 1 { !half } else { half })
    }

    /// Whether all values are read.
    pub(super) fn is_read(&self) -> bool {
        !self.0.has_remaining()
    }
}
