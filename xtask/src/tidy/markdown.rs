//! Just enough Markdown to read a table of rules.

/// The rows of the first table under a heading, without its head; a row is its cells.
pub(super) fn table<'a>(text: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let is_heading = |line: &&str| line.trim_start_matches('#').trim() == heading;
    text.lines()
        .skip_while(|line| !(line.starts_with('#') && is_heading(line)))
        .skip(1)
        .take_while(|line| !line.starts_with('#'))
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(cells)
        .collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.trim()
        .trim_matches('|')
        .split('|')
        .map(str::trim)
        .collect()
}

/// What stands between backticks.
pub(super) fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The lines outside fenced blocks, with their numbers from 1.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A\n| no | no |\n\n## B\nwords\n\n| x | y |\n|---|---|\n| `a` | 1 |\n| `b` `c` | |\n\n| z |\n";

    #[test]
    fn a_table_is_found_by_its_heading() {
        assert_eq!(table(TEXT, "B"), [vec!["`a`", "1"], vec!["`b` `c`", ""]]);
        assert!(table(TEXT, "C").is_empty());
        assert_eq!(code_spans("`b` and `c`").collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn fenced_blocks_are_not_prose() {
        let lines: Vec<_> = prose("a\n```sh\nb\n```\nc").collect();
        assert_eq!(lines, [(1, "a"), (5, "c")]);
    }
}
