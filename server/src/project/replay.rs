//! Folding a participant's stream, from scratch or from where a cached fold stands.

use std::{collections::BTreeMap, sync::Arc};

use askel_store::{Store, StoreError, StreamOp};
use askel_sync::{
    catalog::Catalog,
    fold::{FactChange, ParticipantState, SessionKey},
    id::{GoalId, ParticipantId, TenantId},
    op::OpKind,
    rule::Tracker,
    stream::StreamKey,
};

use crate::limits::STREAM_READ_OPS;

/// A participant's state with what was counted on the way.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) state: ParticipantState,
    /// Check-in ops, whoever wrote them.
    pub(crate) check_ins: u64,
}

/// Folds a participant's whole stream.
pub(crate) async fn replay(
    store: &dyn Store,
    tenant: TenantId,
    participant: ParticipantId,
    catalog: &Catalog,
) -> Result<Replayed, StoreError> {
    let mut replayed = Replayed {
        state: ParticipantState::new(participant),
        check_ins: 0,
    };
    replayed.state.rebase(catalog);
    let mut position = 0;
    loop {
        let key = StreamKey::Participant(participant);
        let read = store
            .read_stream(tenant, key, position, STREAM_READ_OPS)
            .await?;
        let Some(last) = read.last() else {
            return Ok(replayed);
        };
        position = last.position;
        for stream_op in read {
            let is_check_in = stream_op.admitted.op.kind == OpKind::CheckIn as u32;
            replayed.check_ins = replayed.check_ins.saturating_add(u64::from(is_check_in));
            replayed.state.apply(&stream_op.admitted, catalog);
        }
    }
}

/// A participant's state as the projector keeps it: with a tracker of the goals, and how far in the
/// stream it is.
pub(super) struct Folded {
    pub(super) state: ParticipantState,
    pub(super) tracker: Tracker,
    /// Contributions as last written.
    pub(super) contributed: BTreeMap<GoalId, u64>,
    position: u64,
}

impl Folded {
    pub(super) fn new(participant: ParticipantId, catalog: &Arc<Catalog>) -> Self {
        let mut state = ParticipantState::new(participant);
        state.rebase(catalog);
        Self {
            tracker: Tracker::new(Arc::clone(catalog), participant),
            state,
            contributed: BTreeMap::new(),
            position: 0,
        }
    }

    /// How far in the stream it is.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Goes on by ops that follow where it stands, and then to the stream's head if they were as many as
    /// were asked for. Returns the attendances that came to be or ceased on the way;
    /// from scratch, that is all there ever were.
    pub(super) async fn advance(
        &mut self,
        (store, tenant): (&dyn Store, TenantId),
        catalog: &Catalog,
        (first, limit): (Vec<StreamOp>, u32),
    ) -> Result<BTreeMap<SessionKey, bool>, StoreError> {
        let mut attendances = BTreeMap::new();
        let key = StreamKey::Participant(self.state.participant());
        let (mut read, mut limit) = (first, limit);
        loop {
            let whole = read.len() < usize::try_from(limit).unwrap_or(usize::MAX);
            if let Some(last) = read.last() {
                self.position = last.position;
            }
            for stream_op in read {
                for change in self.state.apply(&stream_op.admitted, catalog) {
                    self.tracker.apply_change(&change);
                    match change {
                        FactChange::AttendanceAdded(added) => attendances.insert(added.key, true),
                        FactChange::AttendanceRemoved(gone) => attendances.insert(gone.key, false),
                        _ => None,
                    };
                }
            }
            if whole {
                return Ok(attendances);
            }
            limit = STREAM_READ_OPS;
            read = store.read_stream(tenant, key, self.position, limit).await?;
        }
    }
}
