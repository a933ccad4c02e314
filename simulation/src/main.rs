//! `askel-simulation`: plays seeds, and tells the minimal story of one that fails.

use std::{
    io::Write as _,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use askel_simulation::{Options, draw, play, shrink, tell};
use clap::Parser;

/// Plays simulated worlds.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Events of a world.
    #[arg(long, default_value_t = Options::default().events)]
    events: usize,
    /// Prints each seed's hash.
    #[arg(long)]
    hashes: bool,
    /// Prints the trace of each seed.
    #[arg(long)]
    trace: bool,
    /// Goes on after a failure, and tells no story.
    #[arg(long)]
    keep_going: bool,
    /// Plays of the search for the minimal story.
    #[arg(long, default_value_t = 400)]
    plays: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    std::panic::set_hook(Box::new(|_| {}));
    let failed = play_all(&arguments);
    let mut stdout = std::io::stdout().lock();
    let Some(seed) = failed.first() else {
        let _ = writeln!(stdout, "{} seeds: all well", arguments.seeds);
        return ExitCode::SUCCESS;
    };
    let _ = writeln!(
        stdout,
        "{} of {} seeds failed",
        failed.len(),
        arguments.seeds
    );
    if !arguments.keep_going {
        let events = draw(*seed, options(&arguments));
        let story = tell(*seed, &shrink(*seed, &events, arguments.plays));
        let _ = writeln!(stdout, "{story}");
    }
    ExitCode::FAILURE
}

fn options(arguments: &Arguments) -> Options {
    Options {
        events: arguments.events,
        ..Options::default()
    }
}

/// Plays on as many threads as there are; the seeds that failed, ascending.
fn play_all(arguments: &Arguments) -> Vec<u64> {
    let next = AtomicU64::new(arguments.seed);
    let end = arguments.seed.saturating_add(arguments.seeds);
    let failed = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let stop = !arguments.keep_going && !held(&failed).is_empty();
                    if seed >= end || stop {
                        return;
                    }
                    if !play_one(seed, arguments) {
                        held(&failed).push(seed);
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_unstable();
    failed
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn play_one(seed: u64, arguments: &Arguments) -> bool {
    let outcome = play(seed, &draw(seed, options(arguments)));
    let mut stdout = std::io::stdout().lock();
    if arguments.trace {
        for line in &outcome.trace {
            let _ = writeln!(stdout, "{line}");
        }
    }
    if arguments.hashes {
        let _ = writeln!(stdout, "seed {seed} {}", outcome.trace_hash);
    }
    for violation in outcome.violations.iter().take(3) {
        let _ = writeln!(stdout, "seed {seed}: {violation}");
    }
    outcome.is_well()
}
