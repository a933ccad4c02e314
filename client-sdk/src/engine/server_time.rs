//! What a device knows of the server's clock: now, and in the boots that it wrote in.
//!
//! Within a boot the monotonic clock runs evenly, whatever becomes of the wall clock. One exchange ties
//! it to the server's time, and with it all that was and will be written in that boot. This is kept as long as
//! an own op of the boot is: a server that is restored judges it again.

use std::collections::{BTreeMap, BTreeSet};

use askel_proto::v1::Undo;
use askel_sync::{
    admission::ClockReading,
    time::{BootTime, ClockSegment, Timestamp},
};

use super::{
    Decided, Engine, JITTER_MS_MAX, ONLY, Write,
    model::Model,
    row::{Attempt, OwnOp, Row, Standing},
};

/// A smaller change of the server's offset is the network's jitter, in milliseconds.
const OFFSET_MOVED_MS_MIN: i64 = 30_000;
/// After a longer way there and back nobody knows when the server said what it said, in milliseconds.
pub(super) const ROUND_TRIP_MS_MAX: i64 = 60_000;
/// Boots whose time is kept: accepted ops are for 35 days, and a phone may be switched off each night. Each
/// takes some twenty bytes of the row of attempts, which is written with each sync.
const BOOTS_HELD_MAX: usize = 64;

/// Whether two readings are of one clock that did not jump in between; never of boots that can't be told
/// apart.
pub(super) fn is_one_segment(one: ClockSegment, other: ClockSegment) -> bool {
    let moved_ms = one
        .wall_minus_monotonic_ms
        .saturating_sub(other.wall_minus_monotonic_ms);
    one.boot_id != 0 && one.boot_id == other.boot_id && moved_ms.saturating_abs() < JITTER_MS_MAX
}

/// What one clock of a boot said when another of the same boot said this.
pub(super) fn wall_in(at: Timestamp, one: ClockSegment, other: ClockSegment) -> Timestamp {
    let moved_ms = other
        .wall_minus_monotonic_ms
        .saturating_sub(one.wall_minus_monotonic_ms);
    at.saturating_add_ms(moved_ms)
}

impl Model {
    /// What the server's clock most likely said when a clock said this: by what is known of that boot, else
    /// by what this device's clock and the server's differed by when they last met.
    pub(crate) fn server_time_of(&self, read: ClockReading) -> Timestamp {
        match self.boot_time(read.segment.boot_id) {
            Some(boot) => wall_in(read.wall, read.segment, segment_of(boot)),
            None => read.wall.saturating_add_ms(self.attempt.server_offset_ms),
        }
    }

    /// What the server's time was in a boot.
    pub(crate) fn boot_time(&self, boot_id: u64) -> Option<BootTime> {
        find(&self.attempt.boots, boot_id)
    }

    /// The boots whose time is worth keeping: something of them is unsettled, or accepted and may be offered
    /// again, or refused and may be handed in again.
    fn boots_wanted(&self) -> BTreeSet<u64> {
        let is_wanted = |own: &&OwnOp| match own.standing {
            Standing::Rejected { undo, .. } => undo == Undo::Resubmit,
            _ => true,
        };
        let own = self.own.values().filter(is_wanted);
        own.map(|own| own.segment.boot_id).collect()
    }

    fn boots_unsettled(&self) -> BTreeSet<u64> {
        let unsettled = self.unsettled();
        unsettled.map(|(_, own)| own.segment.boot_id).collect()
    }
}

fn find(boots: &[BootTime], boot_id: u64) -> Option<BootTime> {
    boots.iter().copied().find(|boot| boot.boot_id == boot_id)
}

/// What is known of the boots that ops were written in, but for the one that `beside` names.
pub(super) fn boots_of<'o>(
    known: &[BootTime],
    ops: impl Iterator<Item = &'o OwnOp>,
    beside: Option<u64>,
) -> BTreeMap<u64, BootTime> {
    let boots: BTreeSet<u64> = ops.map(|own| own.segment.boot_id).collect();
    let others = boots
        .into_iter()
        .filter(|boot| Some(*boot) != beside && !askel_sync::planted!(BootsUntold));
    others
        .filter_map(|boot_id| Some((boot_id, find(known, boot_id)?)))
        .collect()
}

/// The clock of a boot that shows the server's time.
fn segment_of(boot: BootTime) -> ClockSegment {
    ClockSegment {
        boot_id: boot.boot_id,
        wall_minus_monotonic_ms: boot.server_minus_monotonic_ms,
    }
}

impl Engine {
    /// What the server's clock says, where an exchange has tied this boot to it: a clock that was not set
    /// wrong, and never jumps.
    pub(super) fn tied(&self, now: ClockReading) -> Option<ClockReading> {
        let segment = segment_of(self.model.boot_time(now.segment.boot_id)?);
        Some(ClockReading {
            wall: wall_in(now.wall, now.segment, segment),
            segment,
        })
    }

    /// What the server's clock most likely says: surely, where this boot is tied to it.
    pub(crate) fn server_time_of(&self, now: ClockReading) -> Timestamp {
        self.model.server_time_of(now)
    }

    /// What the server's clock most likely says, if the wall clock did not jump since they last met.
    pub(crate) fn server_time(&self, now: Timestamp) -> Timestamp {
        now.saturating_add_ms(self.model.attempt.server_offset_ms)
    }

    /// Takes in what the server's clock says.
    pub(crate) fn take_server_time(&self, server_ms: i64, now: Timestamp) -> Decided<()> {
        let server_offset_ms = server_ms.saturating_sub(now.as_ms());
        let moved_ms = server_offset_ms.saturating_sub(self.model.attempt.server_offset_ms);
        if moved_ms.saturating_abs() < OFFSET_MOVED_MS_MIN {
            return Decided::new(Vec::new(), ());
        }
        let attempt = Attempt {
            server_offset_ms,
            // What the server took this clock for may have been wrong.
            clock_told: None,
            ..self.model.attempt.clone()
        };
        Decided::new(vec![Write::Put(ONLY, Row::Attempt(attempt))], ())
    }

    /// Whether nothing ties this boot to the server's time yet. A device that can't tell its boots has
    /// none that could be tied.
    pub(super) fn is_untied(&self, now: ClockReading) -> bool {
        let boot_id = now.segment.boot_id;
        boot_id != 0 && self.model.boot_time(boot_id).is_none()
    }

    /// Takes in what an answer says of this boot. `told_ms` is the server's time, if the answer told it;
    /// if not, the clock that the request told was right.
    pub(crate) fn tie_boot(
        &self,
        sent: ClockReading,
        told_ms: Option<i64>,
        now: ClockReading,
    ) -> Decided<()> {
        let boot_id = now.segment.boot_id;
        let monotonic_ms = |read: ClockReading| {
            let wall_ms = read.wall.as_ms();
            wall_ms.saturating_sub(read.segment.wall_minus_monotonic_ms)
        };
        let way_ms = monotonic_ms(now).saturating_sub(monotonic_ms(sent));
        let is_one_boot = boot_id != 0 && sent.segment.boot_id == boot_id;
        if !is_one_boot || !(0..=ROUND_TRIP_MS_MAX).contains(&way_ms) {
            return Decided::new(Vec::new(), ());
        }
        let server_minus_monotonic_ms = match told_ms {
            Some(server_ms) => server_ms.saturating_sub(monotonic_ms(now)),
            None => sent.segment.wall_minus_monotonic_ms,
        };
        let held = self.model.boot_time(boot_id).map(|held| {
            let moved_ms = server_minus_monotonic_ms.saturating_sub(held.server_minus_monotonic_ms);
            moved_ms.saturating_abs()
        });
        if held.is_some_and(|moved_ms| moved_ms < OFFSET_MOVED_MS_MIN) {
            return Decided::new(Vec::new(), ());
        }
        let wanted = self.model.boots_wanted();
        let mut boots = self.model.attempt.boots.clone();
        boots.retain(|boot| boot.boot_id != boot_id && wanted.contains(&boot.boot_id));
        boots.push(BootTime {
            boot_id,
            server_minus_monotonic_ms,
        });
        // The oldest go first, those that only a restored server would ask for before the others.
        let unsettled = self.model.boots_unsettled();
        while boots.len() > BOOTS_HELD_MAX {
            let oldest = boots
                .iter()
                .position(|boot| boot.boot_id != boot_id && !unsettled.contains(&boot.boot_id));
            boots.remove(oldest.unwrap_or(0));
        }
        let attempt = Attempt {
            boots,
            ..self.model.attempt.clone()
        };
        Decided::new(vec![Write::Put(ONLY, Row::Attempt(attempt))], ())
    }
}
