//! What a deployment suffers, more often and longer than in the tests: cli/tests/outside/faults.

use anyhow::ensure;

use crate::workspace::Workspace;

/// One of those tests.
pub(super) struct Fault {
    /// Its name, or enough of it.
    pub(super) test: &'static str,
    /// What it is told besides.
    pub(super) settings: &'static [(&'static str, &'static str)],
    /// The variable that says how much of it.
    pub(super) counted_by: &'static str,
}

/// How often.
const TIMES: &str = "ASKEL_FAULTS";
/// For how long each.
const SECONDS: &str = "ASKEL_SECONDS";

pub(super) const DATABASE_KILLS: Fault = Fault {
    test: "faults::database::a_database_that_is_killed",
    settings: &[("ASKEL_AWAY_MS", "10000")],
    counted_by: TIMES,
};
pub(super) const DATABASE_DISCONNECTS: Fault = Fault {
    test: "faults::database::connections_to_the_database",
    settings: &[],
    counted_by: TIMES,
};
pub(super) const DATABASE_HANGS: Fault = Fault {
    test: "faults::database::a_database_that_hangs",
    settings: &[("ASKEL_AWAY_MS", "30000")],
    counted_by: TIMES,
};
pub(super) const REDIS_AWAY: Fault = Fault {
    test: "faults::redis::",
    settings: &[("ASKEL_AWAY_MS", "5000")],
    counted_by: TIMES,
};
pub(super) const NODE_KILLS: Fault = Fault {
    test: "faults::nodes::",
    settings: &[],
    counted_by: TIMES,
};
pub(super) const ROLLING_RESTARTS: Fault = Fault {
    test: "faults::rolling::",
    settings: &[("ASKEL_CALLS_PER_S", "300"), ("ASKEL_BUDGET_S", "5")],
    counted_by: TIMES,
};
pub(super) const DISK_FULL: Fault = Fault {
    test: "faults::disk::",
    settings: &[],
    counted_by: TIMES,
};
pub(super) const HOSTILE: Fault = Fault {
    test: "faults::hostile::hostile_connections",
    settings: &[("ASKEL_CALLS_PER_S", "100"), ("ASKEL_BUDGET_S", "5")],
    counted_by: SECONDS,
};

/// Runs the test with so much of it.
pub(super) fn run(workspace: &Workspace, fault: &Fault, count: u32) -> anyhow::Result<()> {
    let status = workspace
        // As it is run: some of them look at times.
        .cargo(&["test", "--release", "--locked", "--package", "askel-cli"])
        .args(["--test", "outside", fault.test, "--", "--nocapture"])
        .env(fault.counted_by, count.to_string())
        .envs(fault.settings.iter().copied())
        .status()?;
    ensure!(status.success(), "the drill failed");
    Ok(())
}
