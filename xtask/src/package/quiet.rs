//! Packages of services, installed without their services: PostgreSQL's makes a cluster and starts it, and
//! Redis's starts a server. Neither is wanted on somebody's machine because a test needs the programs.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// What Debian asks before it starts or stops a service while it installs, and the answer "no".
const POLICY: &str = "usr/sbin/policy-rc.d";
const FORBIDDEN: &str = "#!/bin/sh\nexit 101\n";

/// What PostgreSQL's packages ask before they make a cluster, and the same answer.
const CLUSTERS: &str = "etc/postgresql-common/createcluster.d/askel-tests.conf";
const NONE: &str = "create_main_cluster = false\n";

/// While it lives, what is installed starts no service. A policy that the machine has stays as it is.
pub(super) struct QuietInstall(Vec<PathBuf>);

impl QuietInstall {
    /// Forbids it on the machine with this root.
    pub(super) fn begin(root: &Path) -> anyhow::Result<Self> {
        let mut quiet = Self(Vec::new());
        for (name, content, mode) in [(POLICY, FORBIDDEN, 0o755), (CLUSTERS, NONE, 0o644)] {
            let file = root.join(name);
            if !file.exists() {
                quiet.write(file, content, mode).context(name)?;
            }
        }
        Ok(quiet)
    }

    fn write(&mut self, file: PathBuf, content: &str, mode: u32) -> std::io::Result<()> {
        if let Some(folder) = file.parent().filter(|folder| !folder.exists()) {
            fs::create_dir_all(folder)?;
            self.0.push(folder.to_owned());
        }
        fs::write(&file, content)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        self.0.push(file);
        Ok(())
    }
}

impl Drop for QuietInstall {
    fn drop(&mut self) {
        for made in self.0.iter().rev() {
            // A folder into which something was installed meanwhile stays.
            let _ = fs::remove_file(made).or_else(|_| fs::remove_dir(made));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forbids_while_it_lives() {
        let root = tempfile::tempdir().expect("a folder");
        let quiet = QuietInstall::begin(root.path()).expect("written");
        let policy = root.path().join(POLICY);
        let answer = std::process::Command::new(&policy).status().expect("runs");
        assert_eq!(answer.code(), Some(101));
        assert!(root.path().join(CLUSTERS).exists());
        drop(quiet);
        assert!(!policy.exists());
        let clusters = root.path().join(CLUSTERS);
        assert!(!clusters.parent().expect("a folder").exists());
    }

    #[test]
    fn the_policy_of_the_machine_stays() {
        let root = tempfile::tempdir().expect("a folder");
        let policy = root.path().join(POLICY);
        fs::create_dir_all(policy.parent().expect("a folder")).expect("made");
        fs::write(&policy, "its own").expect("written");
        drop(QuietInstall::begin(root.path()).expect("begun"));
        assert_eq!(fs::read_to_string(&policy).expect("there"), "its own");
    }
}
