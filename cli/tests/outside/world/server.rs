//! `askel serve`, as a process that can be killed.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Stdio},
};

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(data: &Path, address: &str) -> Self {
        let mut child = super::askel()
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
}

/// SIGKILL, and waits until it is gone.
impl Drop for Server {
    fn drop(&mut self) {
        // Either is an error only when it has ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
