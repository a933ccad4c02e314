//! Registers: what of several ops only the greatest says.

use super::{Measure, Payload, ProfileField};
use crate::{
    id::{GoalId, StepSourceId},
    time::Quarter,
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

impl Register {
    /// The register that a payload is a value of, if it is one.
    pub fn of(payload: &Payload) -> Option<Self> {
        Some(match payload {
            Payload::StepCount(count) => Self::Steps {
                measure: count.measure,
                source: count.source,
                bucket: count.bucket,
            },
            Payload::ProfileSet(set) => Self::Profile(match set.field {
                ProfileField::Alias(_) => ProfileRegister::Alias,
                ProfileField::Picture(_) => ProfileRegister::Picture,
                ProfileField::Language(_) => ProfileRegister::Language,
            }),
            Payload::ChallengeTotal(total) => Self::ChallengeTotal(total.goal),
            Payload::CatalogPublished(_) => Self::Catalog,
            Payload::KeyListPublished(_) => Self::KeyList,
            _ => return None,
        })
    }

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
