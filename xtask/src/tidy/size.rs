//! One idea a file: production code, tests at the end left out, has at most so many lines.

use super::{Fault, sources::Sources};

/// Lines of production code in one file.
const LINES_MAX: usize = 400;

pub(super) fn check(sources: &Sources) -> Vec<Fault> {
    sources
        .ending("rs")
        .filter(|(path, _)| !path.contains("/tests/"))
        .map(|(path, text)| (path, production_lines(text)))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| {
            Fault::new(path, format!("{lines} lines of code; at most {LINES_MAX}"))
        })
        .collect()
}

fn production_lines(text: &str) -> usize {
    text.lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_past_the_limit_is_a_fault() {
        let check_lines = |lines: usize| {
            let text = format!("{}#[cfg(test)]\nmod tests {{}}\n", "x\n".repeat(lines));
            check(&Sources::of(&[("sync/src/op.rs", &text)])).len()
        };
        assert_eq!(check_lines(LINES_MAX), 0);
        assert_eq!(check_lines(LINES_MAX + 1), 1);
    }
}
