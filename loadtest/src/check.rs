//! Whether every replica holds what the workload says.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use askel_client_sdk::{
    Attended, Award, Client, Confirmation, Joining, LocalDate, Measure, Place, Profile, Progress,
};
use askel_server::VerifiedTenant;
use askel_sync::time::Timestamp;
use askel_workload::{DAY_MS, Expected, HOUR_MS, PLACES, START_MS};

use crate::catalog::{self, WEEKS};

/// The workload's end, as Askel computes it from ops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Truth {
    day_steps: BTreeMap<LocalDate, u64>,
    /// Places and days.
    attendances: BTreeSet<(u32, LocalDate)>,
    favourites: BTreeSet<u32>,
    alias: Option<(u32, u32)>,
    picture: Option<u32>,
    language: Option<String>,
    quests: BTreeSet<u32>,
    badges: BTreeSet<u32>,
}

/// All that a phone shows, as it is read.
pub(crate) struct Shown {
    profile: Profile,
    attended: Vec<Attended>,
    places: Vec<Place>,
    joined: Vec<Progress>,
    awards: Vec<Award>,
    day_steps: BTreeMap<LocalDate, u64>,
}

impl Shown {
    pub(crate) fn read(phone: &Client) -> Self {
        Self {
            profile: phone.profile(),
            attended: phone.attendances(),
            places: phone.places(),
            joined: phone.progress(),
            awards: phone.awards(),
            day_steps: phone.day_steps(Measure::Steps),
        }
    }
}

impl Truth {
    /// A person has one body: of an hour the greatest count of any device stands.
    pub(crate) fn of(expected: &Expected) -> Self {
        let mut hours: BTreeMap<u32, u32> = BTreeMap::new();
        for ((_, hour), count) in &expected.steps {
            let most = hours.entry(*hour).or_default();
            *most = (*most).max(*count);
        }
        let mut day_steps: BTreeMap<LocalDate, u64> = BTreeMap::new();
        for (hour, count) in hours {
            let sum = day_steps
                .entry(day_of(i64::from(hour).saturating_mul(HOUR_MS)))
                .or_default();
            *sum = sum.saturating_add(u64::from(count));
        }
        let scanned = expected.check_ins.iter();
        let scanned = scanned.map(|(at, place)| (*place, day_of(*at)));
        let noted = expected.notes.keys();
        let noted = noted.map(|at| (note_place(expected, *at), day_of(*at)));
        Self {
            day_steps,
            attendances: scanned.chain(noted).collect(),
            favourites: expected.favourites.clone(),
            alias: expected.alias,
            picture: expected.picture,
            language: expected.language.clone(),
            quests: expected.quests.clone(),
            // A check-in earns its week's badge at once, whether or not the week is over.
            badges: expected
                .check_ins
                .iter()
                .filter_map(|(at, _)| week_of(*at))
                .filter(|week| *week <= WEEKS)
                .collect(),
        }
    }

    /// What a phone shows.
    pub(crate) fn shown_by(phone: &Client) -> Self {
        Self::shown(&Shown::read(phone))
    }

    /// What was read on a phone.
    pub(crate) fn shown(read: &Shown) -> Self {
        let Shown {
            profile,
            attended,
            places,
            joined,
            awards,
            day_steps,
        } = read;
        Self {
            day_steps: day_steps.clone(),
            attendances: attended
                .iter()
                .map(|one| (one.place.get(), one.date))
                .collect(),
            favourites: places
                .iter()
                .filter(|place| place.favourite)
                .map(|place| place.id.get())
                .collect(),
            alias: profile.alias.map(|alias| (alias.word, alias.number)),
            picture: profile.picture,
            language: profile.language.clone(),
            quests: joined
                .iter()
                .filter(|progress| progress.joining == Joining::Joined)
                .map(|progress| progress.goal.get())
                .collect(),
            badges: awards
                .iter()
                .filter(|award| award.confirmation == Confirmation::Confirmed)
                .filter_map(|award| catalog::week_of(award.goal))
                .collect(),
        }
    }

    /// # Errors
    /// Names what differs.
    pub(crate) fn check(&self, who: &str, shown: &Self) -> anyhow::Result<()> {
        ensure!(self.day_steps == shown.day_steps, "{who}: day steps differ");
        ensure!(
            self.attendances == shown.attendances,
            "{who}: attendances differ: {:?}",
            self.attendances
                .symmetric_difference(&shown.attendances)
                .collect::<Vec<_>>()
        );
        ensure!(
            self.favourites == shown.favourites,
            "{who}: favourites differ"
        );
        ensure!(self.quests == shown.quests, "{who}: quests differ");
        ensure!(
            self.badges == shown.badges,
            "{who}: badges differ: {:?}",
            self.badges
                .symmetric_difference(&shown.badges)
                .collect::<Vec<_>>()
        );
        ensure!(self == shown, "{who}: the profile differs");
        Ok(())
    }

    /// The same of the server's ops, folded from scratch.
    ///
    /// # Errors
    /// Names what differs.
    pub(crate) fn check_server(&self, tenant: &VerifiedTenant) -> anyhow::Result<()> {
        let [participant] = &*tenant.participants else {
            anyhow::bail!("there is one participant");
        };
        let count = |set: usize| u64::try_from(set).unwrap_or(u64::MAX);
        ensure!(
            participant.day_steps == self.day_steps,
            "server: day steps differ"
        );
        ensure!(
            participant.attendances == count(self.attendances.len()),
            "server: attendances differ"
        );
        ensure!(
            participant.confirmed.len() == self.badges.len(),
            "server: badges differ"
        );
        ensure!(tenant.rows_agree, "server: rows differ from the ops");
        Ok(())
    }
}

/// Where a note's check-in is made: the first place where nobody scans the participant that day.
pub(crate) fn note_place(expected: &Expected, at_ms: i64) -> u32 {
    let day = day_of(at_ms);
    let taken = |place: &u32| {
        let mut scans = expected.check_ins.iter();
        scans.any(|(at, scanned)| scanned == place && day_of(*at) == day)
    };
    (1..=PLACES).find(|place| !taken(place)).unwrap_or(PLACES)
}

/// From 1.
fn week_of(at_ms: i64) -> Option<u32> {
    let weeks = at_ms.saturating_sub(START_MS).div_euclid(7 * DAY_MS);
    u32::try_from(weeks.saturating_add(1)).ok()
}

fn day_of(at_ms: i64) -> LocalDate {
    let days = Timestamp::from_ms(at_ms).as_ms().div_euclid(DAY_MS);
    LocalDate::from_days(i32::try_from(days).unwrap_or(i32::MAX))
}
