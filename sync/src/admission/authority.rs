//! Who may write what about whom: op kind × author's role × relation, deny by default.

use askel_proto::v1::{OpKind, Role};

/// How the author stands to what an op is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The author is the participant it is about.
    Own,
    /// It happened at a place the author works at.
    InScope,
    /// The same, and it judges a check-in that the author's device made a short while before
    /// ([`crate::limits::OWN_CORRECTION_MS_MAX`]).
    OwnCheckIn,
    /// It is about the whole tenant, and so is the author's right.
    Tenant,
    /// None of these.
    None,
}

/// The roles and relations that may write a kind. A kind that is not listed here does not compile
/// into anything allowed: the match is total, and a test asks for a row of every kind.
pub const fn rows(kind: OpKind) -> &'static [(Role, Relation)] {
    match kind {
        OpKind::Unspecified => &[],
        OpKind::CheckIn => &[
            (Role::Participant, Relation::Own),
            (Role::Volunteer, Relation::InScope),
            (Role::Staff, Relation::InScope),
            (Role::Organiser, Relation::InScope),
        ],
        OpKind::Tally => &[
            (Role::Volunteer, Relation::InScope),
            (Role::Staff, Relation::InScope),
            (Role::Organiser, Relation::InScope),
        ],
        OpKind::Correction => &[
            (Role::Volunteer, Relation::OwnCheckIn),
            (Role::Staff, Relation::OwnCheckIn),
            (Role::Staff, Relation::InScope),
            (Role::Organiser, Relation::OwnCheckIn),
            (Role::Organiser, Relation::InScope),
        ],
        OpKind::StepCount
        | OpKind::Evidence
        | OpKind::ProfileSet
        | OpKind::QuestJoined
        | OpKind::QuestLeft
        | OpKind::FavouriteAdded
        | OpKind::FavouriteRemoved => &[(Role::Participant, Relation::Own)],
        OpKind::AwardConfirmed
        | OpKind::AwardWithdrawn
        | OpKind::PassSeen
        | OpKind::CatalogPublished
        | OpKind::KeyListPublished
        | OpKind::ChallengeTotal
        | OpKind::OutcomeChanged
        | OpKind::DeviceChanged
        | OpKind::PassErased
        | OpKind::Blank => &[(Role::Server, Relation::Tenant)],
        OpKind::SamePersonLinked | OpKind::SamePersonUnlinked => {
            &[(Role::Organiser, Relation::Tenant)]
        }
        OpKind::Erase => &[
            (Role::Participant, Relation::Own),
            (Role::Admin, Relation::Tenant),
        ],
    }
}

/// Kinds that only ever add a fact: what a device on probation may hand in.
pub(super) const fn is_new_fact(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::CheckIn
            | OpKind::StepCount
            | OpKind::Evidence
            | OpKind::QuestJoined
            | OpKind::FavouriteAdded
    )
}

/// Whether the table has this row.
pub fn allows(kind: OpKind, role: Role, relation: Relation) -> bool {
    rows(kind).contains(&(role, relation)) || crate::planted!(AuthorityOpen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_row_and_no_row_allows_an_unrelated_author() {
        for kind in (0..=100).filter_map(|number| OpKind::try_from(number).ok()) {
            assert_eq!(
                rows(kind).is_empty(),
                kind == OpKind::Unspecified,
                "{kind:?}"
            );
            assert!(
                rows(kind)
                    .iter()
                    .all(|(_, relation)| *relation != Relation::None)
            );
        }
    }

    #[test]
    fn only_the_server_confirms_awards() {
        for role in [
            Role::Participant,
            Role::Volunteer,
            Role::Staff,
            Role::Organiser,
            Role::Admin,
        ] {
            for relation in [Relation::Own, Relation::InScope, Relation::Tenant] {
                assert!(!allows(OpKind::AwardConfirmed, role, relation));
            }
        }
        assert!(allows(
            OpKind::AwardConfirmed,
            Role::Server,
            Relation::Tenant
        ));
    }
}
