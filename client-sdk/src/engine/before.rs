//! What changed for the app.

use std::collections::BTreeMap;

use askel_sync::{id::AwardId, rule::Evaluation};

use super::Engine;
use crate::{Change, Confirmation};

/// What an app could see before a commit, to tell what changed.
pub(super) struct Before {
    awards: BTreeMap<AwardId, Confirmation>,
    facts: Option<Evaluation>,
    catalog_version: Option<u32>,
}

impl Before {
    pub(super) fn of(engine: &Engine) -> Self {
        Self {
            awards: engine.shown_awards(),
            facts: engine
                .view
                .participant
                .as_ref()
                .map(|view| view.evaluation.clone()),
            catalog_version: engine.catalog_version(),
        }
    }

    pub(super) fn changes(self, engine: &Engine) -> Vec<Change> {
        let mut changes = Vec::new();
        if let Some(version) = engine.catalog_version()
            && self.catalog_version != Some(version)
        {
            changes.push(Change::Catalog { version });
        }
        if self.facts.as_ref()
            != engine
                .view
                .participant
                .as_ref()
                .map(|view| &view.evaluation)
        {
            changes.push(Change::Facts);
        }
        let now = engine.shown_awards();
        for (id, confirmation) in &now {
            let Some(award) = engine.award(*id) else {
                continue;
            };
            match (self.awards.get(id), confirmation) {
                (Some(held), now) if held == now => {}
                (_, Confirmation::Confirmed) => changes.push(Change::AwardConfirmed(award)),
                (_, Confirmation::OnThisDevice) => changes.push(Change::AwardShown(award)),
            }
        }
        let gone = self.awards.keys().filter(|id| !now.contains_key(id));
        changes.extend(gone.copied().map(Change::AwardGone));
        changes
    }
}
