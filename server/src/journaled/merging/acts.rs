//! What happens in those tests.

use askel_store::{AuditAction, Contribution, DeviceState, Projection};
use askel_sync::{
    admission::Role,
    key::{KeyPair, device_id},
};
use proptest::prelude::*;

use super::{super::*, TENANT};

const HOUR_MS: i64 = 3_600_000;

/// What happens, by small numbers that name people, devices and codes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Invite(u8, bool),
    TakeBack(u8),
    Enrol(u8),
    Change(u8, u8),
    Sheet(u8),
    ComeBack(u8),
    Approve(u8, u8),
    Approved(u8),
    Card(u8),
    Open(u8),
    Gives(u8, u8),
    Erase(u8),
    Publish,
    /// The server's journal is folded.
    Fold,
}

impl Act {
    /// About whom it is.
    fn who(self) -> Option<u8> {
        match self {
            Self::Invite(n, _)
            | Self::TakeBack(n)
            | Self::Enrol(n)
            | Self::Change(n, _)
            | Self::Sheet(n)
            | Self::ComeBack(n)
            | Self::Approve(n, _)
            | Self::Approved(n)
            | Self::Card(n)
            | Self::Open(n)
            | Self::Gives(n, _)
            | Self::Erase(n) => Some(n),
            Self::Publish | Self::Fold => None,
        }
    }

    /// Whether they do it themselves.
    fn is_theirs(self) -> bool {
        matches!(
            self,
            Self::Sheet(_) | Self::Approve(..) | Self::Open(_) | Self::Gives(..)
        )
    }
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let n = || 1..5_u8;
    prop_oneof![
        3 => (n(), any::<bool>()).prop_map(|(n, staff)| Act::Invite(n, staff)),
        1 => n().prop_map(Act::TakeBack),
        4 => n().prop_map(Act::Enrol),
        2 => (n(), 0..4_u8).prop_map(|(n, to)| Act::Change(n, to)),
        2 => n().prop_map(Act::Sheet),
        2 => n().prop_map(Act::ComeBack),
        2 => (n(), n()).prop_map(|(n, other)| Act::Approve(n, other)),
        1 => n().prop_map(Act::Approved),
        1 => n().prop_map(Act::Card),
        2 => n().prop_map(Act::Open),
        3 => (n(), n()).prop_map(|(n, points)| Act::Gives(n, points)),
        1 => n().prop_map(Act::Erase),
        1 => Just(Act::Publish),
        2 => Just(Act::Fold),
    ]
}

pub(super) fn device(n: u8, now: Timestamp) -> NewDevice {
    let public_key = KeyPair::from_seed(&[n; 32]).public_key();
    NewDevice {
        id: device_id(TENANT, &public_key),
        public_key,
        new_participant: ParticipantId::from_bytes([n; 16]),
        new_pass: PassTag::from_bytes([n; 16]),
        now,
        lease_until: now.saturating_add_ms(HOUR_MS),
        probation_until: now.saturating_add_ms(HOUR_MS),
    }
}

pub(super) fn participant(n: u8) -> ParticipantId {
    ParticipantId::from_bytes([n; 16])
}

/// A number of each millisecond.
fn turn(now: Timestamp) -> u8 {
    let [turn, ..] = now.as_ms().to_le_bytes();
    turn
}

fn audit(now: Timestamp) -> Audit {
    Audit {
        at: now,
        actor: None,
        action: AuditAction::InvitationCreated,
        target: String::new(),
    }
}

/// Does it, if it can be done. Ids are random: nobody ever gets those of someone who was erased, and
/// nobody acts who is not there.
pub(super) async fn happen(store: &Journaled, act: Act, now: Timestamp) {
    if let Some(who) = act.who() {
        let gone = store
            .lookup_erased(TENANT, &[participant(who).into()])
            .await;
        let is_here = store.lookup_device(TENANT, device(who, now).id).await;
        let is_here = is_here.expect("memory").is_some();
        if !gone.expect("memory").is_empty() || (act.is_theirs() && !is_here) {
            return;
        }
    }
    match act {
        Act::Invite(..) | Act::TakeBack(_) | Act::Enrol(_) | Act::Change(..) | Act::Card(_) => {
            enter(store, act, now).await;
        }
        Act::Sheet(_) | Act::ComeBack(_) | Act::Approve(..) | Act::Approved(_) => {
            come_back(store, act, now).await;
        }
        Act::Open(n) => {
            let append = opens(turn(now), device(n, now).id);
            let _ = store.append(TENANT, &append, now).await;
        }
        Act::Gives(n, points) => {
            let _ = store.append(TENANT, &gives(n, points), now).await;
        }
        Act::Erase(n) => {
            let _ = store.erase(TENANT, participant(n), &audit(now)).await;
        }
        Act::Publish => publish(store, now).await,
        Act::Fold => {}
    }
}

async fn enter(store: &Journaled, act: Act, now: Timestamp) {
    let audit = audit(now);
    match act {
        Act::Invite(n, staff) => {
            let role = if staff {
                Role::Staff
            } else {
                Role::Participant
            };
            let invitation = Invitation {
                id: [n; 16],
                code_hash: [n; 32],
                role,
                scope: None,
                participant: None,
                inviter: None,
                created_at: now,
                expires_at: now.saturating_add_ms(HOUR_MS),
                used_by: None,
            };
            let _ = store.record_invitation(TENANT, &invitation, &audit).await;
        }
        Act::TakeBack(n) => {
            let _ = store.delete_invitation(TENANT, [n; 16], &audit).await;
        }
        Act::Enrol(n) => {
            let grant = Grant::Invitation([n; 32]);
            let _ = store.enrol(TENANT, &grant, &device(n, now), &audit).await;
        }
        Act::Change(n, to) => {
            let change = DeviceChange {
                state: match to {
                    0 => DeviceState::Revoked,
                    1 => DeviceState::Probation { until: now },
                    _ => DeviceState::Active,
                },
                lease_until: Some(now),
            };
            let id = device(n, now).id;
            let _ = store.change_device(TENANT, id, change, &audit).await;
        }
        Act::Card(n) => {
            let pass = PassTag::from_bytes([n.saturating_add(30); 16]);
            let card = PassRecord::good(pass, participant(n));
            let _ = store.record_card(TENANT, [n; 16], card, &audit).await;
        }
        _ => {}
    }
}

async fn come_back(store: &Journaled, act: Act, now: Timestamp) {
    let audit = audit(now);
    match act {
        Act::Sheet(n) => {
            let sheet = RecoverySheet {
                participant: participant(n),
                code_hash: [n; 32],
                maker: device(n, now).id,
            };
            let _ = store.record_recovery_sheet(TENANT, &sheet, &audit).await;
        }
        Act::ComeBack(n) => {
            let sheet = Grant::RecoverySheet {
                code_hash: [n; 32],
                next_code_hash: [turn(now); 32],
            };
            let new = device(n.saturating_add(10), now);
            let _ = store.enrol(TENANT, &sheet, &new, &audit).await;
        }
        Act::Approve(n, other) => {
            let approval = Approval {
                participant: participant(n),
                approved: device(other.saturating_add(20), now).id,
                replaced: None,
                maker: device(n, now).id,
                expires_at: now.saturating_add_ms(HOUR_MS),
            };
            let _ = store.record_approval(TENANT, &approval, &audit).await;
        }
        Act::Approved(n) => {
            let new = device(n.saturating_add(20), now);
            let _ = store.enrol(TENANT, &Grant::Approval, &new, &audit).await;
        }
        _ => {}
    }
}

async fn publish(store: &Journaled, now: Timestamp) {
    let newest = store.lookup_catalog(TENANT, None).await.expect("memory");
    let version = newest.map_or(0, |newest| newest.version).saturating_add(1);
    let [first, ..] = version.to_le_bytes();
    let catalog = CatalogVersion {
        version,
        hash: [first; 32],
        content: vec![1],
        signature: vec![2],
        published_at: now,
    };
    let _ = store.record_catalog(TENANT, &catalog, &audit(now)).await;
}

fn gives(n: u8, points: u8) -> Append {
    let contribution = Contribution {
        goal: GoalId::new(1),
        participant: participant(n),
        points: points.into(),
    };
    Append {
        projection: Projection {
            contributions: vec![contribution],
            ..Projection::default()
        },
        ..Append::default()
    }
}

fn opens(log: u8, device: DeviceId) -> Append {
    Append {
        entries: vec![askel_store::Entry {
            log: LogId::from_bytes([log; 16]),
            device,
            sequence: 0,
            op: OpId::from_bytes([log; 16]),
            outcome: askel_store::EntryOutcome::Rejected {
                reason: "WHY".to_owned(),
                subject: None,
            },
        }],
        ..Append::default()
    }
}
