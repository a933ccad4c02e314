//! What a watch costs that has nothing to tell.

use serde_json::{Map, Value, json};

use super::{
    drive::{float, progress},
    report::{LoadReport, median},
    stand::{Ground, Stand},
    wire::Lines,
};
use crate::figure::{Figure, Unit};

const ROUNDS: usize = 3;
/// Watches that one device may have open.
const EACH: usize = 4;

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchOptions {
    /// On what.
    pub ground: Ground,
    /// Watches in all, each on a connection of its own as phones have it.
    pub watches: usize,
}

/// Opens them, and sees by how much the server grows.
///
/// # Errors
/// What can't be started, and watches that are refused.
pub async fn watch(options: &WatchOptions) -> anyhow::Result<LoadReport> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        rounds.push(round(options).await?);
    }
    Ok(report(options, &rounds))
}

/// What a server of its own took before and after: what it has held once, it does not give back.
struct Grown {
    before: u64,
    after: u64,
    watches: u64,
}

impl Grown {
    fn each(&self) -> f64 {
        float(self.after.saturating_sub(self.before)) / float(self.watches.max(1))
    }
}

async fn round(options: &WatchOptions) -> anyhow::Result<Grown> {
    let stand = Stand::start(&options.ground, 1).await?;
    let devices = options.watches.div_ceil(EACH);
    let phones = stand.phones(devices).await?;
    let before = stand.server.usage()?.memory_bytes;
    let mut open = Vec::with_capacity(options.watches);
    let bar = progress(options.watches);
    for (phone, _) in phones.iter().cycle().zip(0..options.watches) {
        let lines = Lines::connect(&stand.server.url(), 1).await?;
        let watch = lines.of(0).watch(phone, stand.now()).await?;
        open.push((lines, watch));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Grown {
        before,
        after: stand.server.usage()?.memory_bytes,
        watches: super::count(open.len()),
    })
}

fn report(options: &WatchOptions, rounds: &[Grown]) -> LoadReport {
    let of = |of: fn(&Grown) -> f64| median(rounds.iter().map(of));
    let figure = Figure::value("watch_bytes", Unit::Bytes, of(Grown::each), 30_000.0)
        .aiming(10_000.0)
        .beside(
            "server_memory_bytes_before",
            of(|grown| float(grown.before)),
        )
        .beside("server_memory_bytes_after", of(|grown| float(grown.after)));
    let setting: [(&str, Value); 2] = [
        ("store", options.ground.store.name().into()),
        ("watches", options.watches.into()),
    ];
    let setting = setting.map(|(name, value)| (name.to_owned(), value));
    LoadReport {
        what: "watch",
        setting: Map::from_iter(setting),
        figures: vec![figure],
        found: Map::new(),
        rounds: rounds.iter().map(round_json).collect(),
    }
}

fn round_json(grown: &Grown) -> Value {
    json!({
        "watches": grown.watches,
        "watch_bytes": grown.each(),
        "server_memory_bytes_before": grown.before,
        "server_memory_bytes_after": grown.after,
    })
}
