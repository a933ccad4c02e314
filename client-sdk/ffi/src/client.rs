//! The client, as an object that blocks.

mod push;

use std::{sync::Arc, time::Duration};

use askel_client_sdk as sdk;
use sdk::{ComeBack, Components, GoalId, OpId, PlaceId, StepSourceId, Timestamp};
use tokio::{runtime::Runtime, sync::broadcast::error::RecvError};

use crate::{
    AskelError, Change, KeyStore, Observer,
    key_store::PlatformKeyStore,
    record::{
        Attended, Award, CheckedIn, CorrectionReason, DaySteps, Enrolled, Measure, Nearby, Opening,
        OwnDevice, OwnScan, Place, PlaceDay, Profile, Progress, RejectedOp, Scanned, Status,
        StepReading, StepsRecorded, SyncReport,
    },
};

/// Threads that carry calls and tell observers.
const THREADS: usize = 2;

/// One installation of Askel.
#[derive(uniffi::Object)]
pub struct Client {
    sdk: sdk::Client,
    runtime: Runtime,
}

type Answer<T> = Result<T, AskelError>;

#[uniffi::export]
impl Client {
    /// Opens the database file, or begins one.
    #[uniffi::constructor]
    pub fn open(database_path: &str, key_store: Arc<dyn KeyStore>) -> Answer<Arc<Self>> {
        Self::with(database_path, key_store, sdk::Client::open)
    }

    /// Deletes what is in the database and opens as on the first day.
    #[uniffi::constructor]
    pub fn start_fresh(database_path: &str, key_store: Arc<dyn KeyStore>) -> Answer<Arc<Self>> {
        Self::with(database_path, key_store, sdk::Client::start_fresh)
    }

    /// Enrols with an invitation's link.
    pub fn enrol(&self, link: &str) -> Answer<Enrolled> {
        Ok(self.runtime.block_on(self.sdk.enrol(link))?.into())
    }

    /// Comes back with a recovery sheet.
    pub fn come_back_with_sheet(&self, sheet: String) -> Answer<Enrolled> {
        self.come_back(ComeBack::RecoverySheet(sheet))
    }

    /// Comes back after another device approved this one; any link of the tenant.
    pub fn come_back_approved(&self, link: String) -> Answer<Enrolled> {
        self.come_back(ComeBack::Approved(link))
    }

    /// Comes back with a re-invitation by staff.
    pub fn come_back_re_invited(&self, link: String) -> Answer<Enrolled> {
        self.come_back(ComeBack::ReInvitation(link))
    }

    /// Who this installation is.
    pub fn enrolled(&self) -> Option<Enrolled> {
        self.sdk.enrolled().map(Enrolled::from)
    }

    /// This device's public key, 32 bytes, for another device to approve.
    pub fn device_public_key(&self) -> Vec<u8> {
        self.sdk.device_public_key().as_bytes().to_vec()
    }

    /// Approves another device of the same participant, in place of a lost one if it names one.
    pub fn approve_device(&self, public_key: &[u8], replaces: Option<Vec<u8>>) -> Answer<()> {
        let key = sdk::PublicKey::from_bytes(public_key).map_err(|_| bad("the key"))?;
        let replaces = match replaces {
            Some(bytes) => Some(sdk::DeviceId::try_from(&*bytes).map_err(|_| bad("the device"))?),
            None => None,
        };
        Ok(self
            .runtime
            .block_on(self.sdk.approve_device(&key, replaces))?)
    }

    /// The principal's own devices, as the server lists them.
    pub fn own_devices(&self) -> Answer<Vec<OwnDevice>> {
        let devices = self.runtime.block_on(self.sdk.own_devices())?;
        Ok(devices.into_iter().map(OwnDevice::from).collect())
    }

    /// Ends one of the principal's own devices, this one too.
    pub fn revoke_own_device(&self, device: &[u8]) -> Answer<()> {
        let device = sdk::DeviceId::try_from(device).map_err(|_| bad("the device"))?;
        Ok(self.runtime.block_on(self.sdk.revoke_own_device(device))?)
    }

    /// Refuses a re-invited device while it may be refused.
    pub fn refuse_device(&self, device: &[u8]) -> Answer<()> {
        let device = sdk::DeviceId::try_from(device).map_err(|_| bad("the device"))?;
        Ok(self.runtime.block_on(self.sdk.refuse_device(device))?)
    }

    /// Makes a recovery sheet and gives its text, once.
    pub fn create_recovery_sheet(&self) -> Answer<String> {
        Ok(self
            .runtime
            .block_on(self.sdk.create_recovery_sheet())?
            .text)
    }

    /// "I'm here."
    pub fn check_in(&self, place: u32) -> Answer<CheckedIn> {
        Ok(self.sdk.check_in(PlaceId::new(place))?.into())
    }

    /// "I'm here", with the code that the place shows as proof.
    pub fn check_in_with_code(&self, place: u32, code: &[u8]) -> Answer<CheckedIn> {
        let place = PlaceId::new(place);
        Ok(self.sdk.check_in_with_code(place, code)?.into())
    }

    /// Asks that everything about this participant be erased; the next sync does it.
    pub fn erase_me(&self) -> Answer<()> {
        Ok(self.sdk.erase_me()?)
    }

    /// Takes in what a sensor counted. The source's id, 16 bytes, outlives the phone.
    pub fn record_steps(
        &self,
        source: &[u8],
        measure: Measure,
        readings: Vec<StepReading>,
    ) -> Answer<StepsRecorded> {
        let source = StepSourceId::try_from(source).map_err(|_| bad("the source"))?;
        let readings: Vec<sdk::StepReading> = readings.into_iter().map(Into::into).collect();
        let recorded = self.sdk.record_steps(source, measure.into(), &readings)?;
        Ok(recorded.into())
    }

    /// Chooses an alias: a word of the catalog and a number.
    pub fn set_alias(&self, word: u32, number: u32) -> Answer<()> {
        Ok(self.sdk.set_alias(sdk::Alias { word, number })?)
    }

    /// Chooses a picture of the fixed set.
    pub fn set_picture(&self, picture: u32) -> Answer<()> {
        Ok(self.sdk.set_picture(picture)?)
    }

    /// Chooses a language: fi, sv, en, fi-simple or sv-simple.
    pub fn set_language(&self, language: &str) -> Answer<()> {
        Ok(self.sdk.set_language(language)?)
    }

    /// Marks a place.
    pub fn add_favourite(&self, place: u32) -> Answer<()> {
        Ok(self.sdk.add_favourite(PlaceId::new(place))?)
    }

    /// Unmarks a place.
    pub fn remove_favourite(&self, place: u32) -> Answer<()> {
        Ok(self.sdk.remove_favourite(PlaceId::new(place))?)
    }

    /// Joins a quest or challenge; what that earned.
    pub fn join_quest(&self, goal: u32) -> Answer<Vec<Award>> {
        let awards = self.sdk.join_quest(GoalId::new(goal))?;
        Ok(awards.into_iter().map(Award::from).collect())
    }

    /// Leaves a quest or challenge.
    pub fn leave_quest(&self, goal: u32) -> Answer<()> {
        Ok(self.sdk.leave_quest(GoalId::new(goal))?)
    }

    /// Where the participant stands with every goal.
    pub fn progress(&self) -> Vec<Progress> {
        self.sdk
            .progress()
            .into_iter()
            .map(Progress::from)
            .collect()
    }

    /// What the participant has earned.
    pub fn awards(&self) -> Vec<Award> {
        self.sdk.awards().into_iter().map(Award::from).collect()
    }

    /// What the participant chose.
    pub fn profile(&self) -> Profile {
        self.sdk.profile().into()
    }

    /// The pass as the text of a QR code.
    pub fn pass(&self) -> Option<String> {
        self.sdk.pass()
    }

    /// Sessions the participant was at.
    pub fn attendances(&self) -> Vec<Attended> {
        self.sdk
            .attendances()
            .into_iter()
            .map(Attended::from)
            .collect()
    }

    /// Day totals of a measure, in ascending days.
    pub fn day_steps(&self, measure: Measure) -> Vec<DaySteps> {
        let days = self.sdk.day_steps(measure.into()).into_iter();
        days.map(|(date, count)| DaySteps {
            date: date.as_days(),
            count,
        })
        .collect()
    }

    /// The places of the catalog.
    pub fn places(&self) -> Vec<Place> {
        self.sdk.places().into_iter().map(Place::from).collect()
    }

    /// Places where something is on at an instant.
    pub fn open_now(&self, at_ms: i64) -> Vec<Opening> {
        let openings = self.sdk.open_now(Timestamp::from_ms(at_ms));
        openings.into_iter().map(Opening::from).collect()
    }

    /// Places with a position, the nearest first.
    pub fn nearby(&self, latitude_e6: i32, longitude_e6: i32) -> Vec<Nearby> {
        let nearby = self.sdk.nearby(latitude_e6, longitude_e6);
        nearby.into_iter().map(Nearby::from).collect()
    }

    /// Says that this device works at a place today.
    pub fn work_at(&self, place: u32) -> Answer<()> {
        Ok(self.sdk.work_at(PlaceId::new(place))?)
    }

    /// A pass was shown: the text of its QR code.
    pub fn scan(&self, place: u32, pass: &str) -> Answer<Scanned> {
        Ok(self.sdk.scan(PlaceId::new(place), pass)?.into())
    }

    /// Counts people who give no name; the op's id.
    pub fn tally(&self, place: u32, delta: i32) -> Answer<Vec<u8>> {
        Ok(self.sdk.tally(PlaceId::new(place), delta)?.to_vec())
    }

    /// Takes a scan back; the correction's op id.
    pub fn void(&self, check_in: &[u8], reason: CorrectionReason) -> Answer<Vec<u8>> {
        let check_in = OpId::try_from(check_in).map_err(|_| bad("the check-in"))?;
        Ok(self.sdk.void(check_in, reason.into())?.to_vec())
    }

    /// Lets a scan that was taken back stand again; the correction's op id.
    pub fn reinstate(&self, check_in: &[u8], reason: CorrectionReason) -> Answer<Vec<u8>> {
        let check_in = OpId::try_from(check_in).map_err(|_| bad("the check-in"))?;
        Ok(self.sdk.reinstate(check_in, reason.into())?.to_vec())
    }

    /// The counts of a place today.
    pub fn place_day(&self, place: u32) -> Answer<PlaceDay> {
        Ok(self.sdk.place_day(PlaceId::new(place))?.into())
    }

    /// This device's own scans at a place today.
    pub fn own_scans(&self, place: u32) -> Vec<OwnScan> {
        let scans = self.sdk.own_scans(PlaceId::new(place));
        scans.into_iter().map(OwnScan::from).collect()
    }

    /// The version of the catalog in force.
    pub fn catalog_version(&self) -> Option<u32> {
        self.sdk.catalog_version()
    }

    /// Hands in what is pending and pulls what is new, for at most so many milliseconds.
    pub fn sync(&self, budget_ms: u64) -> Answer<SyncReport> {
        let budget = sdk::Budget {
            time: Duration::from_millis(budget_ms),
        };
        Ok(self.runtime.block_on(self.sdk.sync(budget))?.into())
    }

    /// How syncing stands.
    pub fn status(&self) -> Status {
        self.sdk.status().into()
    }

    /// The person has read the notice of the status.
    pub fn dismiss_notice(&self) -> Answer<()> {
        Ok(self.sdk.dismiss_notice()?)
    }

    /// Hands a refused op in again; the new op's id.
    pub fn resubmit(&self, op: &[u8]) -> Answer<Vec<u8>> {
        let op = OpId::try_from(op).map_err(|_| bad("the op"))?;
        Ok(self.sdk.resubmit(op)?.to_vec())
    }

    /// Lists a refused op no more.
    pub fn discard(&self, op: &[u8]) -> Answer<()> {
        let op = OpId::try_from(op).map_err(|_| bad("the op"))?;
        Ok(self.sdk.discard(op)?)
    }

    /// Everything unconfirmed in sealed frames of at most so many bytes, for QR codes.
    pub fn lifeboat(&self, limit_bytes: u32) -> Answer<Vec<Vec<u8>>> {
        let limit = usize::try_from(limit_bytes).map_err(|_| bad("the limit"))?;
        Ok(self.sdk.lifeboat(limit)?)
    }

    /// The same as one file.
    pub fn lifeboat_file(&self) -> Answer<Vec<u8>> {
        Ok(self.sdk.lifeboat_file()?)
    }

    /// Carries another device's frame to the server.
    pub fn carry(&self, frame: &[u8]) -> Answer<()> {
        Ok(self.sdk.carry(frame)?)
    }

    /// Carries all frames of a file; how many are new.
    pub fn carry_file(&self, file: &[u8]) -> Answer<u64> {
        let count = self.sdk.carry_file(file)?;
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// Ops the server refused.
    pub fn rejected(&self) -> Vec<RejectedOp> {
        self.sdk
            .rejected()
            .into_iter()
            .map(RejectedOp::from)
            .collect()
    }

    /// Tells an observer what changes, for as long as this client lives.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        let mut changes = self.sdk.observe();
        self.runtime.spawn(async move {
            loop {
                match changes.recv().await {
                    Ok(change) => {
                        if let Some(change) = Change::of(change) {
                            observer.changed(change);
                        }
                    }
                    Err(RecvError::Lagged(_)) => observer.changed(Change::Missed),
                    Err(RecvError::Closed) => return,
                }
            }
        });
    }
}

impl Client {
    fn with(
        database_path: &str,
        key_store: Arc<dyn KeyStore>,
        open: impl FnOnce(Components) -> Result<sdk::Client, sdk::Error>,
    ) -> Answer<Arc<Self>> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()
            .map_err(|error| AskelError::RetryLater {
                reason: error.to_string(),
            })?;
        let sdk = open(Components {
            storage: Box::new(sdk::SqliteStorage::open(database_path)?),
            transport: Arc::new(sdk::GrpcTransport::new()),
            clock: Arc::new(sdk::SystemClock::new()),
            entropy: Arc::new(sdk::SystemEntropy),
            key_store: Box::new(PlatformKeyStore(key_store)),
        })?;
        Ok(Arc::new(Self { sdk, runtime }))
    }

    fn come_back(&self, right: ComeBack) -> Answer<Enrolled> {
        Ok(self.runtime.block_on(self.sdk.come_back(right))?.into())
    }
}

fn bad(what: &str) -> AskelError {
    AskelError::FixInput {
        reason: format!("{what} has the wrong length or form"),
    }
}
