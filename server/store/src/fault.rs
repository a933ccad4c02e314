//! A store whose calls fail or never return, to see that a caller who repeats them comes out right.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{Around, ErrorKind, Store, StoreError, Surrounded};

/// Passes every call on, and does to it what its faults say.
pub type Faulty<S> = Surrounded<S, Asked>;

/// The faults that are asked about each call, and how many calls there were.
pub struct Asked {
    faults: Arc<dyn Faults>,
    calls: AtomicU64,
}

/// Says what happens to calls.
pub trait Faults: Send + Sync {
    /// What happens to this call, counted from 1 over all methods.
    fn fate(&self, call: u64) -> Fate;
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out and answered.
    Answered,
    /// It is answered with `Unavailable`.
    Fails(Moment),
    /// It has no effect and is answered with `Inconsistent`: no second try helps.
    Breaks,
    /// It has no effect and never returns: the process that made it is gone.
    Vanishes,
}

/// When a failing call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It has no effect.
    Before,
    /// It took effect, and the answer is lost.
    After,
}

/// The cause of the failure.
#[derive(Debug, thiserror::Error)]
#[error("a fault was asked for")]
struct AskedFor;

/// One call fails.
struct Nth {
    call: u64,
    moment: Moment,
}

impl Faults for Nth {
    fn fate(&self, call: u64) -> Fate {
        if call == self.call {
            Fate::Fails(self.moment)
        } else {
            Fate::Answered
        }
    }
}

impl<S: Store> Faulty<S> {
    /// Asks the faults about each call.
    pub fn new(inner: Arc<S>, faults: Arc<dyn Faults>) -> Self {
        let calls = AtomicU64::new(0);
        Self::with(inner, Asked { faults, calls })
    }

    /// Fails the `call`th call, counted from 1 over all methods; 0 fails none.
    pub fn nth(inner: Arc<S>, call: u64, moment: Moment) -> Self {
        Self::new(inner, Arc::new(Nth { call, moment }))
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.around.calls.load(Ordering::Relaxed)
    }
}

impl Around for Asked {
    async fn around<T, E>(
        &self,
        _method: &'static str,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: From<StoreError> + ErrorKind + Send,
    {
        let number = self.calls.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        match self.faults.fate(number) {
            Fate::Answered => return call.await,
            Fate::Breaks => return Err(StoreError::Inconsistent("a fault was asked for").into()),
            Fate::Vanishes => return std::future::pending().await,
            Fate::Fails(Moment::After) => {
                call.await?;
            }
            Fate::Fails(Moment::Before) => {}
        }
        Err(StoreError::Unavailable(Box::new(AskedFor)).into())
    }
}
