//! What is superseded in a stream, and by what.
//!
//! Some ops are values of a **register**: of all values of one register in one stream only the
//! greatest counts, and it alone is *live*. Folding the live ops of a stream gives the same state as
//! folding all of them; that is what a snapshot rests on.

use askel_proto::v1;
use prost::Message as _;

use crate::{
    admission::{AdmittedOp, counted_in},
    id::{GoalId, OpId, StepSourceId},
    op::{Measure, Payload, ProfileField},
    time::{Quarter, Timestamp},
};

/// What names a register within a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Register {
    /// What a source counted in a quarter, as the writer named it.
    Steps {
        /// Of what.
        measure: Measure,
        /// By which device.
        source: StepSourceId,
        /// The quarter by the writer's clock, whatever it counts as.
        bucket: Quarter,
    },
    /// A field of the profile.
    Profile(ProfileRegister),
    /// The total of a challenge.
    ChallengeTotal(GoalId),
    /// The newest catalog.
    Catalog,
    /// The newest key list.
    KeyList,
}

/// A field of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileRegister {
    /// The alias.
    Alias,
    /// The picture.
    Picture,
    /// The language.
    Language,
}

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

impl Register {
    /// The bytes that name it: a letter for its sort, then its parts, big-endian. They are kept in
    /// databases and never change.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Steps {
                measure,
                source,
                bucket,
            } => [
                &b"s"[..],
                &(*measure as i32).to_be_bytes(),
                source.as_bytes(),
                &bucket.get().to_be_bytes(),
            ]
            .concat(),
            Self::Profile(ProfileRegister::Alias) => b"pa".to_vec(),
            Self::Profile(ProfileRegister::Picture) => b"pp".to_vec(),
            Self::Profile(ProfileRegister::Language) => b"pl".to_vec(),
            Self::ChallengeTotal(goal) => [&b"t"[..], &goal.get().to_be_bytes()].concat(),
            Self::Catalog => b"c".to_vec(),
            Self::KeyList => b"k".to_vec(),
        }
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
    let (register, revision, ties) = match admitted.op.parse().ok()?? {
        Payload::StepCount(count) => (
            Register::Steps {
                measure: count.measure,
                source: count.source,
                bucket: count.bucket,
            },
            count.revision,
            [
                count.count.into(),
                counted_in(&count, &admitted.admission)?.get().into(),
                0,
            ],
        ),
        Payload::ProfileSet(set) => {
            let field = match set.field {
                ProfileField::Alias(_) => ProfileRegister::Alias,
                ProfileField::Picture(_) => ProfileRegister::Picture,
                ProfileField::Language(_) => ProfileRegister::Language,
            };
            let at = ascending(admitted.admission.corrected_at);
            (Register::Profile(field), set.revision, [at, 0, 0])
        }
        Payload::ChallengeTotal(total) => (
            Register::ChallengeTotal(total.goal),
            total.revision,
            [
                total.total,
                total.people.into(),
                ascending(total.occurred_at),
            ],
        ),
        Payload::CatalogPublished(published) => (Register::Catalog, published.version, [0; 3]),
        Payload::KeyListPublished(published) => {
            let signed = v1::SignedKeyList::decode(&*published.signed_key_list).ok()?;
            let list = v1::KeyList::decode(&*signed.key_list).ok()?;
            (Register::KeyList, list.version, [0; 3])
        }
        _ => return None,
    };
    let id = admitted.id();
    Some((register, Rank { revision, ties, id }))
}

/// An instant as a number that ascends with it.
fn ascending(at: Timestamp) -> u64 {
    at.as_ms().cast_unsigned() ^ (1 << 63)
}
