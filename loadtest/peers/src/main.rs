//! Runs the participant-year on the peers and prints one JSON object with a row for each peer and
//! layout, on a line: `askel-loadtest-peers [--days N] [--seed N] [--samples N]`.
//!
//! Then it answers what it is asked, until its input ends: a line with a peer and a layout is
//! answered with how long that document took to open and read, once, in milliseconds. Whoever
//! compares its own opening takes turns in this way, and both meet the same machine.
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

use std::{
    env,
    io::{self, BufRead as _, Write as _},
};

use anyhow::{Context as _, bail};
use askel_workload::{Shape, Workload};
use serde_json::{Value, json};

use automerge_peer::AutomergePeer;
use loro_peer::LoroPeer;
use replica::Replica;
use run::{Opening, Options};
use tree::Layout;
use yrs_peer::YrsPeer;

fn main() -> anyhow::Result<()> {
    let options = read_options()?;
    let workload = Workload::new(options.shape);
    let mut measured = Vec::new();
    for layout in Layout::ALL {
        measured.push(row::<LoroPeer>(&workload, layout, options)?);
        measured.push(row::<AutomergePeer>(&workload, layout, options)?);
        measured.push(row::<YrsPeer>(&workload, layout, options)?);
    }
    let (rows, openings): (Vec<Value>, Vec<Opening>) = measured.into_iter().unzip();
    let answer = json!({
        "workload": { "days": options.shape.days, "seed": options.shape.seed },
        "rows": rows,
    });
    writeln!(io::stdout().lock(), "{answer}")?;
    answer_openings(&openings)
}

/// Opens what each line of the input names.
fn answer_openings(openings: &[Opening]) -> anyhow::Result<()> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let opening = openings
            .iter()
            .find(|opening| line == format!("{} {}", opening.peer, opening.layout))
            .with_context(|| format!("no document of {line:?}"))?;
        let ms = opening.time()?.as_secs_f64() * 1000.0;
        writeln!(io::stdout().lock(), "{ms}")?;
    }
    Ok(())
}

fn row<R: Replica>(
    workload: &Workload,
    layout: Layout,
    options: Options,
) -> anyhow::Result<(Value, Opening)> {
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
