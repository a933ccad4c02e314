//! Ids of awards: computed from the goal's season, which is none, that of the award before, the next
//! one, or a week or month around the day.

use super::{odds::Tree, wire::Wire};
use crate::{
    award::award_id,
    goal::Season,
    id::{GoalId, ParticipantId, TenantId, TimeZoneId},
    time::{LocalDate, Timestamp},
};

/// The season of the award before, and the odds of the next one's.
#[derive(Debug, Clone)]
pub(super) struct Seasons {
    last: Option<Season>,
    guess: Tree<32>,
}

/// What an award's id is computed from, but for the season.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grounds {
    pub(super) tenant: TenantId,
    pub(super) goal: u32,
    pub(super) stage: u32,
    pub(super) subject: ParticipantId,
    /// When it was confirmed, in milliseconds.
    pub(super) at: i64,
}

/// The guesses that are tried, in this order.
const GUESSES: u32 = 18;
/// Says that none is right.
const OTHER: u32 = 31;

impl Seasons {
    pub(super) const NEW: Self = Self {
        last: None,
        guess: Tree::NEW,
    };

    /// Forgets the season and keeps the odds.
    pub(super) const fn forget(&mut self) {
        self.last = None;
    }

    /// The id of an award; `None` when no guess gives it.
    pub(super) fn code<W: Wire>(
        &mut self,
        wire: &mut W,
        grounds: Grounds,
        id: [u8; 16],
    ) -> Option<[u8; 16]> {
        let is_right = |guess: &u32| self.id(grounds, *guess).is_some_and(|found| found == id);
        let right = if W::READS {
            OTHER
        } else {
            (0..GUESSES).find(is_right).unwrap_or(OTHER)
        };
        let guess = self.guess.code(wire, right);
        let id = self.id(grounds, guess)?;
        self.last = self.season(grounds, guess).ok()?;
        Some(id)
    }

    fn id(&self, grounds: Grounds, guess: u32) -> Option<[u8; 16]> {
        let Grounds {
            tenant,
            goal,
            stage,
            subject,
            ..
        } = grounds;
        let season = self.season(grounds, guess).ok()?;
        Some(*award_id(tenant, GoalId::new(goal), stage, subject, season).as_bytes())
    }

    /// The season of a guess, if it has one.
    fn season(&self, grounds: Grounds, guess: u32) -> Result<Option<Season>, NoSuchGuess> {
        if guess == 0 {
            return Ok(None);
        }
        let (first, last) = self.days(grounds.at, guess).ok_or(NoSuchGuess)?;
        let [first, last] = [first, last].map(LocalDate::from_days);
        let zone = TimeZoneId::new(0);
        Ok(Some(Season { first, last, zone }))
    }

    fn days(&self, at: i64, guess: u32) -> Option<(i32, i32)> {
        let today = Timestamp::from_ms(at).local_date(0, 0);
        let number = i32::try_from(guess).ok()?;
        match guess {
            1..=5 => {
                let before = self.last?;
                let [first, last] = [before.first, before.last].map(LocalDate::as_days);
                let length = last.checked_sub(first)?.checked_add(1)?;
                let shift = length.checked_mul(number.checked_sub(1)?)?;
                Some((first.checked_add(shift)?, last.checked_add(shift)?))
            }
            6..=15 => {
                let back = number.checked_sub(7)?;
                let first = today.as_days().checked_sub(back)?;
                Some((first, first.checked_add(6)?))
            }
            16 => {
                let day = today.to_civil()?;
                Some((days(day.first_of_month()), days(day.last_of_month())))
            }
            17 => {
                let day = today.to_civil()?;
                Some((days(day.first_of_year()), days(day.last_of_year())))
            }
            _ => None,
        }
    }
}

/// A guess that says nothing.
struct NoSuchGuess;

fn days(date: jiff::civil::Date) -> i32 {
    LocalDate::from_civil(date).as_days()
}
