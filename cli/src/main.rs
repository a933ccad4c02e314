//! The binary of the command `askel`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    askel_cli::run().await
}
