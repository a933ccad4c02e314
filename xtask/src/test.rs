//! `cargo xtask test`: everything that must hold, a suite at a time, each with its time.

mod binaries;
mod services;
mod suite;

use std::{path::Path, process::Command};

use anyhow::{Context as _, bail, ensure};

use self::{
    binaries::TestBinaries,
    services::Services,
    suite::{Outcome, Report},
};
use crate::{package, workspace::Workspace};

/// The same features everywhere, so that each crate is built once for clippy and docs, and once for
/// tests.
const ALL: &[&str] = &["--workspace", "--all-features", "--locked"];

/// Runs all suites and fails if one did; what does not build ends the run.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let mut report = Report::start();
    report.run("debian packages", || {
        package::provide().map(|()| Outcome::default())
    })?;
    report.run("fmt", || {
        quiet(&mut workspace.cargo(&["fmt", "--all", "--", "--check", "-l"]))
    })?;
    report.run("tidy", || {
        crate::tidy::run(workspace).map(|()| Outcome::default())
    })?;
    report.run("clippy", || {
        let mut clippy = workspace.cargo(&["clippy", "--quiet", "--all-targets"]);
        loud(clippy.args(ALL).args(["--", "-D", "warnings"]))
    })?;
    report.run("docs", || {
        let mut doc = workspace.cargo(&["doc", "--quiet", "--no-deps"]);
        loud(doc.args(ALL).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    let binaries = build(workspace, &mut report)?;
    let services = start_services(&mut report)?;
    run_binaries(workspace, &binaries, &services, &mut report)?;
    report.run("doc tests", || {
        let mut doc_tests = workspace.cargo(&["test", "--quiet", "--doc"]);
        quiet(services.name_to(doc_tests.args(ALL)))
    })?;
    report.finish()
}

/// Builds every test, then says which there are. Nothing can be tested if this fails.
fn build(workspace: &Workspace, report: &mut Report) -> anyhow::Result<TestBinaries> {
    report.run("build of the tests", || {
        loud(workspace.cargo(&["test", "--quiet", "--no-run"]).args(ALL))
    })?;
    ensure!(
        report.is_fine_so_far("build of the tests"),
        "the tests do not build"
    );
    let mut list = workspace.cargo(&["test", "--no-run", "--message-format", "json"]);
    let output = list.args(ALL).output().context("cargo can't be started")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    TestBinaries::read(&output.stdout)
}

/// Nothing that needs them is left out: without them the run ends.
fn start_services(report: &mut Report) -> anyhow::Result<Services> {
    let mut services = None;
    report.run("private PostgreSQL and Redis", || {
        services = Some(Services::start()?);
        Ok(Outcome::default())
    })?;
    services.context("no PostgreSQL and Redis for the tests")
}

fn run_binaries(
    workspace: &Workspace,
    binaries: &TestBinaries,
    services: &Services,
    report: &mut Report,
) -> anyhow::Result<()> {
    let askel = binaries.askel().context("the binary askel was not built")?;
    for binary in binaries.tests() {
        report.run(&binary.name, || {
            let mut test = Command::new(&binary.executable);
            // As cargo does it.
            test.current_dir(&binary.folder)
                .env("CARGO_MANIFEST_DIR", &binary.folder)
                .arg("--show-output");
            // What a test would build or may do without is there.
            test.env("TESTED_ASKEL", &askel)
                .env("PYTHON_TESTS", "required");
            quiet(services.name_to(&mut test))
        })?;
    }
    report.run("demo", || demo(workspace, &askel))
}

/// The demo finishes and says the same of phone and server.
fn demo(workspace: &Workspace, askel: &Path) -> anyhow::Result<Outcome> {
    let output = Command::new(askel)
        .current_dir(&workspace.root)
        .args(["demo", "--json", "--seed", "1"])
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let hash = |name: &str| told.get(name).and_then(serde_json::Value::as_str);
    match (hash("phone_award_hash"), hash("server_award_hash")) {
        (Some(phone), Some(server)) if phone == server => Ok(Outcome::default()),
        hashes => bail!("phone and server differ: {hashes:?}"),
    }
}

/// Runs a command that shows its output only when it fails.
fn quiet(command: &mut Command) -> anyhow::Result<Outcome> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{stdout}{stderr}");
    Ok(Outcome::read(&stdout, &stderr))
}

/// Runs a command that may take minutes: its output is shown as it comes.
fn loud(command: &mut Command) -> anyhow::Result<Outcome> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "failed: see above");
    Ok(Outcome::default())
}
