//! A running digest of ops and judgements: tells frames of other ops apart, and is no proof against
//! malice.

use crate::{admission::Admission, op::Op};

/// The digest so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) const NEW: Self = Self(0);

    /// Its first two bytes.
    pub(super) const fn check(self) -> [u8; 2] {
        let [first, second, ..] = self.0.to_be_bytes();
        [first, second]
    }

    /// Takes an op in.
    pub(super) fn op(&mut self, op: &Op) {
        self.word(u64::from(op.kind));
        self.word(op.origin.sequence);
        self.bytes(op.origin.log.as_bytes());
        self.bytes(&op.payload);
    }

    /// Takes its judgement in.
    pub(super) fn admission(&mut self, admission: &Admission) {
        self.word(admission.corrected_at.as_ms().cast_unsigned());
        self.word(admission.received_at.as_ms().cast_unsigned());
        let subject = admission.subject.as_ref();
        self.bytes(subject.map_or(&[], |subject| subject.as_bytes()));
        self.word(u64::from(admission.flags.bits()));
        let [strength, role] = [admission.strength as i32, admission.author_role as i32];
        self.word(u64::from(strength.cast_unsigned()) << 32 | u64::from(role.cast_unsigned()));
    }

    const fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(u64::try_from(bytes.len()).unwrap_or(0));
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (slot, byte) in last.iter_mut().zip(rest) {
            *slot = *byte;
        }
        self.word(u64::from_le_bytes(last));
    }
}
