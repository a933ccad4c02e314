//! The Debian packages that the tests need: Python's for those written in it, PostgreSQL and Redis.

mod quiet;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use askel_private_services::{postgres_program, redis_program};

use self::quiet::QuietInstall;

/// Debian's own Python: another one earlier in `PATH` does not see Debian's packages.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

const POSTGRESQL: &str = "postgresql";
const REDIS: &str = "redis-server";

/// A Debian package, and how to tell that it is there.
struct DebianPackage {
    name: &'static str,
    evidence: Evidence,
}

enum Evidence {
    /// Python can import this.
    Module(&'static str),
    /// What private services are started from is found.
    Program(fn() -> bool),
}

const PACKAGES: &[DebianPackage] = &[
    DebianPackage {
        name: "python3",
        evidence: Evidence::Module("sys"),
    },
    DebianPackage {
        name: "python3-grpcio",
        evidence: Evidence::Module("grpc"),
    },
    DebianPackage {
        name: "python3-protobuf",
        evidence: Evidence::Module("google.protobuf"),
    },
    DebianPackage {
        name: "python3-cryptography",
        evidence: Evidence::Module("cryptography.hazmat.primitives.asymmetric.ed25519"),
    },
    DebianPackage {
        name: POSTGRESQL,
        evidence: Evidence::Program(|| postgres_program("postgres").is_ok()),
    },
    DebianPackage {
        name: REDIS,
        evidence: Evidence::Program(|| redis_program().is_ok()),
    },
];

/// Makes sure the packages are there: installs them if this is Debian and we are root.
///
/// # Errors
/// Names what is missing and how to get it.
pub(crate) fn provide() -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    ensure!(
        is_root() && Path::new("/usr/bin/apt-get").exists(),
        "missing Debian packages: {names}\nas root: apt-get install --no-install-recommends {names}"
    );
    install(&missing)?;
    let missing = self::missing();
    ensure!(
        missing.is_empty(),
        "still missing after apt-get: {}",
        missing.join(" ")
    );
    Ok(())
}

/// Installs them, and starts nothing: what the tests need they start themselves.
fn install(names: &[&str]) -> anyhow::Result<()> {
    apt_get(&["update", "-qq"])?;
    let quiet = QuietInstall::begin(Path::new("/"))?;
    let mut arguments = vec!["install", "-qq", "--yes", "--no-install-recommends"];
    arguments.extend(names);
    let outcome = apt_get(&arguments);
    drop(quiet);
    outcome?;
    if names.contains(&REDIS) {
        // Nor when the machine starts next.
        run(Command::new("update-rc.d").args([REDIS, "disable"]))?;
    }
    Ok(())
}

fn missing() -> Vec<&'static str> {
    PACKAGES
        .iter()
        .filter(|package| !package.is_there())
        .map(|package| package.name)
        .collect()
}

impl DebianPackage {
    fn is_there(&self) -> bool {
        match self.evidence {
            Evidence::Module(name) => Command::new(PYTHON)
                .args(["-c", &format!("import {name}")])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success()),
            Evidence::Program(is_found) => is_found(),
        }
    }
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n")
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    run(Command::new("apt-get").args(arguments))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null());
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}
