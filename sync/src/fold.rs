//! Folds: from admitted ops to state.
//!
//! A fold takes ops in any order, any number of times and in any split, and comes to the same
//! state: every part of it is a set keyed by op id, or a register with a total order of its values.
//! Kinds this version does not know, and payloads it can't read, change nothing; whoever holds the
//! ops keeps them.
//!
//! - [`ParticipantState`]: one participant's own stream.
//! - [`ArchivedDays`]: what steps of long ago come to, where they are not loaded.
//! - [`PlaceDay`]: what the scanners of a place share for a day.
//! - [`ChallengeTotals`]: the sums of collective challenges.

mod archived;
mod attendance;
mod awards;
mod canonical;
mod challenge;
mod claim;
mod many;
mod participant;
mod place_day;
mod profile;
mod session;
mod sets;
mod steps;

pub use archived::{ArchivedDays, day_begins};
pub use attendance::{Attendance, Few};
pub use challenge::ChallengeTotals;
pub use participant::ParticipantState;
pub use place_day::{PlaceDay, SessionCounts};
pub use profile::Profile;
pub use session::SessionKey;

use crate::{
    id::{AwardId, GoalId},
    op::Measure,
    time::LocalDate,
};

/// What an op changed in a participant's state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FactChange {
    /// An attendance stands.
    AttendanceAdded(Attendance),
    /// It does not stand any more; one that changed is removed as it was and added as it is.
    AttendanceRemoved(Attendance),
    /// A day's total moved.
    DaySteps {
        /// Of what.
        measure: Measure,
        /// The day.
        date: LocalDate,
        /// The total before.
        before: u64,
        /// The total now.
        after: u64,
    },
    /// A goal was joined.
    QuestJoined(GoalId),
    /// It was left.
    QuestLeft(GoalId),
    /// A field of the profile changed.
    Profile,
    /// The marked places changed.
    Favourites,
    /// The server confirmed an award.
    AwardConfirmed(AwardId),
    /// A person took an award back.
    AwardWithdrawn(AwardId),
}
