//! The sums that readers tell once a day: whether they hold what the server holds.

use std::collections::BTreeSet;

use askel_proto::v1;
use askel_store::Lineage;
use askel_sync::id::StreamId;

use super::{App, AppError, Caller};
use crate::meters::meters;

/// The streams, as they stand, of which a reader at their head holds something else. A reader that is not
/// at the head says nothing comparable.
pub(super) async fn compare_sums(
    app: &App,
    caller: &Caller,
    sums: &[v1::StreamSum],
) -> Result<BTreeSet<StreamId>, AppError> {
    let mut odd = BTreeSet::new();
    for told in sums {
        let Ok(id) = StreamId::try_from(&*told.stream_id) else {
            return Err(AppError::field("sums.stream_id", "has 16 bytes"));
        };
        let named = app.store().lookup_stream_id(caller.tenant, id).await?;
        let Some((key, Lineage::Current)) = named else {
            continue;
        };
        let heads = app.store().lookup_streams(caller.tenant, &[key]).await?;
        let differs = heads
            .first()
            .is_some_and(|head| head.head == told.position && head.sum.bits() != told.sum);
        if differs {
            odd.insert(id);
        }
    }
    Ok(odd)
}

/// Notes in the log that a reader will be told sums of streams, for its own may differ.
pub(super) fn note_odd(odd: &BTreeSet<StreamId>) {
    if !odd.is_empty() {
        meters().sum_mismatches.add(1, &[]);
        tracing::warn!("a reader holds something else than its streams say");
    }
}
