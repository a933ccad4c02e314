//! What a watch costs that has nothing to tell.

use serde_json::{Map, Value, json};

use super::{
    drive::float,
    report::LoadReport,
    stand::{Ground, Stand},
    wire::Lines,
};
use crate::figure::{Figure, Unit};

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
    let stand = Stand::start(&options.ground, 1).await?;
    let devices = options.watches.div_ceil(EACH);
    let phones = stand.phones(devices).await?;
    let before = stand.server.usage()?.memory_bytes;
    let mut open = Vec::with_capacity(options.watches);
    for (phone, _) in phones.iter().cycle().zip(0..options.watches) {
        let lines = Lines::connect(&stand.server.url(), 1).await?;
        let watch = lines.of(0).watch(phone, stand.now()).await?;
        open.push((lines, watch));
    }
    let after = stand.server.usage()?.memory_bytes;
    let each = float(after.saturating_sub(before)) / float(super::count(open.len()).max(1));
    let figure = Figure::value("watch_bytes", Unit::Bytes, each, 30_000.0)
        .aiming(10_000.0)
        .beside("server_memory_bytes_before", before)
        .beside("server_memory_bytes_after", after);
    let setting: [(&str, Value); 2] = [
        ("store", options.ground.store.name().into()),
        ("watches", options.watches.into()),
    ];
    let setting = setting.map(|(name, value)| (name.to_owned(), value));
    Ok(LoadReport {
        what: "watch",
        setting: Map::from_iter(setting),
        figures: vec![figure],
        found: Map::new(),
        rounds: vec![json!({ "watches": open.len() })],
    })
}
