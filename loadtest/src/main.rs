//! The command `askel-loadtest`.

mod command;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use askel_loadtest::{
    footprint::{self, Cuts, Options, Source},
    load,
};
use askel_workload::Shape;
use clap::{Args, Parser, Subcommand};

/// Cuts of a first sync that are made unless all are asked for.
const CUTS: usize = 40;

/// What Askel costs.
#[derive(Parser)]
#[command(name = "askel-loadtest", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bytes and times of a participant-year, beside the peers'.
    Footprint(Footprint),
    /// How fast facts are taken in, durably, beside the bare database.
    Ingest(command::Ingest),
    /// Syncs with nothing new a second, beside a bare gRPC server.
    Nochange(command::Nochange),
    /// Live check-ins at a steady rate, timed from when they are due.
    Checkin(command::Checkin),
    /// A day's scans handed in at once.
    Drain(command::Drain),
    /// Memory of a watch that has nothing to tell.
    Watch(command::Watch),
    /// Three times what the server can do.
    Overload(command::Overload),
    /// What an op costs with ten million in the store, beside a million.
    Size(command::Size),
    /// Many phones at once.
    Scene(command::SceneFlags),
    /// A country's year, as fast as it goes, every figure exact at the end.
    Year(command::Year),
    /// The bare gRPC server.
    #[command(name = load::ECHO, hide = true)]
    Echo,
    /// The server that the measurements call.
    #[command(name = load::SERVE, hide = true)]
    Serve(command::Serve),
}

#[derive(Args)]
struct Footprint {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Build and run the peers now; else their recorded rows are used.
    #[arg(long)]
    peers: bool,
    /// Cut the first sync in every message.
    #[arg(long)]
    every_cut: bool,
    /// Days of the workload.
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// Seed of the workload.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days of the participant whose first sync is cut.
    #[arg(long, default_value_t = 3_650)]
    veteran_days: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Footprint(arguments) => run(&arguments).await,
        Command::Ingest(arguments) => arguments.run().await,
        Command::Nochange(arguments) => arguments.run().await,
        Command::Checkin(arguments) => arguments.run().await,
        Command::Drain(arguments) => arguments.run().await,
        Command::Watch(arguments) => arguments.run().await,
        Command::Overload(arguments) => arguments.run().await,
        Command::Size(arguments) => arguments.run().await,
        Command::Scene(arguments) => arguments.run().await,
        Command::Year(arguments) => arguments.run().await,
        Command::Echo => load::echo().await,
        Command::Serve(arguments) => arguments.run().await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error closed there is nobody left to tell.
            let _ = writeln!(io::stderr().lock(), "askel-loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Footprint) -> anyhow::Result<()> {
    let options = Options {
        shape: Shape {
            days: arguments.days,
            seed: arguments.seed,
        },
        peers: if arguments.peers {
            Source::Run
        } else {
            Source::Recorded
        },
        cuts: if arguments.every_cut {
            Cuts::Every
        } else {
            Cuts::Some(CUTS)
        },
        veteran_days: arguments.veteran_days,
    };
    let report = footprint::run(options).await?;
    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report.to_json())?;
        writeln!(out)?;
    } else {
        write!(out, "{}", report.to_text())?;
    }
    Ok(())
}
