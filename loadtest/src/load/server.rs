//! The server as a process of its own, so that what it uses is told apart.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use anyhow::Context as _;
use askel_server::{Config, boot, clock::SystemClock, entropy::SystemEntropy, telemetry};

use super::process::{Usage, usage};

/// The subcommand that [`serve`]s.
pub const SERVE: &str = "serve-alone";

/// A running server; dropping it kills it.
pub(crate) struct ServerProcess {
    child: Child,
    address: String,
}

/// What a server is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Where keys, journal and the embedded database lie.
    pub data_dir: PathBuf,
    /// As `store.url`.
    pub store_url: String,
    /// As `redis.url`; empty for none.
    pub redis_url: String,
}

impl Served {
    /// The configuration that comes to; all else is as it is by default.
    ///
    /// # Errors
    /// A URL that names no store.
    pub fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::default();
        config.store.data_dir.clone_from(&self.data_dir);
        config.store.url = self.store_url.parse()?;
        config.redis.url.clone_from(&self.redis_url);
        config.server.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(config)
    }
}

impl ServerProcess {
    /// Starts `program` as the server, and waits until it listens.
    pub(crate) fn start(program: &Path, served: &Served) -> anyhow::Result<Self> {
        let data_dir = served.data_dir.to_string_lossy();
        let flags = [
            ("--data-dir", &*data_dir),
            ("--store-url", &served.store_url),
            ("--redis-url", &served.redis_url),
        ];
        let flags = flags.into_iter().flat_map(|(name, value)| [name, value]);
        Self::run(program, [SERVE].into_iter().chain(flags))
    }

    /// Starts `program` with these arguments, and waits until it listens.
    pub(crate) fn run<'a>(
        program: &Path,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the server's program")?;
        let stdout = child.stdout.take().context("its output")?;
        let told = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening ").map(str::to_owned));
        Ok(Self {
            child,
            address: told.context("the server did not start")?,
        })
    }

    /// Where calls go.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        usage(self.child.id())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Either fails only when it has ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until standard input ends: whoever started it is gone then.
///
/// # Errors
/// What keeps the server from starting.
pub async fn serve(served: &Served) -> anyhow::Result<()> {
    let config = served.config()?;
    let told = telemetry::set_up(&config.telemetry, &SystemEntropy, std::io::stderr).await?;
    let components = boot::embedded(&config, Arc::new(SystemClock::start())).await?;
    let running = boot::start(&config, components).await?;
    let mut out = std::io::stdout();
    writeln!(out, "listening {}", running.local_addr())?;
    out.flush()?;
    standard_input_ended().await;
    running.shutdown().await;
    told.shutdown().await;
    Ok(())
}

/// Ends with standard input, which whoever started this process holds.
pub(crate) async fn standard_input_ended() {
    let (over, ended) = tokio::sync::oneshot::channel();
    // A thread of its own: reading standard input blocks.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = over.send(());
    });
    let _ = ended.await;
}
