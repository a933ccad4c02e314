//! What the model comes to: folds, progress and awards, kept up to date.
//!
//! Confirmed ops are folded into one state; this device's own ops, with the judgement they will most
//! likely get, are laid on a copy of it. When the server's copy of an op arrives, the copy is made anew.
//!
//! Archived steps are left out, and their totals stand for them, as long as every other step count is
//! apart from them. The first that is not has everything folded anew, from the archived ops too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use askel_sync::{
    admission::AdmittedOp,
    award::{Awards, Eligible},
    catalog::Catalog,
    fold::{ArchivedDays, ChallengeTotals, ParticipantState, PlaceDay},
    id::{AwardId, ParticipantId, PlaceId},
    key::StaffCertificate,
    op::{Measure, Op},
    rule::{Evaluation, Tracker},
    stream::StreamKey,
    time::{LocalDate, Quarter},
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
    /// What stands for the archived steps, if those are not in `confirmed`.
    archived: Option<Arc<ArchivedDays>>,
    /// Whether something was folded that is not apart from them: nothing here holds then.
    reaches_archive: bool,
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
    /// Folds everything; archived steps only if they are needed.
    pub(crate) fn new(
        model: &Model,
        catalog: Arc<Catalog>,
        lease: Option<&StaffCertificate>,
    ) -> Self {
        if let Some(archived) = totals(model, &catalog) {
            let view = Self::beside(model, Arc::clone(&catalog), lease, Some(archived));
            if !view.reaches_archive() {
                return view;
            }
        }
        Self::whole(model, catalog, lease)
    }

    /// Folds everything, archived steps too.
    pub(crate) fn whole(
        model: &Model,
        catalog: Arc<Catalog>,
        lease: Option<&StaffCertificate>,
    ) -> Self {
        Self::beside(model, catalog, lease, None)
    }

    /// Folds everything, but for the archived steps if these are what they come to.
    fn beside(
        model: &Model,
        catalog: Arc<Catalog>,
        lease: Option<&StaffCertificate>,
        archived: Option<Arc<ArchivedDays>>,
    ) -> Self {
        let participant = model
            .enrolment()
            .and_then(|enrolment| enrolment.participant);
        let is_whole = archived.is_none();
        let mut view = Self {
            participant: participant.map(|id| ParticipantView::new(id, &catalog, archived)),
            catalog,
            totals: ChallengeTotals::new(),
            days: BTreeMap::new(),
        };
        for (stream, key) in model.stream_keys() {
            if is_whole {
                let archived = || model.archived_ops(stream).map(|held| &held.admitted);
                view.take_ops(key, || model.stream_ops(stream).chain(archived()));
            } else {
                view.take_ops(key, || model.stream_ops(stream));
            }
        }
        // Sooner, where it is seen already that the totals can't stand.
        if !view.reaches_archive() {
            view.refold_own(model, lease);
        }
        view
    }

    /// Whether what is folded is not all that has to be: only [`Self::new`] mends it.
    pub(crate) fn reaches_archive(&self) -> bool {
        let participant = self.participant.as_ref();
        participant.is_some_and(|participant| participant.reaches_archive)
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
                    let confirmed = &mut participant.confirmed;
                    if let Some(archived) = &participant.archived {
                        if !confirmed.apply_all_beside(archived, ops(), &self.catalog) {
                            participant.reaches_archive = true;
                            return;
                        }
                    } else {
                        confirmed.apply_all(ops(), &self.catalog);
                    }
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
            participant.track(Arc::clone(&self.catalog));
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
            // An own op of the archive would be unknown then, and is not named apart from it: seen when
            // it is laid on top.
            let left_out = participant.archived.is_some();
            participant.known.prepare(origins, || {
                let archived = model.archived_participant_ops(left_out);
                model.participant_ops().chain(archived)
            });
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
                // The copy of a known one was looked at with its page.
                if participant.known.has(&own.op) {
                    return;
                }
                let archived = participant.archived.as_ref();
                participant.reaches_archive |=
                    archived.is_some_and(|archived| !archived.is_named_apart(&own.op));
                if let Some(admitted) = estimator.admit(own) {
                    participant.reaches_archive |= archived
                        .is_some_and(|archived| !archived.is_apart(&admitted, &self.catalog));
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
    fn new(id: ParticipantId, catalog: &Arc<Catalog>, archived: Option<Arc<ArchivedDays>>) -> Self {
        let mut state = ParticipantState::new(id);
        state.rebase(catalog);
        Self {
            archived,
            reaches_archive: false,
            known: Known::default(),
            shown: state.clone(),
            tracker: Tracker::over(Arc::clone(catalog), &state),
            evaluation: Evaluation::default(),
            awards: state.awards(&BTreeSet::<Eligible>::new()),
            confirmed: state,
        }
    }

    /// Begins to track what is shown.
    fn track(&mut self, catalog: Arc<Catalog>) {
        self.tracker = match &self.archived {
            Some(archived) => Tracker::over_archived(catalog, &self.shown, archived),
            None => Tracker::over(catalog, &self.shown),
        };
    }

    /// Day totals of a measure.
    pub(crate) fn day_steps(&self, measure: Measure) -> BTreeMap<LocalDate, u64> {
        let archived = self.archived.iter();
        let archived = archived.flat_map(|archived| archived.days_of(measure));
        archived.chain(self.shown.days(measure)).collect()
    }

    /// Whether totals stand for the archived steps.
    #[cfg(feature = "inspection")]
    pub(crate) fn leaves_archive_out(&self) -> bool {
        self.archived.is_some()
    }

    /// Whether the registers of a quarter are here; else [`View::whole`] has them.
    pub(crate) fn has_registers_of(&self, bucket: Quarter) -> bool {
        let archived = self.archived.as_ref();
        archived.is_none_or(|archived| bucket >= archived.before())
    }

    /// What the server said of an award.
    pub(crate) fn is_confirmed(&self, award: AwardId) -> bool {
        self.awards.confirmed.contains(&award)
    }

    /// Whether the server's copy of an own op is folded.
    pub(crate) fn knows(&self, own: &Op) -> bool {
        self.known.has(own)
    }

    /// What the server's copies alone come to.
    pub(crate) fn confirmed(&self) -> &ParticipantState {
        &self.confirmed
    }
}

/// The totals that stand for the archived steps of the participant's stream, unless it is known at once
/// that they can't.
fn totals(model: &Model, catalog: &Catalog) -> Option<Arc<ArchivedDays>> {
    let mut streams = model.stream_keys();
    let (stream, _) = streams.find(|(_, key)| matches!(key, StreamKey::Participant(_)))?;
    let days = &model.archived_days(stream)?.days;
    days.holds_under(catalog).then(|| Arc::clone(days))
}
