//! A world: everybody in it, and how things happen to them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use askel_client_sdk::{Client, ComeBack, MemoryKeyStore, OpId, ParticipantId};
use askel_store::fault::Moment as StoreMoment;
use askel_sync::{
    admission::{Admission, Role},
    id::{LogId, PassTag},
    pass,
};

use crate::{
    cast::{Cast, name},
    catalog,
    chance::{Bytes, Chance},
    device::{Device, MustHeal},
    host::Host,
    hostile::{Mallory, Overheard},
    judge::judged_again,
    link::{Blocked, Link, Weather},
    oracle::{Look, Oracle},
    plan::{Act, Event},
    raw::RawDevice,
    time::{DeviceClock, TrueTime},
    trace::Trace,
};

mod ends;
mod life;
mod newer;
mod starting;
mod syncing;

use newer::Newer;
pub(crate) use syncing::BUDGET;

/// Everybody.
pub(crate) struct World {
    seed: u64,
    pub(crate) cast: Cast,
    pub(crate) true_time: Arc<TrueTime>,
    pub(crate) trace: Trace,
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) host: Arc<Host>,
    pub(crate) devices: BTreeMap<usize, Device>,
    pub(crate) people: BTreeMap<usize, ParticipantId>,
    /// The recovery sheet that each person keeps.
    sheets: BTreeMap<usize, String>,
    pub(crate) newer: Option<Newer>,
    pub(crate) organiser: RawDevice,
    mallory: Mallory,
    catalog_version: u32,
    boots: u64,
    unknown_passes: u64,
    /// Whether the server was ever put back to a backup.
    pub(crate) server_was_restored: bool,
    /// How the server had judged what it had accepted, when it was put back.
    pub(crate) judged: BTreeMap<OpId, Admission>,
}

impl World {
    /// A world where everyone is enrolled, and holds the catalog.
    pub(crate) async fn begin(seed: u64, cast: Cast) -> Self {
        let true_time = Arc::new(TrueTime::start());
        let trace = Trace::new(Arc::clone(&true_time));
        let oracle = Arc::new(Oracle::new(trace.clone(), Arc::clone(&true_time)));
        let host = Arc::new(Host::new(seed, Arc::clone(&true_time), trace.clone()));
        host.set_up().await;
        let mut chance = Chance::of(seed, "keys", 0);
        let invitation = host.invite(Role::Organiser).await;
        let organiser = RawDevice::enrol(Arc::clone(&host), &invitation, &mut chance).await;
        let content = catalog::content(host.tenant.id, 1);
        let published = organiser.publish(content, true_time.now()).await;
        published.expect("a good catalog");
        let invitation = host.invite(Role::Participant).await;
        let device = RawDevice::enrol(Arc::clone(&host), &invitation, &mut chance).await;
        let mut log = [0; 16];
        chance.fill(&mut log);
        let mallory = Mallory {
            device,
            log: LogId::from_bytes(log),
            next: 0,
            trace: trace.clone(),
        };
        let mut world = Self {
            seed,
            cast,
            true_time,
            trace,
            oracle,
            host,
            devices: BTreeMap::new(),
            people: BTreeMap::new(),
            sheets: BTreeMap::new(),
            newer: None,
            organiser,
            mallory,
            catalog_version: 1,
            boots: 1,
            unknown_passes: 0,
            server_was_restored: false,
            judged: BTreeMap::new(),
        };
        world.enrol_everyone().await;
        world
    }

    async fn enrol_everyone(&mut self) {
        for phone in 0..self.cast.phones() {
            let first = Some(self.cast.first_phone(phone));
            let owner = self.cast.owner(phone).unwrap_or(0);
            let mut device = self.new_device(phone);
            let client = device.open().expect("an empty disk");
            let enrolled = match first.filter(|first| *first != phone) {
                None => {
                    let link = self.host.invite(Role::Participant).await;
                    client.enrol(&link).await
                }
                Some(first) => {
                    let former = self.devices[&first].client.clone().expect("open");
                    let key = client.device_public_key();
                    let approved = former.approve_device(&key, None).await;
                    approved.expect("approved");
                    let link = self.host.invite(Role::Participant).await;
                    client.come_back(ComeBack::Approved(link)).await
                }
            };
            let person = enrolled.expect("enrolled").participant.expect("a person");
            self.oracle.meets(person, name(phone));
            self.oracle.meets(person, name(self.cast.copy(phone)));
            self.oracle.owns(person, phone);
            self.oracle.owns(person, self.cast.copy(phone));
            self.people.insert(owner, person);
            if first == Some(phone) {
                let sheet = client.create_recovery_sheet().await;
                self.sheets.insert(owner, sheet.expect("a sheet").text);
            }
            self.begin_device(phone, device, &client).await;
        }
        for scanner in self.cast.first_scanner()..self.cast.devices() {
            let mut device = self.new_device(scanner);
            let client = device.open().expect("an empty disk");
            let link = self.host.invite(Role::Staff).await;
            client.enrol(&link).await.expect("enrolled");
            self.begin_device(scanner, device, &client).await;
        }
    }

    async fn begin_device(&mut self, index: usize, device: Device, client: &Client) {
        client.sync(BUDGET).await.expect("a first sync");
        let seen = client.seen_ops();
        self.oracle.look(index, seen, Look::PutBack);
        self.devices.insert(index, device);
    }

    pub(crate) fn new_device(&mut self, index: usize) -> Device {
        self.boots += 1;
        let number = u64::try_from(index).unwrap_or(0);
        let link = Link::new(
            name(index),
            Arc::clone(&self.host),
            self.trace.clone(),
            Arc::clone(&self.oracle),
        );
        Device {
            disk: crate::disk::Disk::default(),
            keys: MemoryKeyStore::new(),
            clock: Arc::new(DeviceClock::new(Arc::clone(&self.true_time), self.boots)),
            entropy: Arc::new(Bytes::of(self.seed, "device", number)),
            link: Arc::new(link),
            client: None,
            backup: None,
            under_way: Vec::new(),
            was_put_back: false,
            must_heal: MustHeal::default(),
        }
    }

    /// Lets an event happen, and a moment pass.
    pub(crate) async fn happen(&mut self, event: &Event) {
        self.trace.note(event.to_string());
        let mut chance = Chance::of(self.seed, "event", event.number);
        self.carry_out(&event.act, &mut chance).await;
        let moment = u64::try_from(chance.between(0, 300)).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        self.revive();
    }

    async fn carry_out(&mut self, act: &Act, chance: &mut Chance) {
        match act {
            Act::Pass(ms) => self.pass(*ms).await,
            Act::Settle => self.settle().await,
            Act::Sync { device, weather } => self.sync(*device, *weather, chance.clone()),
            Act::Hostile { trick } => self.hostile(*trick, chance).await,
            Act::Replay { device, nth } => self.replay(*device, *nth).await,
            Act::ServerCrash { away_ms } => {
                self.host.kill();
                let away = u64::try_from(*away_ms).unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(away)).await;
                self.host.start().await;
            }
            Act::StoreFault { calls, after } => {
                let moment = if *after {
                    StoreMoment::After
                } else {
                    StoreMoment::Before
                };
                self.host.fail_store(*calls, moment);
            }
            Act::ServerBackUp => self.host.back_up(),
            Act::ServerRollBack => {
                let judged = judged_again::judgements(&self.host, &self.oracle).await;
                if self.host.restore().await {
                    self.server_was_restored = true;
                    self.judged = judged
                        .into_iter()
                        .chain(std::mem::take(&mut self.judged))
                        .collect();
                    self.mallory.next = 0;
                }
                self.host.start().await;
            }
            Act::Publish => {
                let version = self.catalog_version + 1;
                let content = catalog::content(self.host.tenant.id, version);
                let now = self.true_time.now();
                let published = self.organiser.publish(content, now).await;
                self.trace.note(format!("published: {}", published.is_ok()));
                if published.is_ok() {
                    self.catalog_version = version;
                }
            }
            Act::Revoke { device } => self.revoke(*device).await,
            Act::LoseKey { device } => self.lose_key(*device).await,
            Act::Newer { is_known } => self.newer_writes(*is_known, chance).await,
            _ => self.at_a_device(act),
        }
    }

    /// What happens to one device at once.
    fn at_a_device(&mut self, act: &Act) {
        match act {
            Act::Clone { device } => self.clone_phone(*device),
            Act::EraseMe { device } => self.erase(*device),
            Act::HandOver { from, by, is_lost } => self.hand_over(*from, *by, *is_lost),
            Act::Restart { device } => self.restart(*device, Look::Started),
            Act::Reboot { device } => {
                self.boots += 1;
                if let Some(there) = self.devices.get(device) {
                    there.clock.reboot(self.boots);
                }
                self.restart(*device, Look::Started);
            }
            Act::BackUp { device } => {
                if let Some(there) = self.devices.get_mut(device) {
                    there.backup = Some(there.disk.image());
                }
            }
            Act::RollBack { device } => {
                let Some(there) = self.devices.get_mut(device) else {
                    return;
                };
                let Some(backup) = there.backup.clone() else {
                    return;
                };
                there.stop();
                there.disk.put_back(&backup);
                there.was_put_back = true;
                self.restart(*device, Look::PutBack);
            }
            Act::PowerCut {
                device,
                writes,
                moment,
            } => self.with(*device, |there| there.disk.cut_after(*writes, *moment)),
            Act::DiskFull { device, writes } => {
                self.with(*device, |there| there.disk.fill_up(*writes));
            }
            Act::ClockJump { device, ms } => self.with(*device, |there| there.clock.jump(*ms)),
            Act::ClockRight { device } => self.with(*device, |there| there.clock.set_right()),
            Act::Partition { device, blocked } => {
                self.with(*device, |there| there.link.block(*blocked));
            }
            _ => self.live(act),
        }
    }

    fn with(&self, device: usize, change: impl FnOnce(&Device)) {
        if let Some(there) = self.devices.get(&device) {
            change(there);
        }
    }

    async fn pass(&mut self, ms: i64) {
        // A moment is waited for; more is leapt over, when no message is under way.
        if ms > 10_000 {
            self.settle().await;
        }
        let awake = ms.min(2_000);
        tokio::time::sleep(Duration::from_millis(u64::try_from(awake).unwrap_or(0))).await;
        self.true_time.leap(ms - awake);
    }

    /// Waits until all that is under way has ended.
    pub(crate) async fn settle(&mut self) {
        for there in self.devices.values_mut() {
            for task in there.under_way.drain(..) {
                // A task that was cut off has ended too.
                let _ = task.await;
            }
        }
        self.revive();
    }

    async fn replay(&mut self, device: usize, nth: usize) {
        let Some(there) = self.devices.get(&device) else {
            return;
        };
        let Some(frozen) = there.link.frozen(nth) else {
            return;
        };
        let told = there.link.replay(frozen).await;
        self.trace.note(format!("the old request is {told}"));
    }

    async fn hostile(&mut self, trick: usize, chance: &mut Chance) {
        let (ends, ops) = self.oracle.overhear();
        let passes = self.devices.values().filter_map(|there| {
            let text = there.client.as_ref()?.pass()?;
            let signed = pass::from_text(&text).ok()?;
            let pass = prost::Message::decode(&*signed.pass).ok();
            let pass: askel_proto::v1::Pass = pass?;
            PassTag::try_from(&*pass.tag).ok()
        });
        let overheard = Overheard {
            ends,
            ops,
            passes: passes.collect(),
        };
        let now = self.true_time.now();
        self.mallory.play(trick, &overheard, chance, now).await;
    }

    /// Faults end: the server is there, every way is open and calm, disks have room.
    pub(crate) async fn heal(&mut self) {
        self.trace.note("everything heals");
        self.host.start().await;
        self.settle().await;
        for there in self.devices.values() {
            there.link.block(Blocked::default());
            there
                .link
                .set_weather(Weather::default(), Chance::of(self.seed, "calm", 1));
        }
        let devices: Vec<usize> = self.devices.keys().copied().collect();
        for device in devices {
            self.restart(device, Look::Started);
        }
    }
}
