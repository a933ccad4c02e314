//! Tells cargo that a new migration changes this crate: it is embedded.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    writeln!(
        std::io::stdout().lock(),
        "cargo::rerun-if-changed=../../migrations/postgres"
    )
}
