//! What judging a group has to know, read before anything is decided.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use askel_store::{DeviceState, LogState, PassRecord, Store, StoreError, Tombstone};
use askel_sync::{
    admission::{AdmittedOp, CheckInFact, Facts},
    catalog::Catalog,
    id::{DeviceId, LogId, OpId, ParticipantId, PassTag, PlaceId, TenantId},
    op::{Correction, OpKind, Payload, Register, SessionRef, Witness},
    stream::{StreamKey, value_of},
    time::{LocalDate, Timestamp},
};

use super::{
    Hand, Submission,
    commit::Looks,
    wanted::{Wanted, mentioned},
};
use crate::limits::STREAM_READ_OPS;

/// An entry that a log holds already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) op: OpId,
    pub(super) rejection: Option<String>,
    pub(super) deferred: bool,
}

/// The facts, kept up with what the group itself decides.
#[derive(Default)]
pub(super) struct Known {
    pub(super) catalog: Option<Arc<Catalog>>,
    /// Authors whose devices were revoked since they called.
    pub(super) revoked: BTreeSet<DeviceId>,
    pub(super) logs: HashMap<LogId, LogState>,
    pub(super) held: HashMap<(LogId, u64), Held>,
    /// Admitted ops that are offered again.
    pub(super) admitted: HashMap<OpId, AdmittedOp>,
    pub(super) check_ins: HashMap<OpId, CheckInFact>,
    /// Ops that were refused for good, of those that corrections cite and of the group's own, and whom
    /// they are about.
    pub(super) refused: HashMap<OpId, Option<ParticipantId>>,
    pub(super) passes: HashMap<PassTag, PassRecord>,
    /// Of everyone and everything that the group mentions.
    erased: BTreeSet<Tombstone>,
    /// The greatest revision of the corrections about a check-in.
    revisions: HashMap<OpId, u32>,
    /// The live revision of registers that an offered value is far ahead of; of no other matters it.
    registers: HashMap<(ParticipantId, Register), u32>,
    /// Who was erased already when they are asked to be erased again: that is no fault.
    pub(super) erased_again: Option<ParticipantId>,
}

impl Known {
    /// What need not be read.
    pub(super) fn from_before(
        catalog: Option<Arc<Catalog>>,
        logs: HashMap<LogId, LogState>,
    ) -> Self {
        Self {
            catalog,
            logs,
            ..Self::default()
        }
    }

    /// A value of a register that was accepted.
    pub(super) fn note_value(&mut self, admitted: &AdmittedOp) {
        if self.registers.is_empty() {
            return;
        }
        let subject = admitted.admission.subject;
        if let (Some(subject), Some((register, rank))) = (subject, value_of(admitted))
            && let Some(known) = self.registers.get_mut(&(subject, register))
        {
            *known = rank.revision().max(*known);
        }
    }

    /// Whether this is erased: a participant, a device, a log or a pass.
    pub(super) fn is_gone(&self, id: impl Into<Tombstone>) -> bool {
        !self.erased.is_empty() && self.erased.contains(&id.into())
    }

    /// Whether an op is by or about someone who is erased.
    pub(super) fn is_of_the_erased(&self, admitted: &AdmittedOp) -> bool {
        let subject = admitted.admission.subject;
        self.is_gone(admitted.op.origin.log) || subject.is_some_and(|subject| self.is_gone(subject))
    }

    /// A correction that was accepted.
    pub(super) fn note_correction(&mut self, correction: &Correction) {
        let known = self.revisions.entry(correction.check_in).or_default();
        *known = correction.revision.max(*known);
    }
}

impl Facts for Known {
    fn pass_holder(&self, pass: PassTag, at: Timestamp) -> Option<ParticipantId> {
        let record = self.passes.get(&pass)?;
        let good = record.burned_at.is_none_or(|burned_at| at < burned_at);
        good.then_some(record.participant)
    }

    fn check_in(&self, id: OpId) -> Option<CheckInFact> {
        self.check_ins.get(&id).copied()
    }

    fn correction_revision(&self, check_in: OpId) -> Option<u32> {
        Some(self.revisions.get(&check_in).copied().unwrap_or(0))
    }

    fn register_revision(&self, subject: ParticipantId, register: &Register) -> Option<u32> {
        Some(
            self.registers
                .get(&(subject, *register))
                .copied()
                .unwrap_or(0),
        )
    }

    fn is_refused(&self, op: OpId) -> bool {
        self.refused.contains_key(&op)
    }

    fn is_erased(&self, participant: ParticipantId) -> bool {
        self.erased_again != Some(participant) && self.is_gone(participant)
    }

    fn is_pass_erased(&self, pass: PassTag) -> bool {
        self.is_gone(pass)
    }

    fn is_log_erased(&self, log: LogId) -> bool {
        self.is_gone(log)
    }

    fn log_writer(&self, log: LogId) -> Option<(DeviceId, Option<ParticipantId>)> {
        self.logs
            .get(&log)
            .map(|state| (state.device, state.participant))
    }

    fn local_date(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate> {
        self.catalog.as_ref()?.local_date(place, at)
    }

    fn session_date(
        &self,
        place: PlaceId,
        at: Timestamp,
        session: SessionRef,
    ) -> Option<LocalDate> {
        self.catalog.as_ref()?.session_date(place, at, session)
    }
}

/// What a check-in's corrections have to know of it.
pub(super) fn check_in_fact(payload: &Payload, admitted: &AdmittedOp) -> Option<CheckInFact> {
    let Payload::CheckIn(check_in) = payload else {
        return None;
    };
    Some(CheckInFact {
        subject: admitted.admission.subject?,
        place: check_in.place,
        corrected_at: admitted.admission.corrected_at,
        session: check_in.session,
        pass: match check_in.witness {
            Witness::PassScan(pass) => Some(pass),
            _ => None,
        },
        log: Some(admitted.op.origin.log),
    })
}

/// Reads what a group's judgement needs beside what is known already.
pub(super) async fn read(
    store: &dyn Store,
    tenant: TenantId,
    mut known: Known,
    group: &[Submission],
    looks: Looks,
) -> Result<Known, StoreError> {
    let wanted = Wanted::by(group);
    let ops: Vec<OpId> = wanted.ops.into_iter().collect();
    if !ops.is_empty() {
        for admitted in store.lookup_ops(tenant, &ops).await? {
            let id = admitted.id();
            if let Ok(Some(payload)) = admitted.op.parse() {
                known
                    .check_ins
                    .extend(check_in_fact(&payload, &admitted).map(|fact| (id, fact)));
            }
            known.admitted.insert(id, admitted);
        }
    }
    let of_check_ins = known.check_ins.values().filter_map(|fact| fact.log);
    let logs: BTreeSet<LogId> = wanted.logs.into_iter().chain(of_check_ins).collect();
    let unknown = logs.into_iter().filter(|log| !known.logs.contains_key(log));
    let logs: Vec<LogId> = unknown.collect();
    if !logs.is_empty() {
        for state in store.lookup_logs(tenant, &logs).await? {
            known.logs.insert(state.log, state);
        }
    }
    let unknown = wanted.corrected.iter().copied();
    let unknown = unknown.filter(|id| !known.check_ins.contains_key(id));
    let unknown: Vec<OpId> = unknown.collect();
    if !unknown.is_empty() {
        for refused in store.lookup_refused(tenant, &unknown).await? {
            known.note_refused_before(refused.op, &refused.reason, refused.subject);
        }
    }
    read_revisions(store, tenant, &wanted.corrected, &mut known).await?;
    read_registers(store, tenant, wanted.far_ahead, &mut known).await?;
    let passes: Vec<PassTag> = wanted.passes.into_iter().collect();
    if !passes.is_empty() {
        let records = store.lookup_passes(tenant, &passes).await?;
        known
            .passes
            .extend(records.into_iter().map(|record| (record.pass, record)));
    }
    read_held(store, tenant, group, &mut known).await?;
    if looks == Looks::First {
        read_revoked(store, tenant, group, &mut known).await?;
        read_erased(store, tenant, group, &mut known).await?;
    }
    Ok(known)
}

/// Reads which of those that the group mentions are erased.
async fn read_erased(
    store: &dyn Store,
    tenant: TenantId,
    group: &[Submission],
    known: &mut Known,
) -> Result<(), StoreError> {
    let mut ids: BTreeSet<Tombstone> = BTreeSet::new();
    for submission in group {
        ids.insert(submission.author.device.into());
        ids.extend(submission.author.participant.map(Tombstone::from));
        for batch in &submission.batches {
            ids.insert(batch.log.into());
            for op in &batch.ops {
                ids.insert(op.origin.log.into());
                ids.extend(mentioned(op));
            }
        }
        for admitted in submission.returned.iter().flat_map(|page| &page.ops) {
            ids.insert(admitted.op.origin.log.into());
            ids.extend(admitted.admission.subject.map(Tombstone::from));
            ids.extend(mentioned(&admitted.op));
        }
    }
    let subjects = known.check_ins.values().map(|fact| fact.subject);
    let holders = known.passes.values().map(|record| record.participant);
    ids.extend(subjects.chain(holders).map(Tombstone::from));
    let ids: Vec<Tombstone> = ids.into_iter().collect();
    known.erased = store.lookup_erased(tenant, &ids).await?;
    Ok(())
}

/// Reads which authors and carriers have been revoked while they waited.
async fn read_revoked(
    store: &dyn Store,
    tenant: TenantId,
    group: &[Submission],
    known: &mut Known,
) -> Result<(), StoreError> {
    let authors = group.iter().map(|submission| submission.author.device);
    let carriers = group.iter().filter_map(|submission| match submission.hand {
        Hand::Own => None,
        Hand::Carried { by, .. } => Some(by),
    });
    let devices: BTreeSet<DeviceId> = authors.chain(carriers).collect();
    for id in devices {
        let device = store.lookup_device(tenant, id).await?;
        if device.is_some_and(|device| device.state == DeviceState::Revoked) {
            known.revoked.insert(id);
        }
    }
    Ok(())
}

/// Reads how far the corrections of cited check-ins have come, from the streams that carry them.
/// Corrections are rare, and whoever knows of one has it from a stream: an answer that another
/// writer has overtaken is too low for nobody.
async fn read_revisions(
    store: &dyn Store,
    tenant: TenantId,
    corrected: &BTreeSet<OpId>,
    known: &mut Known,
) -> Result<(), StoreError> {
    let cited = corrected.iter().filter_map(|id| known.check_ins.get(id));
    let subjects: BTreeSet<ParticipantId> = cited.map(|fact| fact.subject).collect();
    for subject in subjects {
        let stream = StreamKey::Participant(subject);
        let mut position = 0;
        loop {
            let read = store
                .read_stream(tenant, stream, position, STREAM_READ_OPS)
                .await?;
            let Some(last) = read.last() else {
                break;
            };
            position = last.position;
            for held in &read {
                if held.admitted.op.kind == OpKind::Correction as u32
                    && let Ok(Some(Payload::Correction(correction))) = held.admitted.op.parse()
                {
                    known.note_correction(&correction);
                }
            }
        }
    }
    Ok(())
}

/// Reads how far the registers have come that offered values are far ahead of.
async fn read_registers(
    store: &dyn Store,
    tenant: TenantId,
    far_ahead: BTreeSet<(ParticipantId, Register)>,
    known: &mut Known,
) -> Result<(), StoreError> {
    if far_ahead.is_empty() {
        return Ok(());
    }
    let wanted: Vec<_> = far_ahead
        .iter()
        .map(|(subject, register)| (StreamKey::Participant(*subject), *register))
        .collect();
    for (subject, register) in far_ahead {
        known.registers.insert((subject, register), 0);
    }
    for live in store.lookup_registers(tenant, &wanted).await? {
        known.note_value(&live.op.admitted);
    }
    Ok(())
}

/// Reads the entries that offered ops and heads meet.
async fn read_held(
    store: &dyn Store,
    tenant: TenantId,
    group: &[Submission],
    known: &mut Known,
) -> Result<(), StoreError> {
    let batches = group
        .iter()
        .flat_map(|submission| &submission.batches)
        .map(|batch| {
            (
                batch.log,
                batch.first_sequence,
                u64::try_from(batch.ops.len()).unwrap_or(u64::MAX),
            )
        });
    let heads = group
        .iter()
        .flat_map(|submission| &submission.heads)
        .flat_map(|head| {
            let last = head.next_sequence.checked_sub(1);
            let told = [last, head.settled.map(|(sequence, _)| sequence)];
            let told = told.into_iter().flatten();
            told.map(|sequence| (head.log, sequence, 1))
        });
    for (log, first, count) in batches.chain(heads) {
        let next = known.logs.get(&log).map_or(0, |state| state.next_sequence);
        let overlap = next.saturating_sub(first).min(count);
        if overlap == 0 {
            continue;
        }
        let limit = u32::try_from(overlap).unwrap_or(u32::MAX);
        for (sequence, op, rejection, deferred) in
            store.list_entries(tenant, log, first, limit).await?
        {
            known.held.insert(
                (log, sequence),
                Held {
                    op,
                    rejection,
                    deferred,
                },
            );
        }
    }
    Ok(())
}
