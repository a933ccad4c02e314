//! The project's own commands; `cargo xtask help` lists them.

mod deploy;
mod drill;
mod package;
mod simulate;
mod sqlx_data;
mod stopwatch;
mod test;
mod tidy;
mod workspace;

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    tidy::{
        compatibility::{self, Breaking},
        migrations,
    },
    workspace::Workspace,
};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// All that must hold before a change goes in: what CI runs, no more, no less.
    Test,
    /// The Debian packages that the tests need: installs them if this is Debian and you are root.
    Packages,
    /// The guard: the map, the arrows between crates and rooms, licences, dependencies, docs.
    Tidy,
    /// The data by which queries are checked without a database.
    SqlxData(sqlx_data::Arguments),
    /// Makes the protocol, as it is now, the released one that later changes must not break.
    ReleaseProtocol {
        /// Even if it breaks the one before, because nobody speaks that.
        #[arg(long)]
        breaking: bool,
    },
    /// Makes the migrations, as they are now, released ones that no later change touches.
    ReleaseMigrations,
    /// What the tools that read the files of `deploy/` say of them.
    Deploy,
    /// The long runs of tests whose short share is in `test`.
    Drill(drill::Arguments),
    /// Simulated worlds of phones, scanners and the server: the same seed, the same trace.
    Simulate(simulate::Arguments),
}

fn main() -> ExitCode {
    let outcome = Workspace::find().and_then(|workspace| match Arguments::parse().command {
        Command::Test => test::run(&workspace),
        Command::Packages => package::provide(),
        Command::Tidy => tidy::run(&workspace),
        Command::SqlxData(arguments) => sqlx_data::run(&workspace, &arguments),
        Command::ReleaseProtocol { breaking } => {
            let breaking = if breaking {
                Breaking::Asked
            } else {
                Breaking::Refused
            };
            compatibility::release(&workspace.root, breaking)
        }
        Command::ReleaseMigrations => migrations::release(&workspace.root),
        Command::Deploy => deploy::run(&workspace),
        Command::Drill(arguments) => drill::run(&workspace, &arguments),
        Command::Simulate(arguments) => simulate::run(&workspace, &arguments),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when even stderr is gone.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}
