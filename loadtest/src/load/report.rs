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
        self.tell_middle_round(&mut text);
        if self.figures.is_empty() {
            return text;
        }
        text.push('\n');
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

    /// What the processes and the network did in the round that was neither the fastest nor the slowest.
    fn tell_middle_round(&self, text: &mut String) {
        let mut rounds: Vec<&Value> = self
            .rounds
            .iter()
            .filter_map(|one| one.get("askel"))
            .collect();
        let rate = |round: &Value| round.get("calls_per_s").and_then(Value::as_f64);
        let rate = |round: &Value| rate(round).unwrap_or(0.0);
        rounds.sort_by(|one, other| rate(one).total_cmp(&rate(other)));
        let Some(round) = rounds.get(rounds.len().checked_div(2).unwrap_or(0)) else {
            return;
        };
        let _ = writeln!(text, "the round in the middle, of {}", rounds.len());
        for key in TOLD {
            match round.get(key) {
                Some(Value::Object(parts)) if parts.is_empty() => {
                    let _ = writeln!(text, "  {key} none");
                }
                Some(Value::Object(parts)) => {
                    let parts = parts
                        .iter()
                        .map(|(name, value)| format!("{name} {}", brief(value)));
                    let parts: Vec<String> = parts.collect();
                    let _ = writeln!(text, "  {key} {}", parts.join(", "));
                }
                Some(value) => {
                    let _ = writeln!(text, "  {key} {}", brief(value));
                }
                None => {}
            }
        }
    }
}

/// What people are told of a round; the rest is in the JSON.
const TOLD: [&str; 14] = [
    "calls",
    "ops",
    "seconds",
    "offered_per_s",
    "calls_per_s",
    "latency_ms",
    "errors",
    "bytes_up",
    "bytes_down",
    "server_cpu_s",
    "server_memory_bytes_max",
    "database_cpu_s",
    "database_memory_bytes",
    "generator_saturated",
];

/// Numbers to three digits behind the point.
fn brief(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() => format!("{number:.3}"),
        _ => value.to_string(),
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
    fn people_are_told_of_the_middle_round_what_it_cost_and_what_failed() {
        let round = |rate: f64, bytes: u64| {
            json!({ "askel": {
                "calls_per_s": rate,
                "bytes_up": bytes,
                "latency_ms": { "p50": 1.5, "p99": 7.25 },
                "errors": { "SERVER_OVERLOADED": bytes },
            }})
        };
        let report = LoadReport {
            what: "checkin",
            setting: Map::new(),
            figures: Vec::new(),
            found: Map::new(),
            rounds: vec![round(30.0, 3), round(10.0, 1), round(20.0, 2)],
        };
        let text = report.to_text();
        for line in [
            "the round in the middle, of 3\n",
            "  calls_per_s 20.000\n",
            "  latency_ms p50 1.500, p99 7.250\n",
            "  errors SERVER_OVERLOADED 2\n",
            "  bytes_up 2\n",
        ] {
            assert!(text.contains(line), "{line:?} in {text}");
        }
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median([]).abs() < f64::EPSILON);
    }
}
