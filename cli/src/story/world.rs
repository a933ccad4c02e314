//! Everything of the story that is real: the server, the phones, the tablets, and what happened.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::Context as _;
use askel_client_sdk::{Award, Client, Scanned, StepsRecorded, SyncReport};
use askel_sync::{
    catalog::Catalog,
    id::{ParticipantId, PlaceId},
    time::{LocalDate, Timestamp},
};

use super::{
    clock::StoryClock,
    device::{self, Device},
    founding::Founded,
    helsinki::Helsinki,
    home::Home,
    organiser::Organiser,
    schedule::{Act, Gathering, Who, tablets_at},
    server_process::ServerProcess,
};

/// The story's world.
pub(crate) struct World {
    pub(crate) founded: Founded,
    pub(crate) home: Home,
    /// As published.
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) helsinki: Helsinki,
    pub(crate) clock: Arc<StoryClock>,
    pub(crate) server: ServerProcess,
    pub(crate) organiser: Organiser,
    /// Walkers, in their order.
    pub(crate) people: Vec<Person>,
    /// By the positions of [`tablets_at`].
    pub(crate) tablets: Vec<Client>,
    /// What is printed on the paper card.
    pub(crate) card: String,
    pub(crate) truth: Truth,
    pub(crate) counted: Counted,
}

/// A walker.
pub(crate) struct Person {
    pub(crate) participant: ParticipantId,
    /// The phone, and the one that came by the phone's approval.
    pub(crate) devices: [Device; 2],
    pub(crate) network: Network,
}

/// Whether a person's devices reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// They do.
    Reachable,
    /// They only collect.
    None,
}

/// What happened, whatever was written down of it.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// The places and local days of everyone's visits.
    pub(crate) visits: BTreeMap<Who, BTreeSet<(PlaceId, LocalDate)>>,
    /// Visits without a name.
    pub(crate) nameless: u64,
}

/// What was counted on the way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Check-ins written by phones and tablets.
    pub(crate) check_ins: u64,
    /// Hourly readings handed to phones.
    pub(crate) readings: u64,
    /// Those that said nothing new.
    pub(crate) readings_again: u64,
    /// Sync calls.
    pub(crate) sync_calls: u64,
    /// Encoded Sync requests, in bytes.
    pub(crate) bytes_up: u64,
    /// Encoded Sync responses, in bytes.
    pub(crate) bytes_down: u64,
}

impl Counted {
    /// Adds a sync's traffic.
    pub(crate) fn sync(&mut self, report: &SyncReport) {
        self.sync_calls = self.sync_calls.saturating_add(u64::from(report.calls));
        self.bytes_up = self.bytes_up.saturating_add(report.bytes_up);
        self.bytes_down = self.bytes_down.saturating_add(report.bytes_down);
    }

    /// Adds what a step source handed to a phone.
    pub(crate) fn recorded(&mut self, recorded: &StepsRecorded) {
        let add =
            |sum: u64, more: usize| sum.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        self.readings = add(add(self.readings, recorded.written), recorded.unchanged);
        self.readings_again = add(self.readings_again, recorded.unchanged);
    }

    /// Adds a check-in that was written.
    pub(crate) fn check_in(&mut self) {
        self.check_ins = self.check_ins.saturating_add(1);
    }
}

/// What the one at the door saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Counted, with what it earned on the phone.
    Welcome(Vec<Award>),
    /// Counted before.
    AlreadyHere,
    /// People without a name.
    Nameless(i32),
}

impl World {
    /// Moves the story to an instant, for everyone who reaches the server and everyone who does
    /// not.
    pub(crate) async fn move_to(&mut self, at: Timestamp) -> anyhow::Result<()> {
        self.clock.move_to(at);
        self.server.set_clock(self.clock.now()).await
    }

    /// Every device hangs up, and then the server ends. Gives the folder, which may go now.
    pub(crate) async fn end(self) -> anyhow::Result<Home> {
        let Self {
            home,
            server,
            organiser,
            people,
            tablets,
            ..
        } = self;
        drop((organiser, people, tablets));
        server.end().await?;
        Ok(home)
    }

    /// A walker.
    pub(crate) fn person(&self, walker: usize) -> anyhow::Result<&Person> {
        self.people.get(walker).context("a walker of the story")
    }

    /// A walker.
    pub(crate) fn person_mut(&mut self, walker: usize) -> anyhow::Result<&mut Person> {
        self.people.get_mut(walker).context("a walker of the story")
    }

    /// A walker's phone.
    pub(crate) fn phone(&self, walker: usize) -> anyhow::Result<&Client> {
        let [phone, _] = &self.person(walker)?.devices;
        Ok(&phone.client)
    }

    /// A tablet.
    pub(crate) fn tablet(&self, tablet: usize) -> anyhow::Result<&Client> {
        self.tablets.get(tablet).context("a tablet of the story")
    }

    /// What someone shows at the door.
    pub(crate) fn pass(&self, who: Who) -> anyhow::Result<String> {
        match who {
            Who::Walker(walker) => self.phone(walker)?.pass().context("a phone's pass"),
            Who::Card => Ok(self.card.clone()),
        }
    }

    /// Does one thing at the door, offline.
    pub(crate) fn act(&mut self, at: Timestamp, place: PlaceId, act: Act) -> anyhow::Result<Seen> {
        self.clock.move_to(at);
        Ok(match act {
            Act::Tap(walker) => {
                let here = self.phone(walker)?.check_in(place)?;
                match here.presence {
                    askel_client_sdk::Presence::Welcome => {
                        self.counted.check_in();
                        Seen::Welcome(here.new_awards)
                    }
                    askel_client_sdk::Presence::AlreadyHere => Seen::AlreadyHere,
                }
            }
            Act::Scan { tablet, who } => {
                match self.tablet(tablet)?.scan(place, &self.pass(who)?)? {
                    Scanned::Welcome { .. } => {
                        self.counted.check_in();
                        Seen::Welcome(Vec::new())
                    }
                    Scanned::AlreadyHere => Seen::AlreadyHere,
                }
            }
            Act::Count { tablet, delta } => {
                self.tablet(tablet)?.tally(place, delta)?;
                Seen::Nameless(delta)
            }
        })
    }

    /// Notes what truly happened at a gathering.
    pub(crate) fn note(&mut self, gathering: &Gathering) {
        let visit = (gathering.opening.place, gathering.opening.date);
        for who in &gathering.present {
            self.truth.visits.entry(*who).or_default().insert(visit);
        }
        let nameless = u64::from(gathering.nameless);
        self.truth.nameless = self.truth.nameless.saturating_add(nameless);
    }

    /// The tablets of a place say what they saw and learn what the others did; the first one twice,
    /// because the second had not told yet.
    pub(crate) async fn sync_tablets(&mut self, place: PlaceId) -> anyhow::Result<()> {
        let tablets = tablets_at(place);
        let again = tablets.iter().rev().skip(1);
        for tablet in tablets.iter().chain(again) {
            let client = self.tablet(*tablet)?.clone();
            self.sync(&client).await?;
        }
        Ok(())
    }

    /// Syncs one device.
    pub(crate) async fn sync(&mut self, client: &Client) -> anyhow::Result<SyncReport> {
        let report = device::sync(client).await?;
        self.counted.sync(&report);
        anyhow::ensure!(
            report.rejected == 0,
            "the server refused {} facts",
            report.rejected
        );
        Ok(report)
    }
}
