//! A phone's disk: rows in memory that can be cut off at any write, fill up, and be put back to what
//! they were.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use askel_client_sdk::{RowKey, RowWrite, SealedRow, Storage, StorageError};

/// The rows as they lie there.
pub(crate) type Image = BTreeMap<RowKey, Vec<u8>>;

/// When a write that is the last one fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing of it is there.
    Before,
    /// All of it is there, and nobody was told.
    After,
}

/// A disk. Clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rows: Image,
    /// The power goes at a coming write.
    cut: Option<(u32, Moment)>,
    /// So many coming writes find no room.
    full_for: u32,
    /// The power is gone until the device is started again.
    dead: bool,
}

impl Disk {
    /// The power goes at the write after `writes` good ones.
    pub(crate) fn cut_after(&self, writes: u32, moment: Moment) {
        self.state().cut = Some((writes, moment));
    }

    /// The next writes find no room.
    pub(crate) fn fill_up(&self, writes: u32) {
        self.state().full_for = writes;
    }

    /// Whether the power is gone.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// The device is started again: no fault is left.
    pub(crate) fn start(&self) {
        let mut state = self.state();
        state.cut = None;
        state.full_for = 0;
        state.dead = false;
    }

    pub(crate) fn image(&self) -> Image {
        self.state().rows.clone()
    }

    pub(crate) fn put_back(&self, image: &Image) {
        self.state().rows.clone_from(image);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, writes: &[RowWrite]) {
        for write in writes {
            match write {
                RowWrite::Put(row) => self.rows.insert(row.key, row.sealed.clone()),
                RowWrite::Delete(key) => self.rows.remove(key),
            };
        }
    }
}

impl Storage for Disk {
    fn load(&mut self) -> Result<Vec<SealedRow>, StorageError> {
        let state = self.state();
        if state.dead {
            return Err(gone());
        }
        let row = |(key, sealed): (&RowKey, &Vec<u8>)| SealedRow {
            key: *key,
            sealed: sealed.clone(),
        };
        Ok(state.rows.iter().map(row).collect())
    }

    fn commit(&mut self, writes: &[RowWrite]) -> Result<(), StorageError> {
        let mut state = self.state();
        if state.dead {
            return Err(gone());
        }
        if state.full_for > 0 {
            state.full_for -= 1;
            return Err(StorageError::Io("the disk is full".into()));
        }
        match state.cut {
            Some((0, moment)) => {
                if moment == Moment::After {
                    state.write(writes);
                }
                state.dead = true;
                return Err(gone());
            }
            Some((left, moment)) => state.cut = Some((left - 1, moment)),
            None => {}
        }
        state.write(writes);
        Ok(())
    }
}

fn gone() -> StorageError {
    StorageError::Io("the power is gone".into())
}
