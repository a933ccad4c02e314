//! A second reckoning of a participant's facts, as naive as can be: what the fold must come to.

use std::collections::{BTreeMap, BTreeSet};

use askel_client_sdk::{GoalId, LocalDate, OpId, PlaceId};
use askel_sync::{
    admission::{AdmittedOp, Flags, counted_in},
    catalog::Catalog,
    fold::ParticipantState,
    id::StepSourceId,
    op::{Measure, Payload, ProfileField, SessionRef, Verdict},
    time::{Quarter, Timestamp},
};

use crate::catalog::{FIRST_VISIT, THREE_VISITS};

/// The facts.
pub(crate) struct Naive {
    visits: BTreeSet<(PlaceId, LocalDate)>,
    in_doubt: BTreeSet<(PlaceId, LocalDate)>,
    steps: BTreeMap<LocalDate, u64>,
    picture: Option<u32>,
    language: Option<String>,
    favourites: BTreeSet<PlaceId>,
    joined: BTreeSet<GoalId>,
}

/// Which of two settings holds.
type Rank = (u32, Timestamp, OpId);

impl Naive {
    pub(crate) fn of(ops: &[AdmittedOp], catalog: &Catalog) -> Self {
        let parsed: Vec<(OpId, Timestamp, Payload)> = ops
            .iter()
            .filter_map(|admitted| {
                let payload = admitted.op.parse().ok()??;
                Some((admitted.id(), admitted.admission.corrected_at, payload))
            })
            .collect();
        let (picture, language) = profile(&parsed);
        Self {
            visits: visits(&parsed, catalog),
            in_doubt: days_in_doubt(ops, catalog),
            steps: steps(ops, catalog),
            picture,
            language,
            favourites: favourites(&parsed),
            joined: joined(&parsed),
        }
    }

    /// What the fold says otherwise.
    pub(crate) fn differences(&self, folded: &ParticipantState) -> Vec<String> {
        let visits: BTreeSet<_> = folded
            .attendances()
            .map(|one| (one.key.place, one.key.date))
            .collect();
        let profile = folded.profile();
        let doubted = |visits: &BTreeSet<_>| -> BTreeSet<_> {
            visits.difference(&self.in_doubt).copied().collect()
        };
        [
            (doubted(&visits) != doubted(&self.visits))
                .then(|| format!("visits {visits:?} for {:?}", self.visits)),
            (folded.day_steps(Measure::Steps) != self.steps).then(|| {
                let steps = folded.day_steps(Measure::Steps);
                format!("steps {steps:?} for {:?}", self.steps)
            }),
            (profile.picture != self.picture)
                .then(|| format!("picture {:?} for {:?}", profile.picture, self.picture)),
            (profile.language != self.language)
                .then(|| format!("language {:?} for {:?}", profile.language, self.language)),
            (*folded.favourites() != self.favourites)
                .then(|| format!("favourites for {:?}", self.favourites)),
            (*folded.joined() != self.joined).then(|| format!("quests for {:?}", self.joined)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Goals that count visits and are reached.
    pub(crate) fn reached(&self) -> Vec<GoalId> {
        let goals = [(FIRST_VISIT, 1), (THREE_VISITS, 3)];
        let sure = self.visits.difference(&self.in_doubt).count();
        let reached = goals.iter().filter(|(_, visits)| sure >= *visits);
        reached.map(|(goal, _)| GoalId::new(*goal)).collect()
    }
}

type Parsed = [(OpId, Timestamp, Payload)];

fn visits(parsed: &Parsed, catalog: &Catalog) -> BTreeSet<(PlaceId, LocalDate)> {
    let mut ruled: BTreeMap<OpId, (u32, bool)> = BTreeMap::new();
    for (_, _, payload) in parsed {
        if let Payload::Correction(correction) = payload {
            let ruling = (
                correction.revision,
                matches!(correction.verdict, Verdict::Void),
            );
            let greatest = ruled.entry(correction.check_in).or_insert(ruling);
            *greatest = ruling.max(*greatest);
        }
    }
    // A visit that was taken back is taken back whoever else witnessed it, unless it is reinstated.
    let mut rulings: BTreeMap<(PlaceId, LocalDate, SessionRef), (u32, bool)> = BTreeMap::new();
    for (id, at, payload) in parsed {
        if let Payload::CheckIn(check_in) = payload
            && let Some(date) = catalog.local_date(check_in.place, *at)
        {
            // A phone that is back and holds no catalog yet names none of its slots: then the catalog in
            // force says which it was.
            let session = match check_in.catalog_version {
                0 => catalog.session_at(check_in.place, *at),
                _ => check_in.session,
            };
            let visit = (check_in.place, date, session);
            let ruling = ruled.get(id).copied().unwrap_or((0, false));
            let greatest = rulings.entry(visit).or_insert(ruling);
            *greatest = ruling.max(*greatest);
        }
    }
    let stands = rulings.into_iter().filter(|(_, (_, void))| !void);
    stands.map(|((place, date, _), _)| (place, date)).collect()
}

/// Days of a place on which a clock was off: which check-ins are one visit there is the fold's to say.
fn days_in_doubt(ops: &[AdmittedOp], catalog: &Catalog) -> BTreeSet<(PlaceId, LocalDate)> {
    let off = |admitted: &&AdmittedOp| {
        let flags = admitted.admission.flags;
        flags.contains(Flags::CLOCK_CORRECTED) || flags.contains(Flags::CLOCK_UNSURE)
    };
    let day = |admitted: &AdmittedOp| match admitted.op.parse() {
        Ok(Some(Payload::CheckIn(check_in))) => {
            let at = admitted.admission.corrected_at;
            Some((check_in.place, catalog.local_date(check_in.place, at)?))
        }
        _ => None,
    };
    ops.iter().filter(off).filter_map(day).collect()
}

fn steps(ops: &[AdmittedOp], catalog: &Catalog) -> BTreeMap<LocalDate, u64> {
    let mut registers: BTreeMap<(StepSourceId, Quarter), ((u32, u32), Quarter)> = BTreeMap::new();
    for admitted in ops {
        let Ok(Some(Payload::StepCount(count))) = admitted.op.parse() else {
            continue;
        };
        // Steps of a time that had not come yet count for nothing.
        let Some(counted) = counted_in(&count, &admitted.admission) else {
            continue;
        };
        let value = ((count.revision, count.count), counted);
        let register = registers
            .entry((count.source, count.bucket))
            .or_insert(value);
        *register = value.max(*register);
    }
    let mut hours: BTreeMap<i64, BTreeMap<StepSourceId, u64>> = BTreeMap::new();
    for ((source, _), ((_, count), counted)) in registers {
        let hour = counted.begins_at().as_ms().div_euclid(3_600_000);
        *hours.entry(hour).or_default().entry(source).or_default() += u64::from(count);
    }
    let mut days = BTreeMap::new();
    for (hour, sources) in hours {
        let at = Timestamp::from_ms(hour * 3_600_000);
        let most = sources.values().copied().max().unwrap_or(0);
        let date = catalog.midnight_date(at);
        *days.entry(date).or_default() += most;
    }
    days
}

fn profile(parsed: &Parsed) -> (Option<u32>, Option<String>) {
    let mut picture: Option<(Rank, u32)> = None;
    let mut language: Option<(Rank, String)> = None;
    for (id, at, payload) in parsed {
        let Payload::ProfileSet(set) = payload else {
            continue;
        };
        let rank = (set.revision, *at, *id);
        match &set.field {
            ProfileField::Picture(chosen) if picture.is_none_or(|(held, _)| held < rank) => {
                picture = Some((rank, *chosen));
            }
            ProfileField::Language(chosen)
                if language.as_ref().is_none_or(|(held, _)| *held < rank) =>
            {
                language = Some((rank, chosen.clone()));
            }
            _ => {}
        }
    }
    (
        picture.map(|(_, picture)| picture),
        language.map(|(_, language)| language),
    )
}

fn favourites(parsed: &Parsed) -> BTreeSet<PlaceId> {
    let mut removed = BTreeSet::new();
    for (_, _, payload) in parsed {
        if let Payload::FavouriteRemoved(one) = payload {
            removed.extend(one.added.iter().map(|added| (*added, one.place)));
        }
    }
    let standing = parsed.iter().filter_map(|(id, _, payload)| match payload {
        Payload::FavouriteAdded(added) => {
            (!removed.contains(&(*id, added.place))).then_some(added.place)
        }
        _ => None,
    });
    standing.collect()
}

fn joined(parsed: &Parsed) -> BTreeSet<GoalId> {
    let mut left = BTreeSet::new();
    for (_, _, payload) in parsed {
        if let Payload::QuestLeft(one) = payload {
            left.extend(one.joined.iter().map(|joined| (*joined, one.goal)));
        }
    }
    let standing = parsed.iter().filter_map(|(id, _, payload)| match payload {
        Payload::QuestJoined(joined) => {
            (!left.contains(&(*id, joined.goal))).then_some(joined.goal)
        }
        _ => None,
    });
    standing.collect()
}
