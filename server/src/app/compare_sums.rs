//! The sums that readers tell once a day: whether they hold what the server holds.

use askel_proto::v1;
use askel_store::Lineage;
use askel_sync::id::StreamId;

use super::{App, AppError, Caller};

/// Compares with the streams as they stand, and notes in the log how many differ. A reader that is
/// not at the head says nothing comparable.
pub(super) async fn compare_sums(
    app: &App,
    caller: &Caller,
    sums: &[v1::StreamSum],
) -> Result<(), AppError> {
    let mut differing: u32 = 0;
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
        differing = differing.saturating_add(u32::from(differs));
    }
    if differing > 0 {
        tracing::warn!(
            counter.stream_sum_mismatch = differing,
            "a reader holds something else than its streams say"
        );
    }
    Ok(())
}
