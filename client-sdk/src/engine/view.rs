//! What the model comes to: folds, progress and awards, kept up to date.
//!
//! Confirmed ops are folded into one state; this device's own ops, with the judgement they will most
//! likely get, are laid on a copy of it. When the server's copy of an op arrives, the copy is made anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use askel_sync::{
    award::{Awards, Eligible},
    catalog::Catalog,
    fold::{ChallengeTotals, ParticipantState, PlaceDay},
    id::{AwardId, OpId, ParticipantId, PlaceId},
    key::StaffCertificate,
    rule::{Evaluation, Tracker},
    stream::StreamKey,
    time::LocalDate,
};

use super::{
    estimate::Estimator,
    model::Model,
    row::{HeldOp, OwnOp},
};

/// The folds.
pub(crate) struct View {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) participant: Option<ParticipantView>,
    pub(crate) totals: ChallengeTotals,
    pub(crate) days: BTreeMap<(PlaceId, LocalDate), PlaceDay>,
}

/// The folds of a participant's phone.
pub(crate) struct ParticipantView {
    confirmed: ParticipantState,
    /// The ops in `confirmed`.
    known: BTreeSet<OpId>,
    /// With this device's own ops on top: what a person sees.
    pub(crate) shown: ParticipantState,
    tracker: Tracker,
    pub(crate) evaluation: Evaluation,
    pub(crate) awards: Awards,
}

/// How much has to be folded again after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refold {
    Nothing,
    /// Own ops changed that were folded already, or confirmed ops came.
    Own,
    /// Another catalog, another person, or a stream is gone.
    All,
}

impl View {
    /// Folds everything.
    pub(crate) fn new(
        model: &Model,
        catalog: Arc<Catalog>,
        lease: Option<&StaffCertificate>,
    ) -> Self {
        let participant = model
            .enrolment()
            .and_then(|enrolment| enrolment.participant);
        let mut view = Self {
            participant: participant.map(|id| ParticipantView::new(id, &catalog)),
            catalog,
            totals: ChallengeTotals::new(),
            days: BTreeMap::new(),
        };
        for (stream, held) in model.all_stream_ops() {
            view.take_stream_op(model, stream, held);
        }
        view.refold_own(model, lease);
        view
    }

    /// Takes in an op of a stream; [`Self::refold_own`] has to follow.
    pub(crate) fn take_stream_op(&mut self, model: &Model, stream: u32, held: &HeldOp) {
        let key = model
            .streams
            .get(&stream)
            .and_then(|row| model.stream_key(row));
        match key {
            Some(StreamKey::Participant(_)) => {
                if let Some(participant) = &mut self.participant {
                    participant.confirmed.apply(&held.admitted, &self.catalog);
                    participant.known.insert(held.id);
                }
            }
            Some(StreamKey::Challenge(_)) => {
                self.totals.apply(&held.admitted);
            }
            // Days are folded with the own ops, from the model.
            _ => {}
        }
    }

    /// Lays this device's own ops on the confirmed ones again.
    pub(crate) fn refold_own(&mut self, model: &Model, lease: Option<&StaffCertificate>) {
        self.days = model
            .streams
            .values()
            .filter_map(|row| match model.stream_key(row)? {
                StreamKey::PlaceDay(place, date) => {
                    Some(((place, date), PlaceDay::new(place, date)))
                }
                _ => None,
            })
            .collect();
        for (stream, held) in model.all_stream_ops() {
            let key = model
                .streams
                .get(&stream)
                .and_then(|row| model.stream_key(row));
            if let Some(StreamKey::PlaceDay(place, date)) = key
                && let Some(day) = self.days.get_mut(&(place, date))
            {
                day.apply(&held.admitted, &self.catalog);
            }
        }
        if let Some(participant) = &mut self.participant {
            participant.shown = participant.confirmed.clone();
            participant.tracker = Tracker::over(Arc::clone(&self.catalog), &participant.shown);
        }
        let catalog = Arc::clone(&self.catalog);
        if let Some(estimator) = Estimator::new(model, &catalog, lease) {
            for own in model.own.values() {
                self.fold_own(&estimator, own);
            }
        }
        self.evaluate();
    }

    /// Lays new own ops on top.
    pub(crate) fn take_own_ops<'m>(
        &mut self,
        model: &'m Model,
        lease: Option<&StaffCertificate>,
        own: impl Iterator<Item = &'m OwnOp>,
    ) {
        let catalog = Arc::clone(&self.catalog);
        if let Some(estimator) = Estimator::new(model, &catalog, lease) {
            for own in own {
                self.fold_own(&estimator, own);
            }
        }
        self.evaluate();
    }

    fn fold_own(&mut self, estimator: &Estimator<'_>, own: &OwnOp) {
        match &mut self.participant {
            Some(participant) => {
                if !participant.known.contains(&own.id)
                    && let Some(admitted) = estimator.admit(own)
                {
                    for change in participant.shown.apply(&admitted, &self.catalog) {
                        participant.tracker.apply_change(&change);
                    }
                }
            }
            None => {
                if !self.days.is_empty()
                    && let Some(admitted) = estimator.admit(own)
                {
                    for day in self.days.values_mut() {
                        day.apply(&admitted, &self.catalog);
                    }
                }
            }
        }
    }

    fn evaluate(&mut self) {
        if let Some(participant) = &mut self.participant {
            participant.evaluation = participant.tracker.evaluation(&self.totals);
            participant.awards = participant.shown.awards(&participant.evaluation.eligible);
        }
    }
}

impl ParticipantView {
    fn new(id: ParticipantId, catalog: &Arc<Catalog>) -> Self {
        let mut state = ParticipantState::new(id);
        state.rebase(catalog);
        Self {
            known: BTreeSet::new(),
            shown: state.clone(),
            tracker: Tracker::over(Arc::clone(catalog), &state),
            evaluation: Evaluation::default(),
            awards: state.awards(&BTreeSet::<Eligible>::new()),
            confirmed: state,
        }
    }

    /// What the server said of an award.
    pub(crate) fn is_confirmed(&self, award: AwardId) -> bool {
        self.awards.confirmed.contains(&award)
    }

    /// Whether the server's copy of an op is folded.
    pub(crate) fn knows(&self, op: OpId) -> bool {
        self.known.contains(&op)
    }

    /// What the server's copies alone come to.
    pub(crate) fn confirmed(&self) -> &ParticipantState {
        &self.confirmed
    }
}
