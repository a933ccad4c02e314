//! The API: a thin hull around the engine.

use std::{collections::BTreeMap, sync::Arc};

use askel_proto::v1::{CorrectionReason, Measure};
use askel_sync::{
    id::{DeviceId, GoalId, OpId, PlaceId, StepSourceId},
    key::PublicKey,
    op::Alias,
    time::{LocalDate, Timestamp},
};
use tokio::sync::broadcast;

use crate::{
    Attended, Award, Budget, Change, CheckedIn, Clock, ComeBack, Enrolled, Entropy, Error,
    KeyStore, Nearby, Opening, OwnDevice, OwnScan, Place, PlaceDay, Profile, Progress,
    RecoverySheet, RejectedOp, Scanned, Status, StepReading, StepsRecorded, Storage, SyncReport,
    Transport,
};

/// What a client is made of.
pub struct Components {
    /// Where rows are kept.
    pub storage: Box<dyn Storage>,
    /// How the server is reached.
    pub transport: Arc<dyn Transport>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where the keys are kept.
    pub key_store: Box<dyn KeyStore>,
}

/// One installation of Askel. Clones share it.
#[derive(Clone)]
pub struct Client {}

#[expect(missing_docs, unused_variables, clippy::unimplemented)]
impl Client {
    pub fn open(components: Components) -> Result<Self, Error> {
        unimplemented!()
    }
    /// Deletes what can't be read any more and opens as on the first day.
    pub fn start_fresh(components: Components) -> Result<Self, Error> {
        unimplemented!()
    }
    pub async fn enrol(&self, link: &str) -> Result<Enrolled, Error> {
        unimplemented!()
    }
    pub async fn come_back(&self, right: ComeBack) -> Result<Enrolled, Error> {
        unimplemented!()
    }
    pub fn enrolled(&self) -> Option<Enrolled> {
        unimplemented!()
    }
    pub fn device_public_key(&self) -> PublicKey {
        unimplemented!()
    }
    pub async fn approve_device(
        &self,
        key: &PublicKey,
        replaces: Option<DeviceId>,
    ) -> Result<(), Error> {
        unimplemented!()
    }
    pub async fn refuse_device(&self, device: DeviceId) -> Result<(), Error> {
        unimplemented!()
    }
    pub async fn own_devices(&self) -> Result<Vec<OwnDevice>, Error> {
        unimplemented!()
    }
    pub async fn create_recovery_sheet(&self) -> Result<RecoverySheet, Error> {
        unimplemented!()
    }
    pub fn check_in(&self, place: PlaceId) -> Result<CheckedIn, Error> {
        unimplemented!()
    }
    pub fn record_steps(
        &self,
        source: StepSourceId,
        measure: Measure,
        readings: &[StepReading],
    ) -> Result<StepsRecorded, Error> {
        unimplemented!()
    }
    pub fn set_alias(&self, alias: Alias) -> Result<(), Error> {
        unimplemented!()
    }
    pub fn set_picture(&self, picture: u32) -> Result<(), Error> {
        unimplemented!()
    }
    pub fn set_language(&self, language: &str) -> Result<(), Error> {
        unimplemented!()
    }
    pub fn add_favourite(&self, place: PlaceId) -> Result<(), Error> {
        unimplemented!()
    }
    pub fn remove_favourite(&self, place: PlaceId) -> Result<(), Error> {
        unimplemented!()
    }
    pub fn join_quest(&self, goal: GoalId) -> Result<Vec<Award>, Error> {
        unimplemented!()
    }
    pub fn leave_quest(&self, goal: GoalId) -> Result<(), Error> {
        unimplemented!()
    }
    pub fn progress(&self) -> Vec<Progress> {
        unimplemented!()
    }
    pub fn awards(&self) -> Vec<Award> {
        unimplemented!()
    }
    pub fn profile(&self) -> Profile {
        unimplemented!()
    }
    /// The text of the pass, for a QR code; `None` for staff and before enrolment.
    pub fn pass(&self) -> Option<String> {
        unimplemented!()
    }
    pub fn attendances(&self) -> Vec<Attended> {
        unimplemented!()
    }
    pub fn day_steps(&self, measure: Measure) -> BTreeMap<LocalDate, u64> {
        unimplemented!()
    }
    /// Says that this device works at a place today: the next sync brings what the others scanned.
    pub fn work_at(&self, place: PlaceId) -> Result<(), Error> {
        unimplemented!()
    }
    pub fn scan(&self, place: PlaceId, pass: &str) -> Result<Scanned, Error> {
        unimplemented!()
    }
    /// Counts people without a name; -100..=100, not 0.
    pub fn tally(&self, place: PlaceId, delta: i32) -> Result<OpId, Error> {
        unimplemented!()
    }
    pub fn void(&self, check_in: OpId, reason: CorrectionReason) -> Result<OpId, Error> {
        unimplemented!()
    }
    pub fn reinstate(&self, check_in: OpId, reason: CorrectionReason) -> Result<OpId, Error> {
        unimplemented!()
    }
    pub fn place_day(&self, place: PlaceId) -> Result<PlaceDay, Error> {
        unimplemented!()
    }
    pub fn own_scans(&self, place: PlaceId) -> Vec<OwnScan> {
        unimplemented!()
    }
    pub fn places(&self) -> Vec<Place> {
        unimplemented!()
    }
    pub fn open_now(&self, at: Timestamp) -> Vec<Opening> {
        unimplemented!()
    }
    pub fn nearby(&self, latitude_e6: i32, longitude_e6: i32) -> Vec<Nearby> {
        unimplemented!()
    }
    pub fn catalog_version(&self) -> Option<u32> {
        unimplemented!()
    }
    pub fn observe(&self) -> broadcast::Receiver<Change> {
        unimplemented!()
    }
    pub async fn sync(&self, budget: Budget) -> Result<SyncReport, Error> {
        unimplemented!()
    }
    pub fn status(&self) -> Status {
        unimplemented!()
    }
    pub fn rejected(&self) -> Vec<RejectedOp> {
        unimplemented!()
    }
}
