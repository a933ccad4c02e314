//! Awards: eligible, confirmed, withdrawn.
//!
//! *Eligible* is computed by rules, *confirmed* and *withdrawn* are ops of the server. What is
//! shown is (eligible ∪ confirmed) − withdrawn: a confirmed award stays though its attendance was
//! voided, and only a person takes one back, with a reason.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    goal::Season,
    id::{AwardId, BadgeId, GoalId, ParticipantId, TenantId},
};

/// The id of an award: the same on every machine, before and after it is confirmed.
///
/// A UUID of version 5 with the tenant's id as namespace. The name is `askel/award/v1`, a zero byte, the goal (4
/// bytes, big-endian), the stage (4 bytes, big-endian, 0 for the goal itself), the participant's 16
/// bytes and, for a goal with a season, its first and last day (days since 1970-01-01, 4 bytes
/// each, big-endian, two's complement).
pub fn award_id(
    tenant: TenantId,
    goal: GoalId,
    stage: u32,
    participant: ParticipantId,
    season: Option<Season>,
) -> AwardId {
    let mut name = b"askel/award/v1\0".to_vec();
    name.extend(goal.get().to_be_bytes());
    name.extend(stage.to_be_bytes());
    name.extend(participant.as_bytes());
    if let Some(season) = season {
        name.extend(season.first.as_days().to_be_bytes());
        name.extend(season.last.as_days().to_be_bytes());
    }
    let namespace = Uuid::from_bytes(*tenant.as_bytes());
    AwardId::from_bytes(*Uuid::new_v5(&namespace, &name).as_bytes())
}

/// An award that a participant has reached by the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Eligible {
    /// The award.
    pub award: AwardId,
    /// The goal.
    pub goal: GoalId,
    /// 0 for the goal itself, else the stage from 1.
    pub stage: u32,
    /// What is collected.
    pub badge: BadgeId,
}

/// The three sets of a participant's awards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Awards {
    /// By the rules.
    pub eligible: BTreeSet<AwardId>,
    /// By the server.
    pub confirmed: BTreeSet<AwardId>,
    /// By a person, with a reason.
    pub withdrawn: BTreeSet<AwardId>,
}

impl Awards {
    /// What the participant sees: (eligible ∪ confirmed) − withdrawn.
    #[must_use]
    pub fn shown(&self) -> BTreeSet<AwardId> {
        self.eligible
            .union(&self.confirmed)
            .filter(|id| !self.withdrawn.contains(id))
            .copied()
            .collect()
    }

    /// What the server has to confirm: eligible, not confirmed yet, not withdrawn.
    #[must_use]
    pub fn to_confirm(&self) -> BTreeSet<AwardId> {
        let open = self.eligible.difference(&self.confirmed);
        open.filter(|id| !self.withdrawn.contains(id))
            .copied()
            .collect()
    }
}

/// SHA-256 over the sorted, deduplicated pairs: 16 bytes of the participant, 16 bytes of the award.
pub fn set_hash(awards: impl IntoIterator<Item = (ParticipantId, AwardId)>) -> [u8; 32] {
    let sorted: BTreeSet<_> = awards.into_iter().collect();
    let mut hash = Sha256::new();
    for (participant, award) in sorted {
        hash.update(participant.as_bytes());
        hash.update(award.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::TimeZoneId, time::LocalDate};

    fn award(byte: u8) -> AwardId {
        AwardId::from_bytes([byte; 16])
    }

    #[test]
    fn a_confirmed_award_outlives_its_eligibility_and_not_its_withdrawal() {
        let awards = Awards {
            eligible: [award(1), award(2)].into(),
            confirmed: [award(2), award(3), award(4)].into(),
            withdrawn: [award(4), award(5)].into(),
        };
        assert_eq!(awards.shown(), [award(1), award(2), award(3)].into());
        assert_eq!(awards.to_confirm(), [award(1)].into());
    }

    #[test]
    fn every_part_of_an_award_makes_another_id() {
        let season = |first| Season {
            first: LocalDate::from_days(first),
            last: LocalDate::from_days(9),
            zone: TimeZoneId::new(1),
        };
        let id = |tenant, goal, stage, participant, season| {
            award_id(
                TenantId::from_bytes([tenant; 16]),
                GoalId::new(goal),
                stage,
                ParticipantId::from_bytes([participant; 16]),
                season,
            )
        };
        let ids = BTreeSet::from([
            id(1, 1, 0, 1, None),
            id(2, 1, 0, 1, None),
            id(1, 2, 0, 1, None),
            id(1, 1, 1, 1, None),
            id(1, 1, 0, 2, None),
            id(1, 1, 0, 1, Some(season(1))),
            id(1, 1, 0, 1, Some(season(-1))),
        ]);
        assert_eq!(ids.len(), 7);
    }

    #[test]
    fn the_hash_of_a_set_does_not_know_order_or_repetition() {
        let pair = |byte| (ParticipantId::from_bytes([byte; 16]), award(byte));
        assert_eq!(
            set_hash([pair(1), pair(2)]),
            set_hash([pair(2), pair(1), pair(2)])
        );
        assert_ne!(set_hash([pair(1)]), set_hash([pair(2)]));
    }
}
