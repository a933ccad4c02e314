//! What a tablet at the door writes and counts.

use std::collections::BTreeMap;

use askel_proto::v1::CorrectionReason;
use askel_sync::{
    admission::ClockReading,
    id::{OpId, PassTag, PlaceId},
    limits::TALLY_DELTA_MAX,
    op::{CheckIn, Correction, Manner, Payload, Tally, Verdict, Witness},
    pass,
    stream::StreamKey,
    time::{LocalDate, Timestamp},
};

use super::{
    Decided, Engine,
    draft::Draft,
    estimate::Estimator,
    record::next_revision,
    row::{OwnOp, Row, Standing, StreamRow},
};
use crate::{Cause, Error, OwnScan, PlaceDay, Scanned, SessionCounts};

impl Engine {
    /// Follows a place's day, so that the next sync brings what others scanned there.
    pub(crate) fn work_at(&self, place: PlaceId, now: ClockReading) -> Result<Decided<()>, Error> {
        self.staff_at(place, now)?;
        let mut draft = Draft::new(&self.model);
        self.follow_day(&mut draft, place, now)?;
        Ok(Decided::new(draft.finish(), ()))
    }

    /// A pass was shown.
    pub(crate) fn scan(
        &self,
        place: PlaceId,
        text: &str,
        now: ClockReading,
    ) -> Result<Decided<Scanned>, Error> {
        self.staff_at(place, now)?;
        let pass = self.read_pass(text, now)?;
        let at = self.server_time_of(now);
        let session = self.view.catalog.session_at(place, at);
        let mut draft = Draft::new(&self.model);
        let day = self
            .date_at(place, at)
            .and_then(|date| self.view.days.get(&(place, date)));
        // In an untied boot the day may be another than this clock says: only what this very clock wrote
        // is surely of it. A scan too many does no harm, one that was not written is lost.
        let is_sure = || self.tied(now).is_some() || self.was_scanned(pass, (place, session), now);
        if day.is_some_and(|day| day.seen(pass, session, &self.view.catalog)) && is_sure() {
            return Ok(Decided::new(Vec::new(), Scanned::AlreadyHere));
        }
        // A check-in that was voided comes back by a correction: another one would change nothing.
        if let Some((op, revision)) = day.and_then(|day| day.voided(pass, session))
            && is_sure()
        {
            self.seal_cited(&mut draft, &[op])?;
            let reason = CorrectionReason::VoidedByMistake;
            let payload = correction(op, revision, Verdict::Reinstate, reason, now.wall)?;
            self.check_allowed(&payload, now)?;
            draft.write_op(&payload, now)?;
            return Ok(Decided::new(draft.finish(), Scanned::Welcome { op }));
        }
        self.follow_day(&mut draft, place, now)?;
        let payload = Payload::CheckIn(CheckIn {
            place,
            occurred_at: now.wall,
            session,
            manner: Manner::OnSite,
            catalog_version: self.catalog_version().unwrap_or(0),
            witness: Witness::PassScan(pass),
        });
        let op = draft.write_op(&payload, now)?;
        Ok(Decided::new(draft.finish(), Scanned::Welcome { op }))
    }

    /// People were counted without a name.
    pub(crate) fn tally(
        &self,
        place: PlaceId,
        delta: i32,
        now: ClockReading,
    ) -> Result<Decided<OpId>, Error> {
        self.staff_at(place, now)?;
        if delta == 0 || !(-TALLY_DELTA_MAX..=TALLY_DELTA_MAX).contains(&delta) {
            return Err(Cause::OutOfBounds("the count").into());
        }
        let mut draft = Draft::new(&self.model);
        self.follow_day(&mut draft, place, now)?;
        let at = self.server_time_of(now);
        let session = self.view.catalog.session_at(place, at);
        let begun = self.view.catalog.session_date(place, at, session);
        if let Some(date) = begun.filter(|date| self.date_at(place, at) != Some(*date)) {
            self.follow_place_day(&mut draft, place, date)?;
        }
        let payload = Payload::Tally(Tally {
            place,
            occurred_at: now.wall,
            session,
            manner: Manner::OnSite,
            delta,
        });
        let op = draft.write_op(&payload, now)?;
        Ok(Decided::new(draft.finish(), op))
    }

    /// A check-in is judged again, one revision above what is known.
    pub(crate) fn correct(
        &self,
        check_in: OpId,
        verdict: Verdict,
        reason: CorrectionReason,
        now: ClockReading,
    ) -> Result<Decided<OpId>, Error> {
        self.staff()?;
        if reason == CorrectionReason::Unspecified {
            return Err(Cause::OutOfBounds("the reason").into());
        }
        let known = self
            .known_revision(check_in)
            .ok_or(Cause::Unknown("check-in"))?;
        let payload = correction(check_in, known, verdict, reason, now.wall)?;
        self.check_allowed(&payload, now)?;
        let mut draft = Draft::new(&self.model);
        self.seal_cited(&mut draft, &[check_in])?;
        let op = draft.write_op(&payload, now)?;
        Ok(Decided::new(draft.finish(), op))
    }

    /// The counts of a place today.
    pub(crate) fn place_day(&self, place: PlaceId, now: ClockReading) -> Result<PlaceDay, Error> {
        self.staff()?;
        let date = self
            .date_at(place, self.server_time_of(now))
            .ok_or_else(|| self.no_such_place())?;
        let mut counts = PlaceDay {
            place,
            date,
            sessions: Vec::new(),
            scanned: 0,
            anonymous: 0,
            encounters: 0,
        };
        if let Some(day) = self.view.days.get(&(place, date)) {
            for session in day.session_refs(&self.view.catalog) {
                let of = day.counts(session, &self.view.catalog);
                counts.scanned = counts.scanned.saturating_add(of.scanned);
                counts.anonymous = counts.anonymous.saturating_add(of.anonymous);
                counts.encounters = counts.encounters.saturating_add(of.encounters);
                counts.sessions.push(SessionCounts {
                    session,
                    scanned: of.scanned,
                    anonymous: of.anonymous,
                    encounters: of.encounters,
                });
            }
        }
        self.add_last_nights(&mut counts, now);
        Ok(counts)
    }

    /// Adds who was counted at a dated session that is on since an earlier day: such counts are of the
    /// day it began.
    fn add_last_nights(&self, counts: &mut PlaceDay, now: ClockReading) {
        let (place, at) = (counts.place, self.server_time_of(now));
        let catalog = &self.view.catalog;
        let session = catalog.session_at(place, at);
        let begun = catalog.session_date(place, at, session);
        let day = begun
            .filter(|date| *date != counts.date)
            .and_then(|date| self.view.days.get(&(place, date)));
        let anonymous = day.map_or(0, |day| day.counts(session, catalog).anonymous);
        if anonymous == 0 {
            return;
        }
        counts.anonymous = counts.anonymous.saturating_add(anonymous);
        counts.encounters = counts.encounters.saturating_add(anonymous);
        match counts.sessions.iter_mut().find(|of| of.session == session) {
            Some(of) => {
                of.anonymous = of.anonymous.saturating_add(anonymous);
                of.encounters = of.encounters.saturating_add(anonymous);
            }
            None => counts.sessions.push(SessionCounts {
                session,
                scanned: 0,
                anonymous,
                encounters: anonymous,
            }),
        }
    }

    /// This device's own scans at a place today, in the order they were made.
    pub(crate) fn own_scans(&self, place: PlaceId, now: ClockReading) -> Vec<OwnScan> {
        let today = self.date_at(place, self.server_time_of(now));
        let rulings = self.rulings();
        let at_of = |own: &OwnOp, wall| {
            self.server_time_of(ClockReading {
                wall,
                segment: own.segment,
            })
        };
        let scan = |own: &OwnOp| match own.op.parse() {
            Ok(Some(Payload::CheckIn(check_in)))
                if check_in.place == place
                    && self.date_at(place, at_of(own, check_in.occurred_at)) == today
                    && !matches!(own.standing, Standing::Rejected { .. }) =>
            {
                Some(OwnScan {
                    op: own.id,
                    place,
                    at: check_in.occurred_at,
                    session: check_in.session,
                    voided: rulings
                        .get(&own.id)
                        .is_some_and(|(_, stands)| *stands == Stands::Void),
                })
            }
            _ => None,
        };
        self.model.own.values().filter_map(scan).collect()
    }

    /// The local day of an instant at a place; days are UTC's while there is no catalog.
    pub(super) fn date_at(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate> {
        self.view.catalog.local_date(place, at)
    }

    fn read_pass(&self, text: &str, now: ClockReading) -> Result<PassTag, Error> {
        let tenant = self.enrolment()?.tenant;
        let keys = self.key_list().ok_or(Cause::BadPass)?;
        let signed = pass::from_text(text).map_err(|_| Cause::BadPass)?;
        let verify = |at| pass::verify(&signed, tenant, keys, at);
        let mut pass = verify(self.server_time_of(now));
        // Of an untied boot nobody knows the time: a key that was good when the lease began will do, and
        // the server judges.
        if let (Err(_), None, Some(lease)) = (&pass, self.tied(now), &self.lease) {
            pass = verify(lease.from);
        }
        Ok(pass.map_err(|_| Cause::BadPass)?.tag)
    }

    fn follow_day(
        &self,
        draft: &mut Draft<'_>,
        place: PlaceId,
        now: ClockReading,
    ) -> Result<(), Error> {
        let date = self
            .date_at(place, self.server_time_of(now))
            .ok_or_else(|| self.no_such_place())?;
        self.follow_place_day(draft, place, date)
    }

    fn follow_place_day(
        &self,
        draft: &mut Draft<'_>,
        place: PlaceId,
        date: LocalDate,
    ) -> Result<(), Error> {
        let key = StreamKey::PlaceDay(place, date);
        if self.model.stream_by_key(key).is_none() {
            draft.append(Row::Stream(StreamRow::fresh(key.selector())))?;
        }
        Ok(())
    }

    /// The greatest revision that cites a check-in, 0 for none; `None` for a check-in not known here.
    pub(super) fn known_revision(&self, check_in: OpId) -> Option<u32> {
        let seen = |payload: &Payload| match payload {
            Payload::PassSeen(seen) => seen.check_in == check_in,
            _ => false,
        };
        let known = self.model.own_op(check_in).is_some()
            || self.stream_payloads().any(|payload| seen(&payload));
        let ruling = self.rulings().remove(&check_in);
        known.then(|| ruling.map_or(0, |(revision, _)| revision))
    }

    /// The greatest correction of each check-in that has any: a void beats a presence at equal
    /// revisions.
    fn rulings(&self) -> BTreeMap<OpId, (u32, Stands)> {
        let own = self
            .model
            .own
            .values()
            .filter(|own| !matches!(own.standing, Standing::Rejected { .. }))
            .filter_map(|own| own.op.parse().ok()?);
        let mut rulings = BTreeMap::new();
        for (check_in, ruling) in own.chain(self.stream_payloads()).filter_map(ruling) {
            let greatest = rulings.entry(check_in).or_insert(ruling);
            *greatest = ruling.max(*greatest);
        }
        rulings
    }

    fn stream_payloads(&self) -> impl Iterator<Item = Payload> {
        self.model
            .all_stream_ops()
            .filter_map(|(_, held)| held.admitted.op.parse().ok()?)
    }

    fn staff_at(&self, place: PlaceId, now: ClockReading) -> Result<(), Error> {
        self.staff()?;
        // Without a certificate that verifies there is no lease, and no telling where it would hold.
        let lease = self.lease.as_ref().ok_or(Cause::LeaseEnded)?;
        // Whether a lease has ended is a matter of true time. In a boot that nothing ties to it nobody can
        // tell: what is written is judged by the server.
        if self.tied(now).is_some_and(|tied| tied.wall >= lease.until) {
            return Err(Cause::LeaseEnded.into());
        }
        if !lease.places.is_empty() && !lease.places.contains(&place) {
            return Err(Cause::Unknown("place of work").into());
        }
        self.date_at(place, self.server_time_of(now))
            .map(drop)
            .ok_or_else(|| self.no_such_place())
    }

    /// What the server would refuse for good is not written: whoever acts is told now.
    fn check_allowed(&self, payload: &Payload, now: ClockReading) -> Result<(), Error> {
        let estimator = Estimator::new(&self.model, &self.view.catalog, self.lease.as_ref());
        let refused = estimator.is_some_and(|estimator| estimator.refuses(payload, now));
        if refused {
            return Err(Cause::NotAllowed.into());
        }
        Ok(())
    }

    fn staff(&self) -> Result<(), Error> {
        match self.enrolment()?.participant {
            None => Ok(()),
            Some(_) => Err(Cause::NotStaff.into()),
        }
    }

    fn no_such_place(&self) -> Error {
        match self.catalog_version() {
            Some(_) => Cause::Unknown("place").into(),
            None => Cause::NoCatalog.into(),
        }
    }
}

/// What a correction comes to; the greater holds at equal revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stands {
    Present,
    Void,
}

/// What an op says of a check-in.
fn ruling(payload: Payload) -> Option<(OpId, (u32, Stands))> {
    match payload {
        Payload::Correction(correction) => {
            let stands = match correction.verdict {
                Verdict::Void => Stands::Void,
                Verdict::Reinstate | Verdict::ReDate { .. } => Stands::Present,
            };
            Some((correction.check_in, (correction.revision, stands)))
        }
        Payload::PassSeen(seen) if seen.revision > 0 => {
            let stands = if seen.voided {
                Stands::Void
            } else {
                Stands::Present
            };
            Some((seen.check_in, (seen.revision, stands)))
        }
        _ => None,
    }
}

fn correction(
    check_in: OpId,
    known_revision: u32,
    verdict: Verdict,
    reason: CorrectionReason,
    occurred_at: Timestamp,
) -> Result<Payload, Error> {
    Ok(Payload::Correction(Correction {
        check_in,
        revision: next_revision(known_revision)?,
        verdict,
        reason,
        occurred_at,
    }))
}
