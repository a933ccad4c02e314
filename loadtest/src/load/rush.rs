//! Many phones at once: when doors open, when the day is over, when a season begins, when the network is
//! back.

use std::time::Duration;

use askel_proto::v1;
use askel_sync::{
    catalog,
    id::StepSourceId,
    op::{Measure, Payload, StepCount},
    time::{HOUR_MS, Quarter, Timestamp},
};
use serde_json::{Map, Value, json};

use super::{
    arrivals::arrivals,
    content, count,
    crowd::{Call, Fetch, visit},
    drive::{float, open},
    known::Phone,
    measured::{Measured, measured},
    report::LoadReport,
    stand::{Ground, Stand},
    wire::Lines,
};

/// Hours of a day that a phone counts steps in.
const HOURS: i64 = 16;
/// The catalog of the new season.
const NEXT_VERSION: u32 = 2;

/// What everyone does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rush {
    /// Everyone checks in where they are, more and more of them up to the end.
    MorningBurst,
    /// Everyone hands in the day's steps.
    EveningSync,
    /// Everyone looks, and fetches the catalog that was published.
    SeasonLaunch,
    /// Everyone connects anew, with a check-in that waited.
    ReconnectStorm,
}

impl Rush {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::MorningBurst => "morning-burst",
            Self::EveningSync => "evening-sync",
            Self::SeasonLaunch => "season-launch",
            Self::ReconnectStorm => "reconnect-storm",
        }
    }
}

/// How much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RushOptions {
    /// On what.
    pub ground: Ground,
    /// What everyone does.
    pub rush: Rush,
    /// Phones.
    pub people: usize,
    /// Seconds within which they come.
    pub seconds: u64,
}

/// Lets them come, once each.
///
/// # Errors
/// What can't be started, phones that are never answered, and figures that do not come to what was handed
/// in.
pub async fn rush(options: &RushOptions) -> anyhow::Result<LoadReport> {
    let stand = Stand::start(&options.ground, 1).await?;
    let mut phones = stand.phones(options.people).await?;
    let lines = match options.rush {
        Rush::ReconnectStorm => Lines::later(&stand.server.url(), options.people)?,
        _ => stand.lines.clone(),
    };
    let fetch = match options.rush {
        Rush::SeasonLaunch => Some(launch(&stand).await?),
        _ => None,
    };
    let now = stand.now();
    let mut visits = 0;
    let mut queues = Vec::with_capacity(phones.len());
    for (due, phone) in due(options).into_iter().zip(&mut phones) {
        let call = match options.rush {
            Rush::MorningBurst | Rush::ReconnectStorm => {
                visits = u64::saturating_add(visits, 1);
                phone.hands_in(&[&[visit(1, now)]], now)
            }
            Rush::EveningSync => evening(phone, now)?,
            Rush::SeasonLaunch => Call {
                fetch: fetch.clone(),
                ..phone.looks(now)
            },
        };
        queues.push(vec![(due, call)]);
    }
    let measured = measured(&stand, open(&lines, queues)).await?;
    let answered = measured.sample.calls;
    anyhow::ensure!(
        answered == count(options.people),
        "{answered} of {} were answered: {:?}",
        options.people,
        measured.sample.errors
    );
    let expected = count(options.people).saturating_add(visits);
    stand.confirmed(stand.tenant()?, expected).await?;
    Ok(report(options, &measured))
}

/// When each comes.
fn due(options: &RushOptions) -> Vec<Duration> {
    let (people, seconds) = (count(options.people), float(options.seconds));
    match options.rush {
        // As many have come as the square of the time.
        Rush::MorningBurst => (0..people)
            .map(|nth| Duration::from_secs_f64(seconds * (float(nth) / float(people)).sqrt()))
            .collect(),
        _ => arrivals(options.people, float(people) / seconds.max(0.001), 1),
    }
}

/// The steps of a day.
fn evening(phone: &mut Phone, now: Timestamp) -> anyhow::Result<Call> {
    let steps = (1..=HOURS).map(|hour| {
        let at = now.saturating_add_ms(hour.saturating_mul(HOUR_MS).saturating_neg());
        let bucket = anyhow::Context::context(Quarter::containing(at), "after 1970")?;
        Ok(Payload::StepCount(StepCount {
            source: StepSourceId::from_bytes([5; 16]),
            bucket,
            count: 400,
            revision: 1,
            measure: Measure::Steps,
        }))
    });
    let steps: Vec<Payload> = steps.collect::<anyhow::Result<_>>()?;
    Ok(phone.hands_in(&[&steps], now))
}

/// Publishes the catalog of the new season; what everyone will fetch.
async fn launch(stand: &Stand) -> anyhow::Result<Fetch> {
    let tenant = stand.tenant()?;
    let next = v1::Catalog {
        version: NEXT_VERSION,
        ..content::build(tenant.keys.id)
    };
    let content = catalog::encode(&next);
    let fetch = Fetch {
        hash: catalog::Catalog::parse(&content)?.hash().to_vec(),
        bytes: count(content.len()),
    };
    let signature = catalog::sign(&content, tenant.keys.id, &tenant.keys.catalog);
    let line = stand.lines.of(0);
    line.publish(&tenant.organiser, stand.now(), (content, signature))
        .await?;
    Ok(fetch)
}

fn report(options: &RushOptions, measured: &Measured) -> LoadReport {
    let sample = &measured.sample;
    let latency = |q: f64| float(sample.latency_us.value_at_quantile(q)) / 1_000.0;
    let setting: [(&str, Value); 3] = [
        ("store", options.ground.store.name().into()),
        ("people", options.people.into()),
        ("seconds", options.seconds.into()),
    ];
    let errors: u64 = sample
        .errors
        .values()
        .fold(0, |sum, n| sum.saturating_add(*n));
    let found: [(&str, Value); 9] = [
        ("offered_per_s", sample.offered_per_s.into()),
        ("achieved_per_s", sample.per_s(sample.calls).into()),
        ("p50_ms", latency(0.5).into()),
        ("p99_ms", latency(0.99).into()),
        ("p999_ms", latency(0.999).into()),
        ("asked_to_come_again", errors.into()),
        (
            "server_cpu_ms_per_call",
            measured.server_ms_per(sample.calls).into(),
        ),
        (
            "database_cpu_ms_per_call",
            measured.database_ms_per(sample.calls).into(),
        ),
        ("generator_saturated", sample.is_saturated().into()),
    ];
    let named = |(name, value): (&str, Value)| (name.to_owned(), value);
    LoadReport {
        what: options.rush.name(),
        setting: Map::from_iter(setting.map(named)),
        figures: Vec::new(),
        found: Map::from_iter(found.map(named)),
        rounds: vec![json!({ "askel": measured.to_json() })],
    }
}
