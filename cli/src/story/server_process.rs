//! The real server, as a process of its own: started, told the time, killed and started again.

use std::{net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use askel_sync::time::Timestamp;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::home::Home;

/// How long the server may take to answer a line.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long the server may take to drain.
const DRAIN_MAX: Duration = Duration::from_secs(15);

/// A server that runs.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl ServerProcess {
    /// Starts `askel serve` on an address (port 0 for a free one) and sets its clock.
    pub(crate) async fn start(
        home: &Home,
        listen: SocketAddr,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let mut child = command(home, listen)?
            .spawn()
            .context("the server can't be started")?;
        let stdin = child.stdin.take().context("the server's standard input")?;
        let stdout = child
            .stdout
            .take()
            .context("the server's standard output")?;
        let stdout = BufReader::new(stdout).lines();
        let mut server = Self {
            child,
            stdin,
            stdout,
            address: listen,
        };
        server.say(&now.as_ms().to_string()).await?;
        let told = server.line_with("listening ").await?;
        server.address = told.parse().context("the server's address")?;
        Ok(server)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets its clock; it has taken effect when this returns.
    pub(crate) async fn set_clock(&mut self, now: Timestamp) -> anyhow::Result<()> {
        self.say(&now.as_ms().to_string()).await?;
        let expected = now.as_ms().to_string();
        while self.line_with("clock ").await? != expected {}
        Ok(())
    }

    /// Lets it follow the machine's clock from now on.
    pub(crate) async fn follow_machine_clock(&mut self) -> anyhow::Result<()> {
        self.say("real").await?;
        while self.line_with("clock ").await? != "real" {}
        Ok(())
    }

    /// Ends it without a warning, as a power cut would (SIGKILL).
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }

    /// Waits until it ends by itself.
    pub(crate) async fn wait(&mut self) -> anyhow::Result<()> {
        let status = self.child.wait().await?;
        if status.success() {
            Ok(())
        } else {
            bail!("the server ended with {status}")
        }
    }

    /// Closes its standard input, lets it drain and waits for its end.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        let Self {
            mut child, stdin, ..
        } = self;
        drop(stdin);
        match timeout(DRAIN_MAX, child.wait()).await {
            Ok(status) if matches!(&status, Ok(status) if status.success()) => Ok(()),
            Ok(_) => bail!("the server did not end well; its log says why"),
            Err(_) => {
                child.start_kill()?;
                bail!("the server did not drain in {DRAIN_MAX:?}")
            }
        }
    }

    async fn say(&mut self, line: &str) -> anyhow::Result<()> {
        self.stdin
            .write_all(format!("{line}\n").as_bytes())
            .await
            .context("the server's clock")?;
        self.stdin.flush().await.context("the server's clock")
    }

    async fn line_with(&mut self, prefix: &str) -> anyhow::Result<String> {
        loop {
            let line = timeout(ANSWER_MAX, self.stdout.next_line())
                .await
                .context("the server does not answer")??
                .context("the server ended; its log says why")?;
            if let Some(rest) = line.strip_prefix(prefix) {
                return Ok(rest.to_owned());
            }
        }
    }
}

fn command(home: &Home, listen: SocketAddr) -> anyhow::Result<Command> {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(home.server_log())?;
    let mut command = Command::new(own_program()?);
    command
        .arg("serve")
        .arg("--data-dir")
        .arg(home.server())
        .args(["--listen", &listen.to_string(), "--rehearsal-clock"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true);
    // The demo's server is configured by the demo alone.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
        command.env_remove(name);
    }
    Ok(command)
}

/// This very program, also when a build has put another file in its place meanwhile.
fn own_program() -> std::io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let running = PathBuf::from("/proc/self/exe");
    Ok(if !path.exists() && running.exists() {
        running
    } else {
        path
    })
}

fn is_ours(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with("ASKEL_")
}
