//! Runs the participant-year on the peers and prints one JSON object with a row for each peer and
//! layout: `askel-loadtest-peers [--days N] [--seed N] [--samples N]`.
//!
//! Each peer gets its best case. Only the value that stands at a device's sync is written, and all
//! writes between two syncs are one commit. A sync is one round trip: the device says its version in
//! the shortest form its library has and sends what it wrote since it last met the hub; the hub
//! answers with what the device lacks. Nothing is counted for
//! transport, identity or signatures: there are none. Keys are short, check-ins are one packed integer each,
//! and favourites, quests, badges and notes carry no time.

mod automerge_peer;
mod loro_peer;
mod replica;
mod run;
mod tree;
mod yrs_peer;

use std::{env, io::Write as _};

use anyhow::{Context as _, bail};
use askel_workload::{Shape, Workload};
use serde_json::{Value, json};

use automerge_peer::AutomergePeer;
use loro_peer::LoroPeer;
use replica::Replica;
use run::Options;
use tree::Layout;
use yrs_peer::YrsPeer;

fn main() -> anyhow::Result<()> {
    let options = read_options()?;
    let workload = Workload::new(options.shape);
    let mut rows = Vec::new();
    for layout in Layout::ALL {
        rows.push(row::<LoroPeer>(&workload, layout, options)?);
        rows.push(row::<AutomergePeer>(&workload, layout, options)?);
        rows.push(row::<YrsPeer>(&workload, layout, options)?);
    }
    let answer = json!({
        "workload": { "days": options.shape.days, "seed": options.shape.seed },
        "rows": rows,
    });
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &answer)?;
    writeln!(out)?;
    Ok(())
}

fn row<R: Replica>(workload: &Workload, layout: Layout, options: Options) -> anyhow::Result<Value> {
    run::run::<R>(workload, layout, options)
        .with_context(|| format!("{} with layout {}", R::NAME, layout.name()))
}

fn read_options() -> anyhow::Result<Options> {
    let mut options = Options {
        shape: Shape { days: 365, seed: 1 },
        samples: 101,
    };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words
            .next()
            .with_context(|| format!("{word} needs a value"))?;
        match &*word {
            "--days" => options.shape.days = value.parse()?,
            "--seed" => options.shape.seed = value.parse()?,
            "--samples" => options.samples = value.parse()?,
            _ => bail!("unknown option {word}"),
        }
    }
    Ok(options)
}
