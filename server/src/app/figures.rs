//! Figures about people: none below five, and none that a shown one gives away.

use crate::limits::FIGURE_PEOPLE_MIN;

/// A figure as it may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    Value(u64),
    /// Too few people, or one that a sum would give back.
    Suppressed,
    /// Nothing was recorded: not the same as none.
    NotRecorded,
}

impl Figure {
    /// A number of people.
    pub(crate) fn people(count: u64) -> Self {
        match count {
            0 => Self::NotRecorded,
            1..FIGURE_PEOPLE_MIN => Self::Suppressed,
            _ => Self::Value(count),
        }
    }
}

/// Parts of a whole that is told too: when one part alone is suppressed, the smallest other goes
/// with it, so that the whole minus the rest gives nothing away.
pub(crate) fn suppress_parts(counts: &[u64]) -> Vec<Figure> {
    let mut figures: Vec<Figure> = counts.iter().map(|count| Figure::people(*count)).collect();
    let suppressed = figures
        .iter()
        .filter(|figure| **figure == Figure::Suppressed)
        .count();
    if suppressed == 1 {
        let smallest = figures.iter_mut().filter_map(|figure| match *figure {
            Figure::Value(value) => Some((value, figure)),
            _ => None,
        });
        if let Some((_, figure)) = smallest.min_by_key(|(value, _)| *value) {
            *figure = Figure::Suppressed;
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_than_five_are_not_told_and_nobody_is_not_zero() {
        let told = [0, 1, 4, 5].map(Figure::people);
        let few = Figure::Suppressed;
        assert_eq!(told, [Figure::NotRecorded, few, few, Figure::Value(5)]);
    }

    #[test]
    fn a_single_hidden_part_takes_the_smallest_shown_one_with_it() {
        let check = |counts: &[u64], expected: &[Figure]| {
            assert_eq!(suppress_parts(counts), expected);
        };
        let hidden = Figure::Suppressed;
        check(&[3, 9, 7], &[hidden, Figure::Value(9), hidden]);
        check(&[3, 2, 7], &[hidden, hidden, Figure::Value(7)]);
        check(&[8, 9], &[Figure::Value(8), Figure::Value(9)]);
        check(&[3], &[hidden]);
    }
}
