//! Catalogs: whatever parses can be asked anything.

use askel_proto::v1;
use askel_sync::{
    catalog::{self, Catalog},
    fold::{ChallengeTotals, ParticipantState},
    rule::{contribution, evaluate},
    time::Timestamp,
};
use prost::Message as _;

use crate::{
    Target,
    targets::page::golden_ops,
    world::{ME, NOON, golden},
};

pub(crate) const CATALOG: Target = Target {
    name: "catalog",
    run,
    seeds: || vec![golden("catalog.bin")],
};

/// The bytes as they are, and in canonical form if they are a message.
fn run(bytes: &[u8]) {
    if let Ok(catalog) = Catalog::parse(bytes) {
        assert_eq!(catalog.content(), bytes);
        ask(&catalog);
    }
    if let Ok(message) = v1::Catalog::decode(bytes)
        && let Ok(catalog) = Catalog::parse(&catalog::encode(&message))
    {
        ask(&catalog);
    }
}

fn ask(catalog: &Catalog) {
    let extremes = [i64::MIN, 0, NOON.as_ms(), 253_402_300_799_999, i64::MAX];
    for at in extremes.map(Timestamp::from_ms) {
        let _ = catalog.midnight_date(at);
        for place in catalog.places() {
            let _ = (
                catalog.session_at(place.id, at),
                catalog.is_open(place.id, at),
            );
            let _ = catalog.local_date(place.id, at);
        }
    }
    let state = ParticipantState::fold(ME, &golden_ops(), catalog);
    let _ = evaluate(&state, &ChallengeTotals::new(), catalog);
    for goal in catalog.goals() {
        let _ = contribution(&state, goal.id, catalog);
    }
    for badge in &catalog.proto().badges {
        for language in ["fi", "fi-simple", "", "x"] {
            let _ = badge
                .name
                .as_ref()
                .map(|name| catalog::text(name, language));
        }
    }
}
