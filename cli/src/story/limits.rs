//! Bounds of what the demo plays.

/// Rows of a steps file, the header included.
pub(crate) const ROWS_MAX: usize = 2_000_000;
/// People with steps.
pub(crate) const WALKERS_MAX: usize = 500;
/// The story's two walkers.
pub(crate) const WALKERS_MIN: usize = 2;
/// Days from the first reading to the last, both included.
pub(crate) const DAYS_MAX: i32 = 366;
