//! What was decided of a group.

use askel_store::{Append, EntryOutcome, LogState};
use askel_sync::{
    id::{DeviceId, ParticipantId},
    op::Origin,
};

use super::{IngestError, Receipt};

/// What a group's transaction is to write, and what to answer once it has.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub(super) append: Append,
    /// In the group's order; a submission of a device that was revoked meanwhile has none.
    pub(super) receipts: Vec<Result<Receipt, IngestError>>,
    /// Who corrected a check-in, and where the correction was written.
    pub(super) corrected: Vec<(DeviceId, Origin)>,
    /// Who is to be erased before anything is written, by whose op.
    pub(super) erasures: Vec<(ParticipantId, DeviceId)>,
    /// Where the logs end once it is written.
    pub(super) ends: Vec<LogState>,
}

impl Decided {
    /// Whether ops are accepted, and nothing else is to be written of any: then whoever is revoked or
    /// erased is found by the append.
    pub(super) fn is_all_good_news(&self) -> bool {
        let mut entries = self.append.entries.iter();
        !self.append.entries.is_empty()
            && entries.all(|entry| matches!(entry.outcome, EntryOutcome::Accepted { .. }))
    }

    /// Whether there is anything to write.
    pub(super) fn is_empty(&self) -> bool {
        self.append.entries.is_empty()
            && self.append.returned.is_empty()
            && self.append.healed.is_empty()
    }
}
