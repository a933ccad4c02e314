//! Images of what stands, and making it stand as an image says.

use std::collections::{BTreeMap, BTreeSet};

use askel_store::{
    Invitation, StoreError, Tombstone,
    journal::{Entry, ImageOf, LogOpening, ParticipantImage, their_counts},
};
use askel_sync::id::{LogId, ParticipantId, TenantId};
use sqlx::PgConnection;

use crate::{
    catalog,
    column::columns,
    enrolment::Enrolling,
    erasure::{Erasing, erased_of},
    error::store_error,
    tenant,
};

/// What the journal has to say of something.
pub(super) async fn image(
    connection: &mut PgConnection,
    tenant: TenantId,
    of: &ImageOf,
) -> Result<Option<Entry>, StoreError> {
    let mut rights = Enrolling { connection, tenant };
    Ok(match of {
        ImageOf::Participant(participant) => {
            rights.image(*participant).await?.map(Entry::Participant)
        }
        ImageOf::Device(device) => {
            let participant = rights.device(*device).await?;
            match participant.and_then(|device| device.participant) {
                Some(participant) => rights.image(participant).await?.map(Entry::Participant),
                None => rights
                    .staff_image(*device)
                    .await?
                    .map(|image| Entry::Staff(Box::new(image))),
            }
        }
        ImageOf::Invitation(id) => {
            let invitation = rights.invitation_by_id(*id).await?;
            Some(invitation.map_or(Entry::InvitationDeleted(*id), Entry::Invitation))
        }
        ImageOf::Tenant => tenant::read(rights.connection, tenant)
            .await?
            .map(Entry::Tenant),
        ImageOf::Catalog(version) => catalog::read(rights.connection, tenant, *version)
            .await?
            .map(Entry::Catalog),
        _ => return Err(StoreError::Inconsistent("an image of an unknown kind")),
    })
}

/// Makes it stand as the journal says.
pub(super) async fn replay(
    connection: &mut PgConnection,
    tenant: TenantId,
    entry: &Entry,
    counted: &BTreeSet<ParticipantId>,
) -> Result<(), StoreError> {
    match entry {
        Entry::Participant(image) => {
            let names = [Tombstone::from(image.participant)];
            if !erased_of(connection, tenant, &names).await?.is_empty() {
                return Ok(());
            }
            let mut rights = Enrolling { connection, tenant };
            let standing = rights.image(image.participant).await?;
            let standing = standing.unwrap_or(ParticipantImage::new(image.participant));
            rights.put_image(&image.clone().over(standing)).await
        }
        Entry::Staff(image) => {
            let mut rights = Enrolling { connection, tenant };
            let image = match rights.staff_image(image.device.id).await? {
                Some(standing) => (**image).clone().over(standing),
                None => (**image).clone(),
            };
            rights.put_staff(&image).await
        }
        Entry::Invitation(invitation) => put_invitation(connection, tenant, invitation).await,
        Entry::InvitationDeleted(id) => {
            let mut rights = Enrolling { connection, tenant };
            rights.take_back(*id).await.map(|_| ())
        }
        Entry::Erased { erased, .. } => {
            let mut erasing = Erasing { connection, tenant };
            let counts = their_counts(erased.participant, counted);
            erasing.erase(erased.clone(), counts).await.map(|_| ())
        }
        Entry::Frozen(told) => Erasing { connection, tenant }.raise(told).await,
        Entry::Tenant(row) => tenant::record(connection, row).await.map(|_| ()),
        // A version that does not follow is of another past: nothing to take up.
        Entry::Catalog(version) => catalog::take_up(connection, tenant, version)
            .await
            .map(|_| ()),
        Entry::Logs(openings) => open_logs(connection, tenant, openings).await,
        _ => Err(StoreError::Inconsistent(
            "the journal says something unknown",
        )),
    }
}

async fn put_invitation(
    connection: &mut PgConnection,
    tenant: TenantId,
    invitation: &Invitation,
) -> Result<(), StoreError> {
    let erased = erased_of(connection, tenant, &invitation.names()).await?;
    if !erased.is_empty() {
        return Ok(());
    }
    let mut rights = Enrolling { connection, tenant };
    let standing = rights.invitation_by_id(invitation.id).await?;
    let invitation = invitation.clone();
    rights
        .put_invitation(&match standing {
            Some(standing) => invitation.over(standing),
            None => invitation,
        })
        .await
}

/// Notes whose the logs are of which nothing is here; of the erased none.
async fn open_logs(
    connection: &mut PgConnection,
    tenant: TenantId,
    openings: &[LogOpening],
) -> Result<(), StoreError> {
    let key = &tenant.as_bytes()[..];
    // The last word on each.
    let openings = openings.iter().map(|opening| (opening.log, opening));
    let openings: BTreeMap<_, _> = openings.collect();
    let logs = columns(openings.keys().map(LogId::as_bytes));
    let devices = columns(openings.values().map(|opening| opening.device.as_bytes()));
    let opened = openings.values().map(|opening| opening.opened_at.as_ms());
    let opened: Vec<i64> = opened.collect();
    sqlx::query!(
        "INSERT INTO log (tenant, log, device, next_sequence, opened_at_ms)
         SELECT $1, log, device, 0, opened_at_ms
         FROM unnest($2::bytea[], $3::bytea[], $4::bigint[]) AS opening (log, device, opened_at_ms)
         WHERE NOT EXISTS (SELECT 1 FROM erased WHERE tenant = $1 AND id = opening.device)
         ON CONFLICT (tenant, log) DO UPDATE
         SET device = CASE log.next_sequence WHEN 0 THEN excluded.device ELSE log.device END",
        key,
        &logs,
        &devices,
        &opened
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
