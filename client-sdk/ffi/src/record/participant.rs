//! What a participant's phone shows.

use askel_client_sdk as sdk;
use sdk::{Confirmation, Joining, Presence, Timestamp};

use super::Session;

/// What an installation has become.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Enrolled {
    /// The device, 16 bytes.
    pub device: Vec<u8>,
    /// What its principal is.
    pub role: Role,
    /// Whom it belongs to, 16 bytes, if a participant's.
    pub participant: Option<Vec<u8>>,
    /// Whether it may work already; a staff device waits for its inviter.
    pub active: bool,
    /// The next recovery sheet's text, after coming back with one.
    pub recovery_sheet: Option<String>,
}

/// One of the principal's own devices.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OwnDevice {
    /// The device, 16 bytes.
    pub device: Vec<u8>,
    /// What it may do.
    pub state: DeviceState,
    /// When it was enrolled, milliseconds since 1970-01-01T00:00:00Z.
    pub enrolled_at_ms: i64,
    /// Whether it is this one.
    pub current: bool,
}

/// What a device may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum DeviceState {
    /// Nothing until its inviter approves it.
    Pending,
    /// All its role allows.
    Active,
    /// Hand in new facts; it can be refused.
    Probation,
    /// Nothing any more.
    Revoked,
    /// A state of a later version.
    Other,
}

impl From<sdk::OwnDevice> for OwnDevice {
    fn from(device: sdk::OwnDevice) -> Self {
        Self {
            device: device.device.to_vec(),
            state: device.state.into(),
            enrolled_at_ms: device.enrolled_at.as_ms(),
            current: device.current,
        }
    }
}

impl From<sdk::DeviceState> for DeviceState {
    fn from(state: sdk::DeviceState) -> Self {
        match state {
            sdk::DeviceState::Pending => Self::Pending,
            sdk::DeviceState::Active => Self::Active,
            sdk::DeviceState::Probation => Self::Probation,
            sdk::DeviceState::Revoked => Self::Revoked,
            sdk::DeviceState::Unspecified => Self::Other,
        }
    }
}

/// Roles of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Role {
    /// A person taking part.
    Participant,
    /// May add, never list.
    Volunteer,
    /// Works at places.
    Staff,
    /// Works for an organisation.
    Organiser,
    /// Works for the tenant.
    Admin,
    /// A role of a later version.
    Other,
}

/// A check-in's answer.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct CheckedIn {
    /// The check-in's op id, 16 bytes, or the earlier witness's.
    pub op: Vec<u8>,
    /// Which session it belongs to.
    pub session: Session,
    /// Whether the person was counted at this session before.
    pub already_here: bool,
    /// What it earned.
    pub new_awards: Vec<Award>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Measure {
    /// Walking steps.
    Steps,
    /// Wheelchair pushes.
    WheelchairPushes,
    /// Minutes of movement.
    Minutes,
}

/// What a sensor counted so far in the 15-minute bucket that contains `at_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct StepReading {
    /// Any instant of the bucket, by this phone's clock.
    pub at_ms: i64,
    /// 0..=20 000.
    pub count: u32,
}

/// What became of step readings.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct StepsRecorded {
    /// Buckets that are new or changed.
    pub written: u64,
    /// Readings that said nothing new.
    pub unchanged: u64,
    /// Readings of a time that has not come yet, or before 1970.
    pub left_out: u64,
    /// What they earned.
    pub new_awards: Vec<Award>,
}

/// The total of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct DaySteps {
    /// Days since 1970-01-01.
    pub date: i32,
    /// Over all devices.
    pub count: u64,
}

/// An award as shown.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Award {
    /// 16 bytes; the same on phone and server.
    pub id: Vec<u8>,
    /// The goal.
    pub goal: u32,
    /// 0 for the goal itself, else the stage from 1.
    pub stage: u32,
    /// In the person's language.
    pub name: String,
    /// In the person's language.
    pub description: String,
    /// A picture of the app's set, 0 for none.
    pub picture: u32,
    /// Whether the server has said so too.
    pub confirmed: bool,
}

/// How far a participant has come towards a goal.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Progress {
    /// The goal.
    pub goal: u32,
    /// In the person's language.
    pub name: String,
    /// In the person's language.
    pub description: String,
    /// How much so far.
    pub current: u64,
    /// How much in all.
    pub target: u64,
    /// Whether it is reached.
    pub reached: bool,
    /// Its stages, if it has any.
    pub stages: Vec<StageProgress>,
    /// Whether it counts only once it is joined, and was not.
    pub waits_for_joining: bool,
}

/// How far a participant has come towards a stage.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct StageProgress {
    /// From 1.
    pub stage: u32,
    /// In the person's language.
    pub name: String,
    /// How much so far.
    pub current: u64,
    /// How much in all.
    pub target: u64,
    /// Whether it is reached.
    pub reached: bool,
}

/// What a participant chose.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Profile {
    /// "moon-14", in the person's language.
    pub alias: Option<String>,
    /// One of the fixed set of drawings.
    pub picture: Option<u32>,
    /// fi, sv, en, fi-simple or sv-simple.
    pub language: Option<String>,
}

/// A session the participant was at.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Attended {
    /// Where.
    pub place: u32,
    /// The place's name.
    pub place_name: String,
    /// The local day, which begins at 04:00.
    pub date: i32,
    /// Which session.
    pub session: Session,
    /// The op ids of the check-ins that witness it.
    pub witnesses: Vec<Vec<u8>>,
}

impl From<sdk::Enrolled> for Enrolled {
    fn from(enrolled: sdk::Enrolled) -> Self {
        Self {
            device: enrolled.device.to_vec(),
            role: enrolled.role.into(),
            participant: enrolled.participant.map(sdk::ParticipantId::to_vec),
            active: enrolled.state == sdk::DeviceState::Active,
            recovery_sheet: enrolled.recovery_sheet.map(|sheet| sheet.text),
        }
    }
}

impl From<sdk::Role> for Role {
    fn from(role: sdk::Role) -> Self {
        match role {
            sdk::Role::Participant => Self::Participant,
            sdk::Role::Volunteer => Self::Volunteer,
            sdk::Role::Staff => Self::Staff,
            sdk::Role::Organiser => Self::Organiser,
            sdk::Role::Admin => Self::Admin,
            sdk::Role::Unspecified | sdk::Role::Server => Self::Other,
        }
    }
}

impl From<Measure> for sdk::Measure {
    fn from(measure: Measure) -> Self {
        match measure {
            Measure::Steps => Self::Steps,
            Measure::WheelchairPushes => Self::WheelchairPushes,
            Measure::Minutes => Self::Minutes,
        }
    }
}

impl From<StepReading> for sdk::StepReading {
    fn from(reading: StepReading) -> Self {
        Self {
            at: Timestamp::from_ms(reading.at_ms),
            count: reading.count,
        }
    }
}

impl From<sdk::CheckedIn> for CheckedIn {
    fn from(checked_in: sdk::CheckedIn) -> Self {
        Self {
            op: checked_in.op.to_vec(),
            session: checked_in.session.into(),
            already_here: checked_in.presence == Presence::AlreadyHere,
            new_awards: checked_in.new_awards.into_iter().map(Award::from).collect(),
        }
    }
}

impl From<sdk::StepsRecorded> for StepsRecorded {
    fn from(recorded: sdk::StepsRecorded) -> Self {
        Self {
            written: super::status::count(recorded.written),
            unchanged: super::status::count(recorded.unchanged),
            left_out: super::status::count(recorded.left_out),
            new_awards: recorded.new_awards.into_iter().map(Award::from).collect(),
        }
    }
}

impl From<sdk::Award> for Award {
    fn from(award: sdk::Award) -> Self {
        Self {
            id: award.id.to_vec(),
            goal: award.goal.get(),
            stage: award.stage,
            name: award.name,
            description: award.description,
            picture: award.picture,
            confirmed: award.confirmation == Confirmation::Confirmed,
        }
    }
}

impl From<sdk::Progress> for Progress {
    fn from(progress: sdk::Progress) -> Self {
        Self {
            goal: progress.goal.get(),
            name: progress.name,
            description: progress.description,
            current: progress.current,
            target: progress.target,
            reached: progress.reached,
            stages: progress
                .stages
                .into_iter()
                .map(StageProgress::from)
                .collect(),
            waits_for_joining: progress.joining == Joining::NotJoined,
        }
    }
}

impl From<sdk::StageProgress> for StageProgress {
    fn from(progress: sdk::StageProgress) -> Self {
        Self {
            stage: progress.stage,
            name: progress.name,
            current: progress.current,
            target: progress.target,
            reached: progress.reached,
        }
    }
}

impl From<sdk::Profile> for Profile {
    fn from(profile: sdk::Profile) -> Self {
        Self {
            alias: profile.alias_text,
            picture: profile.picture,
            language: profile.language,
        }
    }
}

impl From<sdk::Attended> for Attended {
    fn from(attended: sdk::Attended) -> Self {
        Self {
            place: attended.place.get(),
            place_name: attended.place_name,
            date: attended.date.as_days(),
            session: attended.session.into(),
            witnesses: attended
                .witnesses
                .into_iter()
                .map(sdk::OpId::to_vec)
                .collect(),
        }
    }
}
