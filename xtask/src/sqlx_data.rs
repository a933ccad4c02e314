//! The data by which the SQL macros check queries without a database.
//!
//! A database is made from the migrations, the store is checked against it, and what the macros
//! write down is put into the crate, or compared with what is there. This needs sqlx, which the
//! other commands do not: it is behind the feature `sqlx-data`, and without it the command builds
//! xtask again with it.

#[cfg(feature = "sqlx-data")]
mod describe;

use clap::Args;

use crate::workspace::Workspace;

/// Renews the checked-in query data of the stores, after a query or a migration was changed.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Changes nothing; fails if the data is not what the queries and migrations give.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
#[cfg(feature = "sqlx-data")]
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.check {
        describe::check(workspace)
    } else {
        describe::renew(workspace)
    }
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
    fn the_query_data_is_what_queries_and_migrations_give() {
        let workspace = Workspace::find().expect("built in a workspace");
        let fresh = run(&workspace, &Arguments { check: true });
        assert!(fresh.is_ok(), "{fresh:?}");
    }
}
