//! `askel-simulation`: plays seeds, and tells the minimal story of one that fails.

use std::{
    io::Write as _,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use askel_simulation::{
    Drilled, Options, clones, cuts, draw, play, play_with, poison, restores, shrink, tell,
};
use askel_sync::planted::Bug;
use clap::Parser;

/// Plays simulated worlds.
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of a command line are what they are"
)]
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
    /// Runs a drill instead: restore, clone, poison or cut.
    #[arg(long)]
    drill: Option<String>,
    /// How much of it.
    #[arg(long, default_value_t = 1_000)]
    count: usize,
    /// Looks for each planted bug in so many seeds, and tells the first that finds it.
    #[arg(long)]
    planted: bool,
    /// Only the planted bug of this name.
    #[arg(long)]
    bug: Option<String>,
    /// Plays of the search for the minimal story.
    #[arg(long, default_value_t = 400)]
    plays: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(name) = &arguments.drill {
        return drill(name, arguments.count);
    }
    // A panic in a world is a failure of its seed, and told as one.
    std::panic::set_hook(Box::new(|_| {}));
    if arguments.planted {
        return find_planted(&arguments);
    }
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

fn drill(name: &str, count: usize) -> ExitCode {
    let drilled = match name {
        "clone" => clones(count),
        "poison" => poison(count),
        "restore" => restores(count),
        "cut" => cuts(u32::try_from(count).unwrap_or(u32::MAX), None),
        _ => Drilled {
            told: format!("there is no drill {name}"),
            faults: vec!["restore, clone, poison, cut".to_owned()],
        },
    };
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{}", drilled.told);
    for fault in drilled.faults.iter().take(20) {
        let _ = writeln!(stdout, "  => {fault}");
    }
    if drilled.faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Finds each planted bug; fails when one stays hidden.
fn find_planted(arguments: &Arguments) -> ExitCode {
    let wanted = |bug: &&Bug| arguments.bug.as_ref().is_none_or(|name| bug.name() == name);
    let bugs: Vec<Bug> = Bug::ALL.iter().filter(wanted).copied().collect();
    let next = AtomicUsize::new(0);
    let hidden = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !find(*bug, arguments) {
                        hidden.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    match hidden.into_inner() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Finds one, and tells by which seed.
fn find(bug: Bug, arguments: &Arguments) -> bool {
    let end = arguments.seed.saturating_add(arguments.seeds);
    for seed in arguments.seed..end {
        let outcome = play_with(bug, seed, &draw(seed, options(arguments)));
        if let Some(violation) = outcome.violations.first() {
            let mut stdout = std::io::stdout().lock();
            let _ = writeln!(stdout, "{}: seed {seed}: {violation}", bug.name());
            return true;
        }
    }
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{}: hidden", bug.name());
    false
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
