//! "I'm here", with a code that the place shows or without, and the wish to be forgotten.

use askel_sync::{
    admission::{ClockReading, Strength},
    fold::{Attendance, SessionKey},
    id::{OpId, PassTag, PlaceId},
    limits::VENUE_CODE_BYTES_MAX,
    op::{CheckIn, Erase, Evidence, Manner, Payload, SessionRef, Witness},
    time::HOUR_MS,
};

use super::{
    Decided, Engine,
    draft::Draft,
    row::{OwnOp, Standing},
    server_time::is_one_segment,
};
use crate::{Cause, Error, Presence};

/// Without any knowledge of boots, a check-in again within this time is the same, in milliseconds.
const UNSURE_AGAIN_MS_MAX: i64 = HOUR_MS / 2;

/// A check-in, written or found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckInMade {
    pub(crate) op: OpId,
    pub(crate) session: SessionRef,
    pub(crate) presence: Presence,
}

impl Engine {
    /// The participant saw themself at a place.
    pub(crate) fn check_in(
        &self,
        place: PlaceId,
        now: ClockReading,
    ) -> Result<Decided<CheckInMade>, Error> {
        self.check_in_by(place, Witness::SelfReport, None, now)
    }

    /// The participant scanned what the place shows. The code goes along as evidence.
    pub(crate) fn check_in_with_code(
        &self,
        place: PlaceId,
        code: &[u8],
        now: ClockReading,
    ) -> Result<Decided<CheckInMade>, Error> {
        if code.is_empty() || code.len() > VENUE_CODE_BYTES_MAX {
            return Err(Cause::OutOfBounds("the code").into());
        }
        self.check_in_by(place, Witness::VenueCode, Some(code), now)
    }

    fn check_in_by(
        &self,
        place: PlaceId,
        witness: Witness,
        code: Option<&[u8]>,
        now: ClockReading,
    ) -> Result<Decided<CheckInMade>, Error> {
        let view = self.participant()?;
        self.check_place(place)?;
        let at = self.server_time_of(now);
        let session = self.view.catalog.session_at(place, at);
        let key = SessionKey::of(place, at, session, &self.view.catalog);
        let standing = key.and_then(|key| view.shown.attendance(&key));
        // A code adds to what was only said.
        let adds = |attendance: &&Attendance| {
            code.is_none() || attendance.strength as i32 >= Strength::Poster as i32
        };
        if let Some(&op) = standing.filter(adds).and_then(|attendance| {
            attendance
                .witnesses
                .iter()
                .find(|op| self.surely_today(**op, now))
        }) {
            let found = CheckInMade {
                op,
                session,
                presence: Presence::AlreadyHere,
            };
            return Ok(Decided::new(Vec::new(), found));
        }
        let payload = Payload::CheckIn(CheckIn {
            place,
            occurred_at: now.wall,
            session,
            manner: Manner::OnSite,
            catalog_version: self.catalog_version().unwrap_or(0),
            witness,
        });
        let mut draft = Draft::new(&self.model);
        let op = draft.write_op(&payload, now)?;
        if let Some(code) = code {
            let evidence = Evidence {
                check_in: op,
                code: code.to_vec(),
            };
            draft.write_op(&Payload::Evidence(evidence), now)?;
        }
        let made = CheckInMade {
            op,
            session,
            presence: Presence::Welcome,
        };
        Ok(Decided::new(draft.finish(), made))
    }

    /// Whether a check-in that stands today by what this clock says is surely of today. Where it is not,
    /// another is written: of two that turn out to be of one session the fold makes one, and a visit that
    /// was not written is lost.
    fn surely_today(&self, check_in: OpId, now: ClockReading) -> bool {
        let own = self.model.own_op(check_in).map(|(_, own)| own);
        if own.is_some_and(|own| is_one_segment(own.segment, now.segment)) {
            return true;
        }
        match (self.tied(now), now.segment.boot_id) {
            (Some(_), boot_id) => {
                let participant = self.view.participant.as_ref();
                let is_off = participant.and_then(|view| view.shown.is_clock_off(check_in));
                is_off == Some(false) || own.is_some_and(|own| own.segment.boot_id == boot_id)
            }
            // Who can't tell boots apart has only this to tell an impatient finger by.
            (None, 0) => own.is_some_and(|own| {
                let age_ms = now.wall.saturating_ms_since(own.written_at);
                own.segment.boot_id == 0 && (0..UNSURE_AGAIN_MS_MAX).contains(&age_ms)
            }),
            (None, _) => false,
        }
    }

    /// Whether this clock has seen a pass at a session, and not jumped since.
    pub(super) fn was_scanned(
        &self,
        pass: PassTag,
        (place, session): (PlaceId, SessionRef),
        now: ClockReading,
    ) -> bool {
        let is_it = |own: &OwnOp| match own.op.parse() {
            Ok(Some(Payload::CheckIn(scan))) => {
                (scan.place, scan.session) == (place, session)
                    && scan.witness == Witness::PassScan(pass)
            }
            _ => false,
        };
        let own = self.model.own.values().rev();
        let mut of_this_clock = own.filter(|own| is_one_segment(own.segment, now.segment));
        of_this_clock.any(is_it)
    }

    /// The participant asks to be erased. Asking again changes nothing.
    pub(crate) fn erase_me(&self, now: ClockReading) -> Result<Decided<()>, Error> {
        self.participant()?;
        let participant = self.enrolment()?.participant;
        let participant = participant.ok_or(Cause::NotAParticipant)?;
        let mut draft = Draft::new(&self.model);
        if !self
            .own_erasures()
            .any(|standing| !matches!(standing, Standing::Rejected { .. }))
        {
            let erase = Erase {
                participant,
                occurred_at: now.wall,
            };
            draft.write_op(&Payload::Erase(erase), now)?;
        }
        Ok(Decided::new(draft.finish(), ()))
    }

    /// Whether the server has taken in the participant's wish to be erased.
    pub(crate) fn is_erased(&self) -> bool {
        self.own_erasures()
            .any(|standing| matches!(standing, Standing::Accepted { .. }))
    }

    fn own_erasures(&self) -> impl Iterator<Item = &Standing> {
        let me = self.model.enrolment().and_then(|one| one.participant);
        self.model.own.values().filter_map(move |own| {
            if own.op.kind != askel_sync::op::OpKind::Erase as u32 {
                return None;
            }
            match own.op.parse() {
                Ok(Some(Payload::Erase(erase))) if Some(erase.participant) == me => {
                    Some(&own.standing)
                }
                _ => None,
            }
        })
    }
}
