//! The total of a collective challenge, as it was last told to all.

use askel_sync::{id::GoalId, op::Payload, stream::StreamKey};

use super::{App, AppError, Caller, Figure, Reason};

/// A challenge's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChallengeFigures {
    pub(crate) total: Figure,
    pub(crate) people: Figure,
    pub(crate) target: u64,
}

/// Reads what the challenge's stream says: no more than every phone knows, so that two readings
/// never give one person's part away.
pub(crate) async fn challenge(
    app: &App,
    caller: &Caller,
    goal: GoalId,
) -> Result<ChallengeFigures, AppError> {
    let catalog = app.catalog(caller.tenant).await?;
    let rule = catalog.goal(goal).map(|goal| &goal.rule);
    let target = rule
        .and_then(crate::project::collective_target)
        .ok_or(Reason::NotFound)?;
    let key = StreamKey::Challenge(goal);
    let heads = app.store().lookup_streams(caller.tenant, &[key]).await?;
    let Some(last) = heads.first().and_then(|head| head.head.checked_sub(1)) else {
        let none = Figure::NotRecorded;
        return Ok(ChallengeFigures {
            total: none,
            people: none,
            target,
        });
    };
    let told = app.store().read_stream(caller.tenant, key, last, 1).await?;
    match told
        .first()
        .and_then(|told| told.admitted.op.parse().ok().flatten())
    {
        Some(Payload::ChallengeTotal(told)) => Ok(ChallengeFigures {
            total: Figure::Value(told.total),
            people: Figure::people(u64::from(told.people)),
            target,
        }),
        _ => Err(Reason::Internal.into()),
    }
}
