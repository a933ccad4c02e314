//! `[enrolment]`: guessing, probation, leases.

use askel_sync::{
    limits::STAFF_LEASE_MS_MAX,
    time::{DAY_MS, HOUR_MS, MINUTE_MS},
};

use super::faults::Reader;

/// The section `[enrolment]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnrolmentConfig {
    /// Failed attempts of a tenant within the window before all are turned away for a while.
    pub failures_max: u64,
    /// The window, in minutes.
    pub failure_window_minutes: i64,
    /// How long a re-invited device sees nothing of before and can be refused, in hours.
    pub probation_hours: i64,
    /// The lease of a staff device, in days, at most 8.
    pub staff_lease_days: i64,
}

impl Default for EnrolmentConfig {
    fn default() -> Self {
        Self {
            failures_max: 20,
            failure_window_minutes: 10,
            probation_hours: 72,
            staff_lease_days: 8,
        }
    }
}

impl EnrolmentConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        let lease_days_max = STAFF_LEASE_MS_MAX.div_euclid(DAY_MS);
        Self {
            failures_max: reader.number("enrolment.failures_max", default.failures_max, 1..=1_000),
            failure_window_minutes: reader.number(
                "enrolment.failure_window_minutes",
                default.failure_window_minutes,
                1..=1_440,
            ),
            probation_hours: reader.number(
                "enrolment.probation_hours",
                default.probation_hours,
                1..=720,
            ),
            staff_lease_days: reader.number(
                "enrolment.staff_lease_days",
                default.staff_lease_days,
                1..=lease_days_max,
            ),
        }
    }

    /// The window of failures, in milliseconds.
    pub fn failure_window_ms(&self) -> i64 {
        self.failure_window_minutes.saturating_mul(MINUTE_MS)
    }

    /// The probation, in milliseconds.
    pub fn probation_ms(&self) -> i64 {
        self.probation_hours.saturating_mul(HOUR_MS)
    }

    /// The lease, in milliseconds.
    pub fn staff_lease_ms(&self) -> i64 {
        self.staff_lease_days.saturating_mul(DAY_MS)
    }
}
