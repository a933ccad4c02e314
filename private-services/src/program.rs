//! Where the programs of a service are.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::Error;

/// Debian keeps each version of PostgreSQL in a folder of its own, outside `PATH`.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// One of PostgreSQL's programs: `postgres`, `initdb`, `psql`, `pg_dump`, `pgbench` …
///
/// Debian's newest version, else what is in `PATH`.
///
/// # Errors
/// [`Error::NotInstalled`].
pub fn postgres_program(name: &'static str) -> Result<PathBuf, Error> {
    newest(Path::new(DEBIAN_POSTGRES))
        .map(|folder| folder.join(name))
        .filter(|program| program.is_file())
        .or_else(|| in_path(name))
        .ok_or(Error::NotInstalled {
            program: name,
            package: "postgresql",
        })
}

/// `redis-server`, from `PATH`.
///
/// # Errors
/// [`Error::NotInstalled`].
pub fn redis_program() -> Result<PathBuf, Error> {
    in_path("redis-server").ok_or(Error::NotInstalled {
        program: "redis-server",
        package: "redis-server",
    })
}

/// The programs of the highest version under the folder.
fn newest(versions: &Path) -> Option<PathBuf> {
    fs::read_dir(versions)
        .ok()?
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs
                .join("postgres")
                .is_file()
                .then_some((version, programs))
        })
        .max()
        .map(|(_, programs)| programs)
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_taken_by_number() {
        let versions = tempfile::tempdir().expect("a folder");
        for version in ["9", "15", "common"] {
            let programs = versions.path().join(version).join("bin");
            fs::create_dir_all(&programs).expect("a folder");
            fs::write(programs.join("postgres"), "").expect("a file");
        }
        // Only the client of this one is installed.
        fs::create_dir_all(versions.path().join("17/bin")).expect("a folder");
        assert_eq!(
            newest(versions.path()),
            Some(versions.path().join("15/bin"))
        );
    }
}
