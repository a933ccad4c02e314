//! A device's way to the server: what is sent may be lost, come twice, late or in another order, and
//! an answer may be cut after any of its parts.

mod counted;
mod weather;
mod words;

pub use weather::{Blocked, Weather};

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use askel_client_sdk::{Credential, SyncAnswer, Transport, TransportError};
use askel_proto::v1::{
    self, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient, sync_response::Part,
    sync_service_client::SyncServiceClient,
};
use askel_server::in_process::InMemory;
use async_trait::async_trait;
use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status, metadata::MetadataValue};

use self::{counted::Counted, weather::Fate, words::what_is};
use crate::{chance::Chance, host::Host, oracle::Oracle, trace::Trace, until_death::UntilDeath};

/// The metadata that carries the call credential.
const CREDENTIAL_KEY: &str = "askel-credential";
/// How long a device waits for an answer that does not come, in milliseconds.
const SILENCE_MS: u64 = 20_000;
/// Requests kept for being sent again later.
const KEPT_MAX: usize = 64;

/// A request as it was sent, to be sent again.
#[derive(Clone)]
pub(crate) struct Frozen {
    credential: String,
    request: v1::SyncRequest,
}

/// The way of one device.
pub(crate) struct Link {
    name: String,
    host: Arc<Host>,
    trace: Trace,
    oracle: Arc<Oracle>,
    state: Mutex<State>,
}

struct State {
    weather: Weather,
    chance: Chance,
    /// No message gets out, or in.
    blocked: Blocked,
    kept: Vec<Frozen>,
    /// Whether the last answer to Sync came to its end.
    whole: Arc<AtomicBool>,
    /// The next answer to Sync ends after so many parts.
    cut_after: Option<usize>,
    counted: Counted,
}

impl Link {
    pub(crate) fn new(name: String, host: Arc<Host>, trace: Trace, oracle: Arc<Oracle>) -> Self {
        Self {
            name,
            host,
            trace,
            oracle,
            state: Mutex::new(State {
                weather: Weather::default(),
                chance: Chance::of(0, "calm", 0),
                blocked: Blocked::default(),
                kept: Vec::new(),
                whole: Arc::default(),
                cut_after: None,
                counted: Counted::default(),
            }),
        }
    }

    /// The weather from now on.
    pub(crate) fn set_weather(&self, weather: Weather, chance: Chance) {
        let mut state = self.state();
        state.weather = weather;
        state.chance = chance;
    }

    /// What is blocked from now on.
    pub(crate) fn block(&self, blocked: Blocked) {
        self.state().blocked = blocked;
    }

    /// Whether the last answer to Sync came to its end.
    pub(crate) fn was_whole(&self) -> bool {
        self.state().whole.load(Ordering::Relaxed)
    }

    /// The next answer to Sync ends after so many parts.
    pub(crate) fn cut_after(&self, parts: usize) {
        self.state().cut_after = Some(parts);
    }

    /// Forgets what was counted.
    pub(crate) fn count_anew(&self) {
        self.state().counted = Counted::default();
    }

    /// Parts of answers to Sync that arrived since, and their bytes.
    pub(crate) fn counted(&self) -> (usize, u64) {
        self.state().counted.told()
    }

    /// An old request, if so many were sent.
    pub(crate) fn frozen(&self, nth: usize) -> Option<Frozen> {
        let state = self.state();
        let count = state.kept.len();
        state.kept.get(nth.checked_rem(count)?).cloned()
    }

    /// Sends an old request again, and listens to nothing. Tells what came of it.
    pub(crate) async fn replay(&self, frozen: Frozen) -> String {
        let Some(process) = self.host.process() else {
            return "nobody is there".to_owned();
        };
        let Ok(request) = signed(&frozen.credential, frozen.request) else {
            return "no credential".to_owned();
        };
        let mut client = SyncServiceClient::new(process.calls());
        match client.sync(request).await {
            Ok(answer) => {
                let mut parts = answer.into_inner();
                let mut count = 0;
                while let Some(Ok(_)) = parts.next().await {
                    count += 1;
                }
                format!("answered in {count} parts")
            }
            Err(status) => format!("refused: {}", status.message()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self) -> Fate {
        let mut state = self.state();
        let State {
            weather,
            chance,
            blocked,
            ..
        } = &mut *state;
        Fate::draw(*weather, *blocked, chance)
    }

    /// One call of a single answer.
    async fn carry<T, F>(
        &self,
        what: &'static str,
        call: impl Fn(InMemory) -> F,
    ) -> Result<T, TransportError>
    where
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
        T: Send + 'static,
    {
        let fate = self.fate();
        let answer = self.reach(what, &fate, call).await?;
        self.come_back(what, &fate).await?;
        let answer = answer.map(Response::into_inner);
        self.told(what, answer.as_ref().err());
        Ok(answer?)
    }

    /// The request's way, and the server's work.
    async fn reach<T, F>(
        &self,
        what: &'static str,
        fate: &Fate,
        call: impl Fn(InMemory) -> F,
    ) -> Result<Result<Response<T>, Status>, TransportError>
    where
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
        T: Send + 'static,
    {
        sleep(fate.request_ms).await;
        let process = match self.host.process() {
            Some(process) if !fate.lost => process,
            Some(_) => {
                self.note(&format!("{what}: the request is lost"));
                sleep(SILENCE_MS).await;
                return Err(TransportError::Unreachable);
            }
            None => {
                self.note(&format!("{what}: nobody is there"));
                return Err(TransportError::Unreachable);
            }
        };
        if let Some(later_ms) = fate.doubled_after_ms {
            self.note(&format!("{what}: the request comes twice"));
            let again = call(process.calls());
            let until_death = Arc::clone(&process);
            tokio::spawn(async move {
                sleep(later_ms).await;
                tokio::select! {
                    biased;
                    () = until_death.died() => {}
                    _ = again => {}
                }
            });
        }
        tokio::select! {
            biased;
            () = process.died() => {
                self.note(&format!("{what}: the server died meanwhile"));
                Err(TransportError::Unreachable)
            }
            answer = call(process.calls()) => Ok(answer),
        }
    }

    /// The answer's way.
    async fn come_back(&self, what: &'static str, fate: &Fate) -> Result<(), TransportError> {
        if fate.unanswered {
            self.note(&format!("{what}: the answer is lost"));
            sleep(SILENCE_MS).await;
            return Err(TransportError::Unreachable);
        }
        sleep(fate.answer_ms).await;
        Ok(())
    }

    fn told(&self, what: &'static str, refusal: Option<&Status>) {
        match refusal {
            None => self.note(&format!("{what}: answered")),
            Some(status) => {
                let error = TransportError::from(status.clone());
                self.note(&format!("{what}: {error}"));
                self.oracle.hears_refusal(&self.name, &error);
            }
        }
    }

    fn note(&self, what: &str) {
        self.trace.note(format!("{} · {what}", self.name));
    }
}

async fn sleep(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

fn signed<T>(credential: &str, message: T) -> Result<Request<T>, TransportError> {
    let value = MetadataValue::try_from(credential).map_err(|_| TransportError::Unreachable)?;
    let mut request = Request::new(message);
    request.metadata_mut().insert(CREDENTIAL_KEY, value);
    Ok(request)
}

/// A call of a generated client with a credential, as a future that owns all it needs.
macro_rules! call {
    ($client:ident . $method:ident, $credential:expr, $message:expr) => {{
        let (credential, message) = ($credential.as_str().to_owned(), $message);
        move |calls: InMemory| {
            let request = signed(&credential, message.clone());
            async move {
                let request = request.map_err(|_| Status::unauthenticated("no credential"))?;
                $client::new(calls).$method(request).await
            }
        }
    }};
}

#[async_trait]
impl Transport for Link {
    fn use_server(&self, _: &str) -> Result<(), TransportError> {
        Ok(())
    }

    async fn enrol(&self, request: v1::EnrolRequest) -> Result<v1::EnrolResponse, TransportError> {
        let call = move |calls| {
            let request = request.clone();
            async move { EnrolmentServiceClient::new(calls).enrol(request).await }
        };
        self.carry("enrol", call).await
    }

    async fn come_back(
        &self,
        request: v1::ComeBackRequest,
    ) -> Result<v1::EnrolResponse, TransportError> {
        let call = move |calls| {
            let request = request.clone();
            async move { EnrolmentServiceClient::new(calls).come_back(request).await }
        };
        self.carry("come back", call).await
    }

    async fn create_recovery_sheet(
        &self,
        credential: &Credential,
    ) -> Result<v1::RecoverySheet, TransportError> {
        let message = v1::CreateRecoverySheetRequest {};
        let call = call!(
            EnrolmentServiceClient.create_recovery_sheet,
            credential,
            message
        );
        self.carry("recovery sheet", call).await
    }

    async fn approve_device(
        &self,
        credential: &Credential,
        request: v1::ApproveDeviceRequest,
    ) -> Result<v1::ApproveDeviceResponse, TransportError> {
        let call = call!(EnrolmentServiceClient.approve_device, credential, request);
        self.carry("approve", call).await
    }

    async fn refuse_device(
        &self,
        credential: &Credential,
        request: v1::RefuseDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        let call = call!(EnrolmentServiceClient.refuse_device, credential, request);
        self.carry("refuse", call).await
    }

    async fn revoke_own_device(
        &self,
        credential: &Credential,
        request: v1::RevokeOwnDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        let call = call!(
            EnrolmentServiceClient.revoke_own_device,
            credential,
            request
        );
        self.carry("revoke", call).await
    }

    async fn list_own_devices(
        &self,
        credential: &Credential,
        request: v1::ListOwnDevicesRequest,
    ) -> Result<v1::ListOwnDevicesResponse, TransportError> {
        let call = call!(EnrolmentServiceClient.list_own_devices, credential, request);
        self.carry("own devices", call).await
    }

    async fn sync(
        &self,
        credential: &Credential,
        request: v1::SyncRequest,
    ) -> Result<SyncAnswer, TransportError> {
        {
            let mut state = self.state();
            let frozen = Frozen {
                credential: credential.as_str().to_owned(),
                request: request.clone(),
            };
            state.kept.push(frozen);
            if state.kept.len() > KEPT_MAX {
                state.kept.remove(0);
            }
        }
        let fate = self.fate();
        self.note(&format!(
            "sync: {} batches, {} cursors",
            request.batches.len(),
            request.cursors.len()
        ));
        let call = call!(SyncServiceClient.sync, credential, request);
        let process = self.host.process();
        let answer = self.reach("sync", &fate, call).await?;
        self.come_back("sync", &fate).await?;
        self.told("sync", answer.as_ref().err());
        let parts = answer?.into_inner();
        let cut_after = self.state().cut_after.take().or(fate.parts_max);
        let parts_max = cut_after.unwrap_or(usize::MAX);
        let counted = self.state().counted.clone();
        let (trace, name) = (self.trace.clone(), self.name.clone());
        let oracle = Arc::clone(&self.oracle);
        let whole = Arc::clone(&self.state().whole);
        whole.store(false, Ordering::Relaxed);
        let mut index = 0_usize;
        let delivered = parts.take(parts_max).map(move |part| {
            index += 1;
            let part = part.map_err(TransportError::from);
            match &part {
                Ok(part) => {
                    let is_end = matches!(part.part, Some(Part::Closing(_)));
                    whole.fetch_or(is_end, Ordering::Relaxed);
                    counted.count(part);
                    oracle.hears(&name, part);
                }
                Err(error) => oracle.hears_refusal(&name, error),
            }
            trace.note(format!("{name} · sync: part {index} {}", what_is(&part)));
            part
        });
        let cut = tokio_stream::once(Err(TransportError::Unreachable));
        let until_death: SyncAnswer = match process {
            Some(process) => Box::pin(UntilDeath::of(process, delivered.chain(cut))),
            None => Box::pin(cut),
        };
        Ok(until_death)
    }

    async fn get_catalog_chunk(
        &self,
        credential: &Credential,
        request: v1::GetCatalogChunkRequest,
    ) -> Result<v1::CatalogChunk, TransportError> {
        let call = call!(CatalogServiceClient.get_catalog_chunk, credential, request);
        self.carry("chunk", call).await
    }
}
