//! Rows of archived steps.

use std::sync::Arc;

use askel_sync::{
    fold::ArchivedDays,
    frame::ENCODING,
    op::Measure,
    time::{LocalDate, Quarter},
};

use super::{
    super::{ArchivedDaysRow, ArchivedRow},
    message as stored,
};

/// The one way so far in which day totals follow from ops.
const DAYS_VERSION: u32 = 1;

pub(super) fn archived_to_stored(row: &ArchivedRow) -> stored::Archived {
    stored::Archived {
        stream: row.stream,
        encoding: ENCODING,
        frame: row.frame.clone(),
    }
}

/// The frame is read when it is needed; that it can be is seen here, as far as it goes: the key has
/// vouched for the bytes, and this version knows their encoding.
pub(super) fn archived_from_stored(stored: stored::Archived) -> Option<ArchivedRow> {
    (stored.encoding == ENCODING).then_some(ArchivedRow {
        stream: stored.stream,
        frame: stored.frame,
    })
}

pub(super) fn days_to_stored(row: &ArchivedDaysRow) -> stored::ArchivedDays {
    let mut runs: Vec<stored::DayRun> = Vec::new();
    let mut next = None;
    for ((measure, date), total) in row.days.days() {
        match runs.last_mut() {
            Some(run) if next == Some((measure, date)) => run.totals.push(total),
            _ => runs.push(stored::DayRun {
                measure: measure.into(),
                first_date: date.as_days(),
                totals: vec![total],
            }),
        }
        let following = date.as_days().checked_add(1);
        next = following.map(|days| (measure, LocalDate::from_days(days)));
    }
    stored::ArchivedDays {
        version: DAYS_VERSION,
        rows: row.rows,
        before: row.days.before().get(),
        zone: row.days.zone().to_vec(),
        runs,
    }
}

pub(super) fn days_from_stored(stored: &stored::ArchivedDays) -> Option<ArchivedDaysRow> {
    if stored.version != DAYS_VERSION {
        return None;
    }
    let mut days = Vec::new();
    for run in &stored.runs {
        let measure = Measure::try_from(run.measure).ok()?;
        for (index, total) in (0..).zip(&run.totals) {
            let date = run.first_date.checked_add(index)?;
            days.push(((measure, LocalDate::from_days(date)), *total));
        }
    }
    let zone = stored.zone.as_slice().try_into().ok()?;
    let days = ArchivedDays::from_parts(Quarter::new(stored.before), zone, days);
    Some(ArchivedDaysRow {
        rows: stored.rows,
        days: Arc::new(days),
    })
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::engine::row::{Row, Table};
    use crate::storage::RowKey;

    fn key(table: Table) -> RowKey {
        RowKey {
            table: table as u8,
            number: 3,
        }
    }

    fn days() -> Row {
        let day = |days| LocalDate::from_days(days);
        let days = [
            ((Measure::Steps, day(16_903)), 7_000),
            ((Measure::Steps, day(16_904)), 0),
            ((Measure::Steps, day(16_906)), 9),
            ((Measure::Minutes, day(16_907)), 40),
            ((Measure::Minutes, day(i32::MAX)), u64::MAX),
        ];
        let days =
            ArchivedDays::from_parts(Quarter::new(1_622_800), [1, 2, 3, 4, 5, 6, 7, 8], days);
        Row::ArchivedDays(ArchivedDaysRow {
            rows: 2,
            days: Arc::new(days),
        })
    }

    /// Phones of today have these bytes on their disks.
    #[test]
    fn totals_have_these_bytes_and_are_read_from_them() {
        let bytes = [
            &[
                0x08, 1, 0x10, 2, 0x18, 0x90, 0x86, 0x63, 0x22, 8, 1, 2, 3, 4, 5, 6, 7, 8,
            ][..],
            &[
                0x2a, 11, 0x08, 1, 0x10, 0x8e, 0x88, 0x02, 0x1a, 3, 0xd8, 0x36, 0,
            ],
            &[0x2a, 9, 0x08, 1, 0x10, 0x94, 0x88, 0x02, 0x1a, 1, 9],
            &[0x2a, 9, 0x08, 3, 0x10, 0x96, 0x88, 0x02, 0x1a, 1, 40],
            &[
                0x2a, 20, 0x08, 3, 0x10, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x1a, 10,
            ],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ]
        .concat();
        assert_eq!(days().encode(), bytes);
        assert_eq!(
            Row::decode(key(Table::ArchivedDays), bytes.into()),
            Ok(days())
        );
    }

    #[test]
    fn a_frame_has_these_bytes_and_is_read_from_them() {
        let row = Row::Archived(ArchivedRow {
            stream: 1,
            frame: vec![0xaa, 0xbb],
        });
        let bytes = [0x08, 1, 0x10, 1, 0x1a, 2, 0xaa, 0xbb];
        assert_eq!(row.encode(), bytes);
        assert_eq!(
            Row::decode(key(Table::Archived), bytes.to_vec().into()),
            Ok(row)
        );
    }

    #[test]
    fn rows_of_a_later_version_and_totals_of_another_form_are_not_read() {
        let later = stored::Archived {
            encoding: ENCODING + 1,
            ..stored::Archived::default()
        };
        assert!(Row::decode(key(Table::Archived), later.encode_to_vec().into()).is_err());
        let good = stored::ArchivedDays::decode(&*days().encode()).expect("a message");
        let refused = |change: fn(&mut stored::ArchivedDays)| {
            let mut changed = good.clone();
            change(&mut changed);
            Row::decode(key(Table::ArchivedDays), changed.encode_to_vec().into()).is_err()
        };
        assert!(!refused(|_| {}));
        assert!(refused(|days| days.version = 2));
        assert!(refused(|days| days.zone.truncate(7)));
        assert!(refused(|days| days.runs[0].measure = 99));
        assert!(refused(|days| {
            days.runs[0].first_date = i32::MAX;
            days.runs[0].totals = vec![1, 2];
        }));
    }
}
