//! The first afternoon: a basement without signal, two tablets, one queue.

use std::collections::BTreeSet;

use super::{Stage, alias, listed};
use crate::story::{
    catalog::BASEMENT,
    kept,
    schedule::{Act, Gathering, Who},
    telling,
    world::Seen,
};

/// Everyone at the door, one by one, and the closing.
pub(crate) fn first_afternoon(stage: &mut Stage<'_>, gathering: &Gathering) -> anyhow::Result<()> {
    let text = stage.telling.text.clone();
    stage
        .telling
        .happens(gathering.opening.from, text.story.basement.plain())?;
    let mut seen_by = BTreeSet::new();
    for (at, act) in &gathering.acts {
        let seen = stage.world.act(*at, gathering.opening.place, *act)?;
        let who = who(stage, *act)?;
        let what = match &seen {
            Seen::Welcome(_) => text.story.welcome.plain().to_owned(),
            Seen::AlreadyHere => text.story.already_here.plain().to_owned(),
            Seen::Nameless(_) => "+".to_owned(),
        };
        let note = match (&seen, act) {
            (Seen::Welcome(awards), _) if !awards.is_empty() => {
                let names: Vec<String> = awards.iter().map(|award| award.name.clone()).collect();
                text.story
                    .badge_on_phone
                    .with(&[("badge", &names.join(", "))])
            }
            (Seen::Welcome(_), Act::Scan { who: Who::Card, .. }) => {
                text.story.card_later.plain().to_owned()
            }
            (Seen::Welcome(_), Act::Scan { tablet, who }) if !seen_by.insert(*who) => text
                .story
                .tablets_apart
                .with(&[("tablet", &tablet.saturating_add(1))]),
            _ => String::new(),
        };
        stage.telling.in_queue(&who, &what, &note)?;
    }
    let counts = |tablet| -> anyhow::Result<String> {
        let day = stage.world.tablet(tablet)?.place_day(BASEMENT)?;
        Ok(format!("{} + {}", day.scanned, day.anonymous))
    };
    let closing = text
        .story
        .closing
        .with(&[("first", &counts(0)?), ("second", &counts(1)?)]);
    stage.telling.happens(gathering.opening.until, &closing)?;
    Ok(())
}

fn who(stage: &Stage<'_>, act: Act) -> anyhow::Result<String> {
    let text = &stage.telling.text;
    let story = &text.story;
    Ok(match act {
        Act::Tap(walker) => {
            let alias = alias(stage.world, text, Who::Walker(walker))?;
            story.on_phone.with(&[("alias", &alias)])
        }
        Act::Scan { who: Who::Card, .. } => story
            .on_card
            .with(&[("alias", &alias(stage.world, text, Who::Card)?)]),
        Act::Scan { tablet, who } => {
            let alias = alias(stage.world, text, who)?;
            story
                .on_tablet
                .with(&[("alias", &alias), ("tablet", &tablet.saturating_add(1))])
        }
        Act::Count { .. } => story.no_name.plain().to_owned(),
    })
}

/// Up the stairs there is signal: the tablets and moon-14's phone sync.
pub(crate) async fn on_the_street(stage: &mut Stage<'_>, moon: usize) -> anyhow::Result<()> {
    let text = stage.telling.text.clone();
    let now = stage.world.clock.now();
    stage.world.sync_tablets(BASEMENT).await?;
    let phone = stage.world.phone(moon)?.clone();
    let report = stage.world.sync(&phone).await?;
    let moon_alias = alias(stage.world, &text, Who::Walker(moon))?;
    let bytes = report.bytes_up.saturating_add(report.bytes_down);
    let size = telling::size(bytes, &text.calendar.decimal_mark);
    let time = stage.telling.time(now);
    stage.telling.happens(
        now,
        &text.story.street.with(&[("time", &time), ("size", &size)]),
    )?;
    let times: usize = phone
        .attendances()
        .iter()
        .map(|attended| attended.witnesses.len())
        .sum();
    let day = stage.world.tablet(0)?.place_day(BASEMENT)?;
    let once = text.story.street_once.with(&[
        ("alias", &moon_alias),
        ("times", &times),
        ("counted", &day.encounters),
        ("scanned", &day.scanned),
        ("anonymous", &day.anonymous),
    ]);
    stage.telling.happens(now, &once)?;
    let badges: Vec<String> = report
        .confirmed_awards
        .iter()
        .map(|award| award.name.clone())
        .collect();
    let kept = kept::read(stage.world).await?;
    let card_badges = kept.card_badge_names(stage.world, stage.telling.language())?;
    let confirmed = text.story.street_confirmed.with(&[
        ("alias", &moon_alias),
        ("badges", &listed(&badges, &text)),
        ("card", &alias(stage.world, &text, Who::Card)?),
        ("card_badges", &listed(&card_badges, &text)),
    ]);
    stage.telling.happens(now, &confirmed)?;
    Ok(())
}
