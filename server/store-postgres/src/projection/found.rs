//! What a projection found of people: who is clean, what they give, where they were; one trip.

use std::collections::BTreeMap;

use askel_store::{AttendanceChange, Contribution, Projection, StoreError};
use askel_sync::id::TenantId;
use sqlx::PgConnection;

use super::write::Sessions;
use crate::{
    column::{columns, number},
    error::store_error,
};

/// Writes it.
pub(super) async fn write(
    connection: &mut PgConnection,
    tenant: TenantId,
    projection: &Projection,
) -> Result<(), StoreError> {
    let key = &tenant.as_bytes()[..];
    let cleaned = Numbers::of(projection.clean.iter().map(|dirty| dirty.generation))?;
    let sent = Numbers::of(projection.sent.iter().copied())?;
    let gifts = Gifts::of(&projection.contributions)?;
    let changes = Changes::of(&projection.attendances);
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
        &changes.at.places,
        &changes.at.dates,
        &changes.at.kinds,
        &changes.at.numbers,
        &changes.participants,
        &changes.present
    )
    .fetch_one(connection)
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
struct Gifts {
    goals: Vec<i64>,
    participants: Vec<Vec<u8>>,
    points: Vec<i64>,
}

impl Gifts {
    /// The last word on each.
    fn of(contributions: &[Contribution]) -> Result<Self, StoreError> {
        let gifts = contributions.iter();
        let gifts: BTreeMap<_, _> = gifts
            .map(|gift| ((gift.goal, gift.participant), gift.points))
            .collect();
        let points = gifts.values().map(|points| number(*points));
        Ok(Self {
            goals: gifts.keys().map(|(goal, _)| goal.get().into()).collect(),
            participants: columns(gifts.keys().map(|(_, participant)| participant.as_bytes())),
            points: points.collect::<Result<_, _>>()?,
        })
    }
}

/// Who came to sessions, and who was not there after all, as columns.
struct Changes {
    at: Sessions,
    participants: Vec<Vec<u8>>,
    present: Vec<bool>,
}

impl Changes {
    fn of(attendances: &[AttendanceChange]) -> Self {
        let mut at = Sessions::default();
        for change in attendances {
            at.push(change.place, change.date, change.session);
        }
        let participants = attendances.iter();
        Self {
            at,
            participants: columns(participants.map(|change| change.participant.as_bytes())),
            present: attendances.iter().map(|change| change.present).collect(),
        }
    }
}
