//! What the command line offers.

pub(crate) mod admin;
mod backup;
mod demo;
mod doctor;
mod migrate;
mod restore;
mod serve;

use std::path::PathBuf;

use anyhow::Context as _;
use askel_server::Config;
use clap::{Args, Parser, Subcommand};

/// Askel: take part, offline first. Attendance, steps and badges that are the same on phone and
/// server.
#[derive(Debug, Parser)]
#[command(
    name = "askel",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Start with `askel demo`: a month in Oulu in under a minute.\n\
                  To run a server: `askel admin init`, `askel admin invite`, `askel serve`."
)]
pub(crate) struct Askel {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Live a month in Oulu through the real server and SDK, and tell it.
    Demo(demo::Arguments),
    /// Run the server until SIGTERM or Ctrl-C.
    Serve(serve::Arguments),
    /// Make tenants and invitations, and check what is stored.
    Admin(admin::Arguments),
    /// Bring the database's schema up to date; servers may go on serving.
    Migrate(migrate::Arguments),
    /// Copy the database to an encrypted file; the server may go on serving.
    Backup(backup::Arguments),
    /// Go back to a backup; phones bring back what it lacks.
    Restore(restore::Arguments),
    /// Say how well the server has recovered from a restore.
    Doctor(doctor::Arguments),
}

impl Askel {
    /// Does what was asked.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Admin(arguments) => admin::run(arguments).await,
            Command::Migrate(arguments) => migrate::run(arguments).await,
            Command::Backup(arguments) => backup::run(arguments).await,
            Command::Restore(arguments) => restore::run(arguments).await,
            Command::Doctor(arguments) => doctor::run(arguments).await,
        }
    }
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArguments {
    /// Configuration file (TOML). Environment variables `ASKEL_SECTION__KEY` outrank it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the database and the server's keys [default: askel-data].
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl ConfigArguments {
    /// Reads the configuration; the command line outranks all.
    fn load(&self) -> anyhow::Result<Config> {
        let loaded = Config::load(self.config.as_deref());
        let mut config = loaded.context("the server can't run with this configuration")?;
        if let Some(data_dir) = &self.data_dir {
            config.store.data_dir.clone_from(data_dir);
        }
        Ok(config)
    }
}
