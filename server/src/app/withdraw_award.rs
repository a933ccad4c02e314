//! A person takes an award back, with the participant present and for a reason.

use askel_store::{AuditAction, PassRecord};
use askel_sync::{
    id::{AwardId, PassTag},
    op::{AwardWithdrawn, Payload, WithdrawalReason},
    stream::StreamKey,
};
use data_encoding::HEXLOWER;

use super::{App, AppError, Caller, Reason};
use crate::{
    project::replay,
    server_log::{Beside, Draft},
};

/// Withdraws a confirmed award of whoever showed the pass. Doing it twice is doing it once.
pub(crate) async fn withdraw_award(
    app: &App,
    caller: &Caller,
    pass: PassTag,
    award: AwardId,
    reason: WithdrawalReason,
) -> Result<(), AppError> {
    let records = app.store().lookup_passes(caller.tenant, &[pass]).await?;
    let holder = records.first().and_then(PassRecord::holder);
    let participant = holder.ok_or(Reason::PassUnknown)?;
    let catalog = app.catalog(caller.tenant).await?;
    let state = replay(app.store(), caller.tenant, participant, &catalog)
        .await?
        .state;
    if state.withdrawn().any(|withdrawn| withdrawn.award == award) {
        return Ok(());
    }
    if !state.confirmed().any(|confirmed| confirmed.award == award) {
        return Err(Reason::NotFound.into());
    }
    let name = format!("awards/{}", HEXLOWER.encode(award.as_bytes()));
    let audit = app.audit(caller, AuditAction::AwardWithdrawn, name);
    let withdrawn = AwardWithdrawn {
        award,
        reason,
        occurred_at: audit.at,
    };
    let to = StreamKey::Participant(participant);
    let draft = Draft::new(&Payload::AwardWithdrawn(withdrawn), to).dirtying(participant);
    let beside = Beside {
        audits: vec![audit],
        ..Beside::default()
    };
    app.server_log
        .write(caller.tenant, &[draft], beside)
        .await?;
    app.projector.settle(caller.tenant).await;
    Ok(())
}
