//! What a participant's phone shows.

use askel_proto::v1::GoalKind;
use askel_sync::{
    admission::Strength,
    id::{ActivityId, AwardId, BadgeId, GoalId, OpId, PlaceId},
    op::{Alias, SessionRef},
    time::{LocalDate, Timestamp},
};

/// A check-in's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedIn {
    /// The check-in, or the earlier witness of the same attendance.
    pub op: OpId,
    /// Which session it belongs to.
    pub session: SessionRef,
    /// Whether it is the first.
    pub presence: Presence,
    /// What it earned.
    pub new_awards: Vec<Award>,
}

/// Whether someone was counted at a session before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presence {
    /// The first time at this session.
    Welcome,
    /// Counted already; nothing was written.
    AlreadyHere,
}

/// What a sensor counted so far in the 15-minute bucket that contains `at`. A later reading of the
/// same bucket replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepReading {
    /// Any instant of the bucket, by this phone's clock; hourly sources give :00.
    pub at: Timestamp,
    /// 0..=20 000.
    pub count: u32,
}

/// What became of step readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepsRecorded {
    /// Buckets that are new or changed.
    pub written: usize,
    /// Readings that said nothing new.
    pub unchanged: usize,
    /// Readings of a time that has not come yet, or before 1970.
    pub left_out: usize,
    /// What they earned.
    pub new_awards: Vec<Award>,
}

/// An award as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Award {
    /// The same on phone and server.
    pub id: AwardId,
    /// The goal.
    pub goal: GoalId,
    /// 0 for the goal itself, else the stage from 1.
    pub stage: u32,
    /// Its badge, if it has one and the catalog here knows it.
    pub badge: Option<BadgeId>,
    /// The badge's name, or the goal's or stage's.
    pub name: String,
    /// The badge's description, or the goal's.
    pub description: String,
    /// A picture of the app's set, 0 for none.
    pub picture: u32,
    /// Whether the server has said so too.
    pub confirmation: Confirmation,
}

/// How far an award is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// This device computed it from what it holds.
    OnThisDevice,
    /// The server has confirmed it.
    Confirmed,
}

/// How far a participant has come towards a goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The goal.
    pub goal: GoalId,
    /// The word people see for it.
    pub kind: GoalKind,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// How much so far.
    pub current: u64,
    /// How much in all.
    pub target: u64,
    /// Whether it is reached.
    pub reached: bool,
    /// Its stages, if it has any.
    pub stages: Vec<StageProgress>,
    /// Whether it counts for this participant.
    pub joining: Joining,
}

/// How far a participant has come towards a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageProgress {
    /// From 1.
    pub stage: u32,
    /// Its name.
    pub name: String,
    /// How much so far.
    pub current: u64,
    /// How much in all.
    pub target: u64,
    /// Whether it is reached.
    pub reached: bool,
}

/// Whether a goal asks to be joined, and whether it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Joining {
    /// It counts for everyone.
    NotNeeded,
    /// Joined.
    Joined,
    /// Counts from joining on.
    NotJoined,
}

/// What a participant chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// A word of the catalog and a number.
    pub alias: Option<Alias>,
    /// The alias in the person's language, "moon-14", once the catalog knows its word.
    pub alias_text: Option<String>,
    /// One of the fixed set of drawings.
    pub picture: Option<u32>,
    /// fi, sv, en, fi-simple or sv-simple.
    pub language: Option<String>,
}

/// A session the participant was at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attended {
    /// Where.
    pub place: PlaceId,
    /// The place's name.
    pub place_name: String,
    /// The local day, which begins at 04:00.
    pub date: LocalDate,
    /// Which session.
    pub session: SessionRef,
    /// What it was, once the catalog knows it.
    pub activity: Option<ActivityId>,
    /// How well it is witnessed.
    pub strength: Strength,
    /// The check-ins that witness it.
    pub witnesses: Vec<OpId>,
}
