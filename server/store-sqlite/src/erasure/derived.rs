//! Erasing what is derived: counts stay, of nobody.

use askel_store::{Erased, OutboxItem, StoreError, TheirCounts};
use serde_json::Value;

use super::Erasing;
use crate::{error::store_error, projection, rows::rows};

/// Outbox items of one statement.
const CHUNK: u32 = 500;

/// Runs statements that take the tenant and the participant, in order.
macro_rules! run {
    ($erasing:ident, $erased:ident; $($statement:literal)+) => {
        $({
            let key = &$erasing.tenant.as_bytes()[..];
            let participant = &$erased.participant.as_bytes()[..];
            sqlx::query!($statement, key, participant)
                .execute(&mut *$erasing.connection)
                .await
                .map_err(store_error)?;
        })+
    };
}

impl Erasing<'_> {
    pub(super) async fn erase_derived(
        &mut self,
        erased: &Erased,
        counts: TheirCounts,
    ) -> Result<(), StoreError> {
        if counts == TheirCounts::Added {
            self.freeze(erased).await?;
        }
        run!(self, erased;
            "DELETE FROM dirty WHERE tenant = ? AND participant = ?"
            "DELETE FROM contribution INDEXED BY contribution_by_participant
             WHERE tenant = ? AND participant = ?"
            "DELETE FROM attendance INDEXED BY attendance_by_participant
             WHERE tenant = ? AND participant = ?"
        );
        self.take_out(erased).await
    }

    /// Adds what they counted to what the erased leave in totals.
    async fn freeze(&mut self, erased: &Erased) -> Result<(), StoreError> {
        run!(self, erased;
            "INSERT INTO frozen_contribution (tenant, goal, points, people)
             SELECT tenant, goal, points, 1 FROM contribution INDEXED BY contribution_by_participant
             WHERE tenant = ? AND participant = ?
             ON CONFLICT (tenant, goal) DO UPDATE
             SET points = points + excluded.points, people = people + 1"
            "INSERT INTO frozen_attendance (tenant, place, date, session_kind, session, people)
             SELECT tenant, place, date, session_kind, session, 1
             FROM attendance INDEXED BY attendance_by_participant
             WHERE tenant = ? AND participant = ?
             ON CONFLICT (tenant, place, date, session_kind, session) DO UPDATE
             SET people = people + 1"
        );
        Ok(())
    }

    /// Outbox items for them, and of sightings of their passes.
    async fn take_out(&mut self, erased: &Erased) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let items =
                projection::outbox_after(self.connection, self.tenant, after, CHUNK).await?;
            let Some(last) = items.last() else {
                return Ok(());
            };
            after = last.id;
            let theirs = |item: &&OutboxItem| erased.takes_out(item.draft());
            let theirs: Vec<_> = items
                .iter()
                .filter(theirs)
                .map(|item| Value::from(item.id))
                .collect();
            if !theirs.is_empty() {
                let (key, items) = (&self.tenant.as_bytes()[..], rows(theirs));
                sqlx::query!(
                    "DELETE FROM outbox
                     WHERE tenant = ?1 AND item IN (SELECT value FROM json_each(?2))",
                    key,
                    items
                )
                .execute(&mut *self.connection)
                .await
                .map_err(store_error)?;
            }
        }
    }
}
