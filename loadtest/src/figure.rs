//! A measured number, what it is compared with, and whether that is good enough.

use serde_json::{Map, Value, json};

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// So many a second.
    PerSecond,
}

/// Which way a bound holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    /// Less is better.
    AtMost,
    /// More is better.
    AtLeast,
}

/// What a bound is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The value itself.
    Value,
    /// The value divided by the baseline's.
    Ratio,
}

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// Whose and which.
    pub name: String,
    /// In the figure's unit.
    pub value: f64,
}

/// Whether a figure is within its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Within the aim, or within the must where there is no aim.
    Good,
    /// Within the must.
    Enough,
    /// Past the must.
    Missed,
    /// Without a baseline there is no ratio.
    Open,
}

/// A measured number.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name, which stays.
    pub key: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// How much.
    pub value: f64,
    /// What it is compared with.
    pub baseline: Option<Baseline>,
    /// What `must` and `aim` are bounds of.
    pub bound: Bound,
    /// Which way `must` and `aim` bound it.
    pub sense: Sense,
    /// At most, or at least, this.
    pub must: f64,
    /// What would be better.
    pub aim: Option<f64>,
    /// What else is worth knowing.
    pub beside: Map<String, Value>,
}

impl Figure {
    /// A number with a bound of its own.
    pub(crate) fn value(key: &'static str, unit: Unit, value: f64, must: f64) -> Self {
        Self {
            key,
            unit,
            value,
            baseline: None,
            bound: Bound::Value,
            sense: Sense::AtMost,
            must,
            aim: None,
            beside: Map::new(),
        }
    }

    /// A number whose ratio to a baseline is bounded.
    pub(crate) fn ratio(
        key: &'static str,
        unit: Unit,
        value: f64,
        baseline: Option<Baseline>,
        must: f64,
    ) -> Self {
        Self {
            baseline,
            bound: Bound::Ratio,
            ..Self::value(key, unit, value, must)
        }
    }

    /// More is better.
    pub(crate) fn at_least(self) -> Self {
        Self {
            sense: Sense::AtLeast,
            ..self
        }
    }

    pub(crate) fn aiming(self, aim: f64) -> Self {
        Self {
            aim: Some(aim),
            ..self
        }
    }

    pub(crate) fn beside(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.beside.insert(name.to_owned(), value.into());
        self
    }

    /// Value by baseline.
    pub fn quotient(&self) -> Option<f64> {
        let baseline = self.baseline.as_ref()?;
        (baseline.value > 0.0).then(|| self.value / baseline.value)
    }

    /// Whether it is within its bounds.
    pub fn verdict(&self) -> Verdict {
        let bounded = match self.bound {
            Bound::Value => Some(self.value),
            Bound::Ratio => self.quotient(),
        };
        let past = |bounded: f64, limit: f64| match self.sense {
            Sense::AtMost => bounded > limit,
            Sense::AtLeast => bounded < limit,
        };
        match bounded {
            None => Verdict::Open,
            Some(bounded) if past(bounded, self.must) => Verdict::Missed,
            Some(bounded) if self.aim.is_some_and(|aim| past(bounded, aim)) => Verdict::Enough,
            Some(_) => Verdict::Good,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "value": self.value,
            "unit": match self.unit {
                Unit::Bytes => "bytes",
                Unit::Milliseconds => "ms",
                Unit::PerSecond => "1/s",
            },
            "baseline": self.baseline.as_ref().map(|baseline| json!({
                "name": baseline.name,
                "value": baseline.value,
            })),
            "ratio": self.quotient(),
            "bound": match self.bound {
                Bound::Value => "value",
                Bound::Ratio => "ratio",
            },
            "sense": match self.sense {
                Sense::AtMost => "at most",
                Sense::AtLeast => "at least",
            },
            "must": self.must,
            "aim": self.aim,
            "verdict": self.verdict().word(),
            "beside": self.beside,
        })
    }
}

impl Verdict {
    /// For people and machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Enough => "enough",
            Self::Missed => "missed",
            Self::Open => "open",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounded(value: f64) -> Verdict {
        let figure = Figure::value("bytes", Unit::Bytes, value, 40.0);
        figure.aiming(24.0).verdict()
    }

    #[test]
    fn a_figure_is_judged_at_its_bounds_and_past_them() {
        assert_eq!(bounded(24.0), Verdict::Good);
        assert_eq!(bounded(25.0), Verdict::Enough);
        assert_eq!(bounded(40.0), Verdict::Enough);
        assert_eq!(bounded(41.0), Verdict::Missed);
    }

    #[test]
    fn where_more_is_better_less_is_missed() {
        let rate = |value: f64| {
            let figure = Figure::value("rate", Unit::PerSecond, value, 0.4);
            figure.at_least().aiming(0.7).verdict()
        };
        assert_eq!(rate(0.7), Verdict::Good);
        assert_eq!(rate(0.69), Verdict::Enough);
        assert_eq!(rate(0.4), Verdict::Enough);
        assert_eq!(rate(0.39), Verdict::Missed);
    }

    #[test]
    fn a_ratio_is_judged_against_its_baseline_and_open_without_one() {
        let baseline = Baseline {
            name: "a peer".to_owned(),
            value: 100.0,
        };
        let figure = |baseline| Figure::ratio("bytes", Unit::Bytes, 60.0, baseline, 0.6);
        assert_eq!(figure(Some(baseline.clone())).verdict(), Verdict::Good);
        assert_eq!(figure(None).verdict(), Verdict::Open);
        let more = Figure {
            value: 61.0,
            ..figure(Some(baseline))
        };
        assert_eq!(more.verdict(), Verdict::Missed);
    }
}
