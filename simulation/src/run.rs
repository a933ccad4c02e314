//! Playing a plan.

use std::panic::{AssertUnwindSafe, catch_unwind};

use askel_sync::planted::{self, Bug};

use crate::{cast::Cast, chance::Chance, judge::judge, plan::Event, world::World};

/// Attempts after which everything must be settled once nothing fails any more.
const ATTEMPTS: usize = 3;
/// Further syncs until everyone has heard of everything.
const HEARING: usize = 2;

/// What came of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What must never happen and did, in order.
    pub violations: Vec<String>,
    /// Of the whole trace; the same for the same seed and plan.
    pub trace_hash: String,
    /// The trace.
    pub trace: Vec<String>,
}

impl Outcome {
    /// Whether nothing went wrong that must not.
    pub fn is_well(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Plays a plan of a seed with a bug switched on.
pub fn play_with(bug: Bug, seed: u64, events: &[Event]) -> Outcome {
    planted::plant(Some(bug));
    let outcome = play(seed, events);
    planted::plant(None);
    outcome
}

/// Plays a plan of a seed.
pub fn play(seed: u64, events: &[Event]) -> Outcome {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        runtime.block_on(live(seed, events))
    }));
    played.unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default();
        Outcome {
            violations: vec![format!("a panic: {message}")],
            trace_hash: String::new(),
            trace: Vec::new(),
        }
    })
}

async fn live(seed: u64, events: &[Event]) -> Outcome {
    let mut world = World::begin(seed, Cast::small()).await;
    for event in events {
        world.happen(event).await;
    }
    world.heal().await;
    for _ in 0..ATTEMPTS {
        world.sync_all().await;
    }
    let mut chance = Chance::of(seed, "newer", 0);
    world.newer_hands_in(&mut chance).await;
    for _ in 0..HEARING {
        world.sync_all().await;
    }
    judge(&world).await;
    Outcome {
        violations: world.oracle.violations(),
        trace_hash: world.trace.hash(),
        trace: world.trace.lines(),
    }
}
