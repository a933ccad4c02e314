//! The Debian packages that the tests written in Python need.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

/// Debian's own Python: another one earlier in `PATH` does not see Debian's packages.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// A Debian package, and how to tell that it is there.
struct DebianPackage {
    name: &'static str,
    imports: &'static str,
}

const PACKAGES: &[DebianPackage] = &[
    DebianPackage {
        name: "python3",
        imports: "sys",
    },
    DebianPackage {
        name: "python3-grpcio",
        imports: "grpc",
    },
    DebianPackage {
        name: "python3-protobuf",
        imports: "google.protobuf",
    },
    DebianPackage {
        name: "python3-cryptography",
        imports: "cryptography.hazmat.primitives.asymmetric.ed25519",
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
    apt_get(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-qq", "--yes", "--no-install-recommends"];
    arguments.extend(&missing);
    apt_get(&arguments)?;
    let missing = self::missing();
    ensure!(
        missing.is_empty(),
        "still missing after apt-get: {}",
        missing.join(" ")
    );
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
        Command::new(PYTHON)
            .args(["-c", &format!("import {}", self.imports)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n")
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null())
        .status()
        .context("apt-get can't be started")?;
    ensure!(status.success(), "apt-get {} failed", arguments.join(" "));
    Ok(())
}
