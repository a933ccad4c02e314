//! What was past its time and is dropped, by kind.

use askel_store::Dropped;
use opentelemetry::{KeyValue, metrics::Counter};

use super::{Making, Meters};

impl Meters {
    /// What was past its time was dropped.
    pub(crate) fn dropped(&self, dropped: &Dropped) {
        for (kind, rows) in kinds(dropped) {
            if rows > 0 {
                self.dropped.add(rows, &[KeyValue::new("askel.kind", kind)]);
            }
        }
    }
}

/// What was dropped, by kind.
fn kinds(dropped: &Dropped) -> [(&'static str, u64); 5] {
    [
        ("place_day", dropped.place_days),
        ("place_day_op", dropped.place_day_ops),
        ("invitation", dropped.invitations),
        ("approval", dropped.approvals),
        ("enrol_failure", dropped.enrol_failures),
    ]
}

/// Each kind is there before anything of it is counted.
pub(super) fn counter(make: &Making<'_>) -> Counter<u64> {
    let what = "Rows that were past their time and are dropped.";
    let counter = make.count("askel.retention.dropped", "{row}", what);
    for (kind, _) in kinds(&Dropped::default()) {
        counter.add(0, &[KeyValue::new("askel.kind", kind)]);
    }
    counter
}
