//! What a projection found of people: who is clean, what they give, where they were; one trip.

use std::collections::BTreeMap;

use askel_store::{AttendanceChange, Contribution, Projection, StoreError};
use askel_sync::id::TenantId;
use sqlx::PgConnection;

use super::write::Sessions;
use crate::{column::number, error::store_error};

/// Writes it.
pub(super) async fn write(
    connection: &mut PgConnection,
    tenant: TenantId,
    projection: &Projection,
) -> Result<(), StoreError> {
    let key = &tenant.as_bytes()[..];
    let cleaned = Numbers::of(projection.clean.iter().map(|dirty| dirty.generation))?;
    let sent = Numbers::of(projection.sent.iter().copied())?;
    let (gifts, taken_back) = Gifts::of(&projection.contributions)?;
    let (come, gone) = Attendances::of(&projection.attendances);
    sqlx::query_file!(
        "src/projection/found.sql",
        key,
        cleaned.first,
        cleaned.last,
        &cleaned.all,
        sent.first,
        sent.last,
        &sent.all,
        &gifts.goals,
        &gifts.participants,
        &gifts.points,
        &come.at.places,
        &come.at.dates,
        &come.at.kinds,
        &come.at.numbers,
        &come.participants
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(store_error)?;
    take_back(connection, tenant, &taken_back).await?;
    remove(connection, tenant, &gone).await
}

/// Takes gifts out that are nothing any more. Rare.
async fn take_back(
    connection: &mut PgConnection,
    tenant: TenantId,
    gifts: &Gifts,
) -> Result<(), StoreError> {
    if gifts.goals.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    sqlx::query!(
        "DELETE FROM contribution
         USING unnest($2::bigint[], $3::bytea[]) AS gift (goal, participant)
         WHERE contribution.tenant = $1 AND contribution.goal = gift.goal
               AND contribution.participant = gift.participant",
        key,
        &gifts.goals,
        &gifts.participants
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Removes attendances of check-ins that were undone. Rare.
async fn remove(
    connection: &mut PgConnection,
    tenant: TenantId,
    gone: &Attendances,
) -> Result<(), StoreError> {
    if gone.participants.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    sqlx::query!(
        "DELETE FROM attendance
         USING unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::bytea[])
               AS change (place, date, session_kind, session, participant)
         WHERE attendance.tenant = $1 AND attendance.participant = change.participant
               AND attendance.date = change.date AND attendance.place = change.place
               AND attendance.session_kind = change.session_kind
               AND attendance.session = change.session",
        key,
        &gone.at.places,
        &gone.at.dates,
        &gone.at.kinds,
        &gone.at.numbers,
        &gone.participants
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Numbers of rows, and between which they lie.
struct Numbers {
    first: i64,
    last: i64,
    all: Vec<i64>,
}

impl Numbers {
    /// Of none: from 1 to 0.
    fn of(numbers: impl Iterator<Item = u64>) -> Result<Self, StoreError> {
        let all: Vec<i64> = numbers.map(number).collect::<Result<_, _>>()?;
        Ok(Self {
            first: all.iter().copied().min().unwrap_or(1),
            last: all.iter().copied().max().unwrap_or(0),
            all,
        })
    }
}

/// What people give to challenges, as columns.
#[derive(Default)]
struct Gifts {
    goals: Vec<i64>,
    participants: Vec<Vec<u8>>,
    points: Vec<i64>,
}

impl Gifts {
    /// The last word on each: what is given, and what is nothing any more.
    fn of(contributions: &[Contribution]) -> Result<(Self, Self), StoreError> {
        let gifts = contributions.iter();
        let gifts: BTreeMap<_, _> = gifts
            .map(|gift| ((gift.goal, gift.participant), gift.points))
            .collect();
        let (mut given, mut taken_back) = (Self::default(), Self::default());
        for ((goal, participant), points) in gifts {
            let whither = if points == 0 {
                &mut taken_back
            } else {
                &mut given
            };
            whither.goals.push(goal.get().into());
            whither.participants.push(participant.as_bytes().to_vec());
            whither.points.push(number(points)?);
        }
        Ok((given, taken_back))
    }
}

/// Who was at which session, as columns.
#[derive(Default)]
struct Attendances {
    at: Sessions,
    participants: Vec<Vec<u8>>,
}

impl Attendances {
    /// Who came, and who was not there after all.
    fn of(changes: &[AttendanceChange]) -> (Self, Self) {
        let (mut come, mut gone) = (Self::default(), Self::default());
        for change in changes {
            let whither = if change.present { &mut come } else { &mut gone };
            whither.at.push(change.place, change.date, change.session);
            whither
                .participants
                .push(change.participant.as_bytes().to_vec());
        }
        (come, gone)
    }
}
