//! What judging a group has to know, read before anything is decided.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use askel_store::{LogState, Store, StoreError};
use askel_sync::{
    admission::{AdmittedOp, CheckInFact, Facts},
    catalog::Catalog,
    id::{DeviceId, LogId, OpId, ParticipantId, PassTag, PlaceId, TenantId},
    op::{Payload, Witness},
    time::{LocalDate, Timestamp},
};

use super::Submission;

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
    pub(super) logs: HashMap<LogId, LogState>,
    pub(super) held: HashMap<(LogId, u64), Held>,
    /// Admitted ops that are offered again.
    pub(super) admitted: HashMap<OpId, AdmittedOp>,
    pub(super) check_ins: HashMap<OpId, CheckInFact>,
    passes: HashMap<PassTag, ParticipantId>,
}

impl Facts for Known {
    fn pass_holder(&self, pass: PassTag) -> Option<ParticipantId> {
        self.passes.get(&pass).copied()
    }

    fn check_in(&self, id: OpId) -> Option<CheckInFact> {
        self.check_ins.get(&id).copied()
    }

    fn log_writer(&self, log: LogId) -> Option<(DeviceId, Option<ParticipantId>)> {
        self.logs
            .get(&log)
            .map(|state| (state.device, state.participant))
    }

    fn local_date(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate> {
        self.catalog.as_ref()?.local_date(place, at)
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
    })
}

/// Reads what a group's judgement needs.
pub(super) async fn read(
    store: &dyn Store,
    tenant: TenantId,
    catalog: Option<Arc<Catalog>>,
    group: &[Submission],
) -> Result<Known, StoreError> {
    let wanted = Wanted::by(group);
    let mut known = Known {
        catalog,
        ..Known::default()
    };
    for state in store
        .lookup_logs(tenant, &wanted.logs.into_iter().collect::<Vec<_>>())
        .await?
    {
        known.logs.insert(state.log, state);
    }
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
    let passes: Vec<PassTag> = wanted.passes.into_iter().collect();
    if !passes.is_empty() {
        let records = store.lookup_passes(tenant, &passes).await?;
        known.passes.extend(
            records
                .into_iter()
                .map(|record| (record.pass, record.participant)),
        );
    }
    read_held(store, tenant, group, &mut known).await?;
    Ok(known)
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
        .filter_map(|head| Some((head.log, head.next_sequence.checked_sub(1)?, 1)));
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

/// The ids a group mentions.
#[derive(Default)]
struct Wanted {
    logs: BTreeSet<LogId>,
    ops: BTreeSet<OpId>,
    passes: BTreeSet<PassTag>,
}

impl Wanted {
    fn by(group: &[Submission]) -> Self {
        let mut wanted = Self::default();
        for submission in group {
            wanted
                .logs
                .extend(submission.heads.iter().map(|head| head.log));
            for batch in &submission.batches {
                wanted.logs.insert(batch.log);
                for op in &batch.ops {
                    if op.origin.log != batch.log {
                        wanted.logs.insert(op.origin.log);
                        wanted.ops.insert(op.id());
                    }
                    wanted.cited_by(op.parse().ok().flatten());
                }
            }
        }
        wanted
    }

    fn cited_by(&mut self, payload: Option<Payload>) {
        match payload {
            Some(Payload::Correction(correction)) => {
                self.ops.insert(correction.check_in);
            }
            Some(Payload::CheckIn(check_in)) => {
                if let Witness::PassScan(pass) = check_in.witness {
                    self.passes.insert(pass);
                }
            }
            _ => {}
        }
    }
}
