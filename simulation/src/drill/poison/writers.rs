//! Devices that write, and the poison that each of them can come by.

use askel_client_sdk::{
    Alias, Client, ComeBack, CorrectionReason, Measure, OpId, PlaceId, StepReading, StepSourceId,
    Timestamp,
};
use askel_sync::{
    admission::Role,
    id::PassTag,
    invitation::{Link, LinkKind},
};

use super::PHONES;
use crate::{
    cast::Cast,
    device::Device,
    world::{BUDGET, World},
};

/// Whose passes are good no more: so many were replaced, and so many people are erased.
const PASSES: usize = 4;
/// Places at which they are shown.
const PLACES: usize = 3;
/// Phones that came back by staff's hand and may write new facts only.
const RE_INVITED: usize = 2;
/// The alias and the picture of those who were invited again.
const ALIAS: Alias = Alias { word: 1, number: 7 };
const PICTURE: u32 = 7;
/// Numbers of devices of the drill alone.
const OTHERS: usize = 10_000;

/// Those whose phones write, those whose passes are good no more, and scanners.
pub(super) fn cast() -> Cast {
    Cast::of(PHONES + 2 * PASSES, PHONES)
}

/// What a device has poison of.
enum Sort {
    /// Passes that nobody recorded, that were replaced, and of people who are erased.
    Scans { gone: [Vec<String>; 2] },
    /// What is no new fact.
    Changes,
    /// None: it only must not wait.
    Nothing,
}

/// A device that writes.
pub(super) struct Writer {
    pub(super) name: String,
    /// Why its poison may be refused.
    pub(super) reasons: &'static [&'static str],
    /// Good ops so far.
    pub(super) written: u64,
    /// An op that waits for another which never comes.
    pub(super) waits: Option<OpId>,
    poisoned: Vec<OpId>,
    sort: Sort,
    device: Device,
    began: Timestamp,
}

/// Four scanners, two phones on probation and two of nobody special.
pub(super) async fn writers(world: &mut World) -> Vec<Writer> {
    let mut gone = [Vec::new(), Vec::new()];
    for phone in PHONES..PHONES + PASSES {
        gone[0].push(replaced(world, phone).await);
        gone[1].push(erased(world, phone + PASSES).await);
    }
    let mut writers = Vec::new();
    for phone in 0..PHONES {
        let (sort, device) = if phone < RE_INVITED {
            (Sort::Changes, invited_again(world, phone).await)
        } else {
            let device = world.devices.remove(&phone).expect("a phone");
            (Sort::Nothing, device)
        };
        writers.push(Writer::new(world, format!("phone {phone}"), sort, device));
    }
    for scanner in 0..PHONES {
        let number = world.cast.first_scanner() + scanner;
        let device = world.devices.remove(&number).expect("a scanner");
        let gone = gone.clone();
        let name = format!("scanner {scanner}");
        writers.push(Writer::new(world, name, Sort::Scans { gone }, device));
    }
    writers
}

/// The pass of someone who has another phone since.
async fn replaced(world: &mut World, phone: usize) -> String {
    let old = client_of(world, phone);
    let pass = old.pass().expect("a pass");
    let mut other = world.new_device(OTHERS + phone);
    let new = other.open().expect("an empty disk");
    let former = old.enrolled().expect("enrolled").device;
    let key = new.device_public_key();
    let approved = old.approve_device(&key, Some(former));
    approved.await.expect("approved");
    let link = world.host.invite(Role::Participant).await;
    let back = new.come_back(ComeBack::Approved(link)).await;
    back.expect("back");
    pass
}

/// The pass of someone who has erased themself.
async fn erased(world: &World, phone: usize) -> String {
    let client = client_of(world, phone);
    let pass = client.pass().expect("a pass");
    client.erase_me().expect("one's own right");
    // The answer may be that there is nobody any more.
    let _ = client.sync(BUDGET).await;
    pass
}

/// Another phone of someone whom staff know by alias and picture.
async fn invited_again(world: &mut World, phone: usize) -> Device {
    let old = client_of(world, phone);
    old.set_alias(ALIAS).expect("a word of the catalog");
    old.set_picture(PICTURE).expect("a picture");
    old.sync(BUDGET).await.expect("a calm day");
    let tag = tag_of(&old.pass().expect("a pass"));
    let now = world.true_time.now();
    let code = world.organiser.re_invite(tag, (ALIAS, PICTURE), now).await;
    let like = world.host.invite(Role::Participant).await;
    let link = Link {
        kind: LinkKind::ReInvitation,
        code: code.expect("seen in person"),
        ..like.parse().expect("a link")
    };
    let mut device = world.new_device(OTHERS + phone);
    let client = device.open().expect("an empty disk");
    let back = client.come_back(ComeBack::ReInvitation(link.to_string()));
    back.await.expect("back");
    client.sync(BUDGET).await.expect("a calm day");
    device
}

fn client_of(world: &World, device: usize) -> Client {
    world.devices[&device].client.clone().expect("open")
}

fn tag_of(pass: &str) -> PassTag {
    let signed = askel_sync::pass::from_text(pass).expect("a pass");
    let pass = <askel_proto::v1::Pass as prost::Message>::decode(&*signed.pass);
    PassTag::try_from(&*pass.expect("a pass").tag).expect("a tag")
}

impl Writer {
    fn new(world: &World, name: String, sort: Sort, device: Device) -> Self {
        Self {
            name,
            reasons: match sort {
                Sort::Scans { .. } => &["PASS_UNKNOWN", "ERASED", "CITED_OP_UNKNOWN"],
                Sort::Changes => &["NEW_FACTS_ONLY"],
                Sort::Nothing => &[],
            },
            written: 0,
            waits: None,
            poisoned: Vec::new(),
            sort,
            device,
            began: world.true_time.now(),
        }
    }

    pub(super) fn client(&self) -> Client {
        self.device.client.clone().expect("open")
    }

    /// The app is started again.
    pub(super) fn open_again(&mut self) {
        self.device.stop();
        self.device.open().expect("its own disk");
    }

    /// All ops of its that have to be refused.
    pub(super) fn poisoned(&self) -> Vec<OpId> {
        let cited = self.waits.iter().copied();
        self.poisoned.iter().copied().chain(cited).collect()
    }

    /// Writes a good op.
    pub(super) fn write(&mut self) {
        let client = self.client();
        if let Sort::Scans { .. } = self.sort {
            client.tally(PlaceId::new(1), 1).expect("counted");
        } else {
            let quarters = i64::try_from(self.written).unwrap_or(0).saturating_add(1);
            let reading = StepReading {
                at: self.began.saturating_add_ms(quarters * -900_000),
                count: 1,
            };
            let source = StepSourceId::from_bytes([9; 16]);
            let recorded = client.record_steps(source, Measure::Steps, &[reading]);
            recorded.expect("a count");
        }
        self.written += 1;
    }

    /// Writes an op that the server has to refuse.
    pub(super) fn poison(&mut self, world: &mut World, turn: usize) {
        let client = self.client();
        match &self.sort {
            Sort::Scans { gone } => {
                // A pass once at each place; when there is none left, one that nobody knows.
                let nth = turn / 3;
                let at = nth / PASSES;
                let gone = match turn % 3 {
                    sort @ 1..=2 if at < PLACES => gone[sort - 1].get(nth % PASSES),
                    _ => None,
                };
                let pass = gone.cloned().unwrap_or_else(|| world.unknown_pass());
                let place = PlaceId::new(u32::try_from(1 + at % PLACES).unwrap_or(1));
                client.scan(place, &pass).expect("a signed pass");
            }
            Sort::Changes if turn.is_multiple_of(2) => {
                let picture = u32::try_from(turn % 60).unwrap_or(0);
                client.set_picture(picture).expect("a picture");
            }
            Sort::Changes => {
                let language = ["fi", "sv"][turn / 2 % 2];
                client.set_language(language).expect("a language");
            }
            Sort::Nothing => return self.write(),
        }
        self.poisoned
            .extend(client.seen_ops().last().map(|op| op.id));
    }

    /// Takes a scan back that will turn out to be refused: the correction waits for it in vain.
    pub(super) fn cite_what_was_refused(&mut self, world: &mut World) {
        if let Sort::Scans { .. } = self.sort {
            let client = self.client();
            let pass = world.unknown_pass();
            client.scan(PlaceId::new(2), &pass).expect("a signed pass");
            let scan = client.seen_ops().last().map(|op| op.id).expect("a scan");
            self.poisoned.push(scan);
            let void = client.void(scan, CorrectionReason::ScannedByMistake);
            self.waits = Some(void.expect("its own scan"));
        }
    }

    /// Its good ops that count.
    pub(super) fn counted(&self) -> u64 {
        let client = self.client();
        let seen = client.seen_ops();
        let refused = self.poisoned();
        let good = seen.iter().filter(|op| !refused.contains(&op.id));
        let good = good.filter(|op| op.standing == askel_client_sdk::SeenStanding::Accepted);
        u64::try_from(good.count()).unwrap_or(0)
    }
}
