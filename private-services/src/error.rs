//! Why there is no service.

use std::{io, path::PathBuf};

/// Why a private service could not be started, or not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Its programs are not on this machine: install the package.
    #[error("{program} is not there; as root: apt-get install --no-install-recommends {package}")]
    NotInstalled {
        /// The program that was looked for.
        program: &'static str,
        /// Debian's package that has it.
        package: &'static str,
    },
    /// A program ended, or was not ready in time.
    #[error("{program} {what}:\n{log}")]
    Failed {
        /// The program.
        program: String,
        /// What became of it.
        what: &'static str,
        /// The end of what it wrote.
        log: String,
    },
    /// Every port that was tried belongs to somebody else.
    #[error("no free loopback port was found")]
    NoPort,
    /// The operating system refused.
    #[error("{}", .place.display())]
    System {
        /// The file, folder or program that it was about.
        place: PathBuf,
        /// Its reason.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: what it was about.
    pub(crate) fn at(place: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let place = place.into();
        move |source| Self::System { place, source }
    }
}
