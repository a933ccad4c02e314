//! The SDK's answers as `UniFFI` records.

mod participant;
mod place;
mod push;
mod status;

pub use participant::{
    Attended, Award, CheckedIn, DaySteps, DeviceState, Enrolled, Measure, OwnDevice, Profile,
    Progress, Role, StageProgress, StepReading, StepsRecorded,
};
pub use place::{
    CorrectionReason, Nearby, Opening, OwnScan, Place, PlaceDay, Scanned, Session, SessionCounts,
};
pub use push::{PushWish, QuietHours};
pub use status::{RejectedOp, Status, SyncReport};
