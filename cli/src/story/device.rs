//! A phone, a wrist counter's phone or a tablet: the real SDK with its files in the demo's folder.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use anyhow::Context as _;
use askel_client_sdk::{
    Budget, Client, Components, FileKeyStore, GrpcTransport, SqliteStorage, StepReading,
    StepsRecorded, SyncEnd, SyncReport, SystemEntropy,
};
use askel_sync::{id::StepSourceId, op::Measure};

use super::{
    clock::StoryClock,
    delivery::{Chunk, Reading},
    home::Home,
    ledger::Ledger,
};

/// What a sync may take.
pub(crate) const BUDGET: Budget = Budget {
    time: Duration::from_mins(1),
};
/// Syncs until a budget that is spent again and again is taken for a fault.
const SYNCS_MAX: u32 = 20;

/// A participant's device and the step source that hands over to it.
pub(crate) struct Device {
    /// The SDK.
    pub(crate) client: Client,
    /// It outlives the device.
    pub(crate) source: StepSourceId,
    /// What the source has still to hand over, in order.
    pub(crate) waiting: VecDeque<Chunk>,
    /// What it has handed over.
    pub(crate) ledger: Ledger,
}

/// Opens the SDK of a new device.
pub(crate) fn open(home: &Home, name: &str, clock: &Arc<StoryClock>) -> anyhow::Result<Client> {
    let folder = home.device(name)?;
    let clock: Arc<StoryClock> = Arc::clone(clock);
    Client::open(Components {
        storage: Box::new(SqliteStorage::open(folder.join("askel.sqlite"))?),
        transport: Arc::new(GrpcTransport::new()),
        clock,
        entropy: Arc::new(SystemEntropy),
        key_store: Box::new(FileKeyStore::new(folder.join("keys"))),
    })
    .with_context(|| format!("the SDK of device {name}"))
}

/// Syncs until nothing is left to hand in or to fetch.
pub(crate) async fn sync(client: &Client) -> Result<SyncReport, askel_client_sdk::Error> {
    let mut whole = client.sync(BUDGET).await?;
    for _ in 1..SYNCS_MAX {
        if whole.end == SyncEnd::Done {
            break;
        }
        whole = joined(whole, client.sync(BUDGET).await?);
    }
    Ok(whole)
}

fn joined(mut whole: SyncReport, next: SyncReport) -> SyncReport {
    whole.bytes_up = whole.bytes_up.saturating_add(next.bytes_up);
    whole.bytes_down = whole.bytes_down.saturating_add(next.bytes_down);
    whole.calls = whole.calls.saturating_add(next.calls);
    whole.accepted = whole.accepted.saturating_add(next.accepted);
    whole.rejected = whole.rejected.saturating_add(next.rejected);
    whole.deferred = whole.deferred.saturating_add(next.deferred);
    whole.confirmed_awards.extend(next.confirmed_awards);
    whole.end = next.end;
    whole
}

/// The step source hands readings over to the phone.
pub(crate) fn record(
    client: &Client,
    source: StepSourceId,
    readings: &[Reading],
) -> Result<StepsRecorded, askel_client_sdk::Error> {
    let readings: Vec<StepReading> = readings
        .iter()
        .map(|r| StepReading {
            at: r.at,
            count: r.count,
        })
        .collect();
    client.record_steps(source, Measure::Steps, &readings)
}
