//! Phones that are put back and copied over and over lose nothing.

use super::Drilled;
use crate::{
    plan::{Act, Options, Sorts, draw},
    run::play,
};

/// Plays worlds until so many rollbacks and clones have happened.
pub fn clones(count: usize) -> Drilled {
    let options = Options {
        sorts: Sorts::RollBacksAndClones,
        ..Options::default()
    };
    let (mut happened, mut seed) = (0, 0);
    let mut faults = Vec::new();
    while happened < count {
        seed += 1;
        let events = draw(seed, options);
        happened += events
            .iter()
            .filter(|event| matches!(event.act, Act::RollBack { .. } | Act::Clone { .. }))
            .count();
        let outcome = play(seed, &events);
        let told = outcome.violations.iter();
        faults.extend(told.map(|fault| format!("seed {seed}: {fault}")));
    }
    Drilled {
        told: format!("{happened} rollbacks and clones in {seed} worlds"),
        faults,
    }
}
