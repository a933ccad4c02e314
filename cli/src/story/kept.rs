//! What the server has kept: its own store, every op folded again from scratch.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use askel_server::{VerifiedParticipant, VerifiedTenant};
use askel_sync::{
    award::award_id,
    catalog::{self, Catalog},
    goal::Goal,
    id::{AwardId, BadgeId, ParticipantId, TenantId},
};

use super::{founding, text::Language, world::World};

/// Everything the server has kept.
#[derive(Debug)]
pub(crate) struct Kept {
    verified: VerifiedTenant,
    people: BTreeSet<ParticipantId>,
}

/// Reads the store beside the running server; changes nothing.
pub(crate) async fn read(world: &World) -> anyhow::Result<Kept> {
    let verified = founding::refold(&world.home, world.founded.tenant).await?;
    let people = world
        .people
        .iter()
        .map(|person| person.participant)
        .collect();
    Ok(Kept { verified, people })
}

impl Kept {
    /// The whole of it.
    pub(crate) fn tenant(&self) -> &VerifiedTenant {
        &self.verified
    }

    /// A walker's.
    pub(crate) fn of(&self, participant: ParticipantId) -> Option<&VerifiedParticipant> {
        self.verified
            .participants
            .iter()
            .find(|kept| kept.participant == participant)
    }

    /// Of the one with the paper card: the only one who has no phone.
    pub(crate) fn card(&self) -> anyhow::Result<&VerifiedParticipant> {
        let mut others = self
            .verified
            .participants
            .iter()
            .filter(|kept| !self.people.contains(&kept.participant));
        let card = others.next().context("the participant with the card")?;
        anyhow::ensure!(
            others.next().is_none(),
            "there is a participant whom nobody knows"
        );
        Ok(card)
    }

    /// The names of the card's badges.
    pub(crate) fn card_badge_names(
        &self,
        world: &World,
        language: Language,
    ) -> anyhow::Result<Vec<String>> {
        let card = self.card()?;
        let names = names(
            world.founded.tenant,
            &world.catalog,
            card.participant,
            language,
        );
        Ok(card
            .awards
            .iter()
            .filter_map(|award| names.get(award).cloned())
            .collect())
    }
}

/// What every award of a participant is called.
fn names(
    tenant: TenantId,
    catalog: &Catalog,
    participant: ParticipantId,
    language: Language,
) -> BTreeMap<AwardId, String> {
    let name = |badge: BadgeId| {
        catalog
            .badge(badge)
            .map(|badge| catalog::text(&badge.name, language.tag()).to_owned())
    };
    let of_goal = |goal: &Goal| {
        let stages = (1..).zip(goal.stage_badges.iter().copied());
        [(0, goal.badge)]
            .into_iter()
            .chain(stages)
            .filter_map(|(stage, badge)| {
                let award = award_id(tenant, goal.id, stage, participant, goal.season);
                Some((award, name(badge?)?))
            })
            .collect::<Vec<_>>()
    };
    catalog.goals().flat_map(of_goal).collect()
}
