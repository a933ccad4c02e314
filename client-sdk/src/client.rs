//! The API: a thin hull around the engine.

mod ending;
mod enrolment;
mod lifeboat;
mod participant;
mod place;
mod push;
mod shared;
mod sync;

use std::sync::Arc;

use askel_sync::id::OpId;
use tokio::sync::broadcast;

use crate::engine::Engine;
use crate::{
    Change, Clock, Entropy, Error, Footprint, KeyStore, RejectedOp, Status, Storage, Transport,
};
use shared::Shared;

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
///
/// A write is on disk when its call returns `Ok`; after an error nothing of it was kept, or it was kept
/// and asking again finds it there. Calls block for as long as storage takes, and only those that are
/// `async` use the network.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client(…)")
    }
}

impl Client {
    /// Opens the database, or begins one if there is none. A database without its key begins anew too:
    /// what was not handed in is kept sealed to the server and follows once this installation is someone
    /// again; [`Client::status`] says what happened.
    ///
    /// # Errors
    /// [`Error::EnrolAgain`] when the key is another one's: [`Client::start_fresh`] and a recovery sheet
    /// bring back what was synced.
    /// [`Error::UpdateApp`] when a later version wrote it. [`Error::RetryLater`] when it can't be read now.
    pub fn open(components: Components) -> Result<Self, Error> {
        Ok(Self {
            shared: Arc::new(Shared::open(components)?),
        })
    }

    /// Deletes what is in the database, readable or not, and opens as on the first day, with a new device
    /// key. What was not handed in is carried to the server, sealed as it is.
    pub fn start_fresh(mut components: Components) -> Result<Self, Error> {
        shared::start_fresh(&mut components)?;
        Self::open(components)
    }

    /// The version of the catalog in force; `None` before the first sync.
    pub fn catalog_version(&self) -> Option<u32> {
        self.shared.ask(Engine::catalog_version)
    }

    /// Tells what changes from now on. A receiver that is late by more than 256 changes misses some, and
    /// is told so.
    pub fn observe(&self) -> broadcast::Receiver<Change> {
        self.shared.changes.subscribe()
    }

    /// How syncing stands. Below a millisecond.
    pub fn status(&self) -> Status {
        let now = self.shared.now();
        self.shared.ask(|engine| engine.status(now))
    }

    /// The person has read the notice of [`Client::status`].
    pub fn dismiss_notice(&self) -> Result<(), Error> {
        self.shared
            .decide(|engine, _| Ok(engine.dismiss_notice()))
            .map(drop)
    }

    /// How many bytes the ops of streams take at rest. Encodes everything once: for tools.
    pub fn footprint(&self) -> Footprint {
        self.shared.ask(Engine::footprint)
    }

    /// The ops this writer wrote and still keeps, in the order they were written; for tools that test
    /// the SDK.
    #[cfg(feature = "inspection")]
    pub fn seen_ops(&self) -> Vec<crate::SeenOp> {
        self.shared.ask(Engine::seen_ops)
    }

    /// When the staff lease of this tablet runs out; for tools that test the SDK.
    #[cfg(feature = "inspection")]
    pub fn lease_until(&self) -> Option<askel_sync::time::Timestamp> {
        self.shared.ask(Engine::lease_until)
    }

    /// Every count of the participant's steps, by measure, source and quarter in any order: also those of
    /// long ago, which no other question reads; for tools that test the SDK.
    #[cfg(feature = "inspection")]
    pub fn step_counts(
        &self,
    ) -> Vec<(
        (
            askel_sync::op::Measure,
            askel_sync::id::StepSourceId,
            askel_sync::time::Quarter,
        ),
        u32,
    )> {
        self.shared.ask(Engine::step_counts)
    }

    /// Hands a refused op in again, as a new op with the next revision, or at the present time, where its
    /// kind has them. The refused one is listed no more.
    ///
    /// # Errors
    /// [`Error::FixInput`] for an op that was not refused, or of which the server said that it is only to
    /// be discarded.
    pub fn resubmit(&self, op: OpId) -> Result<OpId, Error> {
        self.shared
            .decide(|engine, now| engine.resubmit(op, now))
            .map(|(op, _)| op)
    }

    /// Lists a refused op no more. Doing it twice is doing it once.
    pub fn discard(&self, op: OpId) -> Result<(), Error> {
        self.shared
            .decide(|engine, _| Ok(engine.discard(op)))
            .map(drop)
    }

    /// Ops the server refused, for the person to see; in the order they were written.
    pub fn rejected(&self) -> Vec<RejectedOp> {
        self.shared.ask(Engine::rejected)
    }
}
