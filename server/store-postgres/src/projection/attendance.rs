//! Who was where: writing it.

use askel_store::{AttendanceChange, StoreError};
use askel_sync::{
    id::{ParticipantId, PlaceId, TenantId},
    op::SessionRef,
    time::LocalDate,
};
use sqlx::PgConnection;

use crate::{
    column::{columns, session_columns},
    error::store_error,
};

/// Voids what was held of participants who were folded from scratch.
pub(super) async fn forget(
    connection: &mut PgConnection,
    tenant: TenantId,
    afresh: &[ParticipantId],
) -> Result<(), StoreError> {
    if afresh.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let participants = columns(afresh.iter().map(ParticipantId::as_bytes));
    sqlx::query!(
        "DELETE FROM attendance WHERE tenant = $1 AND participant = ANY($2)",
        key,
        &participants
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Writes what changed.
pub(super) async fn attend(
    connection: &mut PgConnection,
    tenant: TenantId,
    attendances: &[AttendanceChange],
) -> Result<(), StoreError> {
    let of = |present: bool| {
        let changes = attendances.iter();
        changes
            .filter(move |change| change.present == present)
            .collect::<Vec<_>>()
    };
    leave(connection, tenant, &of(false)).await?;
    come(connection, tenant, &of(true)).await
}

fn sessions_of(changes: &[&AttendanceChange]) -> (Sessions, Vec<Vec<u8>>) {
    let mut at = Sessions::default();
    for change in changes {
        at.push(change.place, change.date, change.session);
    }
    let participants = columns(changes.iter().map(|change| change.participant.as_bytes()));
    (at, participants)
}

async fn leave(
    connection: &mut PgConnection,
    tenant: TenantId,
    absent: &[&AttendanceChange],
) -> Result<(), StoreError> {
    if absent.is_empty() {
        return Ok(());
    }
    let (key, (at, participants)) = (&tenant.as_bytes()[..], sessions_of(absent));
    sqlx::query!(
        "DELETE FROM attendance
         USING unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::bytea[])
               AS gone (place, date, session_kind, session, participant)
         WHERE attendance.tenant = $1 AND attendance.place = gone.place
               AND attendance.date = gone.date AND attendance.session_kind = gone.session_kind
               AND attendance.session = gone.session
               AND attendance.participant = gone.participant",
        key,
        &at.places,
        &at.dates,
        &at.kinds,
        &at.numbers,
        &participants
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn come(
    connection: &mut PgConnection,
    tenant: TenantId,
    present: &[&AttendanceChange],
) -> Result<(), StoreError> {
    if present.is_empty() {
        return Ok(());
    }
    let (key, (at, participants)) = (&tenant.as_bytes()[..], sessions_of(present));
    sqlx::query!(
        "INSERT INTO attendance (tenant, place, date, session_kind, session, participant)
         SELECT $1, place, date, session_kind, session, participant
         FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::bytea[])
              AS here (place, date, session_kind, session, participant)
         ON CONFLICT (tenant, place, date, session_kind, session, participant) DO NOTHING",
        key,
        &at.places,
        &at.dates,
        &at.kinds,
        &at.numbers,
        &participants
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Sessions as columns.
#[derive(Default)]
pub(super) struct Sessions {
    pub(super) places: Vec<i64>,
    pub(super) dates: Vec<i32>,
    pub(super) kinds: Vec<i16>,
    pub(super) numbers: Vec<i64>,
}

impl Sessions {
    pub(super) fn push(&mut self, place: PlaceId, date: LocalDate, session: SessionRef) {
        let (kind, number) = session_columns(session);
        self.places.push(place.get().into());
        self.dates.push(date.as_days());
        self.kinds.push(kind);
        self.numbers.push(number);
    }
}
