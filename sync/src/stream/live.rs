//! The sum by which two parties see that they hold the same ops of a stream.

use sha2::{Digest as _, Sha256};

use crate::admission::AdmittedOp;

/// A wrapping sum over ops: adding in any order gives the same, and an op can be taken out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct StreamSum(u64);

impl StreamSum {
    /// From a message.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// For a message.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// With one more op.
    #[must_use]
    pub const fn plus(self, op: u64) -> Self {
        Self(self.0.wrapping_add(op))
    }

    /// Without an op that was added before.
    #[must_use]
    pub const fn minus(self, op: u64) -> Self {
        Self(self.0.wrapping_sub(op))
    }
}

/// The first eight bytes of SHA-256 over `askel/stream-sum/v1`, a zero byte, the op id and the
/// admission's fields (big-endian, the subject as 0 or 16 bytes, last).
pub fn op_sum(admitted: &AdmittedOp) -> u64 {
    let admission = &admitted.admission;
    let subject = admission
        .subject
        .as_ref()
        .map_or(&[][..], |subject| subject.as_bytes());
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"askel/stream-sum/v1\0")
        .chain_update(admitted.id().as_bytes())
        .chain_update(admission.corrected_at.as_ms().to_be_bytes())
        .chain_update(admission.received_at.as_ms().to_be_bytes())
        .chain_update((admission.strength as i32).to_be_bytes())
        .chain_update(admission.flags.bits().to_be_bytes())
        .chain_update((admission.author_role as i32).to_be_bytes())
        .chain_update(subject)
        .finalize()
        .into();
    digest.first_chunk().copied().map_or(0, u64::from_be_bytes)
}
