//! Walked, delivered, kept: the comparison at the end, and the one after the crash.

use std::collections::BTreeSet;

use askel_sync::{
    award::set_hash,
    id::{AwardId, ParticipantId, PlaceId},
    op::Measure,
    time::LocalDate,
};

use super::{
    fault::{Fault, Faults},
    kept::Kept,
    ledger::acknowledged_days,
    schedule::Who,
    walking::{DaySteps, StepFigures, Walking, figures},
    world::{Person, Truth, World},
};

/// The closing figures, all from what the server and the phones hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Of the walking data.
    pub(crate) walked: StepFigures,
    /// Of the server's ops.
    pub(crate) kept: StepFigures,
    /// Visits that happened, known and nameless.
    pub(crate) happened: u64,
    /// Of the server's ops.
    pub(crate) attendances: u64,
    /// Of the server's ops.
    pub(crate) tallies: u64,
    /// Awards shown on phones, each once a person.
    pub(crate) phone_awards: u64,
    /// Awards by the server's ops, of people with a phone.
    pub(crate) server_awards: u64,
    /// Awards by the server's ops, of the one with the card.
    pub(crate) card_awards: u64,
    /// SHA-256 over sorted (participant, award) of the phones.
    pub(crate) phone_hash: [u8; 32],
    /// The same of the server's ops.
    pub(crate) server_hash: [u8; 32],
}

impl Comparison {
    /// Known and nameless.
    pub(crate) fn encounters(&self) -> u64 {
        self.attendances.saturating_add(self.tallies)
    }

    /// Of everyone, by the server's ops.
    pub(crate) fn awards(&self) -> u64 {
        self.server_awards.saturating_add(self.card_awards)
    }
}

/// What was kept is compared with what happened, person by person and day by day.
pub(crate) fn compare(
    world: &World,
    walking: &Walking,
    kept: &Kept,
    card_earned: &BTreeSet<AwardId>,
    faults: &mut Faults,
) -> anyhow::Result<Comparison> {
    let card = kept.card()?;
    let walked: Vec<DaySteps> = walking
        .walkers
        .iter()
        .map(super::walking::Walker::day_steps)
        .collect();
    let kept_days = |person: &Person| {
        kept.of(person.participant)
            .map(|kept| kept.day_steps.clone())
            .unwrap_or_default()
    };
    let kept_days: Vec<DaySteps> = world.people.iter().map(kept_days).collect();
    let on_phones = world.people.iter().zip(&walked).all(|(person, walked)| {
        person
            .devices
            .iter()
            .all(|device| device.client.day_steps(Measure::Steps) == *walked)
    });
    faults.expect(Fault::Steps, kept_days == walked && on_phones);
    faults.expect(Fault::Encounters, encounters_agree(world, kept)?);
    faults.expect(Fault::Card, card.awards == *card_earned);
    let phones = phone_awards(world);
    let server: BTreeSet<_> = world
        .people
        .iter()
        .filter_map(|person| kept.of(person.participant))
        .flat_map(|kept| kept.awards.iter().map(|award| (kept.participant, *award)))
        .collect();
    let alike = world.people.iter().all(devices_agree);
    faults.expect(Fault::Badges, phones == server && alike);
    Ok(Comparison {
        walked: figures(&walked),
        kept: figures(&kept_days),
        happened: visits(&world.truth).saturating_add(world.truth.nameless),
        attendances: kept.tenant().attendances(),
        tallies: kept.tenant().tallies,
        phone_awards: count(phones.len()),
        server_awards: count(server.len()),
        card_awards: count(card.awards.len()),
        phone_hash: set_hash(phones),
        server_hash: set_hash(server),
    })
}

fn encounters_agree(world: &World, kept: &Kept) -> anyhow::Result<bool> {
    let everyone = (0..).zip(&world.people).all(|(walker, person)| {
        let truth = world.truth.visits.get(&Who::Walker(walker));
        let happened = truth.cloned().unwrap_or_default();
        let kept = kept
            .of(person.participant)
            .map_or(0, |kept| kept.attendances);
        count(happened.len()) == kept
            && person
                .devices
                .iter()
                .all(|device| sessions(&device.client) == happened)
    });
    let card = world.truth.visits.get(&Who::Card).map_or(0, BTreeSet::len);
    let check_ins: u64 = kept
        .tenant()
        .participants
        .iter()
        .fold(0, |sum, kept| sum.saturating_add(kept.check_ins));
    Ok(everyone
        && count(card) == kept.card()?.attendances
        && kept.tenant().tallies == world.truth.nameless
        && kept.tenant().rows_agree
        && check_ins == world.counted.check_ins)
}

fn sessions(client: &askel_client_sdk::Client) -> BTreeSet<(PlaceId, LocalDate)> {
    client
        .attendances()
        .into_iter()
        .map(|attended| (attended.place, attended.date))
        .collect()
}

fn phone_awards(world: &World) -> BTreeSet<(ParticipantId, AwardId)> {
    let of_person = |person: &Person| {
        let [phone, _] = &person.devices;
        let participant = person.participant;
        let awards = phone.client.awards();
        awards
            .into_iter()
            .map(move |award| (participant, award.id))
            .collect::<Vec<_>>()
    };
    world.people.iter().flat_map(of_person).collect()
}

/// Both devices of a person show the same.
fn devices_agree(person: &Person) -> bool {
    let [phone, other] = &person.devices;
    let ids = |client: &askel_client_sdk::Client| -> BTreeSet<AwardId> {
        client.awards().into_iter().map(|award| award.id).collect()
    };
    ids(&phone.client) == ids(&other.client)
}

fn visits(truth: &Truth) -> u64 {
    truth
        .visits
        .values()
        .fold(0, |sum, visits| sum.saturating_add(count(visits.len())))
}

/// Person-days on which the server holds less than it has acknowledged, and more.
pub(crate) fn lost_and_doubled(world: &World, kept: &Kept) -> (usize, usize) {
    let (mut lost, mut doubled) = (0_usize, 0_usize);
    for person in &world.people {
        let ledgers = person.devices.iter().map(|device| &device.ledger);
        let expected = acknowledged_days(ledgers, &world.helsinki);
        let held = kept
            .of(person.participant)
            .map(|kept| kept.day_steps.clone());
        let held = held.unwrap_or_default();
        let dates: BTreeSet<_> = expected.keys().chain(held.keys()).collect();
        for date in dates {
            match held.get(date).cmp(&expected.get(date)) {
                std::cmp::Ordering::Less => lost = lost.saturating_add(1),
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Greater => doubled = doubled.saturating_add(1),
            }
        }
    }
    (lost, doubled)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
