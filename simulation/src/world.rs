//! A world: everybody in it, and how things happen to them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use askel_client_sdk::{
    Budget, Client, ComeBack, CorrectionReason, Error, GoalId, MemoryKeyStore, OpId, ParticipantId,
    PlaceId, StepReading, StepSourceId,
};
use askel_proto::v1::Measure;
use askel_store::fault::Moment as StoreMoment;
use askel_sync::{
    admission::Role,
    id::{LogId, PassTag},
    pass,
};

use crate::{
    catalog,
    chance::{Bytes, Chance},
    device::Device,
    host::Host,
    hostile::{Mallory, Overheard},
    link::{Blocked, Link, Weather},
    oracle::{Look, Oracle},
    plan::{Act, DEVICES, Event, FIRST_SCANNER, OWNERS, PHONES, name},
    raw::RawDevice,
    time::{DeviceClock, TrueTime},
    trace::Trace,
};

/// What a sync may take.
pub(crate) const BUDGET: Budget = Budget {
    time: Duration::from_mins(5),
};
/// Languages as a person chooses them.
const LANGUAGES: [&str; 5] = ["fi", "sv", "en", "fi-simple", "sv-simple"];

/// Everybody.
pub(crate) struct World {
    seed: u64,
    pub(crate) true_time: Arc<TrueTime>,
    pub(crate) trace: Trace,
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) host: Arc<Host>,
    pub(crate) devices: BTreeMap<usize, Device>,
    pub(crate) people: BTreeMap<usize, ParticipantId>,
    organiser: RawDevice,
    mallory: Mallory,
    catalog_version: u32,
    boots: u64,
}

impl World {
    /// A world where everyone is enrolled, and holds the catalog.
    pub(crate) async fn begin(seed: u64) -> Self {
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
            true_time,
            trace,
            oracle,
            host,
            devices: BTreeMap::new(),
            people: BTreeMap::new(),
            organiser,
            mallory,
            catalog_version: 1,
            boots: 1,
        };
        world.enrol_everyone().await;
        world
    }

    async fn enrol_everyone(&mut self) {
        for (phone, owner) in OWNERS.into_iter().enumerate() {
            let first = OWNERS.iter().position(|one| *one == owner);
            let mut device = self.new_device(phone);
            let client = device.open().expect("an empty disk");
            let enrolled = match first.filter(|first| *first != phone) {
                None => {
                    let link = self.host.invite(Role::Participant).await;
                    client.enrol(&link).await
                }
                Some(first) => {
                    let approver = self.devices[&first].client.clone().expect("open");
                    let key = client.device_public_key();
                    let approved = approver.approve_device(&key, None).await;
                    approved.expect("approved");
                    let link = self.host.invite(Role::Participant).await;
                    client.come_back(ComeBack::Approved(link)).await
                }
            };
            let person = enrolled.expect("enrolled").participant.expect("a person");
            self.oracle.meets(person);
            self.people.insert(owner, person);
            self.begin_device(phone, device, &client).await;
        }
        for scanner in FIRST_SCANNER..DEVICES {
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
        self.oracle.look(index, &device.clock, seen, Look::PutBack);
        self.devices.insert(index, device);
    }

    fn new_device(&mut self, index: usize) -> Device {
        self.boots += 1;
        let number = u64::try_from(index).unwrap_or(0);
        let link = Link::new(
            name(index).to_owned(),
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
                self.host.restore();
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
            _ => self.at_a_device(act),
        }
    }

    /// What happens to one device at once.
    fn at_a_device(&mut self, act: &Act) {
        match act {
            Act::Clone { device } => self.clone_phone(*device),
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

    /// What people do.
    fn live(&mut self, act: &Act) {
        match act {
            Act::CheckIn { device, place } => self.write(*device, |client| {
                client.check_in(PlaceId::new(*place)).map(drop)
            }),
            Act::Walk {
                device,
                hours_ago,
                count,
            } => {
                let at = self
                    .true_time
                    .now()
                    .saturating_add_ms(hours_ago * -3_600_000);
                // A copy counts with the same sensor.
                let sensor = u8::try_from(device % PHONES).unwrap_or(0);
                let source = StepSourceId::from_bytes([sensor + 1; 16]);
                let readings = [StepReading { at, count: *count }];
                self.write(*device, |client| {
                    let recorded = client.record_steps(source, Measure::Steps, &readings);
                    recorded.map(drop)
                });
            }
            Act::Favourite { device, place, on } => self.write(*device, |client| {
                let place = PlaceId::new(*place);
                if *on {
                    client.add_favourite(place)
                } else {
                    client.remove_favourite(place)
                }
            }),
            Act::Join { device, on } => self.write(*device, |client| {
                let quest = GoalId::new(catalog::QUEST);
                if *on {
                    client.join_quest(quest).map(drop)
                } else {
                    client.leave_quest(quest)
                }
            }),
            Act::Picture { device, picture } => {
                self.write(*device, |client| client.set_picture(*picture));
            }
            Act::Language { device, nth } => self.write(*device, |client| {
                client.set_language(LANGUAGES[nth % LANGUAGES.len()])
            }),
            Act::Scan {
                device,
                place,
                pass_of,
            } => {
                let pass = self.devices.get(pass_of).and_then(|phone| {
                    let client = phone.client.as_ref()?;
                    client.pass()
                });
                if let Some(pass) = pass {
                    self.write(*device, |client| {
                        client.scan(PlaceId::new(*place), &pass).map(drop)
                    });
                }
            }
            Act::Tally {
                device,
                place,
                delta,
            } => self.write(*device, |client| {
                client.tally(PlaceId::new(*place), *delta).map(drop)
            }),
            Act::Correct {
                device,
                place,
                nth,
                void,
            } => self.write(*device, |client| {
                let scans = client.own_scans(PlaceId::new(*place));
                let Some(scan) = scans.get(*nth) else {
                    return Ok(());
                };
                let reason = CorrectionReason::ScannedByMistake;
                if *void {
                    client.void(scan.op, reason).map(drop)
                } else {
                    client.reinstate(scan.op, reason).map(drop)
                }
            }),
            _ => {}
        }
    }

    /// Asks a device to write something, and looks at what it did.
    fn write(&mut self, device: usize, ask: impl FnOnce(&Client) -> Result<(), Error>) {
        let Some(there) = self.devices.get(&device) else {
            return;
        };
        let Some(client) = &there.client else { return };
        let told = match ask(client) {
            Ok(()) => "done".to_owned(),
            Err(error) => {
                let cause = error.cause().to_string();
                if matches!(
                    error,
                    Error::Bug(_) | Error::EnrolAgain(_) | Error::UpdateApp(_)
                ) {
                    let what = format!("{}: {error}: {cause}", name(device));
                    self.oracle.violation(what);
                }
                cause
            }
        };
        self.trace.note(format!("{} · {told}", name(device)));
        // A write that was cut off is looked at when the device is started again.
        if !there.disk.is_dead() {
            let seen = client.seen_ops();
            self.oracle.look(device, &there.clock, seen, Look::Wrote);
        }
    }

    fn sync(&mut self, device: usize, weather: Weather, chance: Chance) {
        let Some(there) = self.devices.get_mut(&device) else {
            return;
        };
        let Some(client) = there.client.clone() else {
            return;
        };
        there.under_way.retain(|task| !task.is_finished());
        there.link.set_weather(weather, chance);
        let (oracle, trace) = (Arc::clone(&self.oracle), self.trace.clone());
        let (clock, disk) = (Arc::clone(&there.clock), there.disk.clone());
        let host = Arc::clone(&self.host);
        let task = tokio::spawn(async move {
            sync(device, &client, &trace, &oracle).await;
            if disk.is_dead() {
                return;
            }
            let newly = oracle.look(device, &clock, client.seen_ops(), Look::Synced);
            check_stored(&host, &oracle, device, &newly).await;
        });
        there.under_way.push(task);
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

    /// Devices whose power went are started again.
    fn revive(&mut self) {
        let dead: Vec<usize> = self
            .devices
            .iter()
            .filter(|(_, there)| there.disk.is_dead())
            .map(|(index, _)| *index)
            .collect();
        for device in dead {
            self.trace
                .note(format!("{} is started again", name(device)));
            self.restart(device, Look::Started);
        }
    }

    fn restart(&mut self, device: usize, look: Look) {
        let Some(there) = self.devices.get_mut(&device) else {
            return;
        };
        there.stop();
        match there.open() {
            Ok(client) => {
                let seen = client.seen_ops();
                self.oracle.look(device, &there.clock, seen, look);
            }
            Err(error) => {
                let what = format!("{} does not open: {error}: {}", name(device), error.cause());
                self.oracle.violation(what);
            }
        }
    }

    fn clone_phone(&mut self, device: usize) {
        let original = device % PHONES;
        let copy = original + PHONES;
        let Some(there) = self.devices.get(&original) else {
            return;
        };
        let (image, keys) = (there.disk.image(), there.keys.clone());
        let mut twin = match self.devices.remove(&copy) {
            Some(twin) => twin,
            None => self.new_device(copy),
        };
        twin.stop();
        twin.disk.put_back(&image);
        twin.keys = keys;
        self.devices.insert(copy, twin);
        self.restart(copy, Look::PutBack);
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
        let ops = self.oracle.overhear();
        let passes = self.devices.values().filter_map(|there| {
            let text = there.client.as_ref()?.pass()?;
            let signed = pass::from_text(&text).ok()?;
            let pass = prost::Message::decode(&*signed.pass).ok();
            let pass: askel_proto::v1::Pass = pass?;
            PassTag::try_from(&*pass.tag).ok()
        });
        let overheard = Overheard {
            logs: ops.iter().map(|(_, carrier)| carrier.log).collect(),
            passes: passes.collect(),
            ops,
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

    /// All devices sync once, one after the other.
    pub(crate) async fn sync_all(&mut self) {
        for (device, there) in &self.devices {
            let Some(client) = &there.client else {
                continue;
            };
            sync(*device, client, &self.trace, &self.oracle).await;
            let seen = client.seen_ops();
            let newly = self.oracle.look(*device, &there.clock, seen, Look::Synced);
            check_stored(&self.host, &self.oracle, *device, &newly).await;
        }
    }
}

async fn sync(device: usize, client: &Client, trace: &Trace, oracle: &Oracle) {
    match client.sync(BUDGET).await {
        Ok(report) => trace.note(format!(
            "{} · synced: {} accepted, {} rejected, {} deferred, {} received, {} calls",
            name(device),
            report.accepted,
            report.rejected,
            report.deferred,
            report.received,
            report.calls
        )),
        Err(error) => {
            let cause = error.cause().to_string();
            trace.note(format!("{} · sync failed: {cause}", name(device)));
            if matches!(
                error,
                Error::Bug(_) | Error::EnrolAgain(_) | Error::UpdateApp(_)
            ) {
                oracle.violation(format!("{}: {error}: {cause}", name(device)));
            }
        }
    }
}

/// What a device was told is with the server is there.
async fn check_stored(host: &Host, oracle: &Oracle, device: usize, newly: &[OpId]) {
    use askel_store::OpStore as _;
    if newly.is_empty() {
        return;
    }
    let held = host.store().lookup_ops(host.tenant.id, newly).await;
    let held: Vec<OpId> = held
        .expect("memory")
        .iter()
        .map(askel_sync::admission::AdmittedOp::id)
        .collect();
    for op in newly.iter().filter(|op| !held.contains(op)) {
        oracle.violation(format!(
            "{} was told that op {} is accepted, and the server has it not",
            name(device),
            crate::oracle::short(*op)
        ));
    }
}
