//! What a tablet at the door does and shows.

use askel_proto::v1::CorrectionReason;
use askel_sync::{
    id::{OpId, PlaceId},
    op::Verdict,
};

use super::Client;
use crate::{Error, OwnScan, PlaceDay, Scanned};

impl Client {
    /// Says that this device works at a place today: the next sync brings what others scanned there.
    /// Scanning and counting say it too.
    pub fn work_at(&self, place: PlaceId) -> Result<(), Error> {
        self.shared
            .decide(|engine, now| engine.work_at(place, now))
            .map(drop)
    }

    /// A pass was shown: the text of its QR code. Verified without a network. Someone counted already at
    /// this session is told so and not counted twice; one that was voided comes back.
    ///
    /// # Errors
    /// [`Error::FixInput`] for a text that is no pass of this tenant, a place the catalog does not know or
    /// this device does not work at, and for participants. [`Error::RetryLater`] once the lease has run
    /// out, or before the first catalog.
    pub fn scan(&self, place: PlaceId, pass: &str) -> Result<Scanned, Error> {
        let (scanned, _) = self
            .shared
            .decide(|engine, now| engine.scan(place, pass, now))?;
        Ok(scanned)
    }

    /// Counts people who give no name; -100..=100, not 0. Each call counts: to undo, count back.
    pub fn tally(&self, place: PlaceId, delta: i32) -> Result<OpId, Error> {
        let (op, _) = self
            .shared
            .decide(|engine, now| engine.tally(place, delta, now))?;
        Ok(op)
    }

    /// Takes a scan back, this device's own or one of the place's day. A volunteer takes back only what
    /// this device scanned in the last ten minutes.
    ///
    /// # Errors
    /// [`Error::FixInput`] for a check-in that is not known here, or that is for others to judge.
    pub fn void(&self, check_in: OpId, reason: CorrectionReason) -> Result<OpId, Error> {
        self.correct(check_in, Verdict::Void, reason)
    }

    /// Lets a scan that was taken back stand again.
    pub fn reinstate(&self, check_in: OpId, reason: CorrectionReason) -> Result<OpId, Error> {
        self.correct(check_in, Verdict::Reinstate, reason)
    }

    fn correct(
        &self,
        check_in: OpId,
        verdict: Verdict,
        reason: CorrectionReason,
    ) -> Result<OpId, Error> {
        let (op, _) = self
            .shared
            .decide(|engine, now| engine.correct(check_in, verdict, reason, now))?;
        Ok(op)
    }

    /// The counts of a place today, with what other devices scanned as far as it was synced.
    pub fn place_day(&self, place: PlaceId) -> Result<PlaceDay, Error> {
        let now = self.shared.now();
        self.shared.ask(|engine| engine.place_day(place, now))
    }

    /// This device's own scans at a place today, in the order they were made.
    pub fn own_scans(&self, place: PlaceId) -> Vec<OwnScan> {
        let now = self.shared.now();
        self.shared.ask(|engine| engine.own_scans(place, now))
    }
}
