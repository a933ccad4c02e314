//! What the one with the paper card has earned, worked out from nothing but the visits that truly
//! happened: no phone shows it, so this is what the server's word is compared with.

use std::collections::BTreeSet;

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    catalog::Catalog,
    fold::{ChallengeTotals, ParticipantState},
    id::{AwardId, LogId, ParticipantId, PassTag},
    op::{ChallengeTotal, CheckIn, Manner, Op, Origin, Payload, Witness},
    rule,
    time::Timestamp,
};

use super::{
    catalog::{CHALLENGE, Opening},
    schedule::{Gathering, Who},
};

/// What the story knows of the card.
pub(crate) struct CardStory<'a> {
    pub(crate) participant: ParticipantId,
    pub(crate) catalog: &'a Catalog,
    pub(crate) gatherings: &'a [Gathering],
    /// What the server tells of the challenge.
    pub(crate) challenge: Option<u64>,
}

impl CardStory<'_> {
    /// The awards that the visits and the total have earned.
    pub(crate) fn earned(&self) -> BTreeSet<AwardId> {
        let visits: Vec<AdmittedOp> = (0..)
            .zip(
                self.gatherings
                    .iter()
                    .filter(|g| g.present.contains(&Who::Card)),
            )
            .map(|(sequence, gathering)| self.visit(sequence, gathering.opening))
            .collect();
        let state = ParticipantState::fold(self.participant, &visits, self.catalog);
        let totals = ChallengeTotals::fold(&self.total());
        let evaluation = rule::evaluate(&state, &totals, self.catalog);
        evaluation
            .eligible
            .iter()
            .map(|eligible| eligible.award)
            .collect()
    }

    fn visit(&self, sequence: u64, opening: Opening) -> AdmittedOp {
        let check_in = CheckIn {
            place: opening.place,
            occurred_at: opening.from,
            session: self.catalog.session_at(opening.place, opening.from),
            manner: Manner::OnSite,
            catalog_version: self.catalog.version(),
            witness: Witness::PassScan(PassTag::from_bytes([0; 16])),
        };
        self.admitted(sequence, opening.from, &Payload::CheckIn(check_in))
    }

    fn total(&self) -> Option<AdmittedOp> {
        let total = ChallengeTotal {
            goal: CHALLENGE,
            total: self.challenge?,
            people: u32::MAX,
            revision: 1,
            occurred_at: Timestamp::default(),
        };
        Some(self.admitted(0, Timestamp::default(), &Payload::ChallengeTotal(total)))
    }

    fn admitted(&self, sequence: u64, at: Timestamp, payload: &Payload) -> AdmittedOp {
        let origin = Origin {
            log: LogId::from_bytes([0; 16]),
            sequence,
        };
        AdmittedOp {
            op: Op::new(origin, payload),
            admission: Admission {
                corrected_at: at,
                received_at: at,
                subject: Some(self.participant),
                strength: Strength::Card,
                flags: Flags::default(),
                author_role: Role::Staff,
            },
        }
    }
}
