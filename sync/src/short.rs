//! Batches and pages of the short form: a few bytes around their columns, and no field that goes
//! without saying. docs/sync.md has the layouts.

use prost::encoding::{decode_varint, encode_varint};

use crate::{page::PAGE_MAC_BYTES, stream::StreamSum};

/// Bytes of a batch's signature.
const SIGNATURE_BYTES: usize = 64;
/// Bytes of the sum that a page ends with.
const SUM_BYTES: usize = 4;

/// A compact batch: signature, how many ops it refers to, the first one's sequence if there are any,
/// columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortBatch {
    /// Over the batch that `columns` gives.
    pub signature: [u8; SIGNATURE_BYTES],
    /// Accepted ops of the same log that `columns` refers to.
    pub context_ops: u32,
    /// The sequence of the first of them, 0 without any.
    pub context_first_sequence: u64,
    /// As [`encode_batch`](crate::frame::encode_batch) wrote it.
    pub columns: Vec<u8>,
}

impl ShortBatch {
    /// The layout.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.signature.to_vec();
        encode_varint(self.context_ops.into(), &mut bytes);
        if self.context_ops > 0 {
            encode_varint(self.context_first_sequence, &mut bytes);
        }
        bytes.extend(&self.columns);
        bytes
    }

    /// Reads the layout; `None` when it is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (signature, rest) = bytes.split_first_chunk()?;
        let (context_ops, rest) = take_varint(rest)?;
        let context_ops = u32::try_from(context_ops).ok()?;
        let (context_first_sequence, columns) = match context_ops {
            0 => (0, rest),
            _ => take_varint(rest)?,
        };
        Some(Self {
            signature: *signature,
            context_ops,
            context_first_sequence,
            columns: columns.to_vec(),
        })
    }
}

/// The one page of a stream: it follows the position that was asked from, ends where the stream does,
/// and is dense. Twice the stream's index, plus 1 when what it refers to of the reader's follows;
/// MAC; the lowest four bytes of the sum, big-endian; columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortPage {
    /// Which stream of the request, from 1.
    pub stream_index: u32,
    /// `Page.reader_context` of a place's day, 0 for none.
    pub reader_context: u32,
    /// Under the server's key.
    pub mac: [u8; PAGE_MAC_BYTES],
    /// Of the sum over the live ops at the page's end.
    pub sum: u32,
    /// As [`Chain::encode`](crate::frame::Chain::encode) wrote it.
    pub columns: Vec<u8>,
}

impl ShortPage {
    /// What a page says of a sum.
    pub fn sum_of(sum: StreamSum) -> u32 {
        let [.., a, b, c, d] = sum.bits().to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The layout.
    pub fn to_bytes(&self) -> Vec<u8> {
        let refers = self.reader_context > 0;
        let mut bytes = Vec::new();
        encode_varint(
            u64::from(self.stream_index) << 1 | u64::from(refers),
            &mut bytes,
        );
        if refers {
            encode_varint(self.reader_context.into(), &mut bytes);
        }
        bytes.extend(self.mac);
        bytes.extend(self.sum.to_be_bytes());
        bytes.extend(&self.columns);
        bytes
    }

    /// Reads the layout; `None` when it is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = take_varint(bytes)?;
        let (reader_context, rest) = match head & 1 {
            0 => (0, rest),
            _ => take_varint(rest).filter(|(refers, _)| *refers > 0)?,
        };
        let (mac, rest) = rest.split_first_chunk()?;
        let (sum, columns) = rest.split_first_chunk::<SUM_BYTES>()?;
        Some(Self {
            stream_index: u32::try_from(head >> 1).ok()?,
            reader_context: u32::try_from(reader_context).ok()?,
            mac: *mac,
            sum: u32::from_be_bytes(*sum),
            columns: columns.to_vec(),
        })
    }
}

/// A varint and the bytes after it.
fn take_varint(mut bytes: &[u8]) -> Option<(u64, &[u8])> {
    let value = decode_varint(&mut bytes).ok()?;
    Some((value, bytes))
}
