//! Walking data from a CSV file: `Id,ActivityHour,StepTotal`, one row an hour, local time as
//! `YYYY-M-D H:MM`.
//!
//! A file is taken whole or not at all, and the first fault is told with its line.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io::Read,
};

use askel_sync::{
    limits::STEPS_PER_BUCKET_MAX,
    time::{LocalDate, Timestamp},
};
use jiff::civil::{Date, DateTime, Time};

use super::{
    helsinki::Helsinki,
    limits::{DAYS_MAX, ROWS_MAX, WALKERS_MAX, WALKERS_MIN},
    walking::{Hour, Walker, Walking},
};

/// The header a file begins with.
const HEADER: [&str; 3] = ["Id", "ActivityHour", "StepTotal"];

/// Why a file can't be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepsFileError {
    /// A line is at fault.
    #[error("line {line}: {fault}")]
    Line {
        /// From 1, the header's.
        line: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The file as a whole is at fault.
    #[error("{0}")]
    Whole(Fault),
    /// It can't be read.
    #[error("the file can't be read")]
    Unreadable(#[from] csv::Error),
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The header is another one.
    #[error("the header must be `Id,ActivityHour,StepTotal`")]
    Header,
    /// Too many or too few fields.
    #[error("a row has three fields, this one has {0}")]
    Fields(usize),
    /// Bytes that are not text.
    #[error("the row is not UTF-8 text")]
    NotText,
    /// No id.
    #[error("the id must not be empty")]
    EmptyId,
    /// Not an hour.
    #[error("`{0}` is not an hour like `2016-4-12 13:00`")]
    NotAnHour(String),
    /// Clocks went forward over it.
    #[error("`{0}` does not exist in Helsinki: the clocks went forward over it")]
    HourSkipped(String),
    /// Not a count.
    #[error("`{0}` is not a count of steps from 0 to {STEPS_PER_BUCKET_MAX}")]
    NotACount(String),
    /// A second row of the same hour.
    #[error("this person has a row for `{0}` already")]
    HourTwice(String),
    /// More rows than the demo plays.
    #[error("the demo plays at most {ROWS_MAX} rows")]
    TooManyRows,
    /// More people than the demo plays.
    #[error("the demo plays at most {WALKERS_MAX} people")]
    TooManyPeople,
    /// Too few people for the story.
    #[error("the story needs at least {WALKERS_MIN} people, the file has {0}")]
    TooFewPeople(usize),
    /// Too long a time.
    #[error("the demo plays at most {DAYS_MAX} days, the file spans {0}")]
    TooManyDays(i32),
}

/// Reads a whole file.
pub(crate) fn read(source: impl Read, helsinki: &Helsinki) -> Result<Walking, StepsFileError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(source);
    let mut people = People::default();
    let mut row = csv::ByteRecord::new();
    let mut rows = 0_usize;
    while reader.read_byte_record(&mut row)? {
        let line = row.position().map_or(0, csv::Position::line);
        let at_line = |fault| StepsFileError::Line { line, fault };
        let fields = fields(&row).map_err(at_line)?;
        if rows == 0 {
            header(fields).map_err(at_line)?;
        } else {
            people.add(fields, helsinki).map_err(at_line)?;
        }
        rows = rows.saturating_add(1);
        if rows > ROWS_MAX {
            return Err(at_line(Fault::TooManyRows));
        }
    }
    people.walking().map_err(StepsFileError::Whole)
}

fn fields(row: &csv::ByteRecord) -> Result<[&str; 3], Fault> {
    let (Some(id), Some(hour), Some(steps), 3) = (row.get(0), row.get(1), row.get(2), row.len())
    else {
        return Err(Fault::Fields(row.len()));
    };
    let text = |bytes| str::from_utf8(bytes).map_err(|_| Fault::NotText);
    Ok([text(id)?, text(hour)?, text(steps)?])
}

fn header(fields: [&str; 3]) -> Result<(), Fault> {
    // Spreadsheets put a byte order mark before the first field.
    let [first, second, third] = fields;
    let fields = [first.trim_start_matches('\u{feff}'), second, third];
    if fields == HEADER {
        Ok(())
    } else {
        Err(Fault::Header)
    }
}

/// People in the order of their first rows.
#[derive(Default)]
struct People {
    indices: BTreeMap<String, usize>,
    walkers: Vec<Walker>,
}

impl People {
    fn add(&mut self, [id, hour, steps]: [&str; 3], helsinki: &Helsinki) -> Result<(), Fault> {
        let (at, date) = instant(hour, helsinki)?;
        let steps = steps
            .parse()
            .ok()
            .filter(|steps| *steps <= STEPS_PER_BUCKET_MAX)
            .ok_or_else(|| Fault::NotACount(steps.to_owned()))?;
        match self.walker(id)?.hours.entry(at) {
            Entry::Occupied(_) => Err(Fault::HourTwice(hour.to_owned())),
            Entry::Vacant(entry) => {
                entry.insert(Hour { date, steps });
                Ok(())
            }
        }
    }

    fn walker(&mut self, id: &str) -> Result<&mut Walker, Fault> {
        if id.is_empty() {
            return Err(Fault::EmptyId);
        }
        let index = if let Some(index) = self.indices.get(id) {
            *index
        } else {
            let index = self.walkers.len();
            self.indices.insert(id.to_owned(), index);
            self.walkers.push(Walker::default());
            index
        };
        self.walkers
            .get_mut(index)
            .filter(|_| index < WALKERS_MAX)
            .ok_or(Fault::TooManyPeople)
    }

    fn walking(self) -> Result<Walking, Fault> {
        let walking = Walking {
            walkers: self.walkers,
        };
        if walking.walkers.len() < WALKERS_MIN {
            return Err(Fault::TooFewPeople(walking.walkers.len()));
        }
        if let Some((first, last)) = walking.season() {
            let days = last
                .as_days()
                .saturating_sub(first.as_days())
                .saturating_add(1);
            if days > DAYS_MAX {
                return Err(Fault::TooManyDays(days));
            }
        }
        Ok(walking)
    }
}

fn instant(text: &str, helsinki: &Helsinki) -> Result<(Timestamp, LocalDate), Fault> {
    let local = local_hour(text).ok_or_else(|| Fault::NotAnHour(text.to_owned()))?;
    let at = helsinki
        .instant(local)
        .ok_or_else(|| Fault::HourSkipped(text.to_owned()))?;
    Ok((at, LocalDate::from_civil(local.date())))
}

fn local_hour(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once(' ')?;
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let (hour, minute) = time.split_once(':')?;
    let whole = parts.next().is_none() && minute == "00";
    let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    let time = Time::new(hour.parse().ok()?, 0, 0, 0).ok()?;
    (whole && (1970..=9000).contains(&date.year())).then(|| DateTime::from_parts(date, time))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn read_text(text: &str) -> Result<Walking, StepsFileError> {
        read(text.as_bytes(), &Helsinki::open().unwrap())
    }

    const GOOD: &str = "Id,ActivityHour,StepTotal\n7,2016-4-12 0:00,373\n9,2016-4-12 13:00,0\n";

    #[test]
    fn a_good_file_is_read_in_local_time() {
        let walking = read_text(GOOD).unwrap();
        assert_eq!(walking.walkers.len(), 2);
        let hours = &walking.walkers[0].hours;
        // Midnight in Helsinki, in summer.
        let (at, hour) = hours.first_key_value().unwrap();
        assert_eq!(at.as_ms(), 1_460_408_400_000);
        assert_eq!(
            *hour,
            Hour {
                date: LocalDate::from_days(16_903),
                steps: 373
            }
        );
    }

    #[test]
    fn a_fault_names_its_line() {
        let check = |row: &str, line: u64, fault: &str| {
            let error = read_text(&format!("{GOOD}{row}\n")).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with(&format!("line {line}: ")), "{text}");
            assert!(text.contains(fault), "{text}");
        };
        check("7,2016-4-12 1:00", 4, "three fields");
        check("7,2016-4-12 1:00,1,1", 4, "three fields");
        check(",2016-4-12 1:00,1", 4, "id");
        check("7,2016-4-12 1:30,1", 4, "not an hour");
        check("7,2016-4-31 1:00,1", 4, "not an hour");
        check("7,2016-4-12 24:00,1", 4, "not an hour");
        check("7,12.4.2016 1:00,1", 4, "not an hour");
        check("7,2016-4-12 1:00,-1", 4, "count of steps");
        check("7,2016-4-12 1:00,1.5", 4, "count of steps");
        check("7,2016-4-12 1:00,20001", 4, "count of steps");
        check("7,2016-4-12 1:00,20000\n7,2016-4-12 0:00,1", 5, "already");
        check("7,2017-3-26 3:00,1", 4, "does not exist in Helsinki");
    }

    #[test]
    fn a_file_without_its_header_or_its_people_is_refused() {
        let error = read_text("7,2016-4-12 0:00,373\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 1: the header must be `Id,ActivityHour,StepTotal`"
        );
        assert!(matches!(
            read_text(""),
            Err(StepsFileError::Whole(Fault::TooFewPeople(0)))
        ));
        let one = "Id,ActivityHour,StepTotal\n7,2016-4-12 0:00,373\n";
        assert!(matches!(
            read_text(one),
            Err(StepsFileError::Whole(Fault::TooFewPeople(1)))
        ));
    }

    #[test]
    fn people_and_days_have_a_limit() {
        let crowd = |people: usize| {
            let mut text = String::from("Id,ActivityHour,StepTotal\n");
            (0..people).for_each(|id| writeln!(text, "{id},2016-4-12 0:00,1").unwrap());
            read_text(&text)
        };
        assert!(crowd(WALKERS_MAX).is_ok());
        assert!(
            crowd(WALKERS_MAX + 1)
                .unwrap_err()
                .to_string()
                .starts_with("line 502: ")
        );
        let span = |last: &str| read_text(&format!("{GOOD}7,{last} 1:00,1\n"));
        assert!(span("2017-4-12").is_ok());
        assert!(matches!(
            span("2017-4-13"),
            Err(StepsFileError::Whole(Fault::TooManyDays(367)))
        ));
    }
}
