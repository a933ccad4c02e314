//! A participant's phone.

use askel_client_sdk::{Client, StepReading};
use askel_server::VerifiedTenant;
use askel_sync::{
    id::{AwardId, StepSourceId},
    op::Measure,
    time::Timestamp,
};

use super::{BUDGET, Pace, settle};
use crate::world::{PLACE, World};

/// The first quarter of an hour that anyone walks in: long before any of this happens.
pub(crate) const FIRST_QUARTER_MS: i64 = 1_460_440_800_000;
/// A quarter of an hour.
pub(crate) const QUARTER_MS: i64 = 15 * 60_000;

/// A phone, and what was written on it.
pub(crate) struct Phone {
    pub(super) client: Client,
    source: StepSourceId,
    quarters: u32,
    steps: u64,
}

impl Phone {
    pub(super) async fn enrol(world: &World, client: Client, number: u8) -> Self {
        client
            .enrol(&world.invite("participant"))
            .await
            .expect("enrolled");
        client.sync(BUDGET).await.expect("the catalog");
        Self {
            client,
            source: StepSourceId::from_bytes([number; 16]),
            quarters: 0,
            steps: 0,
        }
    }

    pub(super) fn pass(&self) -> String {
        self.client.pass().expect("a pass")
    }

    pub(super) fn quarters(&self) -> u64 {
        self.quarters.into()
    }

    /// Walks a few quarters between syncs until it is over, then settles what is pending.
    pub(super) async fn walk(mut self, pace: Pace) -> Self {
        self.client.check_in(PLACE).expect("checked in");
        while !pace.is_over() {
            for _ in 0..3 {
                self.walk_a_quarter();
            }
            pace.sync(&self.client).await;
        }
        settle(&self.client).await;
        self
    }

    pub(super) fn walk_a_quarter(&mut self) {
        let count = self.quarters % 100 + 1;
        let at = FIRST_QUARTER_MS + i64::from(self.quarters) * QUARTER_MS;
        let reading = StepReading {
            at: Timestamp::from_ms(at),
            count,
        };
        self.client
            .record_steps(self.source, Measure::Steps, &[reading])
            .expect("recorded");
        self.quarters += 1;
        self.steps += u64::from(count);
    }

    /// The server holds what this phone holds, which is what it wrote.
    pub(super) fn compare(&self, server: &VerifiedTenant) {
        let participant = self
            .client
            .enrolled()
            .and_then(|enrolled| enrolled.participant);
        let mut known = server.participants.iter();
        let server = known
            .find(|known| Some(known.participant) == participant)
            .expect("known");
        assert_eq!(
            self.client.day_steps(Measure::Steps).values().sum::<u64>(),
            self.steps
        );
        assert_eq!(server.day_steps, self.client.day_steps(Measure::Steps));
        let attendances = u64::try_from(self.client.attendances().len()).expect("a few");
        assert_eq!(server.attendances, attendances);
        let awards: Vec<AwardId> = self.client.awards().iter().map(|award| award.id).collect();
        assert_eq!(server.confirmed.iter().copied().collect::<Vec<_>>(), awards);
    }
}
