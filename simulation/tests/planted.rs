//! Planted bugs that must be found: an oracle that finds none of them is worth nothing.

use askel_simulation::{KNOWN, Options, draw, play, play_with};
use askel_sync::planted::Bug;

/// Seeds in which a bug must show, from its known one on.
const SEEDS: u64 = 500;

#[test]
fn every_planted_bug_has_a_known_seed() {
    let known: Vec<Bug> = KNOWN.iter().map(|(bug, _)| *bug).collect();
    let missing: Vec<&Bug> = Bug::ALL.iter().filter(|bug| !known.contains(bug)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(known.len() >= 15);
}

#[test]
fn every_planted_bug_is_found_by_its_known_seed_or_soon_after() {
    let mut moved = Vec::new();
    for (bug, known) in KNOWN {
        let found = (*known..known + SEEDS).find(|seed| {
            let events = draw(*seed, Options::default());
            !play_with(*bug, *seed, &events).is_well()
        });
        let found = found.unwrap_or_else(|| panic!("{} stays hidden", bug.name()));
        assert!(
            play(found, &draw(found, Options::default())).is_well(),
            "seed {found} fails without {}",
            bug.name()
        );
        if found != *known {
            moved.push(format!("{}: {found}", bug.name()));
        }
    }
    if !moved.is_empty() {
        println!("seeds that moved: {moved:?}");
    }
}
