//! `askel serve`, as a process that can be killed.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ExitStatus, Stdio},
};

use super::{Settings, signal};

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

impl Server {
    /// Starts it on the database in its data folder, and waits until it listens.
    pub(crate) fn start(data: &Path, address: &str) -> Self {
        Self::start_with(&Settings::default(), data, address)
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start_with(settings: &Settings, data: &Path, address: &str) -> Self {
        let mut command = super::askel();
        settings.tell(&mut command);
        let mut child = command
            .arg("serve")
            .arg("--data-dir")
            .arg(data)
            .args(["--listen", address])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("askel serve starts");
        let stdout = child.stdout.take().expect("piped");
        let told = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening ").map(str::to_owned));
        Self {
            child,
            address: told.expect("the server says where it listens"),
        }
    }

    /// Its process, for signals.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn lives(&mut self) -> bool {
        self.child.try_wait().expect("asked").is_none()
    }

    /// SIGTERM, and waits until it has ended by itself.
    pub(crate) fn end(mut self) -> ExitStatus {
        signal(self.id(), "TERM");
        self.child.wait().expect("waited")
    }

    /// The most memory that it has had resident so far, in bytes.
    pub(crate) fn memory_bytes_max(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("it runs");
        let mut lines = status.lines();
        let most = lines.find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: Option<u64> = most.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kib.expect("a number") * 1_024
    }
}

/// SIGKILL, and waits until it is gone.
impl Drop for Server {
    fn drop(&mut self) {
        // Either is an error only when it has ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
