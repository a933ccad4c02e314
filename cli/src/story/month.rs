//! The month, day by day: what is planned happens in its order, and the story looks on.

use askel_sync::time::{HOUR_MS, LocalDate, MINUTE_MS, Timestamp};

use super::{
    cast::Cast,
    catalog::{BASEMENT, KIIMINKI, SeasonDates},
    evening,
    scene::{self, Keepsakes, Stage},
    schedule::Gathering,
};

/// The day of the month, counted from 0, on which each scene falls in a month of 31 days; in a
/// shorter or longer season they move with it.
mod day {
    pub(super) const GOES_QUIET: i32 = 3;
    pub(super) const KILLED: i32 = 6;
    pub(super) const LOSES_PHONE: i32 = 9;
    pub(super) const MISTAKE: i32 = 15;
    pub(super) const FINDS_WIFI: i32 = 22;
    pub(super) const LAST: i32 = 30;
}

/// Minutes after closing at which the tablets are back in a network.
const STREET_MINUTES: i64 = 130;
/// Tablets renew their leases every so many evenings.
const EVENINGS_PER_LEASE_SYNC: i32 = 3;
/// The server is killed on the first evening from the planned one on with so many phones syncing.
const PHONES_FOR_A_CRASH: usize = 4;

/// What will happen, and to whom.
pub(crate) struct Script {
    pub(crate) season: SeasonDates,
    pub(crate) cast: Cast,
    pub(crate) gatherings: Vec<Gathering>,
    pub(crate) keepsakes: Keepsakes,
    /// From the beginning of a day (UTC) to its evening, in milliseconds.
    pub(crate) evening_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Beat {
    GoesQuiet,
    LosesPhone,
    Mistake,
    FindsWifi,
}

/// What has been told and happens once, on a day that nobody planned.
#[derive(Debug, Default)]
struct Told {
    together: bool,
    killed: bool,
}

impl Script {
    /// Lives the month.
    pub(crate) async fn live(&self, stage: &mut Stage<'_>) -> anyhow::Result<()> {
        let mut told = Told::default();
        for offset in 0..self.season.days() {
            stage.telling.progress().day(offset.saturating_add(1));
            self.daytime(stage, offset).await?;
            self.evening(stage, offset, &mut told).await?;
            if !told.together {
                told.together = scene::reached_together(stage).await?;
            }
        }
        self.day_after(stage, &told).await
    }

    /// Gatherings and scenes in the order of their time.
    async fn daytime(&self, stage: &mut Stage<'_>, offset: i32) -> anyhow::Result<()> {
        let date = self.season.day(offset);
        let mut gatherings: Vec<&Gathering> = self
            .gatherings
            .iter()
            .filter(|gathering| gathering.opening.date == date)
            .collect();
        gatherings.sort_by_key(|gathering| gathering.opening.from);
        for beat in self.beats(offset) {
            let before = gatherings
                .iter()
                .take_while(|g| g.opening.from < self.time_of(beat, offset));
            let before = before.count();
            for gathering in gatherings.drain(..before) {
                self.gather(stage, gathering, offset).await?;
            }
            stage.world.move_to(self.time_of(beat, offset)).await?;
            self.play(stage, beat).await?;
        }
        for gathering in gatherings {
            self.gather(stage, gathering, offset).await?;
        }
        Ok(())
    }

    fn beats(&self, offset: i32) -> Vec<Beat> {
        let all = [
            (Beat::GoesQuiet, self.scaled(day::GOES_QUIET)),
            (Beat::LosesPhone, self.scaled(day::LOSES_PHONE)),
            (Beat::Mistake, self.mistake_day()),
            (Beat::FindsWifi, self.scaled(day::FINDS_WIFI)),
        ];
        let in_time = |beat: Beat| match beat {
            Beat::GoesQuiet | Beat::FindsWifi => self.quiet_days() > 0,
            Beat::LosesPhone | Beat::Mistake => true,
        };
        let mut today: Vec<Beat> = all
            .into_iter()
            .filter(|(beat, day)| *day == offset && in_time(*beat))
            .map(|(beat, _)| beat)
            .collect();
        today.sort_by_key(|beat| (self.time_of(*beat, offset), *beat));
        today
    }

    fn scaled(&self, day: i32) -> i32 {
        let last = self.season.days().saturating_sub(1);
        day.saturating_mul(last)
            .saturating_add(day::LAST.div_euclid(2))
            .div_euclid(day::LAST)
    }

    /// The last day up to the planned one on which Kiiminki opens its doors; -1 for none.
    fn mistake_day(&self) -> i32 {
        let planned = self.season.day(self.scaled(day::MISTAKE));
        let openings = self.gatherings.iter().map(|gathering| gathering.opening);
        let days = openings.filter(|opening| opening.place == KIIMINKI && opening.date <= planned);
        days.map(|opening| opening.date)
            .max()
            .map_or(-1, |date| self.offset(date))
    }

    /// None in a season of a few days: then nobody goes quiet.
    fn quiet_days(&self) -> i32 {
        self.scaled(day::FINDS_WIFI)
            .saturating_sub(self.scaled(day::GOES_QUIET))
    }

    fn offset(&self, date: LocalDate) -> i32 {
        date.as_days().saturating_sub(self.season.first.as_days())
    }

    /// A mistake happens at the door as it opens; all else at its hour before the evening.
    fn time_of(&self, beat: Beat, offset: i32) -> Timestamp {
        let hours = match beat {
            Beat::GoesQuiet => -12,
            Beat::LosesPhone => -11,
            Beat::FindsWifi => -10,
            Beat::Mistake => {
                let date = self.season.day(offset);
                let mut at_kiiminki = self
                    .gatherings
                    .iter()
                    .map(|gathering| gathering.opening)
                    .filter(|opening| opening.place == KIIMINKI && opening.date == date);
                return at_kiiminki
                    .next()
                    .map_or(self.at_evening(offset), |opening| opening.from);
            }
        };
        self.at_evening(offset)
            .saturating_add_ms(HOUR_MS.saturating_mul(hours))
    }

    fn at_evening(&self, offset: i32) -> Timestamp {
        let midnight = i64::from(self.season.day(offset).as_days());
        Timestamp::from_ms(midnight.saturating_mul(askel_sync::time::DAY_MS))
            .saturating_add_ms(self.evening_ms)
    }

    async fn play(&self, stage: &mut Stage<'_>, beat: Beat) -> anyhow::Result<()> {
        let Cast { moon, moss, .. } = self.cast;
        let quiet_days = self.quiet_days();
        match beat {
            Beat::GoesQuiet => scene::go_quiet(stage, moss, quiet_days).await,
            Beat::LosesPhone => scene::lost_phone(stage, moon, &self.keepsakes).await,
            Beat::Mistake => scene::mistaken_scan(stage, moon).await,
            Beat::FindsWifi => scene::find_wifi(stage, moss, quiet_days).await,
        }
    }

    /// A gathering, offline, and its tablets' sync when they are back in a network.
    async fn gather(
        &self,
        stage: &mut Stage<'_>,
        gathering: &Gathering,
        offset: i32,
    ) -> anyhow::Result<()> {
        let first = offset == 0 && gathering.opening.place == BASEMENT;
        if first {
            scene::first_afternoon(stage, gathering)?;
        } else {
            for (at, act) in &gathering.acts {
                stage.world.act(*at, gathering.opening.place, *act)?;
            }
        }
        stage.world.note(gathering);
        let street = gathering.opening.until;
        let minutes = if first { STREET_MINUTES } else { 1 };
        let street = street.saturating_add_ms(MINUTE_MS.saturating_mul(minutes));
        stage.world.move_to(street).await?;
        if first {
            scene::on_the_street(stage, self.cast.moon).await
        } else {
            stage.world.sync_tablets(gathering.opening.place).await
        }
    }

    /// Step sources hand over, phones sync; on one evening the server dies of it.
    async fn evening(
        &self,
        stage: &mut Stage<'_>,
        offset: i32,
        told: &mut Told,
    ) -> anyhow::Result<()> {
        stage.world.move_to(self.at_evening(offset)).await?;
        let date = self.season.day(offset);
        let due = evening::hand_over(stage.world, date).await?;
        let due = evening::reachable(stage.world, due);
        if !told.killed && offset >= self.scaled(day::KILLED) && due.len() >= PHONES_FOR_A_CRASH {
            told.killed = true;
            scene::killed_in_mid_write(stage, due).await?;
        } else {
            evening::sync(stage.world, due).await?;
        }
        if offset.rem_euclid(EVENINGS_PER_LEASE_SYNC) == 0 {
            for place in super::catalog::PLACES {
                stage.world.sync_tablets(place).await?;
            }
        }
        Ok(())
    }

    /// The last hours arrive, and everyone syncs; once more when the server has told everyone's
    /// total.
    async fn day_after(&self, stage: &mut Stage<'_>, told: &Told) -> anyhow::Result<()> {
        let offset = self.season.days();
        let morning = self
            .at_evening(offset)
            .saturating_add_ms(HOUR_MS.saturating_mul(-10));
        stage.world.move_to(morning).await?;
        evening::hand_over(stage.world, self.season.day(offset)).await?;
        for hours in [0, 2, 4] {
            let at = morning.saturating_add_ms(HOUR_MS.saturating_mul(hours));
            stage.world.move_to(at).await?;
            let everyone = evening::everyone(stage.world);
            evening::sync(stage.world, everyone).await?;
        }
        let everyone = stage.telling.text.story.everyone.clone();
        stage.telling.happens(morning, everyone.plain())?;
        let reached = told.together || scene::reached_together(stage).await?;
        if reached {
            Ok(())
        } else {
            scene::not_together(stage).await
        }
    }
}
