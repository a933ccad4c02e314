//! What the SDK answers: values for an app to show, texts in the person's language.

mod enrolment;
#[cfg(feature = "inspection")]
mod inspection;
mod notice;
mod participant;
mod place;
mod push;
mod status;

pub use enrolment::{ComeBack, Enrolled, OwnDevice, RecoverySheet};
#[cfg(feature = "inspection")]
pub use inspection::{SeenOp, SeenStanding};
pub use notice::{Notice, NoticeKind};
pub use participant::{
    Attended, Award, CheckedIn, Confirmation, Joining, Presence, Profile, Progress, StageProgress,
    StepReading, StepsRecorded,
};
pub use place::{Nearby, Opening, OwnScan, Place, PlaceDay, Scanned, SessionCounts};
pub use push::{PushWish, QuietHours};
pub use status::{Budget, Change, Footprint, RejectedOp, Status, SyncEnd, SyncReport};
