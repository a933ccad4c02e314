//! A device's way to the server: what is sent may be lost, come twice, late or in another order, and
//! an answer may be cut after any of its parts.

mod line;
mod transport;
mod weather;
mod words;

pub(crate) use line::{Line, Way};
pub use weather::{Blocked, Weather};

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use askel_client_sdk::TransportError;
use askel_proto::v1::{self, sync_service_client::SyncServiceClient};
use askel_server::in_process::InMemory;
use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status, metadata::MetadataValue};

use self::weather::Fate;
use crate::{chance::Chance, host::Host, oracle::Oracle, trace::Trace};

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
    /// What Syncs go over.
    line: Line,
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
                line: Line::default(),
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

    /// What Syncs go over.
    pub(crate) fn line(&self) -> Line {
        self.state().line.clone()
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
