//! The closing table: what happened, what was delivered, what was kept.

use console::measure_text_width;
use data_encoding::HEXLOWER;

use super::{
    compare::Comparison,
    fault::{Fault, Faults},
    telling::{grouped, pad, pad_left},
    text::Text,
    world::Counted,
};

/// Blanks between columns.
const GAP: usize = 3;

/// The table's lines.
pub(crate) fn lines(
    text: &Text,
    comparison: &Comparison,
    counted: Counted,
    faults: &Faults,
) -> Vec<String> {
    let words = &text.table;
    let judged = |fault: &[Fault], right: String| {
        let differs = fault.iter().any(|fault| faults.has(*fault));
        if differs {
            words.differs.plain().to_owned()
        } else {
            right
        }
    };
    let steps = Row {
        name: words.steps.plain(),
        happened: grouped(comparison.walked.total),
        delivered: words.rows_some_twice.with(&[
            ("rows", &grouped(counted.readings)),
            ("again", &grouped(counted.readings_again)),
        ]),
        kept: grouped(comparison.kept.total),
        verdict: judged(&[Fault::Steps], words.steps_equal.plain().to_owned()),
    };
    let encounters = Row {
        name: words.encounters.plain(),
        happened: grouped(comparison.happened),
        delivered: words.scans.with(&[("count", &grouped(counted.check_ins))]),
        kept: grouped(comparison.encounters()),
        verdict: judged(
            &[Fault::Encounters],
            words.encounters_equal.with(&[
                ("known", &grouped(comparison.attendances)),
                ("anonymous", &grouped(comparison.tallies)),
            ]),
        ),
    };
    let badges = Row {
        name: words.badges.plain(),
        happened: grouped(comparison.phone_awards),
        delivered: words.phone_is_server.plain().to_owned(),
        kept: grouped(comparison.server_awards),
        verdict: judged(
            &[Fault::Badges, Fault::Card],
            words.badges_equal.with(&[
                ("hash", &short(&comparison.server_hash)),
                ("card", &grouped(comparison.card_awards)),
            ]),
        ),
    };
    let heads = Row {
        name: "",
        happened: words.happened.plain().to_owned(),
        delivered: words.delivered.plain().to_owned(),
        kept: words.kept.plain().to_owned(),
        verdict: String::new(),
    };
    aligned(&[heads, steps, encounters, badges])
}

struct Row<'a> {
    name: &'a str,
    happened: String,
    delivered: String,
    kept: String,
    verdict: String,
}

/// Each column as wide as its widest entry.
fn aligned(rows: &[Row<'_>]) -> Vec<String> {
    let width = |column: for<'a> fn(&'a Row<'_>) -> &'a str| {
        let widest = rows.iter().map(|row| measure_text_width(column(row))).max();
        widest.unwrap_or_default().saturating_add(GAP)
    };
    let name = width(|row| row.name);
    let happened = width(|row| &row.happened);
    let delivered = width(|row| &row.delivered);
    let kept = width(|row| &row.kept);
    let line = |row: &Row<'_>| {
        let line = format!(
            " {}{}{}{}  {}",
            pad(row.name, name),
            pad_left(&row.happened, happened),
            pad_left(&row.delivered, delivered),
            pad_left(&row.kept, kept),
            row.verdict,
        );
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// The ends of a hash, enough to compare by eye.
fn short(hash: &[u8; 32]) -> String {
    let text = HEXLOWER.encode(hash);
    let (first, rest) = text.split_at_checked(4).unwrap_or((&text, ""));
    let last = rest
        .split_at_checked(rest.len().saturating_sub(2))
        .map_or("", |(_, last)| last);
    format!("{first}…{last}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{text::Language, walking::StepFigures};

    fn comparison() -> Comparison {
        let steps = StepFigures {
            total: 7_075_356,
            person_days: 934,
            median_day: 7_369,
            largest_day: 36_019,
        };
        Comparison {
            walked: steps,
            kept: steps,
            happened: 412,
            attendances: 371,
            tallies: 41,
            phone_awards: 118,
            server_awards: 118,
            card_awards: 9,
            phone_hash: [0xab; 32],
            server_hash: [0xab; 32],
        }
    }

    #[test]
    fn the_table_says_what_holds_and_what_differs() {
        let text = Text::of(Language::En).unwrap();
        let mut faults = Faults::default();
        let told = lines(&text, &comparison(), Counted::default(), &faults).join("\n");
        assert!(
            told.contains("7 075 356") && told.contains("✓ 371 known + 41 anonymous"),
            "{told}"
        );
        assert!(told.contains("abab…ab") && !told.contains('✗'), "{told}");
        faults.expect(Fault::Steps, false);
        let told = lines(&text, &comparison(), Counted::default(), &faults);
        assert!(
            told[1].contains("✗ differs") && !told[2].contains('✗'),
            "{told:?}"
        );
    }
}
