//! Every crate of the dependency graph has a licence we may ship under Apache-2.0, and none is
//! banned.

use super::Fault;
use crate::workspace::{Metadata, Package};

/// SPDX names. MPL-2.0 binds its own files only, which we ship unchanged; CDLA-Permissive-2.0 is that of
/// data, the roots of the web, and asks for its text alone.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that must not come in, not even through another, and why.
const BANNED: &[(&str, &str)] = &[
    (
        "openssl",
        "TLS is rustls; a build needs nothing but Rust and a C compiler",
    ),
    (
        "openssl-sys",
        "TLS is rustls; a build needs nothing but Rust and a C compiler",
    ),
    (
        "native-tls",
        "TLS is rustls; a build needs nothing but Rust and a C compiler",
    ),
    ("chrono", "civil time is jiff's"),
    ("time", "civil time is jiff's"),
    (
        "fcm",
        "it speaks only an interface that was shut down in 2024",
    ),
];

pub(super) fn check(metadata: &Metadata) -> Vec<Fault> {
    metadata.packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Fault> {
    let mut faults = Vec::new();
    let licence = package.license.as_deref().unwrap_or("");
    if !is_allowed(licence) {
        faults.push(Fault::new(
            &*package.name,
            format!("its licence {licence:?} is not allowed"),
        ));
    }
    if let Some((_, reason)) = BANNED.iter().find(|(name, _)| *name == package.name) {
        faults.push(Fault::new(&*package.name, format!("is banned: {reason}")));
    }
    faults
}

/// Whether an SPDX expression leaves us a choice of allowed licences only. `/` is the old way to
/// write OR. AND binds closer than OR.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let allowed = any(&mut words);
    allowed && words.peek().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>) -> bool {
    let mut allowed = all(words);
    while words.next_if_eq(&"OR").is_some() {
        allowed |= all(words);
    }
    allowed
}

fn all(words: &mut Words<'_>) -> bool {
    let mut allowed = one(words);
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut Words<'_>) -> bool {
    match words.next() {
        Some("(") => any(words) && words.next() == Some(")"),
        Some(name) if words.next_if_eq(&"WITH").is_some() => {
            let exception = words.next().unwrap_or("");
            ALLOWED.contains(&&*format!("{name} WITH {exception}"))
        }
        Some(name) => ALLOWED.contains(&name),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_must_leave_an_allowed_choice() {
        let check =
            |expression, expected| assert_eq!(is_allowed(expression), expected, "{expression}");
        check("MIT", true);
        check("MIT/Apache-2.0", true);
        check("GPL-3.0 OR MIT", true);
        check("(MIT OR Apache-2.0) AND Unicode-3.0", true);
        check("(MIT OR GPL-3.0) AND GPL-3.0", false);
        check("MIT AND GPL-3.0", false);
        check("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true);
        check("GPL-2.0 WITH Classpath-exception-2.0", false);
        check("AGPL-3.0-only", false);
        check("", false);
        check("MIT OR", true);
    }

    #[test]
    fn a_planted_banned_crate_is_a_fault() {
        let mut package = Package::of("openssl", &[]);
        package.license = Some("Apache-2.0".to_owned());
        assert_eq!(check(&Metadata::of(vec![package])).len(), 1);
    }
}
