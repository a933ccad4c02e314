//! `[ingest]`: how writes are batched.

use super::faults::Reader;

/// The section `[ingest]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestConfig {
    /// Ops in one transaction; one caller's ops are never split.
    pub batch_ops_max: usize,
    /// How long a caller's ops wait for company, in milliseconds.
    pub batch_wait_ms: u64,
    /// Milliseconds between the beginnings of two transactions of one tenant, unless one is full.
    pub batch_pace_ms: u64,
    /// Ops of one tenant that may wait; more are turned away.
    pub queue_ops_max: usize,
    /// Transactions under way at a time, each of another tenant.
    pub commits_max: usize,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            batch_ops_max: 500,
            batch_wait_ms: 2,
            batch_pace_ms: 10,
            queue_ops_max: 100_000,
            commits_max: 4,
        }
    }
}

impl IngestConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            batch_ops_max: reader.number("ingest.batch_ops_max", default.batch_ops_max, 1..=10_000),
            batch_wait_ms: reader.number("ingest.batch_wait_ms", default.batch_wait_ms, 0..=1_000),
            batch_pace_ms: reader.number("ingest.batch_pace_ms", default.batch_pace_ms, 0..=1_000),
            queue_ops_max: reader.number(
                "ingest.queue_ops_max",
                default.queue_ops_max,
                1..=10_000_000,
            ),
            commits_max: reader.number("ingest.commits_max", default.commits_max, 1..=64),
        }
    }
}
