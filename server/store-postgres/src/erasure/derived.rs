//! Erasing what is derived: counts stay, of nobody.

use askel_store::{Erased, OutboxItem, StoreError, TheirCounts};

use super::Erasing;
use crate::{error::store_error, projection};

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
            "DELETE FROM dirty WHERE tenant = $1 AND participant = $2"
            "DELETE FROM contribution
             WHERE tenant = $1 AND participant = $2"
            "DELETE FROM attendance
             WHERE tenant = $1 AND participant = $2"
        );
        self.take_out(erased).await
    }

    /// Adds what they counted to what the erased leave in totals.
    async fn freeze(&mut self, erased: &Erased) -> Result<(), StoreError> {
        run!(self, erased;
            "INSERT INTO frozen_contribution (tenant, goal, points, people)
             SELECT tenant, goal, points, 1 FROM contribution
             WHERE tenant = $1 AND participant = $2
             ON CONFLICT (tenant, goal) DO UPDATE
             SET points = frozen_contribution.points + excluded.points,
                 people = frozen_contribution.people + 1"
            "INSERT INTO frozen_attendance (tenant, place, date, session_kind, session, people)
             SELECT tenant, place, date, session_kind, session, 1
             FROM attendance
             WHERE tenant = $1 AND participant = $2
             ON CONFLICT (tenant, place, date, session_kind, session) DO UPDATE
             SET people = frozen_attendance.people + 1"
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
            let theirs: Vec<u64> = items.iter().filter(theirs).map(|item| item.id).collect();
            projection::take_out(self.connection, self.tenant, &theirs).await?;
        }
    }
}
