//! What the run asks of a peer's library.

use crate::tree::{Path, Tree};

/// A value of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    Int(i64),
    Text(String),
    Set,
}

/// A way to write the whole document down.
pub(crate) struct Saved {
    pub(crate) variant: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// One device's document, or the hub's.
pub(crate) trait Replica: Sized {
    const NAME: &'static str;
    type Version: Clone;

    /// The same empty document on each device, and a writer's number of its own.
    fn new(writer: u8) -> anyhow::Result<Self>;

    fn put(&mut self, path: Path<'_>, key: &str, value: &Scalar) -> anyhow::Result<()>;
    fn remove(&mut self, path: Path<'_>, key: &str) -> anyhow::Result<()>;
    /// Sets a place of a list, which is at most one past its end.
    fn set_at(&mut self, list: &str, index: usize, value: &Scalar) -> anyhow::Result<()>;
    fn push(&mut self, list: &str, value: &Scalar) -> anyhow::Result<()>;
    fn commit(&mut self);

    fn version(&mut self) -> Self::Version;
    /// In the shortest form the library offers.
    fn encode_version(&mut self) -> Vec<u8>;
    /// What was written here since `known`; empty for nothing.
    fn hand_in(&mut self, known: &Self::Version) -> anyhow::Result<Vec<u8>>;
    /// What a device at `version` lacks; `relayed` is what others handed in since it last asked.
    fn answer(&mut self, version: &Self::Version, relayed: &[Vec<u8>]) -> anyhow::Result<Vec<u8>>;
    fn take(&mut self, update: &[u8]) -> anyhow::Result<()>;

    fn tree(&self) -> anyhow::Result<Tree>;
    fn save(&mut self) -> anyhow::Result<Vec<Saved>>;
    /// Opens a saved document and reads every value, in the library's own quickest way. Returns how many there were.
    fn open_and_read(saved: &Saved) -> anyhow::Result<usize>;
}
