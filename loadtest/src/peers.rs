//! The peers' rows: of this run, or as they were recorded in the tree.

mod openings;

use askel_workload::Shape;
use serde_json::{Value, json};

use crate::figure::{Baseline, Figure};
pub(crate) use openings::Openings;

/// The last run that was kept: the year of seed 1. Bytes are the same everywhere, times are not.
const RECORDED: &str = include_str!("../peers/measured.json");

/// Where rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Built and run now.
    Run,
    /// As recorded.
    Recorded,
}

/// Rows of peers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Peers {
    rows: Vec<Value>,
    source: Source,
}

impl Peers {
    /// None when what is recorded is of another workload. Peers that run now stay to open their
    /// documents in turn with Askel.
    pub(crate) fn of(shape: Shape, source: Source) -> anyhow::Result<(Self, Option<Openings>)> {
        let (answer, openings): (Value, _) = match source {
            Source::Run => {
                let (answer, openings) = Openings::start(shape)?;
                (answer, Some(openings))
            }
            Source::Recorded => (serde_json::from_str(RECORDED)?, None),
        };
        let wanted = json!({ "days": shape.days, "seed": shape.seed });
        let rows = match answer.get("workload") {
            Some(workload) if *workload == wanted => answer.get("rows"),
            _ => None,
        };
        let rows = rows.and_then(Value::as_array).cloned().unwrap_or_default();
        // A row whose replicas did not end alike is void.
        let rows = rows
            .into_iter()
            .filter(|row| row.get("converged") == Some(&Value::Bool(true)))
            .collect();
        Ok((Self { rows, source }, openings))
    }

    /// The best of a peer's layouts that have a register an hour.
    pub(crate) fn best(&self, peer: &str, key: &str) -> Option<Baseline> {
        let rows = self.rows.iter().filter(|row| {
            row.get("peer").and_then(Value::as_str) == Some(peer)
                && row.get("register_per_hour") == Some(&Value::Bool(true))
        });
        rows.filter_map(|row| self.baseline(row, key))
            .min_by(|a, b| a.value.total_cmp(&b.value))
    }

    /// The bounds are about a peer's flat map, hour to count.
    pub(crate) fn flat(&self, peer: &str, key: &str) -> Option<Baseline> {
        self.layout(peer, "flat", key)
    }

    /// A figure with the peer's map a day beside, which does better than its flat map.
    pub(crate) fn beside_days(
        &self,
        figure: Figure,
        (peer, key): (&str, &str),
        value: f64,
    ) -> Figure {
        let Some(days) = self.layout(peer, "days", key) else {
            return figure;
        };
        let ratio = value / days.value;
        let beside = json!({ "baseline": days.name, "value": days.value, "ratio": ratio });
        figure.beside("with_a_map_a_day", beside)
    }

    /// One layout of a peer.
    pub(crate) fn layout(&self, peer: &str, layout: &str, key: &str) -> Option<Baseline> {
        let row = self.rows.iter().find(|row| {
            row.get("peer").and_then(Value::as_str) == Some(peer)
                && row.get("layout").and_then(Value::as_str) == Some(layout)
        });
        self.baseline(row?, key)
    }

    fn baseline(&self, row: &Value, key: &str) -> Option<Baseline> {
        let [peer, version, layout] =
            ["peer", "version", "layout"].map(|name| row.get(name).and_then(Value::as_str));
        let (peer, version, layout) = (peer?, version?, layout?);
        Some(Baseline {
            name: format!("{peer} {version}, layout {layout}{}", self.origin()),
            value: row.get(key)?.as_f64()?,
        })
    }

    fn origin(&self) -> &'static str {
        match self.source {
            Source::Run => "",
            Source::Recorded => " (recorded)",
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "recorded": self.source == Source::Recorded,
            "rows": self.rows,
        })
    }
}
