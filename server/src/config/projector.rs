//! `[projector]`: how awards are confirmed.

use super::faults::Reader;

/// The section `[projector]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectorConfig {
    /// Participants of one tenant whose folded state is kept in memory.
    pub cached_participants_max: usize,
}

impl Default for ProjectorConfig {
    fn default() -> Self {
        Self {
            cached_participants_max: 10_000,
        }
    }
}

impl ProjectorConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            cached_participants_max: reader.number(
                "projector.cached_participants_max",
                default.cached_participants_max,
                1..=10_000_000,
            ),
        }
    }
}
