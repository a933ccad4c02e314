//! The figures as a table for people and as JSON for machines.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Map, Value, json};

use crate::{
    figure::{Bound, Figure, Unit},
    peers::Peers,
};

/// What a run found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Days of the workload.
    pub days: u32,
    /// Its seed.
    pub seed: u64,
    /// By the order of their measuring.
    pub figures: Vec<Figure>,
    /// The peers' rows, and whether they are of this run.
    pub(crate) peers: Peers,
    /// Encoded bytes of the year's Sync messages by field, over all devices.
    pub fields: BTreeMap<&'static str, u64>,
}

impl Report {
    /// The figure of a key.
    pub fn figure(&self, key: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.key == key)
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        let figures: Map<String, Value> = self
            .figures
            .iter()
            .map(|figure| (figure.key.to_owned(), figure.to_json()))
            .collect();
        json!({
            "workload": { "days": self.days, "seed": self.seed },
            // A run whose replicas differ ends with an error and has no report.
            "converged": true,
            "figures": figures,
            "wire_year_fields": self.fields,
            "peers": self.peers.to_json(),
        })
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut rows =
            vec![["figure", "value", "ratio", "must", "aim", "verdict"].map(str::to_owned)];
        rows.extend(self.figures.iter().map(row));
        let mut text = format!(
            "{} days, seed {}; every replica holds what the workload says\n\n",
            self.days, self.seed
        );
        lay_out(&mut text, &rows);
        for figure in &self.figures {
            if let Some(baseline) = &figure.baseline {
                let value = number(figure.unit, baseline.value);
                let _ = writeln!(text, "\n{} beside {}: {value}", figure.key, baseline.name);
            }
            for (name, value) in &figure.beside {
                let _ = writeln!(text, "  {}: {name} {value}", figure.key);
            }
        }
        let _ = writeln!(text, "\nThe year's Sync messages by field, in bytes:");
        let mut fields: Vec<(&str, u64)> = self.fields.iter().map(|(k, v)| (*k, *v)).collect();
        fields.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let fields: Vec<[String; 2]> = fields
            .into_iter()
            .map(|(name, bytes)| [name.to_owned(), bytes.to_string()])
            .collect();
        lay_out(&mut text, &fields);
        text
    }
}

pub(crate) fn row(figure: &Figure) -> [String; 6] {
    let bound = |limit: f64| match figure.bound {
        Bound::Value => number(figure.unit, limit),
        Bound::Ratio => format!("{limit:.2} x"),
    };
    [
        figure.key.to_owned(),
        number(figure.unit, figure.value),
        figure
            .quotient()
            .map_or_else(String::new, |ratio| format!("{ratio:.3}")),
        bound(figure.must),
        figure.aim.map_or_else(String::new, bound),
        figure.verdict().word().to_owned(),
    ]
}

fn number(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Bytes => format!("{value:.0} B"),
        Unit::Milliseconds => format!("{value:.2} ms"),
        Unit::PerSecond => format!("{value:.0}/s"),
    }
}

/// The first column to the left, the others to the right.
pub(crate) fn lay_out<const N: usize>(text: &mut String, rows: &[[String; N]]) {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let _ = match column {
                0 => write!(text, "{cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        text.push('\n');
    }
}
