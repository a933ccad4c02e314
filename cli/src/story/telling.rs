//! How the story is told: a dated column, plain lines, and a bar below them while it works.

use std::{fmt::Display, io::Write as _};

use askel_sync::time::{LocalDate, Timestamp};
use console::{Alignment, measure_text_width, pad_str};

use super::{
    Output,
    helsinki::Helsinki,
    progress::Progress,
    text::{CalendarText, Language, Text},
};

/// Width of the column with the date.
const DATE_WIDTH: usize = 12;
/// Width of the column that says who is in the queue, and of what happens to them.
const WHO_WIDTH: usize = 26;
const WHAT_WIDTH: usize = 34;
/// Where a line is broken.
const LINE_WIDTH: usize = 100;

/// Tells the story as it happens.
pub(crate) struct Telling {
    /// The words.
    pub(crate) text: Text,
    language: Language,
    output: Output,
    helsinki: Helsinki,
    progress: Progress,
    last_date: Option<LocalDate>,
}

impl Telling {
    /// Begins; with [`Output::Json`] nothing but progress is shown.
    pub(crate) fn begin(
        language: Language,
        text: Text,
        output: Output,
        helsinki: Helsinki,
        days: i32,
    ) -> Self {
        let progress = Progress::begin(days, text.progress.clone());
        Self {
            language,
            text,
            output,
            helsinki,
            progress,
            last_date: None,
        }
    }

    /// The language of the words.
    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// How far it has come.
    pub(crate) fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }

    /// The first line, with an empty one after it.
    pub(crate) fn title(&mut self, line: &str) -> std::io::Result<()> {
        self.write(line)?;
        self.write("")
    }

    /// Something happens; the date is told when it is another one.
    pub(crate) fn happens(&mut self, at: Timestamp, line: &str) -> std::io::Result<()> {
        let date = self.helsinki.date(at).map(LocalDate::from_civil);
        let label = match date {
            Some(date) if self.last_date != Some(date) => self.date(date),
            _ => String::new(),
        };
        self.last_date = date;
        let mut label = label.as_str();
        for part in broken(line, LINE_WIDTH.saturating_sub(DATE_WIDTH)) {
            self.write(&format!("{}{part}", pad(label, DATE_WIDTH)))?;
            label = "";
        }
        Ok(())
    }

    /// One in the queue at the door.
    pub(crate) fn in_queue(&mut self, who: &str, what: &str, note: &str) -> std::io::Result<()> {
        let columns = [
            pad("", DATE_WIDTH),
            pad(who, WHO_WIDTH),
            pad(what, WHAT_WIDTH),
        ]
        .concat();
        self.write(format!("{columns}{note}").trim_end())
    }

    /// A line as it is.
    pub(crate) fn plain(&mut self, line: &str) -> std::io::Result<()> {
        self.write(line)
    }

    /// Takes the bar away.
    pub(crate) fn end_progress(&mut self) {
        self.progress.end();
    }

    /// The local time of day.
    pub(crate) fn time(&self, at: Timestamp) -> String {
        let civil = self.helsinki.civil(at);
        civil.map_or_else(String::new, |at| {
            format!("{:02}:{:02}", at.hour(), at.minute())
        })
    }

    fn date(&self, date: LocalDate) -> String {
        let CalendarText {
            weekdays,
            months,
            date: sentence,
            ..
        } = &self.text.calendar;
        let Some(civil) = date.to_civil() else {
            return String::new();
        };
        let name = |names: &[String], number: i8| {
            let index = usize::try_from(number.saturating_sub(1)).unwrap_or_default();
            names.get(index).cloned().unwrap_or_default()
        };
        let weekday = name(weekdays, civil.weekday().to_monday_one_offset());
        let month = name(months, civil.month());
        sentence.with(&[
            ("weekday", &weekday),
            ("day", &civil.day()),
            ("month", &month),
        ])
    }

    fn write(&mut self, line: &str) -> std::io::Result<()> {
        match self.output {
            Output::Json => Ok(()),
            Output::Story => self
                .progress
                .above(|| writeln!(std::io::stdout().lock(), "{line}")),
        }
    }
}

/// Digits in groups of three.
pub(crate) fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().saturating_sub(index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// One decimal: tenths of a unit, with the language's mark.
pub(crate) fn decimal(tenths: u64, mark: &str) -> String {
    format!(
        "{}{mark}{}",
        grouped(tenths.div_euclid(10)),
        tenths.rem_euclid(10)
    )
}

/// Bytes as kB or MB.
pub(crate) fn size(bytes: u64, mark: &str) -> String {
    if bytes < 1_000_000 {
        format!("{} kB", decimal(bytes.div_ceil(100), mark))
    } else {
        format!("{} MB", decimal(bytes.div_ceil(100_000), mark))
    }
}

/// A text with blanks after it.
pub(crate) fn pad(text: &str, width: usize) -> String {
    pad_str(text, width, Alignment::Left, None).into_owned()
}

/// A text with blanks before it.
pub(crate) fn pad_left(text: &str, width: usize) -> String {
    pad_str(text, width, Alignment::Right, None).into_owned()
}

/// A text in lines, broken at blanks.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line)
                if measure_text_width(line)
                    .saturating_add(measure_text_width(word))
                    .saturating_add(1)
                    <= width =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_read_well() {
        assert_eq!(grouped(7_075_356), "7 075 356");
        assert_eq!(grouped(412), "412");
        assert_eq!(grouped(0), "0");
        assert_eq!(size(350, "."), "0.4 kB");
        assert_eq!(size(1_250_000, ","), "1,3 MB");
        assert_eq!(size(0, "."), "0.0 kB");
    }

    #[test]
    fn lines_are_broken_at_blanks() {
        assert_eq!(broken("one two three", 7), ["one two", "three"]);
        assert_eq!(broken("unbreakable", 3), ["unbreakable"]);
    }
}
