//! The data by which the SQL macros check queries without a database, and the schema of each.
//!
//! For each dialect a database is made from the migrations, the store is checked against it, and
//! what the macros write down is put into the crate, or compared with what is there; so is what
//! the migrations come to. This needs sqlx, which the other commands do not: it is behind the
//! feature `sqlx-data`, and without it the command builds xtask again with it.

#[cfg(feature = "sqlx-data")]
mod describe;
#[cfg(feature = "sqlx-data")]
mod dialect;
#[cfg(feature = "sqlx-data")]
mod schema;
#[cfg(feature = "sqlx-data")]
mod scratch;

use clap::Args;

use crate::workspace::Workspace;

/// Renews the checked-in query data and schemas, after a query or a migration was changed.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Changes nothing; fails if the data is not what the queries and migrations give.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
#[cfg(feature = "sqlx-data")]
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for dialect in dialect::ALL {
        let described = describe::Described::make(workspace, dialect)?;
        if arguments.check {
            stale.extend(described.stale(workspace)?);
        } else {
            described.write(workspace)?;
        }
    }
    anyhow::ensure!(
        stale.is_empty(),
        "not what the queries and migrations give; run `cargo xtask sqlx-data`: {}",
        stale.join(", ")
    );
    Ok(())
}

/// Builds xtask with what the command needs, and runs that.
#[cfg(not(feature = "sqlx-data"))]
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<()> {
    let mut again = workspace.cargo(&["run", "--quiet", "--package", "askel-xtask"]);
    again.args(["--features", "sqlx-data", "--", "sqlx-data"]);
    if arguments.check {
        again.arg("--check");
    }
    anyhow::ensure!(again.status()?.success(), "sqlx-data failed: see above");
    Ok(())
}

#[cfg(all(test, feature = "sqlx-data"))]
mod tests {
    use super::*;

    #[test]
    fn query_data_and_schemas_are_what_queries_and_migrations_give() {
        let workspace = Workspace::find().expect("built in a workspace");
        let fresh = run(&workspace, &Arguments { check: true });
        assert!(fresh.is_ok(), "{fresh:?}");
    }
}
