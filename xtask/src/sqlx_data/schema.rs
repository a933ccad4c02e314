//! What migrations come to, as text in which a reviewer sees what a migration changes.

/// Statements, one after the other.
pub(super) fn sqlite(statements: &[String]) -> String {
    let lines = statements.iter().map(|sql| format!("{};\n", sql.trim()));
    lines.collect::<Vec<_>>().join("\n")
}

/// Lines of `pg_dump` that say of the program, or of the session that would run them.
const NOISE: &[&str] = &["--", "SET ", "SELECT pg_catalog.set_config(", "\\"];

/// A dump without what depends on `pg_dump`'s version, and with one empty line between statements.
///
/// Only lines between statements are noise: a function's body is left as it is.
pub(super) fn postgres(dump: &str) -> String {
    let mut kept = String::new();
    let mut is_inside = false;
    let mut is_quoted = false;
    for line in dump.lines() {
        let is_noise = line.is_empty() || NOISE.iter().any(|noise| line.starts_with(noise));
        if !is_inside && is_noise {
            continue;
        }
        if !is_inside && !kept.is_empty() {
            kept.push('\n');
        }
        kept.push_str(line);
        kept.push('\n');
        // Bodies stand between `$$`, or `$_$` if they say that themselves.
        is_quoted ^= line.matches("$$").chain(line.matches("$_$")).count() % 2 == 1;
        is_inside = is_quoted || !line.ends_with(';');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_sqlite_follow_one_another() {
        let statements = [
            "CREATE TABLE a (n)".into(),
            "CREATE INDEX i ON a (n)\n".into(),
        ];
        let schema = "CREATE TABLE a (n);\n\nCREATE INDEX i ON a (n);\n";
        assert_eq!(sqlite(&statements), schema);
    }

    #[test]
    fn a_dump_says_nothing_of_who_made_it() {
        let dump = "--\n-- PostgreSQL database dump\n--\n\n\\restrict Xa7\n\n\
            -- Dumped from database version 15.14\n\nSET lock_timeout = 0;\n\
            SELECT pg_catalog.set_config('search_path', '', false);\n\n\
            --\n-- Name: f(); Type: FUNCTION; Schema: public; Owner: -\n--\n\n\
            CREATE FUNCTION public.f() RETURNS int\n    LANGUAGE sql\n    AS $$\n\
            -- why\nSELECT 1;\n\nSELECT 2;\n$$;\n\n\n\
            CREATE TABLE public.t (\n    n bigint\n);\n\n\\unrestrict Xa7\n";
        let schema = "CREATE FUNCTION public.f() RETURNS int\n    LANGUAGE sql\n    AS $$\n\
            -- why\nSELECT 1;\n\nSELECT 2;\n$$;\n\n\
            CREATE TABLE public.t (\n    n bigint\n);\n";
        assert_eq!(postgres(dump), schema);
    }
}
