//! The command `askel`: the server, its administration, the demo.

mod command;
mod story;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

pub use story::read_steps_file;

/// Does what the command line asks. A failure is told on standard error.
pub async fn run() -> ExitCode {
    match command::Askel::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error closed there is nobody left to tell.
            let _ = writeln!(io::stderr().lock(), "askel: {error:#}");
            ExitCode::FAILURE
        }
    }
}
