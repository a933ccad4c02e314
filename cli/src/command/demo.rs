//! `askel demo`: one month in Oulu, lived through the real server and SDK, and told.

use std::path::PathBuf;

use crate::story::{self, Language};

/// The demo's flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Language of the story.
    #[arg(long, value_enum, default_value_t = Language::En)]
    lang: Language,
    /// Seed of what people do; ids, keys and the moment of the kill differ each time.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for the server's and the phones' data; must be empty or not exist [default: a fresh
    /// temporary one].
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Go on serving afterwards and say how to connect, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Print one JSON object instead of the story.
    #[arg(long)]
    json: bool,
    /// Walking data as CSV (`Id,ActivityHour,StepTotal`, hours like `2016-4-12 13:00`) [default: a
    /// month made up].
    #[arg(long, value_name = "FILE")]
    steps: Option<PathBuf>,
}

/// Lives and tells the month.
///
/// # Errors
/// The steps file is malformed, the server can't be run, or a comparison at the end fails.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let afterwards = if arguments.keep {
        story::Afterwards::Serve
    } else {
        story::Afterwards::End
    };
    let output = if arguments.json {
        story::Output::Json
    } else {
        story::Output::Story
    };
    let told = story::tell(story::Options {
        language: arguments.lang,
        seed: arguments.seed,
        data_dir: arguments.data_dir,
        afterwards,
        output,
        steps: arguments.steps,
    });
    // A month is a large future.
    Box::pin(told).await
}
