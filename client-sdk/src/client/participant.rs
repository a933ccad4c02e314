//! What a participant's phone does and shows.

use std::collections::BTreeMap;

use askel_proto::v1::Measure;
use askel_sync::{
    id::{GoalId, PlaceId, StepSourceId},
    op::{Alias, ProfileField},
    time::{LocalDate, Timestamp},
};

use super::Client;
use crate::{
    Attended, Award, Change, CheckedIn, Error, Nearby, Opening, Place, Profile, Progress,
    StepReading, StepsRecorded,
    engine::{CheckInMade, Engine},
};

impl Client {
    /// "I'm here." The first check-in of a session counts; asking again finds it.
    ///
    /// # Errors
    /// [`Error::FixInput`] for a place that the catalog does not know, and for staff.
    pub fn check_in(&self, place: PlaceId) -> Result<CheckedIn, Error> {
        let (made, changes) = self
            .shared
            .decide(|engine, now| engine.check_in(place, now))?;
        Ok(checked_in(made, changes))
    }

    /// "I'm here", with the code that the place shows as proof: 1 to 128 bytes. It adds to a check-in
    /// without one; asking again finds it.
    ///
    /// # Errors
    /// As [`Client::check_in`], and for a code that is too long or empty.
    pub fn check_in_with_code(&self, place: PlaceId, code: &[u8]) -> Result<CheckedIn, Error> {
        let (made, changes) = self
            .shared
            .decide(|engine, now| engine.check_in_with_code(place, code, now))?;
        Ok(checked_in(made, changes))
    }

    /// Asks that everything about this participant be erased, here and on the server. It is asked for
    /// with the next sync, which then deletes all of this phone's data; there is no way back.
    pub fn erase_me(&self) -> Result<(), Error> {
        self.shared.decide(Engine::erase_me).map(drop)
    }

    /// Takes in what a sensor counted, each bucket's count so far. Delivering again changes nothing; a
    /// changed count replaces the former one. Readings of a time that has not come yet are left out: they are
    /// to be delivered again.
    ///
    /// # Errors
    /// [`Error::FixInput`] for a count above 20 000; nothing is recorded then.
    pub fn record_steps(
        &self,
        source: StepSourceId,
        measure: Measure,
        readings: &[StepReading],
    ) -> Result<StepsRecorded, Error> {
        let (made, changes) = self
            .shared
            .decide(|engine, now| engine.record_steps(source, measure, readings, now))?;
        Ok(StepsRecorded {
            written: made.written,
            unchanged: made.unchanged,
            left_out: made.left_out,
            new_awards: new_awards(changes),
        })
    }

    /// Chooses an alias: a word of the catalog and a number, 0..=9999.
    pub fn set_alias(&self, alias: Alias) -> Result<(), Error> {
        self.set_profile(ProfileField::Alias(alias))
    }

    /// Chooses a picture of the fixed set, 0..=63.
    pub fn set_picture(&self, picture: u32) -> Result<(), Error> {
        self.set_profile(ProfileField::Picture(picture))
    }

    /// Chooses a language: fi, sv, en, fi-simple or sv-simple.
    pub fn set_language(&self, language: &str) -> Result<(), Error> {
        self.set_profile(ProfileField::Language(language.to_owned()))
    }

    fn set_profile(&self, field: ProfileField) -> Result<(), Error> {
        self.shared
            .decide(|engine, now| engine.set_profile(field, now))
            .map(drop)
    }

    /// Marks a place. Marking again changes nothing.
    pub fn add_favourite(&self, place: PlaceId) -> Result<(), Error> {
        self.shared
            .decide(|engine, now| engine.add_favourite(place, now))
            .map(drop)
    }

    /// Unmarks a place. Unmarking again changes nothing.
    pub fn remove_favourite(&self, place: PlaceId) -> Result<(), Error> {
        self.shared
            .decide(|engine, now| engine.remove_favourite(place, now))
            .map(drop)
    }

    /// Joins a quest or challenge, and tells what that earned. Joining again changes nothing.
    pub fn join_quest(&self, goal: GoalId) -> Result<Vec<Award>, Error> {
        let ((), changes) = self
            .shared
            .decide(|engine, now| engine.join_quest(goal, now))?;
        Ok(new_awards(changes))
    }

    /// Leaves a quest or challenge. Leaving again changes nothing.
    pub fn leave_quest(&self, goal: GoalId) -> Result<(), Error> {
        self.shared
            .decide(|engine, now| engine.leave_quest(goal, now))
            .map(drop)
    }

    /// Where the participant stands with every goal, in ascending goal id; empty for staff.
    pub fn progress(&self) -> Vec<Progress> {
        self.shared.ask(Engine::progress)
    }

    /// What the participant has earned, in ascending goal and stage.
    pub fn awards(&self) -> Vec<Award> {
        self.shared.ask(Engine::awards)
    }

    /// What the participant chose.
    pub fn profile(&self) -> Profile {
        self.shared.ask(Engine::profile)
    }

    /// The pass as the text of a QR code; `None` for staff and before enrolment.
    pub fn pass(&self) -> Option<String> {
        self.shared.ask(Engine::pass)
    }

    /// Sessions the participant was at, in ascending place, day and session.
    pub fn attendances(&self) -> Vec<Attended> {
        self.shared.ask(Engine::attendances)
    }

    /// Day totals of a measure, over all devices. A counted day without steps stands with 0.
    pub fn day_steps(&self, measure: Measure) -> BTreeMap<LocalDate, u64> {
        self.shared.ask(|engine| engine.day_steps(measure))
    }

    /// The places of the catalog, in ascending id.
    pub fn places(&self) -> Vec<Place> {
        self.shared.ask(Engine::places)
    }

    /// Places where something is on at an instant: an opening interval, or a session from 30 minutes
    /// before it starts.
    pub fn open_now(&self, at: Timestamp) -> Vec<Opening> {
        self.shared.ask(|engine| engine.open_at(at))
    }

    /// Places with a position, the nearest first. The position stays on the phone. Degrees times 10^6.
    pub fn nearby(&self, latitude_e6: i32, longitude_e6: i32) -> Vec<Nearby> {
        self.shared
            .ask(|engine| engine.nearby(latitude_e6, longitude_e6))
    }
}

fn checked_in(made: CheckInMade, changes: Vec<Change>) -> CheckedIn {
    CheckedIn {
        op: made.op,
        session: made.session,
        presence: made.presence,
        new_awards: new_awards(changes),
    }
}

fn new_awards(changes: Vec<Change>) -> Vec<Award> {
    let shown = |change| match change {
        Change::AwardShown(award) => Some(award),
        _ => None,
    };
    changes.into_iter().filter_map(shown).collect()
}
