//! What is measured once the year is over: the document, a new phone's first sync, and single calls.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, ensure};
use askel_client_sdk::{PlaceId, Presence};
use askel_server::entropy::{SystemEntropy, draw};
use askel_sync::time::{DAY_MS, MINUTE_MS};
use askel_workload::PLACES;
use serde_json::json;

use super::{Baseline, Figure, Unit, bytes};
use crate::{check::Truth, peers::Peers, proxy::Line, world::Installation, year::Year};

/// Days until nothing of the year is in the window any more.
const SETTLING_DAYS: i64 = 36;
/// Own ops, batches, pages that are still in the window, frames, archived steps and their totals:
/// whatever holds an op. Other tables hold what is no document.
const DOCUMENT_TABLES: [u8; 7] = [3, 4, WINDOW_TABLE, 10, 14, 15, 16];
/// Pages as they came, kept for 35 days.
const WINDOW_TABLE: u8 = 6;
/// Check-ins of the batch that shows what one more costs.
const CHECK_INS: u32 = 60;
/// Of these on one day, each at another place.
const DAY_CHECK_INS: u32 = 30;
/// How long a line is left alone before and after a call that is measured on it.
const QUIET: Duration = Duration::from_millis(300);

pub(super) async fn measure(
    mut year: Year,
    expected: &Truth,
    peers: &Peers,
) -> anyhow::Result<(Vec<Figure>, Year)> {
    let document = document(&mut year, peers).await?;
    let first_sync = first_sync(&mut year, expected, document.value).await?;
    let marginal = marginal_op(&mut year).await?;
    year.phone = year.world.rewire(year.phone, Line::Tls).await?;
    let mut figures = vec![document];
    figures.extend(no_change(&mut year).await?);
    figures.push(first_sync);
    figures.push(one_check_in(&mut year).await?);
    figures.push(marginal);
    Ok((figures, year))
}

/// Window and database at the year's end; the document once all of the year has left the window, so
/// that it is the whole year's.
async fn document(year: &mut Year, peers: &Peers) -> anyhow::Result<Figure> {
    let at_the_end = year.phone.rows.tables();
    let sqlite_bytes = year.phone.database_bytes()?;
    year.world
        .now
        .forward_ms(SETTLING_DAYS.saturating_mul(DAY_MS));
    year.phone.sync().await?;
    year.phone.sync().await?;
    let tables = year.phone.rows.tables();
    let document: u64 = DOCUMENT_TABLES
        .iter()
        .filter_map(|table| tables.get(table))
        .map(|(bytes, _)| bytes)
        .sum();
    let (key, of) = ("document_bytes", "automerge");
    let figure = Figure::ratio(key, Unit::Bytes, bytes(document), peers.flat(of, key), 0.60);
    let figure = peers.beside_days(figure.aiming(0.40), (of, key), bytes(document));
    let window = at_the_end.get(&WINDOW_TABLE).map_or(0, |(bytes, _)| *bytes);
    Ok(figure
        .beside("window_bytes", window)
        .beside("sqlite_bytes", sqlite_bytes)
        .beside("rows_at_the_years_end", told(&at_the_end))
        .beside("rows_once_settled", told(&tables)))
}

fn told(tables: &BTreeMap<u8, (u64, u64)>) -> serde_json::Value {
    let told = tables.iter().map(|(table, (bytes, rows))| {
        let row = json!({ "bytes": bytes, "rows": rows });
        (format!("table_{table}"), row)
    });
    serde_json::Value::Object(told.collect())
}

/// The year to a new phone.
async fn first_sync(year: &mut Year, expected: &Truth, document: f64) -> anyhow::Result<Figure> {
    let mut next = year.world.install(4, Line::Plain).await?;
    year.world.approve(&year.phone, &next.client).await?;
    let traffic = next.sync().await?;
    expected.check("new phone", &Truth::shown_by(&next.client))?;
    let baseline = Baseline {
        name: "document_bytes".to_owned(),
        value: document,
    };
    let figure = Figure::ratio(
        "first_sync_bytes",
        Unit::Bytes,
        bytes(traffic.total()),
        Some(baseline),
        1.0,
    )
    .aiming(0.8);
    Ok(figure
        .beside("up", traffic.up)
        .beside("down", traffic.down)
        .beside("catalog_bytes", traffic.catalog)
        .beside("fields", json!(next.tally.fields()))
        .beside("rows", told(&next.rows.tables())))
}

/// A sync that brings nothing, on a warm line.
async fn no_change(year: &mut Year) -> anyhow::Result<[Figure; 2]> {
    for _ in 0..3 {
        year.phone.sync().await?;
    }
    tokio::time::sleep(QUIET).await;
    let before = year.phone.proxy.passed();
    let traffic = year.phone.sync().await?;
    tokio::time::sleep(QUIET).await;
    let passed = year.phone.proxy.passed().since(before);
    ensure!(traffic.calls == 1, "a sync without a change is one call");
    let payload = Figure::value("no_change_bytes", Unit::Bytes, bytes(traffic.total()), 40.0)
        .aiming(24.0)
        .beside("up", traffic.up)
        .beside("down", traffic.down);
    let tls = Figure::value(
        "no_change_tls_bytes",
        Unit::Bytes,
        bytes(passed.total()),
        230.0,
    )
    .aiming(210.0)
    .beside("up", passed.up)
    .beside("down", passed.down);
    Ok([payload, tls])
}

/// One check-in handed in and confirmed, on a warm line.
async fn one_check_in(year: &mut Year) -> anyhow::Result<Figure> {
    year.world.now.forward_ms(DAY_MS);
    for _ in 0..3 {
        year.phone.sync().await?;
    }
    check_in(&year.phone, 1)?;
    tokio::time::sleep(QUIET).await;
    let before = year.phone.proxy.passed();
    let traffic = year.phone.sync().await?;
    tokio::time::sleep(QUIET).await;
    let passed = year.phone.proxy.passed().since(before);
    ensure!(
        year.phone.client.status().pending == 0,
        "it was not confirmed"
    );
    let figure = Figure::value(
        "one_check_in_tls_bytes",
        Unit::Bytes,
        bytes(passed.total()),
        420.0,
    );
    Ok(figure
        .aiming(320.0)
        .beside("up", passed.up)
        .beside("down", passed.down)
        .beside("payload_up", traffic.up)
        .beside("payload_down", traffic.down))
}

/// What each further check-in of a batch costs on its way up.
async fn marginal_op(year: &mut Year) -> anyhow::Result<Figure> {
    year.world.now.forward_ms(DAY_MS);
    year.phone.sync().await?;
    check_in(&year.phone, 1)?;
    let one = year.phone.sync().await?;
    let mut places: Vec<u32> = Vec::new();
    for number in 0..CHECK_INS {
        // More than there are places: the second half is the next day's.
        if number % DAY_CHECK_INS == 0 {
            year.world.now.forward_ms(DAY_MS);
            places = (1..=PLACES).collect();
        }
        let dice: [u8; 4] = draw(&SystemEntropy)?;
        let dice = u32::from_be_bytes(dice);
        // Within five hours a day, at any millisecond and in any order of places.
        let wait_ms = i64::from(dice).rem_euclid(10 * MINUTE_MS);
        year.world.now.forward_ms(wait_ms);
        let index = usize::try_from(dice >> 8)?.checked_rem(places.len());
        let place = places.swap_remove(index.context("a place is left")?);
        check_in(&year.phone, place)?;
    }
    let sixty = year.phone.sync().await?;
    let further = f64::from(CHECK_INS.saturating_sub(1));
    let figure = Figure::value(
        "marginal_op_bytes",
        Unit::Bytes,
        bytes(sixty.up.saturating_sub(one.up)) / further,
        14.0,
    );
    Ok(figure
        .aiming(8.0)
        .beside("one_up", one.up)
        .beside("sixty_up", sixty.up)
        .beside("sixty_down", sixty.down))
}

fn check_in(phone: &Installation, place: u32) -> anyhow::Result<()> {
    let here = phone.client.check_in(PlaceId::new(place))?;
    ensure!(here.presence == Presence::Welcome, "was here before");
    Ok(())
}
