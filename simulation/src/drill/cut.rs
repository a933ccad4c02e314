//! A first sync whose connection is cut after any byte goes on where it was.

use std::collections::BTreeMap;

use askel_client_sdk::{ComeBack, LocalDate, Measure, StepReading, StepSourceId};
use askel_sync::admission::Role;

use super::{Drilled, in_a_world};
use crate::{
    cast::Cast,
    catalog,
    device::Device,
    disk::Image,
    link::Way,
    world::{BUDGET, World},
};

/// Places of the catalog, so that it takes several chunks.
const PLACES: u32 = 80;
/// What may be sent again because of a cut, in bytes.
const RESENT_BYTES_MAX: u64 = 4_096;

/// The first sync of a new phone of someone with so many hours of steps, its connection cut after
/// every byte of requests and answers; or after at most so many, evenly spread.
pub fn cuts(hours: u32, cuts_max: Option<u64>) -> Drilled {
    in_a_world(async move {
        let mut world = World::begin(1, Cast::of(1, 0)).await;
        world.publish_places(PLACES).await;
        let expected = world.walk(hours).await;
        let mut next = Next::enrol(&mut world).await;
        let mut faults = Vec::new();
        let whole = next.first_sync(None).await;
        if whole.steps != expected {
            faults.push("uncut: other steps".to_owned());
        }
        let (mut cuts, mut resent_max) = (0_u64, 0);
        for (way, bytes) in [(Way::Up, whole.up), (Way::Down, whole.down)] {
            let step = cuts_max.map_or(1, |most| bytes.div_ceil(most.div_euclid(2).max(1)).max(1));
            let mut after = 0;
            while after < bytes {
                let cut = next.first_sync(Some((way, after))).await;
                if cut.steps != expected {
                    faults.push(format!("cut after byte {after} {way:?}: other steps"));
                }
                resent_max = resent_max.max(cut.total().saturating_sub(whole.total()));
                cuts += 1;
                after += step;
            }
        }
        if resent_max > RESENT_BYTES_MAX {
            faults.push(format!("{resent_max} bytes were sent again"));
        }
        Drilled {
            told: format!(
                "a first sync of {} bytes up and {} down, cut after {cuts} of them: at most \
                 {resent_max} bytes sent again",
                whole.up, whole.down
            ),
            faults,
        }
    })
}

/// What a first sync came to, with the sync after its cut.
struct FirstSync {
    /// Bytes of requests, gRPC's own included.
    up: u64,
    /// Of answers.
    down: u64,
    steps: BTreeMap<LocalDate, u64>,
}

impl FirstSync {
    fn total(&self) -> u64 {
        self.up.saturating_add(self.down)
    }
}

impl World {
    async fn publish_places(&mut self, places: u32) {
        let content = catalog::with_places(self.host.tenant.id, 2, places);
        let published = self.organiser.publish(content, self.true_time.now()).await;
        published.expect("a good catalog");
    }

    /// The first person walks for so many hours, and hands it in.
    async fn walk(&mut self, hours: u32) -> BTreeMap<LocalDate, u64> {
        let first = self.devices[&0].client.clone().expect("open");
        let source = StepSourceId::from_bytes([1; 16]);
        for hour in 0..hours {
            let now = self.true_time.now();
            let at = now.saturating_add_ms(i64::from(hour) * -3_600_000);
            let count = 100 + hour * 37 % 3_000;
            let readings = [StepReading { at, count }];
            let recorded = first.record_steps(source, Measure::Steps, &readings);
            recorded.expect("recorded");
        }
        first.sync(BUDGET).await.expect("a calm day");
        first.day_steps(Measure::Steps)
    }
}

/// The person's next phone, as it is before its first sync, again and again.
struct Next {
    phone: Device,
    before: Image,
}

impl Next {
    async fn enrol(world: &mut World) -> Self {
        let first = world.devices[&0].client.clone().expect("open");
        let mut phone = world.new_device(100);
        let client = phone.open().expect("an empty disk");
        let key = client.device_public_key();
        let approved = first.approve_device(&key, None).await;
        approved.expect("approved");
        let link = world.host.invite(Role::Participant).await;
        let enrolled = client.come_back(ComeBack::Approved(link)).await;
        enrolled.expect("enrolled");
        let before = phone.disk.image();
        Self { phone, before }
    }

    /// Syncs until it is done; the connection is cut once.
    async fn first_sync(&mut self, cut: Option<(Way, u64)>) -> FirstSync {
        let Self { phone, before } = self;
        phone.stop();
        phone.disk.put_back(before);
        let line = phone.link.line();
        line.begin(cut);
        let mut client = phone.open().expect("the disk of before");
        if let Some((_, after)) = cut {
            client.sync(BUDGET).await.expect_err("cut");
            assert!(!line.is_to_be_cut(), "it came to {after} bytes");
            if after % 2 == 1 {
                // The app was ended too.
                phone.stop();
                client = phone.open().expect("a disk that opens");
            }
        }
        client.sync(BUDGET).await.expect("a calm day");
        let (up, down) = line.told();
        FirstSync {
            up,
            down,
            steps: client.day_steps(Measure::Steps),
        }
    }
}
