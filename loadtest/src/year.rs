//! The participant-year on Askel: two phones and a scanner play the workload.
//!
//! Askel has no free text. A note is the code of a check-in of the participant's own, its proof, at a
//! place where nobody scans them that day.

use anyhow::Context as _;
use askel_client_sdk::{GoalId, Measure, PlaceId, Presence, Scanned, StepReading, StepSourceId};
use askel_server::entropy::{SystemEntropy, draw};
use askel_sync::{admission::Role, op::Alias, time::Timestamp};
use askel_workload::{Act, Change, Device, Event, HOUR_MS, START_MS, Shape, Workload};

use crate::{
    check,
    proxy::Line,
    world::{Installation, Traffic, World},
};

/// A participant with two phones, and the scanner at the doors.
pub(crate) struct Year {
    pub(crate) world: World,
    pub(crate) workload: Workload,
    pub(crate) phone: Installation,
    pub(crate) old_phone: Installation,
    pub(crate) scanner: Installation,
    sources: [StepSourceId; 2],
    pass: String,
}

impl Year {
    /// The evening before: everyone is enrolled and has the catalog; the traffic of that is not the
    /// year's.
    pub(crate) async fn start(shape: Shape) -> anyhow::Result<Self> {
        let world = World::start(START_MS.saturating_sub(HOUR_MS)).await?;
        let mut phone = world.install(1, Line::Plain).await?;
        let mut old_phone = world.install(2, Line::Plain).await?;
        let mut scanner = world.install(3, Line::Plain).await?;
        world.enrol(&phone, Role::Participant).await?;
        phone.sync().await?;
        world.approve(&phone, &old_phone.client).await?;
        old_phone.sync().await?;
        world.enrol(&scanner, Role::Staff).await?;
        scanner.sync().await?;
        // What the enrolments of the others changed is told as well.
        phone.sync().await?;
        old_phone.sync().await?;
        let pass = phone.client.pass().context("a phone's pass")?;
        for device in [&mut phone, &mut old_phone, &mut scanner] {
            device.traffic = Traffic::default();
            device.tally.clear();
        }
        let draw_source =
            || Ok::<_, anyhow::Error>(StepSourceId::from_bytes(draw(&SystemEntropy)?));
        Ok(Self {
            world,
            workload: Workload::new(shape),
            phone,
            old_phone,
            scanner,
            sources: [draw_source()?, draw_source()?],
            pass,
        })
    }

    /// Everything that happens, with every sync.
    pub(crate) async fn play(&mut self) -> anyhow::Result<()> {
        for event in std::mem::take(&mut self.workload.events) {
            self.world.now.move_to(event.at_ms);
            if event.act == Act::Sync {
                self.device(event.device).sync().await?;
            } else {
                self.act(&event)
                    .with_context(|| format!("{:?} on {:?}", event.act, event.device))?;
            }
        }
        Ok(())
    }

    /// All devices' payload bytes.
    pub(crate) fn traffic(&self) -> Traffic {
        self.phone
            .traffic
            .plus(self.old_phone.traffic)
            .plus(self.scanner.traffic)
    }

    pub(crate) fn device(&mut self, device: Device) -> &mut Installation {
        match device {
            Device::Phone => &mut self.phone,
            Device::OldPhone => &mut self.old_phone,
            Device::Scanner => &mut self.scanner,
        }
    }

    fn act(&mut self, event: &Event) -> anyhow::Result<()> {
        let [phone_source, old_source] = self.sources;
        let source = match event.device {
            Device::OldPhone => old_source,
            _ => phone_source,
        };
        let client = &self.device(event.device).client.clone();
        match &event.act {
            Act::Steps { hour, count } => {
                let reading = StepReading {
                    at: Timestamp::from_ms(i64::from(*hour).saturating_mul(HOUR_MS)),
                    count: *count,
                };
                client.record_steps(source, Measure::Steps, &[reading])?;
            }
            Act::CheckIn { place } => {
                let scanned = client.scan(PlaceId::new(*place), &self.pass)?;
                anyhow::ensure!(
                    matches!(scanned, Scanned::Welcome { .. }),
                    "was here before"
                );
            }
            Act::Favourite { place, change } => match change {
                Change::Added => client.add_favourite(PlaceId::new(*place))?,
                Change::Removed => client.remove_favourite(PlaceId::new(*place))?,
            },
            Act::Alias { word, number } => client.set_alias(Alias {
                word: *word,
                number: *number,
            })?,
            Act::Picture(picture) => client.set_picture(*picture)?,
            Act::Language(language) => client.set_language(language)?,
            Act::JoinQuest { quest } => {
                client.join_quest(GoalId::new(*quest))?;
            }
            // The week's badge follows from its check-ins: nobody writes it.
            Act::Badge { .. } | Act::Sync => {}
            Act::Note(note) => {
                let place = check::note_place(&self.workload.expected, event.at_ms);
                let here = client.check_in_with_code(PlaceId::new(place), note.as_bytes())?;
                anyhow::ensure!(here.presence == Presence::Welcome, "was here before");
            }
        }
        Ok(())
    }
}
