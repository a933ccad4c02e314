//! Goals: the one mechanism behind badges, step quests and challenges.

use askel_proto::v1;

pub use askel_proto::v1::GoalKind;

use crate::{
    id::{BadgeId, GoalId, TimeZoneId},
    rule::Rule,
    time::LocalDate,
};

/// A rule with its words, season and badges.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// Its number.
    pub id: GoalId,
    /// The word people see.
    pub kind: GoalKind,
    /// For people.
    pub name: v1::LocalizedText,
    /// For people.
    pub description: v1::LocalizedText,
    /// Rises when the rule changes.
    pub rule_version: u32,
    /// Its condition.
    pub rule: Rule,
    /// When facts count; always, if there is none.
    pub season: Option<Season>,
    /// The badge for the whole goal.
    pub badge: Option<BadgeId>,
    /// A badge per stage, in the order of the rule's stages; as many as there are stages.
    pub stage_badges: Vec<Option<BadgeId>>,
    /// Who takes part.
    pub entry: Entry,
}

/// Who takes part in a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Everyone.
    Open,
    /// Those who joined. Such a goal has no badge, because a paper card can't join.
    JoinedOnly,
}

/// Local days, both included.
///
/// A fact is in the season by its own local day: an attendance by the day of its place (04:00 cut),
/// steps by the tenant's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Season {
    /// The first day.
    pub first: LocalDate,
    /// The last day.
    pub last: LocalDate,
    /// The zone people read the dates in.
    pub zone: TimeZoneId,
}

impl Season {
    /// Whether a day is in it.
    pub fn contains(&self, date: LocalDate) -> bool {
        self.first <= date && date <= self.last
    }
}

impl Goal {
    /// Whether facts of a day count.
    pub fn is_in_season(&self, date: LocalDate) -> bool {
        self.season.is_none_or(|season| season.contains(date))
    }
}
