//! Storage that breaks at a chosen commit, and stays broken until it is opened again.

use askel_client_sdk::{MemoryStorage, RowWrite, SealedRow, Storage, StorageError};

/// Whether the commit that fails took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// Memory storage with one fault.
pub(crate) struct FaultStorage {
    inner: MemoryStorage,
    commits_left: usize,
    moment: Moment,
    is_broken: bool,
}

impl FaultStorage {
    /// Breaks at the commit after `commits` good ones.
    pub(crate) fn after(inner: MemoryStorage, commits: usize, moment: Moment) -> Self {
        Self {
            inner,
            commits_left: commits,
            moment,
            is_broken: false,
        }
    }
}

impl Storage for FaultStorage {
    fn load(&mut self) -> Result<Vec<SealedRow>, StorageError> {
        if self.is_broken {
            Err(broken())
        } else {
            self.inner.load()
        }
    }

    fn commit(&mut self, writes: &[RowWrite]) -> Result<(), StorageError> {
        if self.is_broken {
            return Err(broken());
        }
        if self.commits_left == 0 {
            self.is_broken = true;
            if self.moment == Moment::After {
                self.inner.commit(writes)?;
            }
            return Err(broken());
        }
        self.commits_left -= 1;
        self.inner.commit(writes)
    }
}

fn broken() -> StorageError {
    StorageError::Io("the disk is gone".into())
}
