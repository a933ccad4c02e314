//! Pages of streams, and what hostile ops do to the folds: a server's page is not signed op by op.

use askel_proto::v1;
use askel_sync::{
    admission::AdmittedOp,
    catalog::Catalog,
    fold::{ChallengeTotals, ParticipantState, PlaceDay},
    id::PlaceId,
    rule::{Tracker, evaluate},
    time::LocalDate,
};
use prost::Message as _;
use std::sync::Arc;

use crate::{
    Target,
    world::{ME, catalog, golden},
};

pub(crate) const PAGE: Target = Target {
    name: "page",
    run,
    seeds: || vec![golden("page-rows.bin")],
};

/// The ops of the golden page: one of each kind.
pub(crate) fn golden_ops() -> Vec<AdmittedOp> {
    let page = v1::Page::decode(&*golden("page-rows.bin")).expect("golden");
    page.ops.into_iter().filter_map(read).collect()
}

fn read(op: v1::AdmittedOp) -> Option<AdmittedOp> {
    let admitted = AdmittedOp::from_proto(op).ok()?;
    assert_eq!(
        AdmittedOp::from_proto(admitted.to_proto()).as_ref(),
        Ok(&admitted)
    );
    Some(admitted)
}

fn run(bytes: &[u8]) {
    let Ok(page) = v1::Page::decode(bytes) else {
        return;
    };
    let ops: Vec<AdmittedOp> = page.ops.into_iter().filter_map(read).collect();
    let catalog = Arc::new(catalog());
    person(&ops, &catalog);
    place(&ops, &catalog);
    let backwards = ChallengeTotals::fold(ops.iter().rev());
    let totals = ChallengeTotals::fold(&ops);
    for goal in catalog.goals() {
        assert_eq!(totals.total(goal.id), backwards.total(goal.id));
    }
}

/// In any order and however often, from scratch or one by one, the same comes out.
fn person(ops: &[AdmittedOp], catalog: &Arc<Catalog>) {
    let state = ParticipantState::fold(ME, ops, catalog);
    let twice = ParticipantState::fold(ME, ops.iter().rev().chain(ops), catalog);
    assert_eq!(state.canonical_bytes(), twice.canonical_bytes());
    let mut tracker = Tracker::new(Arc::clone(catalog), ME);
    let mut grown = ParticipantState::new(ME);
    grown.rebase(catalog);
    for op in ops {
        for change in grown.apply(op, catalog) {
            tracker.apply_change(&change);
        }
    }
    let totals = ChallengeTotals::fold(ops);
    assert_eq!(
        tracker.evaluation(&totals),
        evaluate(&state, &totals, catalog)
    );
}

fn place(ops: &[AdmittedOp], catalog: &Catalog) {
    let day = || PlaceDay::new(PlaceId::new(1), LocalDate::from_days(16_903));
    let (mut forth, mut back) = (day(), day());
    for (first, last) in ops.iter().zip(ops.iter().rev()) {
        forth.apply(first, catalog);
        back.apply(last, catalog);
    }
    let sessions = forth.session_refs(catalog);
    assert_eq!(sessions, back.session_refs(catalog));
    for session in sessions {
        assert_eq!(
            forth.counts(session, catalog),
            back.counts(session, catalog)
        );
    }
}
