//! Syncs, and what is looked at after each.

use std::{sync::Arc, time::Duration};

use askel_client_sdk::{Budget, Client, Clock as _, Error, OpId, SyncEnd};
use askel_sync::time::HOUR_MS;

use super::World;
use crate::{
    cast::name,
    chance::Chance,
    host::Host,
    link::Weather,
    oracle::{Look, Oracle, Told},
    trace::Trace,
};

/// What a sync may take.
pub(crate) const BUDGET: Budget = Budget {
    time: Duration::from_mins(5),
};

/// No device waits longer, in milliseconds.
const WAIT_MS_MAX: i64 = 8 * HOUR_MS;

impl World {
    /// Lets a device sync in a weather, while other things happen.
    pub(super) fn sync(&mut self, device: usize, weather: Weather, chance: Chance) {
        let Some(there) = self.devices.get_mut(&device) else {
            return;
        };
        let Some(client) = there.client.clone() else {
            return;
        };
        if client.enrolled().is_none() {
            return;
        }
        there.under_way.retain(|task| !task.is_finished());
        there.link.set_weather(weather, chance);
        let (oracle, trace) = (Arc::clone(&self.oracle), self.trace.clone());
        let (disk, link) = (there.disk.clone(), Arc::clone(&there.link));
        let clock = Arc::clone(&there.clock);
        let (host, must_heal) = (Arc::clone(&self.host), there.must_heal.clone());
        let task = tokio::spawn(async move {
            let restores = host.restores();
            let synced = sync(device, &client, &trace, &oracle).await;
            if disk.is_dead() || has_left(device, &client, &oracle) {
                return;
            }
            check_status(device, &client, &oracle);
            if synced == Synced::Wholly {
                oracle.ties(device, clock.read().segment.boot_id);
            }
            if synced == Synced::Wholly && !link.was_whole() {
                oracle.violation(format!("{} takes a cut answer for whole", name(device)));
            }
            if synced == Synced::Wholly && must_heal.is_missed(client.status().healed) {
                let what = "was put back to an older state and not told so in its first sync";
                oracle.violation(format!("{} {what}", name(device)));
            }
            let newly = oracle.look(device, client.seen_ops(), Look::Synced);
            // What the server of before said may be gone with it.
            if host.restores() == restores {
                check_stored(&host, &oracle, device, &newly).await;
            }
        });
        there.under_way.push(task);
    }

    /// All devices sync once, one after the other, when none has to wait any longer with what it carries.
    pub(crate) async fn sync_all(&mut self) {
        let waits = self.devices.values().filter_map(|there| {
            let status = there.client.as_ref().map(Client::status)?;
            let next = status.next_attempt.filter(|_| status.carried > 0)?;
            Some(next.saturating_ms_since(there.clock.read().wall))
        });
        let wait_ms = waits.max().unwrap_or_default();
        self.true_time.leap(wait_ms.clamp(0, WAIT_MS_MAX));
        for (device, there) in &self.devices {
            let Some(client) = &there.client else {
                continue;
            };
            if client.enrolled().is_none() {
                continue;
            }
            sync(*device, client, &self.trace, &self.oracle).await;
            if has_left(*device, client, &self.oracle) {
                continue;
            }
            let seen = client.seen_ops();
            let newly = self.oracle.look(*device, seen, Look::Synced);
            check_stored(&self.host, &self.oracle, *device, &newly).await;
        }
    }
}

/// How far a sync came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Synced {
    Wholly,
    NotWholly,
}

/// Whether a device is nobody's any more.
fn has_left(device: usize, client: &Client, oracle: &Oracle) -> bool {
    let has_left = client.enrolled().is_none();
    if has_left {
        oracle.left(device);
    }
    has_left
}

/// Whatever is pending has a next attempt.
fn check_status(device: usize, client: &Client, oracle: &Oracle) {
    let status = client.status();
    if status.pending > 0 && status.next_attempt.is_none() {
        oracle.violation(format!(
            "{} has {} pending and no next attempt",
            name(device),
            status.pending
        ));
    }
}

async fn sync(device: usize, client: &Client, trace: &Trace, oracle: &Oracle) -> Synced {
    let Some(me) = client.enrolled().map(|enrolled| enrolled.device) else {
        return Synced::NotWholly;
    };
    let was_revoked = oracle.revocation(me) == Some(Told::Done);
    match client.sync(BUDGET).await {
        Ok(report) => {
            if was_revoked {
                let what = format!("{} was revoked, and syncs", name(device));
                oracle.violation(what);
            }
            trace.note(format!(
                "{} · synced: {} accepted, {} rejected, {} deferred, {} received, {} calls",
                name(device),
                report.accepted,
                report.rejected,
                report.deferred,
                report.received,
                report.calls
            ));
            if report.end == SyncEnd::Done {
                Synced::Wholly
            } else {
                Synced::NotWholly
            }
        }
        Err(error) => {
            let cause = error.cause().to_string();
            trace.note(format!("{} · sync failed: {cause}", name(device)));
            let turned_away = matches!(error, Error::EnrolAgain(_));
            let may_be = turned_away && oracle.may_be_turned_away(device, me);
            if !may_be && (turned_away || matches!(error, Error::Bug(_) | Error::UpdateApp(_))) {
                oracle.violation(format!("{}: {error}: {cause}", name(device)));
            }
            Synced::NotWholly
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
    let missing = newly.iter().filter(|op| !held.contains(op));
    for op in missing.filter(|op| !oracle.may_be_erased(**op)) {
        oracle.violation(format!(
            "{} was told that op {} is accepted, and the server has it not",
            name(device),
            crate::oracle::short(*op)
        ));
    }
}
