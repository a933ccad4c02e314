//! What step sources handed to phones: kept beside the SDK, so that what the server keeps can be
//! compared with something that neither of them computed.

use std::collections::BTreeMap;

use askel_sync::time::Timestamp;

use super::{delivery::Reading, helsinki::Helsinki, walking::DaySteps};

/// The readings of one step source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    handed: BTreeMap<Timestamp, u32>,
    acknowledged: BTreeMap<Timestamp, u32>,
}

impl Ledger {
    /// The source handed these to its phone.
    pub(crate) fn hand_over(&mut self, readings: &[Reading]) {
        self.handed
            .extend(readings.iter().map(|reading| (reading.at, reading.count)));
    }

    /// The server has acknowledged all that the phone holds.
    pub(crate) fn acknowledge(&mut self) {
        self.acknowledged.clone_from(&self.handed);
    }

    /// What went down with a phone: the source has it still and hands it to the next one.
    pub(crate) fn not_acknowledged(&self) -> Vec<Reading> {
        let open = self
            .handed
            .iter()
            .filter(|(at, _)| !self.acknowledged.contains_key(at));
        open.map(|(at, count)| Reading {
            at: *at,
            count: *count,
        })
        .collect()
    }
}

/// The day steps that the server should hold of a person: hour by hour the larger of what the
/// person's sources had acknowledged.
pub(crate) fn acknowledged_days<'a>(
    sources: impl IntoIterator<Item = &'a Ledger>,
    helsinki: &Helsinki,
) -> DaySteps {
    let mut hours: BTreeMap<Timestamp, u32> = BTreeMap::new();
    for (at, count) in sources.into_iter().flat_map(|source| &source.acknowledged) {
        let hour = hours.entry(*at).or_default();
        *hour = (*hour).max(*count);
    }
    let mut days = DaySteps::new();
    for (at, count) in hours {
        let Some(date) = helsinki.date(at) else {
            continue;
        };
        let day = days
            .entry(askel_sync::time::LocalDate::from_civil(date))
            .or_default();
        *day = day.saturating_add(u64::from(count));
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_one_body_and_what_was_not_acknowledged_is_handed_over_again() {
        let helsinki = Helsinki::open().unwrap();
        let at = |hour: i64| Timestamp::from_ms(1_460_408_400_000 + hour * 3_600_000);
        let mut phone = Ledger::default();
        let mut watch = Ledger::default();
        phone.hand_over(&[
            Reading {
                at: at(0),
                count: 10,
            },
            Reading {
                at: at(1),
                count: 5,
            },
        ]);
        watch.hand_over(&[Reading {
            at: at(0),
            count: 7,
        }]);
        phone.acknowledge();
        watch.acknowledge();
        phone.hand_over(&[Reading {
            at: at(2),
            count: 3,
        }]);
        let days = acknowledged_days([&phone, &watch], &helsinki);
        assert_eq!(days.values().copied().collect::<Vec<_>>(), [15]);
        assert_eq!(
            phone.not_acknowledged(),
            [Reading {
                at: at(2),
                count: 3
            }]
        );
    }
}
