//! Planted bugs, and a seed that finds each.

use askel_sync::planted::Bug;

/// A seed that finds each bug, as `cargo xtask drill planted` told last. What is drawn changes with the
/// protocol: when a seed finds its bug no more, the drill tells another.
pub const KNOWN: &[(Bug, u64)] = &[
    (Bug::CutAnswerIsWhole, 5),
    (Bug::ExceptionsIgnored, 1),
    (Bug::CursorWithoutPage, 1),
    (Bug::OfferedAsNew, 1),
    (Bug::HealedWithoutOps, 1),
    (Bug::SealedRewritten, 2),
    (Bug::FailedWriteTold, 1),
    (Bug::AnsweredBeforeCommit, 1),
    (Bug::HeadAheadIgnored, 188),
    (Bug::TakenSequenceRepeats, 4),
    (Bug::WriterUnchecked, 9),
    (Bug::DoorNotTold, 1),
    (Bug::ConfirmedAgain, 1),
    (Bug::CarrierDecides, 1),
    (Bug::NobodyDirty, 1),
    (Bug::OriginUnchecked, 26),
    (Bug::AuthorityOpen, 4),
    (Bug::ClockBelieved, 2),
    (Bug::LowerRevisionWins, 50),
    (Bug::VoidIgnored, 8),
    (Bug::RemovalIgnored, 11),
];
