//! Calls that fail, before or after they took effect, and are repeated.

use std::sync::Arc;

use askel_sync::{
    id::{DeviceId, GoalId, OpId, ParticipantId, PassTag, TenantId},
    stream::StreamKey,
};

use super::fixture::{
    Effects, NOW, Writer, any_audit, entries, first_page, invitation, new_device, own_stream,
    participant, pass, sheet_of, tally, target,
};
use crate::{
    Append, AppendError, Approval, AuditAction, CatalogVersion, ChallengeSum, Claim, Contribution,
    Device, DeviceChange, DeviceState, EnrolError, Grant, Healing, Invitation, PassRecord,
    Projection, Store, StoreError, Tenant,
    fault::{Faulty, Moment},
    journal::Entry,
};

/// The same story with each of its calls failing once, before or after it took effect, ends with
/// the same rows as without any fault.
pub async fn a_failed_call_may_be_repeated(store: Arc<impl Store + 'static>) {
    let undisturbed = Faulty::nth(Arc::clone(&store), 0, Moment::Before);
    let tenant = |n: u64| TenantId::from_bytes((u128::from(n) + 1_000).to_be_bytes());
    live(&undisturbed, tenant(0)).await;
    let expected = standing(&*store, tenant(0)).await;
    for call in 1..=undisturbed.calls() {
        for (moment, n) in [(Moment::Before, 2 * call), (Moment::After, 2 * call + 1)] {
            let failing = Faulty::nth(Arc::clone(&store), call, moment);
            live(&failing, tenant(n)).await;
            assert_eq!(
                failing.calls(),
                undisturbed.calls() + 1,
                "one call was repeated"
            );
            assert_eq!(
                standing(&*store, tenant(n)).await,
                expected,
                "call {call} {moment:?}"
            );
        }
    }
}

/// Whether an error is the one that asks for the same call again.
trait Again {
    fn again(&self) -> bool;
}

impl Again for StoreError {
    fn again(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl Again for EnrolError {
    fn again(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unavailable(_)))
    }
}

impl Again for AppendError {
    fn again(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unavailable(_)))
    }
}

/// Calls, and calls once more if the first call failed.
macro_rules! call {
    ($call:expr) => {
        match $call.await {
            Err(error) if error.again() => $call.await,
            answer => answer,
        }
        .unwrap()
    };
}

/// A bit of everything that writes.
async fn live(store: &impl Store, tenant: TenantId) {
    call!(store.record_tenant(&Tenant {
        id: tenant,
        root_hash: [1; 32],
        signed_key_list: vec![1],
        key_list_version: 1,
        created_at: NOW,
    }));
    let catalog = CatalogVersion {
        version: 1,
        hash: [1; 32],
        content: vec![1],
        signature: vec![1],
        published_at: NOW,
    };
    assert!(call!(store.record_catalog(tenant, &catalog, &any_audit())));
    come_and_go(store, tenant).await;
    write_and_project(store, tenant).await;
    call!(store.record_audit(tenant, &super::fixture::audit(AuditAction::AwardWithdrawn)));
    restore_and_erase(store, tenant).await;
}

async fn restore_and_erase(store: &impl Store, tenant: TenantId) {
    let ancestor = call!(store.lookup_streams(tenant, &[StreamKey::Catalog]))[0].id;
    call!(store.renew_streams(tenant, &[1; 32]));
    let claim = Claim::Stream {
        ancestor,
        position: 9,
    };
    call!(store.record_claims(tenant, &[claim]));
    let staff = Invitation {
        participant: Some(participant(3)),
        ..invitation(4)
    };
    let journal = [Entry::Invitation(staff)];
    call!(store.apply_journal(tenant, &journal));
    let card = PassRecord::good(pass(7), participant(7));
    call!(store.record_card(tenant, [7; 16], card, &any_audit()));
    call!(store.erase(tenant, participant(7), &any_audit()));
}

async fn come_and_go(store: &impl Store, tenant: TenantId) {
    for n in [1, 2] {
        call!(store.record_invitation(tenant, &invitation(n), &any_audit()));
    }
    let first = new_device(1);
    call!(store.enrol(tenant, &Grant::Invitation([1; 32]), &first, &any_audit()));
    call!(store.delete_invitation(tenant, [2; 16], &any_audit()));
    call!(store.record_recovery_sheet(tenant, &sheet_of(1, [10; 32]), &any_audit()));
    let sheet = Grant::RecoverySheet {
        code_hash: [10; 32],
        next_code_hash: [11; 32],
    };
    let second = call!(store.enrol(tenant, &sheet, &new_device(2), &any_audit())).id;
    let approval = Approval {
        participant: participant(1),
        approved: new_device(3).id,
        replaced: Some(second),
        maker: second,
        expires_at: NOW.saturating_add_ms(1),
    };
    call!(store.record_approval(tenant, &approval, &any_audit()));
    let third = call!(store.enrol(tenant, &Grant::Approval, &new_device(3), &any_audit())).id;
    let card = PassRecord::good(pass(9), participant(9));
    call!(store.record_card(tenant, [9; 16], card, &any_audit()));
    let revoke = DeviceChange {
        state: DeviceState::Revoked,
        lease_until: None,
    };
    call!(store.change_device(tenant, third, revoke, &any_audit()));
}

async fn write_and_project(store: &impl Store, tenant: TenantId) {
    call!(store.open_stream(tenant, target(own_stream(1))));
    let mut writer = Writer::new(1);
    let effects = |n: u8| Effects {
        streams: vec![own_stream(1), StreamKey::Catalog],
        dirty: Some(participant(n)),
        derived: Some((own_stream(2), 7, vec![n])),
        tally: Some(tally(1)),
    };
    let batch = [
        writer.accepted(effects(1)),
        writer.rejected("no"),
        writer.accepted(effects(2)),
    ];
    let batch = entries(batch);
    call!(store.append(tenant, &batch, NOW));
    let clean = call!(store.list_dirty(tenant, 1));
    let sent = call!(store.list_outbox(tenant, 1))
        .into_iter()
        .map(|item| item.id)
        .collect();
    let contribution = Contribution {
        goal: GoalId::new(1),
        participant: participant(1),
        points: 5,
    };
    let projection = Projection {
        clean,
        sent,
        contributions: vec![contribution],
        ..Projection::default()
    };
    let entries = vec![writer.accepted(Effects::on(&[StreamKey::Catalog]))];
    let append = Append {
        entries,
        projection,
        ..Append::default()
    };
    call!(store.append(tenant, &append, NOW));
}

/// All rows of a tenant but hashes and drawn handles.
#[derive(Debug, PartialEq)]
struct Standing {
    devices: Vec<Device>,
    participants: Vec<ParticipantId>,
    passes: Vec<PassTag>,
    used_invitations: Vec<Option<DeviceId>>,
    audit: Vec<AuditAction>,
    catalogs: usize,
    entries: Vec<(u64, OpId, Option<String>, bool)>,
    streams: Vec<(StreamKey, u64, u64)>,
    dirty: Vec<ParticipantId>,
    outbox: Vec<Vec<u8>>,
    challenge: ChallengeSum,
    tallies: Vec<i64>,
    healing: Healing,
    erased: usize,
}

async fn standing(store: &impl Store, tenant: TenantId) -> Standing {
    let page = first_page(100);
    let passes = [1, 2, 3, 9].map(pass);
    let keys = [own_stream(1), own_stream(2), StreamKey::Catalog];
    let day = tally(1).date;
    let invitations = store.list_invitations(tenant, &page).await.unwrap().items;
    let audit = store.list_audit(tenant, &page).await.unwrap().items;
    let streams = store.lookup_streams(tenant, &keys).await.unwrap();
    let dirty = store.list_dirty(tenant, 9).await.unwrap();
    let outbox = store.list_outbox(tenant, 9).await.unwrap();
    let passes = store.lookup_passes(tenant, &passes).await.unwrap();
    let sessions = store.count_sessions(tenant, None, day, day).await.unwrap();
    Standing {
        devices: store
            .list_participant_devices(tenant, participant(1))
            .await
            .unwrap(),
        participants: store.list_participants(tenant).await.unwrap(),
        passes: passes
            .into_iter()
            .filter_map(|record| record.holder().map(|_| record.pass))
            .collect(),
        used_invitations: invitations
            .into_iter()
            .map(|invitation| invitation.used_by)
            .collect(),
        audit: audit.into_iter().map(|entry| entry.audit.action).collect(),
        catalogs: store
            .list_catalogs(tenant, &page)
            .await
            .unwrap()
            .items
            .len(),
        entries: store
            .list_entries(tenant, Writer::new(1).log, 0, 99)
            .await
            .unwrap(),
        streams: streams
            .iter()
            .map(|head| (head.key, head.head, head.sum.bits()))
            .collect(),
        dirty: dirty.into_iter().map(|dirty| dirty.participant).collect(),
        outbox: outbox.into_iter().map(|item| item.payload).collect(),
        challenge: store.sum_challenge(tenant, GoalId::new(1)).await.unwrap(),
        tallies: sessions.into_iter().map(|count| count.tallies).collect(),
        healing: store.count_healing(tenant).await.unwrap(),
        erased: store
            .lookup_erased(tenant, &[participant(7).into(), pass(7).into()])
            .await
            .unwrap()
            .len(),
    }
}
