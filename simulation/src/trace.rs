//! What happened, in order, with its virtual time: hashed, and kept for the story.

use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::time::{BEGINNING, TrueTime};

/// Takes notes. Clones write into the same trace.
#[derive(Clone)]
pub(crate) struct Trace {
    true_time: Arc<TrueTime>,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    hash: Sha256,
    lines: Vec<String>,
}

impl Trace {
    pub(crate) fn new(true_time: Arc<TrueTime>) -> Self {
        Self {
            true_time,
            notes: Arc::default(),
        }
    }

    /// Notes that something happened now.
    pub(crate) fn note(&self, what: impl AsRef<str>) {
        let ms = self.true_time.now().saturating_ms_since(BEGINNING);
        let line = format!("{:>6}.{:03} {}", ms / 1_000, ms % 1_000, what.as_ref());
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.hash.update(line.as_bytes());
        notes.hash.update(b"\n");
        notes.lines.push(line);
    }

    /// The hash of all notes so far.
    pub(crate) fn hash(&self) -> String {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        HEXLOWER.encode(&notes.hash.clone().finalize())
    }

    /// All notes so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.lines.clone()
    }
}
