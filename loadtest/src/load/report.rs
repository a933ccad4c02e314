//! What a measurement under load found: a table for people, JSON for machines.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::{
    figure::Figure,
    report::{lay_out, row},
};

/// What a run found.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadReport {
    /// Which measurement.
    pub what: &'static str,
    /// How it was set: store, sizes.
    pub setting: Map<String, Value>,
    /// What is bounded.
    pub figures: Vec<Figure>,
    /// What else was found, which is not bounded.
    pub found: Map<String, Value>,
    /// Each round as it was.
    pub rounds: Vec<Value>,
}

impl LoadReport {
    /// The figure of a key.
    pub fn figure(&self, key: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.key == key)
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        let figures = self.figures.iter();
        let figures: Map<String, Value> = figures
            .map(|figure| (figure.key.to_owned(), figure.to_json()))
            .collect();
        json!({
            "what": self.what,
            "setting": self.setting,
            "figures": figures,
            "found": self.found,
            "rounds": self.rounds,
        })
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.what);
        for (name, value) in &self.setting {
            let _ = writeln!(text, "  {name} {value}");
        }
        text.push('\n');
        for (name, value) in &self.found {
            let _ = writeln!(text, "{name} {value}");
        }
        if self.figures.is_empty() {
            return text;
        }
        let heading = ["figure", "value", "ratio", "must", "aim", "verdict"];
        let mut rows = vec![heading.map(str::to_owned)];
        rows.extend(self.figures.iter().map(row));
        lay_out(&mut text, &rows);
        for figure in &self.figures {
            if let Some(baseline) = &figure.baseline {
                let _ = writeln!(
                    text,
                    "\n{} beside {}: {:.1}",
                    figure.key, baseline.name, baseline.value
                );
            }
            for (name, value) in &figure.beside {
                let _ = writeln!(text, "  {name} {value}");
            }
        }
        text
    }
}

/// The middle one; 0 of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len().checked_div(2).unwrap_or(0);
    values.get(middle).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median([]).abs() < f64::EPSILON);
    }
}
