//! Just enough Rust to find what a file imports: comments and strings are blanked out, and what
//! stands after `crate::` is read, groups included.

/// The code up to the tests at the end, with comments and literals blanked out.
pub(super) fn production(text: &str) -> String {
    let end = text.find("\n#[cfg(test)]\nmod ").unwrap_or(text.len());
    blank(text.get(..end).unwrap_or(text))
}

/// The first segments of all paths that begin with `crate::`, once each time they stand there.
pub(super) fn crate_paths(code: &str) -> Vec<String> {
    code.match_indices("crate::")
        .filter(|(at, _)| !code.get(..*at).is_some_and(ends_in_identifier))
        .filter_map(|(at, found)| code.get(at.saturating_add(found.len())..))
        .flat_map(first_segments)
        .collect()
}

/// Whether a name stands in the code as a whole word.
pub(super) fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let after = code.get(at.saturating_add(word.len())..).unwrap_or("");
        !code.get(..at).is_some_and(ends_in_identifier) && !after.starts_with(is_identifier)
    })
}

fn is_identifier(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn ends_in_identifier(before: &str) -> bool {
    before.ends_with(|c| is_identifier(c) || c == '$')
}

/// `a::b` gives `a`; `{a::b, c::{d, e}}` gives `a` and `c`.
fn first_segments(path: &str) -> Vec<String> {
    let identifier = |text: &str| {
        text.trim_start()
            .chars()
            .take_while(|c| is_identifier(*c))
            .collect()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![identifier(path)];
    };
    let mut depth = 0_usize;
    let mut segments = vec![identifier(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth = depth.saturating_add(1),
            '}' if depth == 0 => break,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                segments.push(identifier(group.get(at.saturating_add(1)..).unwrap_or("")));
            }
            _ => {}
        }
    }
    segments.retain(|segment: &String| !segment.is_empty());
    segments
}

/// Where the reader stands.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Code,
    LineComment,
    Literal,
}

/// Replaces comments and string literals by spaces; lines stay where they are.
fn blank(text: &str) -> String {
    let mut state = State::Code;
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek().copied();
        let stays = match (state, c) {
            (State::Code, '/') if next == Some('/') => {
                state = State::LineComment;
                false
            }
            (State::Code, '"') => {
                state = State::Literal;
                false
            }
            (State::Code, '\'') if next == Some('"') => {
                // The character '"' opens no string.
                characters.next();
                false
            }
            (State::LineComment, '\n') | (State::Literal, '"') => {
                state = State::Code;
                c == '\n'
            }
            (State::Literal, '\\') => {
                characters.next();
                false
            }
            (state, c) => state == State::Code || c == '\n',
        };
        out.push(if stays { c } else { ' ' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_alone_and_in_groups() {
        let check = |code: &str, expected: &[&str]| assert_eq!(crate_paths(code), expected);
        check("use crate::app::enrol;", &["app"]);
        check(
            "use crate::{\n    app::{a, b},\n    rpc,\n    clock::Clock,\n};",
            &["app", "rpc", "clock"],
        );
        check("let x = crate::store::open();", &["store"]);
        check("use askel_crate::thing;", &[]);
        check("$crate::thing", &[]);
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        let code = "// crate::a\nlet s = \"crate::b\"; let q = '\"'; crate::c();\n#[cfg(test)]\nmod tests { use crate::d; }";
        assert_eq!(crate_paths(&production(code)), ["c"]);
    }

    #[test]
    fn a_name_is_a_whole_word() {
        assert!(names(
            "use askel_store_sqlite::Store;",
            "askel_store_sqlite"
        ));
        assert!(!names("use askel_store_sqlite2;", "askel_store_sqlite"));
        assert!(!names("use my_askel_store;", "askel_store"));
    }
}
