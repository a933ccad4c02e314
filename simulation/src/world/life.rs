//! What people do with their devices.

use askel_client_sdk::{
    Cause, Client, Clock as _, CorrectionReason, Error, GoalId, PlaceId, StepReading, StepSourceId,
    Timestamp,
};
use askel_proto::v1::Measure;
use askel_sync::{
    id::PassTag,
    pass::{self, PassForm},
    time::QUARTER_MS,
};

use super::World;
use crate::{cast::name, catalog, oracle::Look, plan::Act};

/// How late an answer may say what time it is, in milliseconds.
const LATE_MS_MAX: i64 = 120_000;
/// Quarters that are handed over at once: more than accepted ops share a row.
const QUARTERS: i64 = 40;
/// Languages as a person chooses them.
const LANGUAGES: [&str; 5] = ["fi", "sv", "en", "fi-simple", "sv-simple"];

impl World {
    /// What people do.
    pub(super) fn live(&mut self, act: &Act) {
        match act {
            Act::CheckIn { device, place } => self.write(*device, |client| {
                client.check_in(PlaceId::new(*place)).map(drop)
            }),
            Act::Walk {
                device,
                hours_ago,
                count,
            } => {
                let Some(phone) = self.devices.get(device) else {
                    return;
                };
                // A sensor's time is its phone's, right or wrong.
                let now = phone.clock.read().wall;
                let at = now.saturating_add_ms(hours_ago * -3_600_000);
                // A copy counts with the same sensor.
                let sensor = u8::try_from(self.cast.original(*device) % 250).unwrap_or(0);
                let source = StepSourceId::from_bytes([sensor + 1; 16]);
                // Some apps hand over many quarters at once.
                let quarters = if count.is_multiple_of(4) { QUARTERS } else { 1 };
                let reading = |quarter: i64| StepReading {
                    at: at.saturating_add_ms(quarter * -QUARTER_MS),
                    count: *count,
                };
                let readings: Vec<StepReading> = (0..quarters).map(reading).collect();
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
                    self.show(*pass_of, &pass);
                    self.write(*device, |client| {
                        client.scan(PlaceId::new(*place), &pass).map(drop)
                    });
                }
            }
            Act::ScanUnknown { device, place } => {
                let pass = self.unknown_pass();
                self.write(*device, |client| {
                    client.scan(PlaceId::new(*place), &pass).map(drop)
                });
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

    /// Someone's pass is seen.
    fn show(&self, phone: usize, text: &str) {
        let owner = self.cast.owner(phone);
        let person = owner.and_then(|owner| self.people.get(&owner));
        let tag = pass::from_text(text).ok().and_then(|signed| {
            let pass = <askel_proto::v1::Pass as prost::Message>::decode(&*signed.pass).ok()?;
            PassTag::try_from(&*pass.tag).ok()
        });
        if let (Some(person), Some(tag)) = (person, tag) {
            self.oracle.shows(*person, tag);
        }
    }

    /// A pass that is signed as any other, and was never recorded: a new one each time.
    pub(crate) fn unknown_pass(&mut self) -> String {
        self.unknown_passes += 1;
        let mut tag = [0xEE; 16];
        tag[..8].copy_from_slice(&self.unknown_passes.to_be_bytes());
        let tenant = &self.host.tenant;
        let issuer = &tenant.server.pass_issuer;
        let signed = pass::issue(PassTag::from_bytes(tag), PassForm::Card, tenant.id, issuer);
        pass::to_text(&signed)
    }

    /// Asks a device to write something, and looks at what it did.
    pub(crate) fn write(&mut self, device: usize, ask: impl FnOnce(&Client) -> Result<(), Error>) {
        let Some(there) = self.devices.get(&device) else {
            return;
        };
        let Some(client) = &there.client else { return };
        if client.enrolled().is_none() {
            return;
        }
        let told = match ask(client) {
            Ok(()) => "done".to_owned(),
            Err(error) => {
                let cause = error.cause().to_string();
                let has_ended = lease_has_ended(client, self.true_time.now());
                if !may_be_refused(&error, has_ended) {
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
            self.oracle.look(device, seen, Look::Wrote);
        }
    }
}

/// Whether it is true that a tablet's lease has run out, but for the way of an answer.
fn lease_has_ended(client: &Client, now: Timestamp) -> bool {
    let ends = client.lease_until();
    ends.is_some_and(|until| until.saturating_ms_since(now) < LATE_MS_MAX)
}

/// An honest person is refused nothing, whatever their clock says, but for what they may not do, what
/// needs a catalog that is not here yet, and what a disk has no room for.
fn may_be_refused(error: &Error, lease_has_ended: bool) -> bool {
    match error.cause() {
        Cause::NotAllowed | Cause::NoCatalog | Cause::Storage(_) => true,
        Cause::LeaseEnded => lease_has_ended,
        _ => false,
    }
}
