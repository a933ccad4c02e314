//! `cargo xtask drill NAME`: the long runs. The tests do a share of each.

mod demo_seeds;
mod faults;
mod fuzz;
mod lost_machine;
mod processes;
mod simulated;

use std::{io::Write as _, path::PathBuf};

use anyhow::{bail, ensure};
use clap::Args;

use crate::{
    stopwatch::{Stopwatch, in_words},
    workspace::Workspace,
};

/// Which drill.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The drill's name; see `--list`.
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// Says which drills there are.
    #[arg(long)]
    list: bool,
    /// How many times, seeds, seconds or minutes, instead of the drill's own number.
    #[arg(long, visible_alias = "minutes")]
    count: Option<u32>,
    /// One target of `fuzz` instead of all.
    #[arg(long)]
    target: Option<String>,
    /// The walking data of `demo-seeds`.
    #[arg(long, default_value = "../shared/data/steps/hourly_steps.csv")]
    steps: PathBuf,
}

struct Drill {
    name: &'static str,
    about: &'static str,
    count: u32,
    run: fn(&Workspace, &Arguments, u32) -> anyhow::Result<()>,
}

const DRILLS: &[Drill] = &[
    Drill {
        name: "server-kills",
        about: "SIGKILLs the server at random moments under syncs: nothing lost, nothing doubled",
        count: 200,
        run: |workspace, _, count| {
            kills(workspace, ["askel-cli", "outside", "server_kills"], count)
        },
    },
    Drill {
        name: "sdk-kills",
        about: "SIGKILLs an SDK process at random moments under writes: nothing lost or doubled",
        count: 200,
        run: |workspace, _, count| kills(workspace, ["askel-client-sdk", "kills", ""], count),
    },
    Drill {
        name: "demo-seeds",
        about: "plays the walking data with several seeds: the same figures every time",
        count: 10,
        run: |workspace, arguments, count| demo_seeds::run(workspace, &arguments.steps, count),
    },
    Drill {
        name: "processes",
        about: "minutes of 20 SDK processes and a server under SIGKILL, SIGSTOP and a bad network",
        count: 5,
        run: |workspace, _, count| processes::run(workspace, count),
    },
    Drill {
        name: "database-kills",
        about: "PostgreSQL killed under two servers in mid-load, and back after 10 s: nothing lost, nothing doubled",
        count: 3,
        run: |workspace, _, count| faults::run(workspace, &faults::DATABASE_KILLS, count),
    },
    Drill {
        name: "database-disconnects",
        about: "all connections to PostgreSQL ended at once, in mid-load: the same",
        count: 100,
        run: |workspace, _, count| faults::run(workspace, &faults::DATABASE_DISCONNECTS, count),
    },
    Drill {
        name: "database-hangs",
        about: "PostgreSQL stopped for 30 s in mid-load (SIGSTOP): the same",
        count: 1,
        run: |workspace, _, count| faults::run(workspace, &faults::DATABASE_HANGS, count),
    },
    Drill {
        name: "redis-away",
        about: "Redis killed, or hanging, and back after 5 s: no sync fails",
        count: 10,
        run: |workspace, _, count| faults::run(workspace, &faults::REDIS_AWAY, count),
    },
    Drill {
        name: "node-kills",
        about: "SIGKILLs one of two servers on PostgreSQL at random moments: nothing lost, nothing doubled",
        count: 100,
        run: |workspace, _, count| faults::run(workspace, &faults::NODE_KILLS, count),
    },
    Drill {
        name: "rolling-restarts",
        about: "two servers replaced in turn under 300 calls a second: no call of a user fails",
        count: 20,
        run: |workspace, _, count| faults::run(workspace, &faults::ROLLING_RESTARTS, count),
    },
    Drill {
        name: "disk-full",
        about: "a full disk under a server on SQLite, and room again: nothing lost or half written",
        count: 30,
        run: |workspace, _, count| faults::run(workspace, &faults::DISK_FULL, count),
    },
    Drill {
        name: "hostile",
        about: "seconds of each of six attacks while people sync: all are served, in at most twice the time of peace",
        count: 45,
        run: |workspace, _, count| faults::run(workspace, &faults::HOSTILE, count),
    },
    Drill {
        name: "fuzz",
        about: "minutes of libFuzzer on each decoder, on a server and on a phone: no finding",
        count: 10,
        run: |workspace, arguments, count| fuzz::run(workspace, count, arguments.target.as_deref()),
    },
    Drill {
        name: "restore",
        about: "simulated phones and scanners give a restored server back what it lost",
        count: 200,
        run: |workspace, _, count| simulated::run(workspace, "restore", count),
    },
    Drill {
        name: "restore-real",
        about: "loses the machine of real servers, on SQLite and PostgreSQL, and goes back to an encrypted backup: everything acknowledged is there again, once",
        count: 20,
        run: |workspace, _, count| lost_machine::run(workspace, count),
    },
    Drill {
        name: "clone",
        about: "rollbacks and clones of simulated phones: nothing lost, nothing doubled",
        count: 1_000,
        run: |workspace, _, count| simulated::run(workspace, "clone", count),
    },
    Drill {
        name: "poison",
        about: "phones, scanners and an app with a bug, one op in a hundred of every sort that is refused for good: the others do not wait",
        count: 10_000,
        run: |workspace, _, count| simulated::run(workspace, "poison", count),
    },
    Drill {
        name: "cut",
        about: "hours of steps in a first sync whose connection is cut after every byte of it",
        count: 300,
        run: |workspace, _, count| simulated::run(workspace, "cut", count),
    },
    Drill {
        name: "planted",
        about: "seeds in which the simulation has to find each planted bug",
        count: 500,
        run: |workspace, _, count| simulated::run(workspace, "planted", count),
    },
];

/// Runs the drill, or lists all.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    if arguments.list {
        for Drill {
            name, about, count, ..
        } in DRILLS
        {
            writeln!(stdout, "{name:<20} {count:>6} × {about}")?;
        }
        return Ok(());
    }
    let name = arguments.name.as_deref().unwrap_or_default();
    let Some(drill) = DRILLS.iter().find(|drill| drill.name == name) else {
        bail!("no drill {name:?}; `cargo xtask drill --list` says which there are");
    };
    let stopwatch = Stopwatch::start();
    let count = arguments.count.unwrap_or(drill.count);
    (drill.run)(workspace, arguments, count)?;
    writeln!(
        stdout,
        "{name}: {count} done in {}",
        in_words(stopwatch.elapsed())
    )?;
    Ok(())
}

/// Runs tests that read `ASKEL_KILLS`: package, test binary and filter.
fn kills(workspace: &Workspace, what: [&str; 3], count: u32) -> anyhow::Result<()> {
    let [package, test, filter] = what;
    let status = workspace
        .cargo(&["test", "--locked", "--package", package, "--test", test])
        .args([filter, "--", "--nocapture"])
        .env("ASKEL_KILLS", count.to_string())
        .status()?;
    ensure!(status.success(), "the drill failed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_drill_is_named() {
        let workspace = Workspace::find().expect("built in a workspace");
        let arguments = Arguments {
            name: Some("nap".into()),
            list: false,
            count: None,
            target: None,
            steps: PathBuf::new(),
        };
        let error = run(&workspace, &arguments).expect_err("there is no such drill");
        assert!(error.to_string().contains("\"nap\""), "{error}");
    }
}
