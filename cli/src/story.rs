//! The demo's world: a month in Oulu, told while it is lived through the real server and SDK.
//!
//! Who walks and when is read ([`steps_file`]) or made up ([`generated_month`]); who comes where
//! ([`schedule`]) and how steps reach phones ([`delivery`]) is drawn from a seed. Then the month is
//! lived ([`month`]): a server process, phones and tablets of the SDK, gRPC between them. What is
//! told ([`telling`]) and compared ([`compare`]) is read from what they hold.

mod card;
mod cast;
mod catalog;
mod chance;
mod clock;
mod compare;
mod delivery;
mod device;
mod evening;
mod fault;
mod figures;
mod founding;
mod generated_month;
mod helsinki;
mod home;
mod keep;
mod kept;
mod launch;
mod ledger;
mod limits;
mod month;
mod organiser;
mod progress;
mod scene;
mod schedule;
mod server_process;
mod steps_file;
mod stopwatch;
mod table;
mod telling;
mod text;
mod walking;
mod world;

use std::{io::Write as _, path::PathBuf, sync::OnceLock};

use anyhow::Context as _;
use askel_sync::time::DAY_MS;

pub(crate) use text::Language;

use card::CardStory;
use cast::Cast;
use catalog::SeasonDates;
use compare::Comparison;
use delivery::Season;
use fault::Faults;
use figures::{Figures, Run};
use helsinki::Helsinki;
use home::Home;
use launch::{Launch, Launched, Newcomer};
use month::Script;
use scene::{Keepsakes, Stage};
use schedule::Town;
use stopwatch::Stopwatch;
use telling::{Telling, decimal, grouped, size};
use text::Text;
use walking::Walking;
use world::World;

/// Local time of day at which the story begins, and at which phones sync, in minutes.
const MORNING_MINUTE: u32 = 9 * 60;
const EVENING_MINUTE: u32 = 20 * 60;

/// How the demo is to be run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) language: Language,
    pub(crate) seed: u64,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) afterwards: Afterwards,
    pub(crate) output: Output,
    pub(crate) steps: Option<PathBuf>,
}

/// What the server does when the story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// It ends.
    End,
    /// It goes on serving until Ctrl-C.
    Serve,
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// The story and its table.
    Story,
    /// One object, and nothing else, on standard output.
    Json,
}

/// Lives the month and tells it.
///
/// # Errors
/// The steps file is malformed (nothing was started then), something of the world can't be run, or
/// a comparison failed.
pub(crate) async fn tell(options: Options) -> anyhow::Result<()> {
    let watch = Stopwatch::start();
    let helsinki = Helsinki::open()?;
    let walking = walking(options.steps.as_ref(), &helsinki)?;
    let plan = Plan::of(&walking, &helsinki, options.seed)?;
    let home = Home::take(options.data_dir.clone())?;
    let text = Text::of(options.language)?;
    let mut telling = Telling::begin(
        options.language,
        text.clone(),
        options.output,
        helsinki.clone(),
        plan.season.days(),
    );
    title(&mut telling, &walking, plan.season)?;
    let mut faults = Faults::default();
    let (mut world, script) = plan.launch(home, helsinki, options.language).await?;
    let mut stage = Stage {
        world: &mut world,
        telling: &mut telling,
        faults: &mut faults,
    };
    scene::launch(&mut stage)?;
    script.live(&mut stage).await?;
    telling.progress().comparing();
    let comparison = compare_all(&world, &script, &walking, &mut faults).await?;
    telling.end_progress();
    let run = Run {
        seed: options.seed,
        participants: walking.walkers.len(),
        devices: walking.walkers.len().saturating_mul(2),
        elapsed: watch.elapsed(),
    };
    close(&mut telling, &world, &comparison, run, &faults)?;
    if options.output == Output::Json {
        let figures = Figures::of(run, &comparison, world.counted);
        writeln!(
            std::io::stdout().lock(),
            "{}",
            serde_json::to_string(&figures)?
        )?;
    }
    faults.check(&text.faults)?;
    match options.afterwards {
        Afterwards::End => world.end().await.map(drop),
        Afterwards::Serve => keep::serve(world, &text, options.output).await,
    }
}

fn walking(steps: Option<&PathBuf>, helsinki: &Helsinki) -> anyhow::Result<Walking> {
    let Some(path) = steps else {
        return generated_month::make(helsinki);
    };
    let named = || format!("the steps file {}", path.display());
    let file = std::fs::File::open(path).with_context(named)?;
    steps_file::read(std::io::BufReader::new(file), helsinki).with_context(named)
}

/// Reads walking data as `--steps` does. Returns how many people walk in it.
///
/// # Errors
/// What the person is told: the first fault, with its line.
pub fn read_steps_file(bytes: &[u8]) -> Result<usize, String> {
    static HELSINKI: OnceLock<Option<Helsinki>> = OnceLock::new();
    let helsinki = HELSINKI.get_or_init(|| Helsinki::open().ok());
    let helsinki = helsinki.as_ref().ok_or("there is no time zone")?;
    let read = steps_file::read(bytes, helsinki);
    let walking = read.map_err(|fault| fault.to_string())?;
    Ok(walking.walkers.len())
}

/// Everything that is decided before anything is started.
struct Plan {
    season: SeasonDates,
    evening_ms: i64,
    morning: askel_sync::time::Timestamp,
    cast: Cast,
    gatherings: Vec<schedule::Gathering>,
    newcomers: Vec<Newcomer>,
}

impl Plan {
    fn of(walking: &Walking, helsinki: &Helsinki, seed: u64) -> anyhow::Result<Self> {
        let (first, last) = walking.season().context("the walking has no days")?;
        let season = SeasonDates { first, last };
        let minute = |minute| {
            helsinki
                .minute_of(first, minute)
                .context("the season's first day")
        };
        let midnight_utc_ms = i64::from(first.as_days()).saturating_mul(DAY_MS);
        let evening_ms = minute(EVENING_MINUTE)?
            .as_ms()
            .saturating_sub(midnight_utc_ms);
        let delivery = Season {
            first,
            last,
            evening_ms,
        };
        let cast = Cast::of(walking);
        let openings = catalog::openings(season, helsinki)?;
        let town = Town {
            walkers: walking.walkers.len(),
            moon: cast.moon,
            seed,
        };
        let newcomers = walking
            .walkers
            .iter()
            .zip(&cast.aliases)
            .enumerate()
            .map(|(index, (walker, alias))| Newcomer {
                alias: *alias,
                plans: delivery::plan(walker, index, delivery, seed),
            })
            .collect();
        Ok(Self {
            season,
            evening_ms,
            morning: minute(MORNING_MINUTE)?,
            gatherings: schedule::plan(&openings, town),
            cast,
            newcomers,
        })
    }

    async fn launch(
        self,
        home: Home,
        helsinki: Helsinki,
        language: Language,
    ) -> anyhow::Result<(World, Script)> {
        let Self {
            season,
            evening_ms,
            morning,
            cast,
            gatherings,
            newcomers,
        } = self;
        let launch = Launch {
            home,
            helsinki,
            season,
            now: morning,
            language,
        };
        let Launched { world, link } = launch.start(newcomers).await?;
        let sheet = world.phone(cast.moon)?.create_recovery_sheet().await?.text;
        let keepsakes = Keepsakes { sheet, link };
        Ok((
            world,
            Script {
                season,
                cast,
                gatherings,
                keepsakes,
                evening_ms,
            },
        ))
    }
}

fn title(telling: &mut Telling, walking: &Walking, season: SeasonDates) -> anyhow::Result<()> {
    let people = walking.walkers.len();
    let title = telling.text.story.title.with(&[
        ("days", &season.days()),
        ("people", &people),
        ("devices", &people.saturating_mul(2)),
        ("places", &catalog::PLACES.len()),
    ]);
    Ok(telling.title(&title)?)
}

async fn compare_all(
    world: &World,
    script: &Script,
    walking: &Walking,
    faults: &mut Faults,
) -> anyhow::Result<Comparison> {
    let kept = kept::read(world).await?;
    let challenge = world.organiser.challenge(catalog::CHALLENGE).await?.total;
    let card_earned = CardStory {
        participant: kept.card()?.participant,
        catalog: &world.catalog,
        gatherings: &script.gatherings,
        challenge,
    }
    .earned();
    compare::compare(world, walking, &kept, &card_earned, faults)
}

fn close(
    telling: &mut Telling,
    world: &World,
    comparison: &Comparison,
    run: Run,
    faults: &Faults,
) -> anyhow::Result<()> {
    let text = telling.text.clone();
    telling.plain("")?;
    for line in table::lines(&text, comparison, world.counted, faults) {
        telling.plain(&line)?;
    }
    let mark = &text.calendar.decimal_mark;
    let tenths = u64::try_from(run.elapsed.as_millis().div_ceil(100)).unwrap_or(u64::MAX);
    let measured = text.table.measured.with(&[
        ("calls", &grouped(world.counted.sync_calls)),
        ("up", &size(world.counted.bytes_up, mark)),
        ("down", &size(world.counted.bytes_down, mark)),
        ("seconds", &decimal(tenths, mark)),
    ]);
    telling.plain("")?;
    telling.plain(&format!(" {measured}"))?;
    Ok(())
}
