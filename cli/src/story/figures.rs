//! The demo's figures as one JSON object.

use data_encoding::HEXLOWER;
use serde::Serialize;

use super::{compare::Comparison, world::Counted};

/// What `--json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// Of the story's chances.
    pub(crate) seed: u64,
    /// People with steps.
    pub(crate) participants: usize,
    /// Their step sources at the start.
    pub(crate) devices: usize,
    /// Kept, as the server's ops say.
    pub(crate) steps_total: u64,
    pub(crate) person_days: u64,
    pub(crate) median_day_steps: u64,
    pub(crate) max_day_steps: u64,
    /// Check-ins written by phones and tablets, the voided one included.
    pub(crate) check_ins: u64,
    pub(crate) attendances: u64,
    pub(crate) tallies: u64,
    /// Attendances and tallies.
    pub(crate) encounters: u64,
    /// Of everyone, the one with the card included.
    pub(crate) awards: u64,
    pub(crate) card_awards: u64,
    pub(crate) phone_award_hash: String,
    pub(crate) server_award_hash: String,
    pub(crate) sync_calls: u64,
    /// Encoded Sync requests.
    pub(crate) bytes_up: u64,
    /// Encoded Sync responses.
    pub(crate) bytes_down: u64,
    /// Of the machine, from the first to the last line.
    pub(crate) seconds: f32,
}

/// How the demo was run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) participants: usize,
    pub(crate) devices: usize,
    pub(crate) elapsed: std::time::Duration,
}

impl Figures {
    /// Gathers them.
    pub(crate) fn of(run: Run, comparison: &Comparison, counted: Counted) -> Self {
        Self {
            seed: run.seed,
            participants: run.participants,
            devices: run.devices,
            steps_total: comparison.kept.total,
            person_days: comparison.kept.person_days,
            median_day_steps: comparison.kept.median_day,
            max_day_steps: comparison.kept.largest_day,
            check_ins: counted.check_ins,
            attendances: comparison.attendances,
            tallies: comparison.tallies,
            encounters: comparison.encounters(),
            awards: comparison.awards(),
            card_awards: comparison.card_awards,
            phone_award_hash: HEXLOWER.encode(&comparison.phone_hash),
            server_award_hash: HEXLOWER.encode(&comparison.server_hash),
            sync_calls: counted.sync_calls,
            bytes_up: counted.bytes_up,
            bytes_down: counted.bytes_down,
            seconds: run.elapsed.as_secs_f32(),
        }
    }
}
