//! The figures of `askel-loadtest footprint`.

mod after;
mod opening;

use std::collections::BTreeMap;

use askel_workload::Shape;
use serde_json::json;

use crate::{check::Truth, peers::Peers, resume, year::Year};
pub use crate::{
    figure::{Baseline, Bound, Figure, Unit, Verdict},
    peers::Source,
    report::Report,
    resume::Cuts,
};

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The workload.
    pub shape: Shape,
    /// Where the peers' rows come from.
    pub peers: Source,
    /// Cuts of a first sync.
    pub cuts: Cuts,
    /// Days of the participant whose first sync is cut.
    pub veteran_days: u32,
}

/// Plays the workload, checks that everyone ends alike and as it says, and measures.
///
/// # Errors
/// What differs, if anything does: a run that does not converge has no figures.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let shape = options.shape;
    let (peers, openings) = Peers::of(shape, options.peers)?;
    let mut year = Year::start(shape).await?;
    let expected = Truth::of(&year.workload.expected);
    year.play().await?;
    check(&year, &expected).await?;
    let mut figures = vec![wire_year(&year, &peers)];
    let fields = fields(&year);
    let (more, year) = after::measure(year, &expected, &peers).await?;
    figures.extend(more);
    figures.extend(opening::measure(year, &expected, &peers, openings)?);
    let veteran = Shape {
        days: options.veteran_days,
        ..shape
    };
    figures.push(resume_resent(veteran, options.cuts).await?);
    Ok(Report {
        days: shape.days,
        seed: shape.seed,
        figures,
        peers,
        fields,
    })
}

async fn check(year: &Year, expected: &Truth) -> anyhow::Result<()> {
    expected.check("phone", &Truth::shown_by(&year.phone.client))?;
    expected.check("old phone", &Truth::shown_by(&year.old_phone.client))?;
    expected.check_server(&year.world.refold().await?)
}

fn wire_year(year: &Year, peers: &Peers) -> Figure {
    let traffic = year.traffic();
    let devices = [
        ("phone", &year.phone),
        ("old_phone", &year.old_phone),
        ("scanner", &year.scanner),
    ];
    let key = "wire_year_bytes";
    let year = bytes(traffic.total());
    let figure = Figure::ratio(key, Unit::Bytes, year, peers.flat("loro", key), 0.40).aiming(0.28);
    let figure = peers.beside_days(figure, ("loro", key), year);
    let mut figure = figure.beside("calls", traffic.calls);
    if let Some(shy) = peers.best("loro", "wire_year_scanner_hands_in_only_bytes") {
        let ratio = bytes(traffic.total()) / shy.value;
        let beside = json!({ "baseline": shy.name, "value": shy.value, "ratio": ratio });
        figure = figure.beside("when_the_peers_scanner_only_hands_in", beside);
    }
    for (name, device) in devices {
        let line = device.proxy.passed();
        figure = figure.beside(
            name,
            json!({
                "up": device.traffic.up,
                "down": device.traffic.down,
                "calls": device.traffic.calls,
                "proxy_up": line.up,
                "proxy_down": line.down,
                "fields": device.tally.fields(),
            }),
        );
    }
    figure
}

/// All devices' fields together.
fn fields(year: &Year) -> BTreeMap<&'static str, u64> {
    let mut fields: BTreeMap<&'static str, u64> = BTreeMap::new();
    for device in [&year.phone, &year.old_phone, &year.scanner] {
        for (name, bytes) in device.tally.fields() {
            let sum = fields.entry(name).or_default();
            *sum = sum.saturating_add(bytes);
        }
    }
    fields
}

async fn resume_resent(veteran: Shape, cuts: Cuts) -> anyhow::Result<Figure> {
    let resumed = resume::measure(veteran, cuts).await?;
    let figure = Figure::value(
        "resume_resent_bytes_max",
        Unit::Bytes,
        bytes(resumed.resent_bytes_max),
        4_096.0,
    );
    Ok(figure
        .beside("days", veteran.days)
        .beside("uncut_bytes", resumed.uncut_bytes)
        .beside("messages", resumed.messages)
        .beside("cuts", resumed.cuts))
}

/// Bytes of a year are far below what a float holds exactly.
#[expect(
    clippy::cast_precision_loss,
    reason = "far below 2^52, and shown with few digits"
)]
fn bytes(count: u64) -> f64 {
    count as f64
}
