//! A tablet at the door.

use askel_client_sdk::Client;

use super::{BUDGET, Pace, settle};
use crate::world::{PLACE, World};

/// A staff device with passes before it.
pub(super) struct Tablet {
    client: Client,
    passes: Vec<String>,
}

impl Tablet {
    pub(super) async fn enrol(world: &World, client: Client, passes: Vec<String>) -> Self {
        client
            .enrol(&world.invite("staff"))
            .await
            .expect("enrolled");
        client.sync(BUDGET).await.expect("the catalog");
        Self { client, passes }
    }

    /// Counts people without a name and scans the same passes over and over; how many it counted.
    pub(super) async fn count(self, pace: Pace) -> u64 {
        let mut counted = 0;
        while !pace.is_over() {
            self.client.tally(PLACE, 1).expect("counted");
            counted += 1;
            for pass in &self.passes {
                self.client.scan(PLACE, pass).expect("scanned");
            }
            pace.sync(&self.client).await;
        }
        settle(&self.client).await;
        counted
    }
}
