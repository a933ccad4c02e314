//! The answers of a Watch: hints until the caller goes, the server stops or the time is up.

use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use askel_proto::v1;
use askel_store::DeviceState;
use askel_sync::id::{DeviceId, StreamId, TenantId};
use futures::{Stream, StreamExt as _, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast},
    time::{Interval, Sleep},
};
use tonic::Status;

use super::error::status;
use crate::{
    app::{App, AppError, Caller, Reason, StreamCursor, absent, watched},
    fan_out::Hint,
    lifecycle::Stop,
    limits::{BUSY_RETRY_MS, DEVICE_WATCHES_MAX, STOPPING_RETRY_MS, WATCH_MS_MAX, WATCH_RIGHT_MS},
    meters::meters,
};

/// The watches that may be open: so many in all, and a few of each device.
#[derive(Clone)]
pub(super) struct WatchPlaces {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<(TenantId, DeviceId), usize>>>,
}

impl WatchPlaces {
    pub(super) fn new(watches_max: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(watches_max)),
            taken: Arc::default(),
        }
    }

    /// A place for one more of the caller's; `None` when there is none.
    pub(super) fn take(&self, caller: &Caller) -> Option<WatchPlace> {
        let place = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let whose = (caller.tenant, caller.device.id);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let open = taken.entry(whose).or_default();
        if *open >= DEVICE_WATCHES_MAX {
            return None;
        }
        *open = open.saturating_add(1);
        meters().watches.add(1, &[]);
        Some(WatchPlace {
            whose,
            taken: Arc::clone(&self.taken),
            _place: place,
        })
    }
}

/// One open watch.
pub(super) struct WatchPlace {
    whose: (TenantId, DeviceId),
    taken: Arc<Mutex<HashMap<(TenantId, DeviceId), usize>>>,
    _place: OwnedSemaphorePermit,
}

impl Drop for WatchPlace {
    fn drop(&mut self) {
        meters().watches.add(-1, &[]);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = taken.get_mut(&self.whose) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

/// The answer to a watch too many.
pub(super) fn too_many() -> AppError {
    AppError::Later {
        reason: Reason::ServerBusy,
        retry_after_ms: BUSY_RETRY_MS,
    }
}

/// Subscribes, checks the cursors, and answers: first nothing (the watch stands), then what has
/// moved already, then what moves.
pub(super) async fn hints(
    app: &Arc<App>,
    caller: &Caller,
    cursors: Vec<StreamCursor>,
    stop: Stop,
    place: WatchPlace,
) -> Result<impl Stream<Item = Result<v1::WatchResponse, Status>> + use<>, AppError> {
    let hints = app.components.fan_out.subscribe(caller.tenant);
    let watched = watched(app, caller, cursors).await?;
    let already = (!watched.moved.is_empty()).then(|| hint(watched.moved));
    let first = [Some(v1::WatchResponse::default()), already];
    let watch = Watch {
        hints,
        streams: watched.streams,
        stop,
        time_up: Box::pin(tokio::time::sleep(Duration::from_millis(WATCH_MS_MAX))),
        look: tokio::time::interval(Duration::from_millis(WATCH_RIGHT_MS)),
        right: Right {
            app: Arc::clone(app),
            tenant: caller.tenant,
            device: caller.device.id,
        },
        _place: place,
    };
    let later = stream::unfold(Some(watch), |watch| async move {
        let mut watch = watch?;
        match watch.next().await {
            Next::Hint(hint) => Some((Ok(hint), Some(watch))),
            Next::Refused(reason) => Some((Err(status(&reason.into())), None)),
            Next::Stopping => Some((Err(status(&stopping())), None)),
            Next::TimeUp => None,
        }
    });
    Ok(stream::iter(first.into_iter().flatten().map(Ok)).chain(later))
}

fn stopping() -> AppError {
    AppError::Later {
        reason: Reason::ServerStopping,
        retry_after_ms: STOPPING_RETRY_MS,
    }
}

fn hint(streams: impl IntoIterator<Item = StreamId>) -> v1::WatchResponse {
    v1::WatchResponse {
        stream_ids: streams.into_iter().map(StreamId::to_vec).collect(),
    }
}

struct Watch {
    hints: broadcast::Receiver<Hint>,
    streams: BTreeSet<StreamId>,
    stop: Stop,
    time_up: Pin<Box<Sleep>>,
    look: Interval,
    right: Right,
    _place: WatchPlace,
}

/// Whose watch it is, to look again whether it may hear.
struct Right {
    app: Arc<App>,
    tenant: TenantId,
    device: DeviceId,
}

impl Right {
    /// Ends with the device. A store that is away ends nothing.
    async fn refusal(&self) -> Option<Reason> {
        let store = &self.app.components.store;
        match store.lookup_device(self.tenant, self.device).await {
            Ok(Some(device)) if device.state == DeviceState::Revoked => Some(Reason::DeviceRevoked),
            Ok(None) => absent(&self.app, self.tenant, self.device).await.ok(),
            Ok(Some(_)) | Err(_) => None,
        }
    }
}

enum Next {
    Hint(v1::WatchResponse),
    Refused(Reason),
    Stopping,
    TimeUp,
}

impl Watch {
    async fn next(&mut self) -> Next {
        loop {
            let heard = tokio::select! {
                biased;
                () = self.stop.begun() => return Next::Stopping,
                () = self.time_up.as_mut() => return Next::TimeUp,
                _ = self.look.tick() => match self.right.refusal().await {
                    Some(reason) => return Next::Refused(reason),
                    None => continue,
                },
                heard = self.hints.recv() => heard,
            };
            let told: Vec<StreamId> = match heard {
                Ok(Hint::Moved(moved)) => {
                    let watched = moved.iter().filter(|id| self.streams.contains(id));
                    watched.copied().collect()
                }
                Ok(Hint::Rights(of)) => {
                    if of.is_none_or(|device| device == self.right.device)
                        && let Some(reason) = self.right.refusal().await
                    {
                        return Next::Refused(reason);
                    }
                    continue;
                }
                Ok(Hint::Missed(share)) if !share.has(self.right.device) => continue,
                // What was missed is not known: anything may have moved.
                Ok(Hint::Missed(_)) | Err(broadcast::error::RecvError::Lagged(_)) => {
                    self.streams.iter().copied().collect()
                }
                Err(broadcast::error::RecvError::Closed) => return Next::Stopping,
            };
            if !told.is_empty() {
                return match self.right.refusal().await {
                    Some(reason) => Next::Refused(reason),
                    None => Next::Hint(hint(told)),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use askel_store::Device;
    use askel_sync::{admission::Role, key::KeyPair, time::Timestamp};

    fn caller(device: u8) -> Caller {
        Caller {
            tenant: TenantId::from_bytes([1; 16]),
            device: Device {
                id: DeviceId::from_bytes([device; 16]),
                public_key: KeyPair::from_seed(&[device; 32]).public_key(),
                role: Role::Staff,
                participant: None,
                scope: None,
                state: DeviceState::Active,
                inviter: None,
                enrolled_at: Timestamp::from_ms(0),
                lease_until: None,
                clock: None,
                pass: None,
            },
            credential_of: Timestamp::from_ms(0),
        }
    }

    #[test]
    fn so_many_watches_are_open_in_all_and_one_more_when_another_ends() {
        let places = WatchPlaces::new(2);
        let first = places.take(&caller(1)).expect("a place");
        let _second = places.take(&caller(2)).expect("a place");
        assert!(places.take(&caller(3)).is_none());
        drop(first);
        assert!(places.take(&caller(3)).is_some());
    }

    #[test]
    fn a_device_that_ends_a_watch_may_open_another() {
        let places = WatchPlaces::new(2 * DEVICE_WATCHES_MAX);
        let mut open: Vec<_> = (0..DEVICE_WATCHES_MAX)
            .map(|_| places.take(&caller(1)).expect("a place"))
            .collect();
        assert!(places.take(&caller(1)).is_none());
        open.pop();
        assert!(places.take(&caller(1)).is_some());
    }

    #[test]
    fn a_watch_too_many_is_told_to_come_again() {
        let AppError::Later { reason, .. } = too_many() else {
            panic!("no time to come again")
        };
        assert_eq!(reason, Reason::ServerBusy);
    }
}
