//! A first sync that is cut anywhere goes on where it was.

use askel_client_sdk::{ComeBack, Measure, StepReading, StepSourceId};
use askel_sync::admission::Role;

use super::{Drilled, in_a_world};
use crate::{
    cast::Cast,
    world::{BUDGET, World},
};

/// What may be sent again because of a cut, in bytes.
const RESENT_BYTES_MAX: u64 = 4_096;

/// The first sync of a new phone of someone with so many hours of steps, cut after each of its parts.
pub fn cuts(hours: u32) -> Drilled {
    in_a_world(async move {
        let mut world = World::begin(1, Cast::of(1, 0)).await;
        let first = world.devices[&0].client.clone().expect("open");
        let source = StepSourceId::from_bytes([1; 16]);
        for hour in 0..hours {
            let at = world
                .true_time
                .now()
                .saturating_add_ms(i64::from(hour) * -3_600_000);
            let count = 100 + hour * 37 % 3_000;
            let readings = [StepReading { at, count }];
            let recorded = first.record_steps(source, Measure::Steps, &readings);
            recorded.expect("recorded");
        }
        first.sync(BUDGET).await.expect("a calm day");
        let expected = first.day_steps(Measure::Steps);
        let whole = world.first_sync(None).await;
        let mut faults = Vec::new();
        let mut resent_max = 0;
        for parts in 0..whole.parts {
            let cut = world.first_sync(Some(parts)).await;
            if cut.steps != expected {
                faults.push(format!("cut after {parts} parts: other steps"));
            }
            resent_max = resent_max.max(cut.bytes.saturating_sub(whole.bytes));
        }
        if resent_max > RESENT_BYTES_MAX {
            faults.push(format!("{resent_max} bytes were sent again"));
        }
        Drilled {
            told: format!(
                "a first sync of {} bytes, cut after each of {} parts: at most {resent_max} bytes sent again",
                whole.bytes, whole.parts
            ),
            faults,
        }
    })
}

/// What a first sync came to.
struct FirstSync {
    /// Bytes of all parts that arrived.
    bytes: u64,
    parts: usize,
    steps: std::collections::BTreeMap<askel_client_sdk::LocalDate, u64>,
}

impl World {
    /// A new phone of the first person syncs until it is done; its first answer is cut after so many
    /// parts.
    async fn first_sync(&mut self, cut_after: Option<usize>) -> FirstSync {
        let first = self.devices[&0].client.clone().expect("open");
        // Each has a number of its own, and so keys of its own.
        let number = 100 + cut_after.map_or(0, |parts| parts + 1);
        let mut phone = self.new_device(number);
        let client = phone.open().expect("an empty disk");
        let key = client.device_public_key();
        let approved = first.approve_device(&key, None).await;
        approved.expect("approved");
        let link = self.host.invite(Role::Participant).await;
        let enrolled = client.come_back(ComeBack::Approved(link)).await;
        enrolled.expect("enrolled");
        // The catalog first, so that only ops are counted.
        phone.link.count_anew();
        if let Some(parts) = cut_after {
            phone.link.cut_after(parts);
            // A cut behind the end of an answer is none.
            let _ = client.sync(BUDGET).await;
        }
        client.sync(BUDGET).await.expect("a calm day");
        let (parts, bytes) = phone.link.counted();
        let device = client.enrolled().expect("enrolled").device;
        first.revoke_own_device(device).await.expect("revoked");
        FirstSync {
            bytes,
            parts,
            steps: client.day_steps(askel_client_sdk::Measure::Steps),
        }
    }
}
