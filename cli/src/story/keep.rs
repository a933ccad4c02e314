//! `--keep`: the server goes on, in the machine's time, and says how to connect.

use std::io::Write as _;

use askel_sync::admission::Role;

use super::{Output, founding, stopwatch, text::Text, world::World};

/// Serves until Ctrl-C. With JSON on standard output, what there is to say goes to standard error.
pub(crate) async fn serve(mut world: World, text: &Text, output: Output) -> anyhow::Result<()> {
    world.server.follow_machine_clock().await?;
    let now = stopwatch::machine_time();
    let address = world.server.address();
    let invitation = world
        .founded
        .invite(&world.home, address, (Role::Participant, now))
        .await?;
    let words = &text.keep;
    let told = [
        String::new(),
        words.serving.plain().to_owned(),
        format!("  {}: {}", words.address.plain(), founding::url(address)),
        format!("  {}: {}", words.data.plain(), world.home.path().display()),
        format!("  {}: {invitation}", words.invitation.plain()),
        format!(
            "  {}: grpcurl -plaintext {address} list askel.v1.SyncService",
            words.try_it.plain()
        ),
    ];
    say(output, &told.join("\n"))?;
    tokio::select! {
        stop = tokio::signal::ctrl_c() => stop?,
        ended = world.server.wait() => return ended,
    }
    world.end().await?;
    say(output, words.ended.plain())?;
    Ok(())
}

fn say(output: Output, line: &str) -> std::io::Result<()> {
    match output {
        Output::Story => writeln!(std::io::stdout().lock(), "{line}"),
        Output::Json => writeln!(std::io::stderr().lock(), "{line}"),
    }
}
