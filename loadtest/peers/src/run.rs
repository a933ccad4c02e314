//! The year on one peer, and what is measured.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use askel_workload::{Act, Device, Shape, Workload};
use serde_json::{Map, Value, json};

use crate::{
    replica::{Replica, Saved},
    tree::{self, Layout, Tree},
};

/// How the run is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) shape: Shape,
    /// How often the document is opened for the median.
    pub(crate) samples: usize,
}

/// What the scanner's document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scanner {
    /// A replica like the phones': it hands in and takes, as these libraries are made to be used.
    Replica,
    /// It hands in what it wrote and never asks.
    HandsInOnly,
}

/// Names the version of each library.
const LOCK_FILE: &str = include_str!("../Cargo.lock");

struct Phone<R: Replica> {
    replica: R,
    /// What the hub is known to have.
    known: R::Version,
    /// What others handed in since this device last asked.
    waiting: Vec<Vec<u8>>,
}

struct World<R: Replica> {
    devices: BTreeMap<Device, Phone<R>>,
    hub: R,
    scanner: Scanner,
    up: usize,
    down: usize,
}

/// A peer's document in one layout, as it opens quickest.
pub(crate) struct Opening {
    pub(crate) peer: &'static str,
    pub(crate) layout: &'static str,
    saved: Saved,
    open_and_read: fn(&Saved) -> anyhow::Result<usize>,
}

impl Opening {
    /// How long it takes to open the document and read every value.
    #[expect(
        clippy::disallowed_methods,
        reason = "elapsed time is what is measured; nothing else here reads a clock"
    )]
    pub(crate) fn time(&self) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let values = (self.open_and_read)(&self.saved)?;
        let elapsed = start.elapsed();
        ensure!(values > 0, "nothing was read");
        Ok(elapsed)
    }

    fn median_ms(&self, samples: usize) -> anyhow::Result<f64> {
        let mut times = Vec::new();
        for _ in 0..samples.max(1) {
            times.push(self.time()?);
        }
        times.sort_unstable();
        let median = times.get(times.len() / 2).context("no sample")?;
        Ok(median.as_secs_f64() * 1000.0)
    }
}

/// The whole year, once with each kind of scanner; an error when the replicas don't end alike and as
/// expected.
pub(crate) fn run<R: Replica>(
    workload: &Workload,
    layout: Layout,
    options: Options,
) -> anyhow::Result<(Value, Opening)> {
    let shy = World::<R>::after(workload, layout, Scanner::HandsInOnly)?;
    let mut world = World::<R>::after(workload, layout, Scanner::Replica)?;
    let (up, down) = (world.up, world.down);
    world.sync(Device::Phone)?;
    let no_change = world.up - up + world.down - down;
    let saved = world.hub.save()?;
    let smallest = saved.iter().map(|saved| saved.bytes.len()).min();
    let variants: Map<String, Value> = saved
        .iter()
        .map(|saved| (saved.variant.to_owned(), json!(saved.bytes.len())))
        .collect();
    let (read_ms, opening) = quickest::<R>(layout, saved, options.samples)?;
    let row = json!({
        "peer": R::NAME,
        "version": version(R::NAME),
        "layout": layout.name(),
        "register_per_hour": layout != Layout::Series,
        "converged": true,
        "wire_year_bytes": up + down,
        "wire_year_up_bytes": up,
        "wire_year_down_bytes": down,
        "wire_year_scanner_hands_in_only_bytes": shy.up + shy.down,
        "document_bytes": smallest,
        "document_variants": variants,
        "no_change_bytes": no_change,
        "open_read_all_ms": read_ms,
        "open_read_variant": opening.saved.variant,
    });
    Ok((row, opening))
}

impl<R: Replica> World<R> {
    /// The world at the end of the year.
    fn after(workload: &Workload, layout: Layout, scanner: Scanner) -> anyhow::Result<Self> {
        let mut world = Self::new(scanner)?;
        for event in workload.coalesced() {
            if event.act == Act::Sync {
                world.sync(event.device)?;
                continue;
            }
            let device = world
                .devices
                .get_mut(&event.device)
                .context("no such device")?;
            tree::write(&mut device.replica, &event, layout)?;
        }
        world.check(workload, layout)?;
        Ok(world)
    }

    /// Whether a device takes what others wrote.
    fn takes(&self, device: Device) -> bool {
        device != Device::Scanner || self.scanner == Scanner::Replica
    }

    fn new(scanner: Scanner) -> anyhow::Result<Self> {
        let mut devices = BTreeMap::new();
        for (device, writer) in Device::ALL.into_iter().zip(1..) {
            let mut replica = R::new(writer)?;
            let known = replica.version();
            devices.insert(
                device,
                Phone {
                    replica,
                    known,
                    waiting: Vec::new(),
                },
            );
        }
        Ok(Self {
            devices,
            hub: R::new(0)?,
            scanner,
            up: 0,
            down: 0,
        })
    }

    fn sync(&mut self, of: Device) -> anyhow::Result<()> {
        let takes = self.takes(of);
        let device = self.devices.get_mut(&of).context("no such device")?;
        device.replica.commit();
        let update = device.replica.hand_in(&device.known)?;
        self.up += update.len();
        if !update.is_empty() {
            self.hub.take(&update)?;
        }
        if takes {
            self.up += device.replica.encode_version().len();
            let version = device.replica.version();
            let answer = self.hub.answer(&version, &device.waiting)?;
            self.down += answer.len();
            device.waiting.clear();
            if !answer.is_empty() {
                device.replica.take(&answer)?;
            }
        }
        device.known = device.replica.version();
        if !update.is_empty() {
            for (other, phone) in &mut self.devices {
                if *other != of {
                    phone.waiting.push(update.clone());
                }
            }
        }
        Ok(())
    }

    /// Everyone ends alike, and as the workload says.
    fn check(&self, workload: &Workload, layout: Layout) -> anyhow::Result<()> {
        let whole = Tree::expected(&workload.expected, layout, false);
        let scanned = Tree::expected(&workload.expected, layout, true);
        ensure!(
            self.hub.tree()?.without_empty() == whole,
            "the hub is not as expected"
        );
        for (device, phone) in &self.devices {
            let expected = if self.takes(*device) {
                &whole
            } else {
                &scanned
            };
            let tree = phone.replica.tree()?.without_empty();
            ensure!(tree == *expected, "{device:?} is not as expected");
        }
        Ok(())
    }
}

/// The variant that opens quickest, and its median in milliseconds.
fn quickest<R: Replica>(
    layout: Layout,
    saved: Vec<Saved>,
    samples: usize,
) -> anyhow::Result<(f64, Opening)> {
    let mut best: Option<(f64, Opening)> = None;
    for saved in saved {
        let opening = Opening {
            peer: R::NAME,
            layout: layout.name(),
            saved,
            open_and_read: R::open_and_read,
        };
        let ms = opening.median_ms(samples)?;
        if best.as_ref().is_none_or(|(least, _)| ms < *least) {
            best = Some((ms, opening));
        }
    }
    best.context("nothing saved")
}

/// What the lock file says.
fn version(name: &str) -> &'static str {
    LOCK_FILE
        .split("[[package]]")
        .find_map(|package| package.split_once(&format!("name = \"{name}\"\nversion = \"")))
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("unknown", |(version, _)| version)
}
