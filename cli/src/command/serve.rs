//! `askel serve`: the server alone.

use std::{
    io::{self, BufRead as _, Write as _},
    net::SocketAddr,
    sync::Arc,
};

use anyhow::Context as _;
use askel_server::{
    boot,
    clock::{Clock, RehearsalClock, SystemClock},
    entropy::SystemEntropy,
    lifecycle::EndSignals,
    telemetry,
};
use askel_sync::time::Timestamp;
use tokio::sync::oneshot;

use super::ConfigArguments;

/// The flags of `askel serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:50051].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Let standard input set the clock: a line of milliseconds stops it there, `real` lets it go.
    #[arg(long, hide = true)]
    rehearsal_clock: bool,
}

/// Serves until SIGTERM or Ctrl-C, then lets calls finish. Prints `listening <address>` when
/// ready, `listening https://<address>` if it speaks TLS.
///
/// # Errors
/// The configuration has faults, or the server can't start.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut config = arguments.config.load()?;
    if let Some(listen) = arguments.listen {
        config.server.listen = listen;
    }
    let telemetry = telemetry::set_up(&config.telemetry, &SystemEntropy, io::stderr).await?;
    let mut end = EndSignals::install().context("signals can't be caught")?;
    let (clock, mut rehearsal_over) = clock(arguments.rehearsal_clock);
    let components = boot::embedded(&config, clock).await?;
    let server = boot::start(&config, components).await?;
    let scheme = if server.speaks_tls() { "https://" } else { "" };
    say(&format!("listening {scheme}{}", server.local_addr()))?;
    if let Some(scraped_at) = telemetry.scraped_at() {
        say(&format!("scraped at http://{scraped_at}/metrics"))?;
    }
    tokio::select! {
        () = end.received() => {}
        Ok(()) = &mut rehearsal_over => {}
    }
    server.shutdown().await;
    telemetry.shutdown().await;
    Ok(())
}

/// The server's clock, and what tells that a rehearsal is over: its director has closed standard
/// input.
fn clock(rehearsal: bool) -> (Arc<dyn Clock>, oneshot::Receiver<()>) {
    let (over, rehearsal_over) = oneshot::channel();
    if !rehearsal {
        return (Arc::new(SystemClock::start()), rehearsal_over);
    }
    let clock = Arc::new(RehearsalClock::start());
    let directed = Arc::clone(&clock);
    // A thread of its own: reading standard input blocks, and must not keep the process alive.
    std::thread::spawn(move || {
        direct(&directed);
        // The server may have stopped already.
        let _ = over.send(());
    });
    (clock, rehearsal_over)
}

/// Obeys lines of standard input until it is closed; each is answered once it has taken effect.
fn direct(clock: &RehearsalClock) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let answer = match (line.trim(), line.trim().parse::<i64>()) {
            ("real", _) => {
                clock.set(None);
                "clock real".to_owned()
            }
            (_, Ok(ms)) => {
                clock.set(Some(Timestamp::from_ms(ms)));
                format!("clock {ms}")
            }
            _ => "clock unknown".to_owned(),
        };
        if say(&answer).is_err() {
            return;
        }
    }
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
