//! Working everything out again, from the ops alone.

use std::collections::{BTreeMap, BTreeSet};

use askel_store::{Store, StoreError};
use askel_sync::{
    catalog::Catalog,
    fold::{ChallengeTotals, SessionKey},
    id::{AwardId, ParticipantId, TenantId},
    op::{Measure, Payload},
    rule,
    stream::StreamKey,
    time::LocalDate,
};

use crate::{
    limits::STREAM_READ_OPS,
    project::{Replayed, replay},
};

/// A tenant as its ops say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VerifiedTenant {
    /// By id.
    pub participants: Vec<VerifiedParticipant>,
    /// People counted without a name.
    pub tallies: u64,
    /// Whether the rows kept for reading say the same of every session.
    pub rows_agree: bool,
}

/// A participant as the ops say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedParticipant {
    /// Who.
    pub participant: ParticipantId,
    /// Devices, revoked ones included; none for a card alone.
    pub devices: usize,
    /// Walking steps by local day.
    pub day_steps: BTreeMap<LocalDate, u64>,
    /// Sessions attended.
    pub attendances: u64,
    /// Check-ins, voided ones included.
    pub check_ins: u64,
    /// Awards as the participant is shown them.
    pub awards: BTreeSet<AwardId>,
    /// Of these, the ones the server has confirmed.
    pub confirmed: BTreeSet<AwardId>,
}

impl VerifiedTenant {
    /// Sessions attended, over all participants.
    pub fn attendances(&self) -> u64 {
        self.participants
            .iter()
            .map(|one| one.attendances)
            .fold(0, u64::saturating_add)
    }

    /// Attendances and tallies together.
    pub fn encounters(&self) -> u64 {
        self.attendances().saturating_add(self.tallies)
    }
}

/// Folds every stream of a tenant from scratch. Reads everything; changes nothing.
///
/// # Errors
/// [`StoreError`] when the store fails.
pub async fn verify(store: &dyn Store, tenant: TenantId) -> Result<VerifiedTenant, StoreError> {
    let Some(stored) = store.lookup_catalog(tenant, None).await? else {
        return Ok(VerifiedTenant {
            rows_agree: true,
            ..VerifiedTenant::default()
        });
    };
    let catalog = Catalog::parse(&stored.content)
        .map_err(|_| StoreError::Inconsistent("a stored catalog can't be parsed"))?;
    let totals = challenge_totals(store, tenant, &catalog).await?;
    let mut verified = VerifiedTenant::default();
    let mut attended: BTreeMap<SessionKey, u64> = BTreeMap::new();
    for participant in store.list_participants(tenant).await? {
        let replayed = replay(store, tenant, participant, &catalog).await?;
        for attendance in replayed.state.attendances() {
            let count = attended.entry(attendance.key).or_default();
            *count = count.saturating_add(1);
        }
        let devices = store
            .list_participant_devices(tenant, participant)
            .await?
            .len();
        verified
            .participants
            .push(summed_up(&replayed, devices, &totals, &catalog));
    }
    let (tallies, rows_agree) = compare_rows(store, tenant, &catalog, attended).await?;
    Ok(VerifiedTenant {
        tallies,
        rows_agree,
        ..verified
    })
}

fn summed_up(
    replayed: &Replayed,
    devices: usize,
    totals: &ChallengeTotals,
    catalog: &Catalog,
) -> VerifiedParticipant {
    let state = &replayed.state;
    let eligible = rule::evaluate(state, totals, catalog).eligible;
    let awards = state.awards(&eligible);
    VerifiedParticipant {
        participant: state.participant(),
        devices,
        day_steps: state.day_steps(Measure::Steps),
        attendances: u64::try_from(state.attendances().len()).unwrap_or(u64::MAX),
        check_ins: replayed.check_ins,
        awards: awards.shown(),
        confirmed: awards.confirmed,
    }
}

async fn challenge_totals(
    store: &dyn Store,
    tenant: TenantId,
    catalog: &Catalog,
) -> Result<ChallengeTotals, StoreError> {
    let mut totals = ChallengeTotals::new();
    for goal in catalog
        .goals()
        .filter(|goal| goal.rule.collective().is_some())
    {
        let mut position = 0;
        loop {
            let key = StreamKey::Challenge(goal.id);
            let read = store
                .read_stream(tenant, key, position, STREAM_READ_OPS)
                .await?;
            let Some(last) = read.last() else { break };
            position = last.position;
            for told in &read {
                totals.apply(&told.admitted);
            }
        }
    }
    Ok(totals)
}

/// Compares the rows kept for reading with what the ops say; returns the tallies of the ops.
async fn compare_rows(
    store: &dyn Store,
    tenant: TenantId,
    catalog: &Catalog,
    mut attended: BTreeMap<SessionKey, u64>,
) -> Result<(u64, bool), StoreError> {
    let (first, last) = (
        LocalDate::from_days(i32::MIN),
        LocalDate::from_days(i32::MAX),
    );
    let rows = store.count_sessions(tenant, None, first, last).await?;
    let mut agree = true;
    let counts = counts(store, tenant, catalog).await?;
    let mut tallies: u64 = 0;
    for row in rows {
        let key = SessionKey {
            place: row.place,
            date: row.date,
            session: row.session,
        };
        let known = row.attendances.saturating_sub(row.erased);
        agree &= attended.remove(&key).unwrap_or(0) == known;
        // Never below 0, as scanners see it.
        let counted = u64::try_from(counts.get(&key).copied().unwrap_or(0)).unwrap_or(0);
        agree &= u64::try_from(row.tallies).unwrap_or(0) == counted;
        tallies = tallies.saturating_add(counted);
    }
    Ok((tallies, agree && attended.is_empty()))
}

/// People counted without a name, by the ops that say so: the streams that carried them to scanners are
/// dropped after some weeks.
async fn counts(
    store: &dyn Store,
    tenant: TenantId,
    catalog: &Catalog,
) -> Result<BTreeMap<SessionKey, i64>, StoreError> {
    let mut counts: BTreeMap<SessionKey, i64> = BTreeMap::new();
    let mut after = None;
    loop {
        let read = store.list_tallies(tenant, after, STREAM_READ_OPS).await?;
        let Some(last) = read.last() else {
            return Ok(counts);
        };
        after = Some(last.id());
        for admitted in &read {
            let at = admitted.admission.corrected_at;
            if let Ok(Some(Payload::Tally(tally))) = admitted.op.parse()
                && let Some(key) = SessionKey::of(tally.place, at, tally.session, catalog)
            {
                let count = counts.entry(key).or_default();
                *count = count.saturating_add(tally.delta.into());
            }
        }
    }
}
