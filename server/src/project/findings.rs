//! What a round finds, and what of it is written.

use std::collections::BTreeMap;

use askel_store::{AttendanceChange, Contribution, JobLease, Projection, TallyChange};
use askel_sync::{
    award::Eligible,
    catalog::Catalog,
    fold::SessionKey,
    id::{GoalId, OpId, ParticipantId},
    op::{AwardConfirmed, Tally},
    rule,
    time::Timestamp,
};

use super::replay::Folded;
use crate::server_log::{Beside, Draft};

/// What a round writes, and what it keeps once that is written.
#[derive(Default)]
pub(super) struct Round {
    pub(super) drafts: Vec<Draft>,
    pub(super) projection: Projection,
    pub(super) folded: Vec<Folded>,
    /// By how much challenges may have grown.
    pub(super) gifts: Vec<Gift>,
    /// The last anonymous count that this round counts by the current catalog.
    pub(super) recounted: Option<OpId>,
    under: Option<JobLease>,
}

/// What somebody gives to a challenge beyond what this projector knew of: at most so much more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gift {
    pub(super) goal: GoalId,
    pub(super) more: u64,
}

impl Round {
    pub(super) fn under(lease: Option<JobLease>) -> Self {
        Self {
            under: lease,
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.drafts.is_empty() && self.projection == Projection::default()
    }

    pub(super) fn beside(&self) -> Beside {
        Beside {
            projection: self.projection.clone(),
            under: self.under,
            ..Beside::default()
        }
    }

    pub(super) fn note_attendances(
        &mut self,
        participant: ParticipantId,
        attendances: BTreeMap<SessionKey, bool>,
    ) {
        self.projection
            .attendances
            .extend(attendances.into_iter().map(|(key, present)| {
                let SessionKey {
                    place,
                    date,
                    session,
                } = key;
                AttendanceChange {
                    participant,
                    place,
                    date,
                    session,
                    present,
                }
            }));
    }

    pub(super) fn note_contributions(
        &mut self,
        participant: ParticipantId,
        before: &BTreeMap<GoalId, u64>,
        now: &BTreeMap<GoalId, u64>,
    ) {
        for (goal, points) in now {
            if before.get(goal) != Some(points) {
                let known = before.get(goal).copied().unwrap_or(0);
                self.gifts.push(Gift {
                    goal: *goal,
                    more: points.saturating_sub(known),
                });
                let contribution = Contribution {
                    goal: *goal,
                    participant,
                    points: *points,
                };
                self.projection.contributions.push(contribution);
            }
        }
    }
}

/// Where and when an anonymous count belongs; `None` for a place the catalog does not know.
pub(super) fn counted(tally: &Tally, at: Timestamp, catalog: &Catalog) -> Option<TallyChange> {
    let key = SessionKey::of(tally.place, at, tally.session, catalog)?;
    Some(TallyChange {
        place: key.place,
        date: key.date,
        session: key.session,
        delta: tally.delta,
    })
}

/// What a participant gives to each collective goal.
pub(super) fn contributions(folded: &Folded, catalog: &Catalog) -> BTreeMap<GoalId, u64> {
    catalog
        .goals()
        .filter(|goal| goal.rule.collective().is_some())
        .map(|goal| (goal.id, rule::contribution(&folded.state, goal.id, catalog)))
        .collect()
}

pub(super) fn confirmed(eligible: &Eligible, catalog: &Catalog, now: Timestamp) -> AwardConfirmed {
    AwardConfirmed {
        award: if askel_sync::planted!(ConfirmedAgain) {
            askel_sync::id::AwardId::from_bytes([7; 16])
        } else {
            eligible.award
        },
        goal: eligible.goal,
        stage: eligible.stage,
        rule_version: catalog
            .goal(eligible.goal)
            .map_or(0, |goal| goal.rule_version),
        catalog_hash: catalog.hash().to_vec(),
        occurred_at: now,
    }
}
