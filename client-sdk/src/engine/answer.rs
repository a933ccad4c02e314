//! What an app shows, from the view.

use std::collections::BTreeMap;

use askel_proto::v1;
use askel_sync::{
    catalog::{self, Catalog},
    fold::Attendance,
    goal::{Entry, Goal},
    id::{ActivityId, AwardId, GoalId, PlaceId},
    op::{Measure, SessionRef},
    pass,
    rule::GoalProgress,
    time::{LocalDate, Timestamp},
};

use super::{Engine, view::ParticipantView};
use crate::{
    Attended, Award, Confirmation, Joining, Nearby, Opening, Place, Profile, Progress,
    StageProgress,
};

/// What texts are in until a participant chooses.
const LANGUAGE: &str = "fi";

impl Engine {
    /// What is shown, with how far it is settled.
    pub(super) fn shown_awards(&self) -> BTreeMap<AwardId, Confirmation> {
        let Some(view) = &self.view.participant else {
            return BTreeMap::new();
        };
        let confirmation = |id| {
            if view.is_confirmed(id) {
                Confirmation::Confirmed
            } else {
                Confirmation::OnThisDevice
            }
        };
        view.awards
            .shown()
            .into_iter()
            .map(|id| (id, confirmation(id)))
            .collect()
    }

    /// Awards as shown, in ascending goal and stage.
    pub(crate) fn awards(&self) -> Vec<Award> {
        let mut awards: Vec<Award> = self
            .shown_awards()
            .into_keys()
            .filter_map(|id| self.award(id))
            .collect();
        awards.sort_by_key(|award| (award.goal, award.stage, award.id));
        awards
    }

    /// One award with its texts.
    pub(super) fn award(&self, id: AwardId) -> Option<Award> {
        let view = self.view.participant.as_ref()?;
        let confirmed = view
            .shown
            .confirmed()
            .find(|confirmed| confirmed.award == id);
        let eligible = view
            .evaluation
            .eligible
            .iter()
            .find(|eligible| eligible.award == id);
        let (goal, stage) = match (eligible, confirmed) {
            (Some(eligible), _) => (eligible.goal, eligible.stage),
            (None, Some(confirmed)) => (confirmed.goal, confirmed.stage),
            (None, None) => return None,
        };
        let confirmation = if confirmed.is_some() {
            Confirmation::Confirmed
        } else {
            Confirmation::OnThisDevice
        };
        let bare = Award {
            id,
            goal,
            stage,
            badge: None,
            name: String::new(),
            description: String::new(),
            picture: 0,
            confirmation,
        };
        Some(match self.view.catalog.goal(goal) {
            Some(goal) => self.with_texts(&bare, goal),
            None => bare,
        })
    }

    fn with_texts(&self, bare: &Award, goal: &Goal) -> Award {
        let stage = usize::try_from(bare.stage)
            .unwrap_or(usize::MAX)
            .checked_sub(1);
        let badge = match stage {
            None => goal.badge,
            Some(index) => goal.stage_badges.get(index).copied().flatten(),
        };
        let stage_name = stage.and_then(|index| {
            goal.rule
                .stages()?
                .stages
                .get(index)
                .map(|stage| self.text(&stage.name))
        });
        match badge.and_then(|id| self.view.catalog.badge(id)) {
            Some(badge) => Award {
                badge: Some(badge.id),
                name: self.text(&badge.name),
                description: self.text(&badge.description),
                picture: badge.picture,
                ..bare.clone()
            },
            None => Award {
                name: stage_name.unwrap_or_else(|| self.text(&goal.name)),
                description: self.text(&goal.description),
                ..bare.clone()
            },
        }
    }

    /// Where the participant stands with every goal of the catalog.
    pub(crate) fn progress(&self) -> Vec<Progress> {
        let Some(view) = &self.view.participant else {
            return Vec::new();
        };
        let progress = |progress: &GoalProgress| {
            let goal = self.view.catalog.goal(progress.goal)?;
            Some(self.goal_progress(view, goal, progress))
        };
        view.evaluation.goals.iter().filter_map(progress).collect()
    }

    fn goal_progress(
        &self,
        view: &ParticipantView,
        goal: &Goal,
        progress: &GoalProgress,
    ) -> Progress {
        let names = goal
            .rule
            .stages()
            .map(|stages| &*stages.stages)
            .unwrap_or_default();
        let stages = (1..).zip(names.iter().zip(&progress.stages));
        Progress {
            goal: goal.id,
            kind: goal.kind,
            name: self.text(&goal.name),
            description: self.text(&goal.description),
            current: progress.current,
            target: progress.target,
            reached: progress.reached,
            stages: stages
                .map(|(number, (stage, progress))| StageProgress {
                    stage: number,
                    name: self.text(&stage.name),
                    current: progress.current,
                    target: progress.target,
                    reached: progress.reached,
                })
                .collect(),
            joining: joining(view, goal.id, goal.entry),
        }
    }

    /// The profile, with the alias in words.
    pub(crate) fn profile(&self) -> Profile {
        let Some(view) = &self.view.participant else {
            return Profile::default();
        };
        let profile = view.shown.profile();
        let alias_text = profile.alias.and_then(|alias| {
            let words = &self.view.catalog.proto().alias_words;
            let word = words.iter().find(|word| word.id == alias.word)?;
            Some(format!(
                "{}-{}",
                self.text(word.text.as_ref()?),
                alias.number
            ))
        });
        Profile {
            alias: profile.alias,
            alias_text,
            picture: profile.picture,
            language: profile.language,
        }
    }

    /// The pass as the text of a QR code.
    pub(crate) fn pass(&self) -> Option<String> {
        self.model.enrolment()?.pass.as_ref().map(pass::to_text)
    }

    /// Sessions the participant was at, in ascending place, day and session.
    pub(crate) fn attendances(&self) -> Vec<Attended> {
        let Some(view) = &self.view.participant else {
            return Vec::new();
        };
        let attended = |attendance: &Attendance| Attended {
            place: attendance.key.place,
            place_name: self
                .view
                .catalog
                .place(attendance.key.place)
                .map(|place| self.text(&place.name))
                .unwrap_or_default(),
            date: attendance.key.date,
            session: attendance.key.session,
            activity: attendance.activity,
            strength: attendance.strength,
            witnesses: attendance.witnesses.to_vec(),
        };
        view.shown.attendances().map(attended).collect()
    }

    /// Day totals of a measure.
    pub(crate) fn day_steps(&self, measure: Measure) -> BTreeMap<LocalDate, u64> {
        self.view
            .participant
            .as_ref()
            .map(|view| view.day_steps(measure))
            .unwrap_or_default()
    }

    /// Places of the catalog, in ascending id.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.view
            .catalog
            .places()
            .map(|place| self.place(place))
            .collect()
    }

    fn place(&self, place: &catalog::Place) -> Place {
        let favourite = |view: &ParticipantView| view.shown.favourites().contains(&place.id);
        Place {
            id: place.id,
            name: self.text(&place.name),
            description: self.text(&place.description),
            position_e6: place
                .position
                .map(|position| (position.latitude_e6, position.longitude_e6)),
            keywords: place.keywords.clone(),
            favourite: self.view.participant.as_ref().is_some_and(favourite),
        }
    }

    /// Places where something is on.
    pub(crate) fn open_at(&self, at: Timestamp) -> Vec<Opening> {
        let catalog = &*self.view.catalog;
        let opening = |place: &catalog::Place| {
            let session = catalog.session_at(place.id, at);
            let is_on = matches!(session, SessionRef::Dated(_)) || catalog.is_open(place.id, at);
            let activity = activity_of(catalog, place.id, session);
            is_on.then(|| Opening {
                place: self.place(place),
                session,
                activity,
                activity_name: activity
                    .and_then(|id| catalog.activity(id))
                    .map(|activity| self.text(&activity.name))
                    .unwrap_or_default(),
            })
        };
        catalog.places().filter_map(opening).collect()
    }

    /// Places with a position, the nearest first.
    pub(crate) fn nearby(&self, latitude_e6: i32, longitude_e6: i32) -> Vec<Nearby> {
        let here = (latitude_e6, longitude_e6);
        let nearby = |place: Place| {
            let distance_m = distance_m(here, place.position_e6?);
            Some(Nearby { place, distance_m })
        };
        let mut places: Vec<Nearby> = self.places().into_iter().filter_map(nearby).collect();
        places.sort_by_key(|nearby| (nearby.distance_m, nearby.place.id));
        places
    }

    fn text(&self, texts: &v1::LocalizedText) -> String {
        catalog::text(texts, self.language()).to_owned()
    }

    /// What the participant chose to read.
    pub(super) fn language(&self) -> &str {
        let participant = self.view.participant.as_ref();
        let chosen = participant.and_then(|view| view.shown.language());
        chosen.unwrap_or(LANGUAGE)
    }
}

fn joining(view: &ParticipantView, goal: GoalId, entry: Entry) -> Joining {
    match entry {
        Entry::Open => Joining::NotNeeded,
        Entry::JoinedOnly if view.shown.joined().contains(&goal) => Joining::Joined,
        Entry::JoinedOnly => Joining::NotJoined,
    }
}

fn activity_of(catalog: &Catalog, place: PlaceId, session: SessionRef) -> Option<ActivityId> {
    match session {
        SessionRef::Dated(id) => catalog.session(id).map(|session| session.activity),
        SessionRef::Slot(slot) => catalog
            .opening_intervals(place)
            .iter()
            .find(|interval| interval.slot == slot)
            .and_then(|interval| interval.activity),
    }
}

/// As the crow flies on a sphere, good to half a percent.
fn distance_m(from: (i32, i32), to: (i32, i32)) -> u32 {
    const EARTH_RADIUS_M: f64 = 6_371_000.0;
    let radians = |e6: i32| (f64::from(e6) / 1e6).to_radians();
    let (latitude, other) = (radians(from.0), radians(to.0));
    let half_north = ((other - latitude) / 2.0).sin();
    let half_east = ((radians(to.1) - radians(from.1)) / 2.0).sin();
    let haversine = half_north * half_north + latitude.cos() * other.cos() * half_east * half_east;
    let metres = 2.0 * EARTH_RADIUS_M * haversine.min(1.0).sqrt().asin();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to half the earth's girth, 20 015 087 m"
    )]
    let metres = metres.round() as u32;
    metres
}
