//! What the model comes to: folds, progress and awards, kept up to date.
//!
//! Confirmed ops are folded into one state; this device's own ops, with the judgement they will most
//! likely get, are laid on a copy of it. When the server's copy of an op arrives, the copy is made anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use askel_sync::{
    admission::AdmittedOp,
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
    known::Known,
    model::Model,
    row::{OwnOp, WindowRow},
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
    /// Which own ops are in `confirmed`.
    known: Known,
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
        for (stream, key) in model.stream_keys() {
            view.take_ops(key, || model.stream_ops(stream));
        }
        view.refold_own(model, lease);
        view
    }

    /// Takes in a page of a stream; [`Self::refold_own`] has to follow.
    pub(crate) fn take_page(&mut self, model: &Model, page: &WindowRow) {
        let row = model.streams.get(&page.stream);
        if let Some(key) = row.and_then(|row| model.stream_key(row)) {
            self.take_ops(key, || page.ops.iter().map(|held| &held.admitted));
        }
    }

    fn take_ops<'m, O: Iterator<Item = &'m AdmittedOp>>(
        &mut self,
        key: StreamKey,
        ops: impl Fn() -> O,
    ) {
        match key {
            StreamKey::Participant(_) => {
                if let Some(participant) = &mut self.participant {
                    participant.confirmed.apply_all(ops(), &self.catalog);
                    ops().for_each(|admitted| participant.known.add(&admitted.op));
                }
            }
            StreamKey::Challenge(_) => ops().for_each(|admitted| {
                self.totals.apply(admitted);
            }),
            // Days are folded with the own ops, from the model.
            _ => {}
        }
    }

    /// Lays this device's own ops on the confirmed ones again.
    pub(crate) fn refold_own(&mut self, model: &Model, lease: Option<&StaffCertificate>) {
        self.days.clear();
        for (stream, key) in model.stream_keys() {
            if let StreamKey::PlaceDay(place, date) = key {
                let day = self.days.entry((place, date));
                let day = day.or_insert_with(|| PlaceDay::new(place, date));
                for admitted in model.stream_ops(stream) {
                    day.apply(admitted, &self.catalog);
                }
            }
        }
        if let Some(participant) = &mut self.participant {
            participant.shown = participant.confirmed.clone();
            participant.tracker = Tracker::over(Arc::clone(&self.catalog), &participant.shown);
        }
        self.take_own_ops(model, lease, model.own.values());
    }

    /// Lays new own ops on top.
    pub(crate) fn take_own_ops<'m>(
        &mut self,
        model: &'m Model,
        lease: Option<&StaffCertificate>,
        own: impl Iterator<Item = &'m OwnOp> + Clone,
    ) {
        if let Some(participant) = &mut self.participant {
            let origins = own.clone().map(|own| own.op.origin);
            participant
                .known
                .prepare(origins, || model.participant_ops());
        }
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
                if !participant.known.has(own.id)
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
            known: Known::default(),
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

    /// Whether the server's copy of an own op is folded.
    pub(crate) fn knows(&self, own: OpId) -> bool {
        self.known.has(own)
    }

    /// What the server's copies alone come to.
    pub(crate) fn confirmed(&self) -> &ParticipantState {
        &self.confirmed
    }
}
