//! What is superseded in a stream, and by what.
//!
//! Some ops are values of a **register**: of all values of one register in one stream only the
//! greatest counts, and it alone is *live*. Folding the live ops of a stream gives the same state as
//! folding all of them; that is what a snapshot rests on.

use askel_proto::v1;
use prost::Message as _;

use crate::{
    admission::{AdmittedOp, counted_in},
    id::OpId,
    op::{Payload, Register},
    time::Timestamp,
};

/// How a value stands to the others of its register: the greatest is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    revision: u32,
    /// What decides between equal revisions, as the fold does.
    ties: [u64; 3],
    /// What decides between values that mean the same.
    id: OpId,
}

impl Rank {
    /// Bytes of [`Rank::to_bytes`].
    pub const BYTES: usize = 4 + 3 * 8 + 16;

    /// The revision.
    pub const fn revision(&self) -> u32 {
        self.revision
    }

    /// Bytes that compare as ranks do.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.revision.to_be_bytes().to_vec();
        bytes.extend(self.ties.iter().flat_map(|tie| tie.to_be_bytes()));
        bytes.extend(self.id.as_bytes());
        bytes
    }
}

/// The register an op is a value of; `None` for an op that nothing supersedes, and for steps of a
/// quarter that had not begun when they were received: they count for nothing, so they may not hide
/// what does.
pub fn register_of(admitted: &AdmittedOp) -> Option<Register> {
    value_of(admitted).map(|(register, _)| register)
}

/// How an op stands within its register; `None` exactly where [`register_of`] says so.
pub fn rank_of(admitted: &AdmittedOp) -> Option<Rank> {
    value_of(admitted).map(|(_, rank)| rank)
}

/// Both at once.
pub fn value_of(admitted: &AdmittedOp) -> Option<(Register, Rank)> {
    let payload = admitted.op.parse().ok()??;
    let register = Register::of(&payload)?;
    let (revision, ties) = match payload {
        Payload::StepCount(count) => {
            let quarter = counted_in(&count, &admitted.admission)?;
            let ties = [count.count.into(), quarter.get().into(), 0];
            (count.revision, ties)
        }
        Payload::ProfileSet(set) => {
            let at = ascending(admitted.admission.corrected_at);
            (set.revision, [at, 0, 0])
        }
        Payload::ChallengeTotal(total) => {
            let at = ascending(total.occurred_at);
            (total.revision, [total.total, total.people.into(), at])
        }
        Payload::CatalogPublished(published) => (published.version, [0; 3]),
        Payload::KeyListPublished(published) => (key_list_version(&published)?, [0; 3]),
        _ => return None,
    };
    let id = admitted.id();
    Some((register, Rank { revision, ties, id }))
}

fn key_list_version(published: &v1::KeyListPublished) -> Option<u32> {
    let signed = v1::SignedKeyList::decode(&*published.signed_key_list).ok()?;
    let list = v1::KeyList::decode(&*signed.key_list).ok()?;
    Some(list.version)
}

/// An instant as a number that ascends with it.
fn ascending(at: Timestamp) -> u64 {
    at.as_ms().cast_unsigned() ^ (1 << 63)
}
