//! A small share of each drill; `cargo xtask drill` runs them in full.

use askel_simulation::{Drilled, clones, cuts, poison, restores};

fn well(drilled: &Drilled) {
    assert!(drilled.faults.is_empty(), "{drilled:?}");
}

#[test]
fn phones_that_are_put_back_and_copied_lose_nothing() {
    well(&clones(100));
}

#[test]
fn a_restored_server_gets_back_what_anyone_holds_for_few_bytes() {
    well(&restores(20));
}

#[test]
fn poison_holds_up_nobody() {
    well(&poison(2_700));
}

#[test]
fn a_first_sync_that_is_cut_anywhere_goes_on_where_it_was() {
    well(&cuts(300, Some(120)));
}
