//! Planted bugs, and a seed that finds each.

use askel_sync::planted::Bug;

/// A seed that finds each bug, as `cargo xtask drill planted` told last. What is drawn changes with the
/// protocol: when a seed finds its bug no more, the drill tells another.
pub const KNOWN: &[(Bug, u64)] = &[
    (Bug::CutAnswerIsWhole, 1),
    (Bug::ExceptionsIgnored, 1),
    (Bug::CursorWithoutPage, 1),
    (Bug::OfferedAsNew, 1),
    (Bug::HealedWithoutOps, 1),
    (Bug::SealedRewritten, 7),
    (Bug::FailedWriteTold, 1),
    (Bug::AnsweredBeforeCommit, 1),
    (Bug::HeadAheadIgnored, 356),
    (Bug::TakenSequenceRepeats, 1),
    (Bug::WriterUnchecked, 9),
    (Bug::DoorNotTold, 1),
    (Bug::ConfirmedAgain, 1),
    (Bug::CarrierDecides, 1),
    (Bug::NobodyDirty, 1),
    (Bug::OriginUnchecked, 21),
    (Bug::AuthorityOpen, 4),
    (Bug::ClockBelieved, 7),
    (Bug::UnknownRefused, 11),
    (Bug::FieldsDropped, 9),
    (Bug::RevokedLetIn, 8),
    (Bug::FrameUnread, 8),
    (Bug::ErasedStays, 5),
    (Bug::JournalIgnored, 34),
    (Bug::WaitingHidesLoss, 1),
    (Bug::BootsUntold, 16),
    (Bug::OutboxEmpty, 8),
    (Bug::LowerRevisionWins, 12),
    (Bug::VoidIgnored, 1),
    (Bug::RemovalIgnored, 8),
];
