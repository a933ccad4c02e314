//! What a participant is given: cards, recovery sheets, approvals; and whose a pass is.

use askel_store::{Approval, PassRecord, RecoverySheet, StoreError};
use askel_sync::{id::PassTag, time::Timestamp};

use super::enrol::Enrolling;
use crate::{
    column::{columns, id},
    error::store_error,
};

impl Enrolling<'_> {
    /// The card that a request made.
    pub(super) async fn card(
        &mut self,
        request: &[u8; 16],
    ) -> Result<Option<PassRecord>, StoreError> {
        let (key, request) = (&self.tenant.as_bytes()[..], &request[..]);
        let row = sqlx::query!(
            "SELECT pass.pass, pass.participant FROM card
             JOIN pass ON pass.tenant = card.tenant AND pass.pass = card.pass
             WHERE card.tenant = $1 AND card.request = $2",
            key,
            request
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store_error)?;
        row.map(|row| Ok(PassRecord::good(id(&row.pass)?, id(&row.participant)?)))
            .transpose()
    }

    /// Adds a card with its participant and pass.
    pub(super) async fn put_card(
        &mut self,
        request: &[u8; 16],
        card: PassRecord,
    ) -> Result<(), StoreError> {
        self.bind(card).await?;
        self.put_request(request, card.pass).await
    }

    /// Notes which pass a request made.
    pub(super) async fn put_request(
        &mut self,
        request: &[u8; 16],
        pass: PassTag,
    ) -> Result<(), StoreError> {
        let (key, request) = (&self.tenant.as_bytes()[..], &request[..]);
        let pass = &pass.as_bytes()[..];
        sqlx::query!(
            "INSERT INTO card (tenant, request, pass) VALUES ($1, $2, $3)
             ON CONFLICT (tenant, request) DO NOTHING",
            key,
            request,
            pass
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Ends the sheet in hand, if there is one, and adds the next.
    pub(super) async fn replace_sheet(&mut self, sheet: &RecoverySheet) -> Result<(), StoreError> {
        let (key, code_hash) = (&self.tenant.as_bytes()[..], &sheet.code_hash[..]);
        let participant = &sheet.participant.as_bytes()[..];
        let maker = &sheet.maker.as_bytes()[..];
        sqlx::query!(
            "DELETE FROM recovery_sheet WHERE tenant = $1 AND participant = $2 AND used_by IS NULL",
            key,
            participant
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "INSERT INTO recovery_sheet (tenant, code_hash, participant, maker)
             VALUES ($1, $2, $3, $4)",
            key,
            code_hash,
            participant,
            maker
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Adds an approval, in place of the one of the same key.
    pub(super) async fn put_approval(&mut self, approval: &Approval) -> Result<(), StoreError> {
        let (key, approved) = (
            &self.tenant.as_bytes()[..],
            &approval.approved.as_bytes()[..],
        );
        let participant = &approval.participant.as_bytes()[..];
        let replaced = approval
            .replaced
            .as_ref()
            .map(|device| &device.as_bytes()[..]);
        let maker = &approval.maker.as_bytes()[..];
        let expires_at = approval.expires_at.as_ms();
        sqlx::query!(
            "INSERT INTO approval
                 (tenant, approved, participant, replaced, maker, expires_at_ms, used)
             VALUES ($1, $2, $3, $4, $5, $6, false)
             ON CONFLICT (tenant, approved) DO UPDATE
             SET participant = excluded.participant, replaced = excluded.replaced,
                 maker = excluded.maker, expires_at_ms = excluded.expires_at_ms",
            key,
            approved,
            participant,
            replaced,
            maker,
            expires_at
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Whose passes these are, burned ones too.
    pub(super) async fn passes(
        &mut self,
        passes: &[PassTag],
    ) -> Result<Vec<PassRecord>, StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let wanted = columns(passes.iter().map(PassTag::as_bytes));
        let rows = sqlx::query!(
            r#"SELECT pass.pass AS "pass!: Vec<u8>", pass.participant AS "participant!: Vec<u8>",
                      pass.burned_at_ms
               FROM unnest($2::bytea[]) WITH ORDINALITY AS wanted (pass, place)
               JOIN pass ON pass.tenant = $1 AND pass.pass = wanted.pass
               ORDER BY wanted.place"#,
            key,
            &wanted
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let records = rows.into_iter().map(|row| {
            Ok(PassRecord {
                pass: id(&row.pass)?,
                participant: id(&row.participant)?,
                burned_at: row.burned_at_ms.map(Timestamp::from_ms),
            })
        });
        records.collect()
    }
}
