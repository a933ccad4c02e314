//! What one node takes on at a time. Calls beyond that wait a moment in a fair line, and those beyond the
//! line are refused before anything is spent on them, each with a time of its own to come again.
//!
//! A call's cost is known by the size of its body. Whose it is, it says itself: a stranger who pretends
//! to be devices of a tenant can get in the way of that tenant's, and of no other's. Who names a tenant
//! that is not served here is a stranger like all others.

mod line;
mod pace;
mod room;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use askel_sync::{
    id::{DeviceId, ID_BYTES, TenantId},
    key::credential::{CallCredential, METADATA_KEY},
};
use http::HeaderMap;
use tokio::sync::oneshot;

use crate::{
    app::{AppError, Reason},
    clock::Clock,
    config::ServerConfig,
    limits::{
        ANSWERING_MS_MAX, BODIES_KIB_MAX, BUSY_RETRY_MS, CALL_COST_BYTES, DEVICE_CALLS_WAITING_MAX,
        STRANGERS_BODIES_KIB_MAX,
    },
};
pub(crate) use line::Whose;
use line::{Bounds, Entered, Line};
use pace::Pace;
pub(crate) use room::{Held as HeldRoom, Room};

/// Lets calls in, a bounded number at a time.
pub(crate) struct Gate {
    clock: Arc<dyn Clock>,
    wait_max: Duration,
    state: Mutex<State>,
    /// For bodies of requests.
    pub(crate) room: Room,
}

struct State {
    line: Line<oneshot::Sender<()>>,
    pace: Pace,
    answering: BTreeMap<u64, Answering>,
    next_answering: u64,
}

/// A call whose answer is on its way.
struct Answering {
    since: Duration,
    cost: u32,
}

impl Gate {
    pub(crate) fn new(config: &ServerConfig, clock: Arc<dyn Clock>) -> Self {
        let bounds = Bounds {
            under_way: config.calls_max,
            waiting: config.calls_waiting_max,
            waiting_of_device: DEVICE_CALLS_WAITING_MAX,
        };
        Self {
            clock,
            wait_max: Duration::from_millis(config.call_wait_ms_max),
            state: Mutex::new(State {
                line: Line::new(bounds),
                pace: Pace::new(),
                answering: BTreeMap::new(),
                next_answering: 0,
            }),
            room: Room::new(BODIES_KIB_MAX, STRANGERS_BODIES_KIB_MAX),
        }
    }

    /// Refuses a call for which there is no room even in the line: nothing of it need be read.
    ///
    /// # Errors
    /// `SERVER_OVERLOADED`, with the time to come again.
    pub(crate) fn look(&self, whose: Whose) -> Result<(), AppError> {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        if state.line.refuses(whose) {
            return Err(state.overloaded(now));
        }
        Ok(())
    }

    /// Waits for the call's turn.
    ///
    /// # Errors
    /// `SERVER_OVERLOADED`, with the time to come again, when it does not come soon.
    pub(crate) async fn enter(self: &Arc<Self>, whose: Whose, cost: u32) -> Result<Pass, AppError> {
        let (sender, turn) = oneshot::channel();
        let (place, cost) = {
            let now = self.clock.monotonic();
            let mut state = self.lock();
            state.reclaim(now);
            let cost = state.line.bounded(cost);
            match state.line.enter(whose, cost, sender) {
                Entered::Begins => return Ok(self.pass(cost)),
                Entered::Refused => return Err(state.overloaded(now)),
                // Whoever gives way hears of it: their sender is dropped.
                Entered::Waits { place, .. } => (place, cost),
            }
        };
        let mut waiter = Waiter {
            gate: self,
            place,
            cost,
            turn,
        };
        let came = tokio::time::timeout(self.wait_max, &mut waiter.turn).await;
        if let Ok(Ok(())) = came {
            // The turn is taken: nothing is left to give back.
            waiter.turn = oneshot::channel().1;
            return Ok(self.pass(cost));
        }
        let now = self.clock.monotonic();
        let mut state = self.lock();
        state.reclaim(now);
        state.advance();
        if waiter.turn.try_recv().is_ok() {
            drop(state);
            return Ok(self.pass(cost));
        }
        Err(state.overloaded(now))
    }

    fn pass(self: &Arc<Self>, cost: u32) -> Pass {
        Pass {
            gate: Arc::clone(self),
            held: Held::Working(cost),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn overloaded(&mut self, now: Duration) -> AppError {
        AppError::Later {
            reason: Reason::ServerOverloaded,
            retry_after_ms: self.pace.refused(now),
        }
    }

    /// A call is over.
    fn done(&mut self, cost: u32) {
        self.line.done(cost);
        self.advance();
    }

    fn advance(&mut self) {
        while let Some((sender, cost)) = self.line.begin() {
            // Nobody waits there any more.
            if sender.send(()).is_err() {
                self.line.done(cost);
            }
        }
    }

    /// Whoever reads an answer slowly, or not at all, takes no more of what there is.
    fn reclaim(&mut self, now: Duration) {
        let patience = Duration::from_millis(ANSWERING_MS_MAX);
        while let Some(first) = self.answering.first_entry() {
            if now.saturating_sub(first.get().since) < patience {
                break;
            }
            let cost = first.remove().cost;
            self.done(cost);
        }
    }
}

/// A call that waits for its turn. Dropped, it waits no more.
struct Waiter<'a> {
    gate: &'a Gate,
    place: u64,
    cost: u32,
    turn: oneshot::Receiver<()>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        // Its turn may have come at this moment.
        if !state.line.give_up(self.place) && self.turn.try_recv().is_ok() {
            state.done(self.cost);
        }
    }
}

/// That a call may be carried out. Dropped, it is over.
pub(crate) struct Pass {
    gate: Arc<Gate>,
    held: Held,
}

#[derive(Debug, Clone, Copy)]
enum Held {
    Working(u32),
    Answering(u64),
}

impl Pass {
    /// The answer has begun: from now on it is up to the caller how fast it goes.
    pub(crate) fn answering(mut self) -> Self {
        if let Held::Working(cost) = self.held {
            let since = self.gate.clock.monotonic();
            let gate = Arc::clone(&self.gate);
            let mut state = gate.lock();
            let id = state.next_answering;
            state.next_answering = id.saturating_add(1);
            state.answering.insert(id, Answering { since, cost });
            self.held = Held::Answering(id);
        }
        self
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let now = self.gate.clock.monotonic();
        let mut state = self.gate.lock();
        state.pace.served(now);
        match self.held {
            Held::Working(cost) => state.done(cost),
            Held::Answering(id) => {
                if let Some(Answering { cost, .. }) = state.answering.remove(&id) {
                    state.done(cost);
                }
            }
        }
    }
}

/// Whose call it is, as it says itself; all who say nothing, or name a tenant that is not served here,
/// are one.
pub(crate) fn whose(headers: &HeaderMap, is_served: impl Fn(TenantId) -> bool) -> Whose {
    let credential = headers
        .get(METADATA_KEY)
        .and_then(|value| value.to_str().ok())
        .and_then(|credential| CallCredential::parse(credential).ok())
        .filter(|credential| is_served(credential.claimed.tenant));
    match credential {
        Some(credential) => Whose {
            tenant: credential.claimed.tenant,
            device: credential.claimed.device,
        },
        None => Whose {
            tenant: TenantId::from_bytes([0; ID_BYTES]),
            device: DeviceId::from_bytes([0; ID_BYTES]),
        },
    }
}

/// What a call costs, by the bytes of its body.
pub(crate) fn cost(body_bytes: usize) -> u32 {
    let more = body_bytes / CALL_COST_BYTES;
    u32::try_from(more).unwrap_or(u32::MAX).saturating_add(1)
}

/// There is no room for a request's body.
pub(crate) fn no_room() -> AppError {
    AppError::Later {
        reason: Reason::ServerOverloaded,
        retry_after_ms: BUSY_RETRY_MS,
    }
}

#[cfg(test)]
mod tests;
