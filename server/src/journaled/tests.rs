//! That the journal has what it must before anything is acknowledged.

use super::*;
use crate::journal::MemoryJournal;
use askel_store::{Around, AuditAction, ErrorKind, Surrounded, memory::MemoryStore};
use askel_sync::admission::Role;
use std::sync::atomic::{AtomicBool, Ordering};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);

/// A journal without room, as long as it is told so.
#[derive(Default)]
struct Full {
    journal: MemoryJournal,
    is_full: AtomicBool,
}

#[async_trait]
impl Journal for Full {
    async fn append(&self, record: Vec<u8>) -> Result<(), JournalError> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(JournalError::Full(std::io::Error::other("asked for")));
        }
        self.journal.append(record).await
    }
}

fn invitation() -> Invitation {
    Invitation {
        id: [1; 16],
        code_hash: [1; 32],
        role: Role::Staff,
        scope: None,
        participant: None,
        inviter: None,
        created_at: Timestamp::from_ms(1),
        expires_at: Timestamp::from_ms(2),
        used_by: None,
    }
}

fn audit(action: AuditAction) -> Audit {
    Audit {
        at: Timestamp::from_ms(1),
        actor: None,
        action,
        target: String::new(),
    }
}

fn entries(journal: &MemoryJournal) -> Vec<Entry> {
    let records = journal.records();
    let parsed = records.iter().map(|record| parse_record(record));
    parsed
        .map(|parsed| {
            let (tenant, entry) = parsed.expect("a record");
            assert_eq!(tenant, TENANT);
            entry
        })
        .collect()
}

#[tokio::test]
async fn what_says_nothing_new_is_written_once() {
    let journal = MemoryJournal::default();
    let inner = Arc::new(MemoryStore::new());
    let store = Journaled::new(inner, Arc::new(journal.clone()));
    let (invitation, created) = (invitation(), audit(AuditAction::InvitationCreated));
    for _ in 0..2 {
        let recorded = store.record_invitation(TENANT, &invitation, &created).await;
        recorded.expect("recorded");
    }
    assert_eq!(entries(&journal), [Entry::Invitation(invitation.clone())]);
    let deleted = audit(AuditAction::InvitationDeleted);
    let done = store
        .delete_invitation(TENANT, invitation.id, &deleted)
        .await;
    assert!(done.expect("deleted"));
    let last = entries(&journal).pop();
    assert_eq!(last, Some(Entry::InvitationDeleted(invitation.id)));
}

#[tokio::test]
async fn nothing_is_acknowledged_that_the_journal_has_no_room_for() {
    let full = Arc::new(Full::default());
    let inner = Arc::new(MemoryStore::new());
    let store = Journaled::new(inner, Arc::clone(&full) as _);
    let (invitation, created) = (invitation(), audit(AuditAction::InvitationCreated));
    full.is_full.store(true, Ordering::Relaxed);
    let refused = store.record_invitation(TENANT, &invitation, &created).await;
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    full.is_full.store(false, Ordering::Relaxed);
    let again = store.record_invitation(TENANT, &invitation, &created).await;
    again.expect("recorded");
    assert_eq!(entries(&full.journal), [Entry::Invitation(invitation)]);
}

#[tokio::test]
async fn an_erasure_is_in_the_journal_before_it_is_done() {
    let full = Arc::new(Full::default());
    let inner = Arc::new(MemoryStore::new());
    let store = Journaled::new(Arc::clone(&inner) as _, Arc::clone(&full) as _);
    let who = ParticipantId::from_bytes([7; 16]);
    let erased = audit(AuditAction::ParticipantErased);
    full.is_full.store(true, Ordering::Relaxed);
    assert!(store.erase(TENANT, who, &erased).await.is_err());
    let gone = inner.lookup_erased(TENANT, &[who.into()]).await;
    assert!(gone.expect("looked up").is_empty());
    full.is_full.store(false, Ordering::Relaxed);
    store.erase(TENANT, who, &erased).await.expect("erased");
    let told = |is_counted| Entry::Erased {
        erased: Erased::new(who),
        is_counted,
    };
    assert_eq!(entries(&full.journal), [told(false), told(true)]);
}

fn opens(log: u8, device: u8) -> Append {
    Append {
        entries: vec![askel_store::Entry {
            log: LogId::from_bytes([log; 16]),
            device: DeviceId::from_bytes([device; 16]),
            sequence: 0,
            op: OpId::from_bytes([device; 16]),
            outcome: askel_store::EntryOutcome::Rejected {
                reason: "WHY".to_owned(),
                subject: None,
            },
        }],
        ..Append::default()
    }
}

fn opening(log: u8, device: u8) -> Entry {
    Entry::Logs(vec![LogOpening {
        log: LogId::from_bytes([log; 16]),
        device: DeviceId::from_bytes([device; 16]),
        opened_at: Timestamp::from_ms(7),
    }])
}

#[tokio::test]
async fn whose_a_log_is_stands_in_the_journal_before_anything_of_it_is_settled() {
    let full = Arc::new(Full::default());
    let inner = Arc::new(MemoryStore::new());
    let store = Journaled::new(Arc::clone(&inner) as _, Arc::clone(&full) as _);
    let (log, now) = (LogId::from_bytes([1; 16]), Timestamp::from_ms(7));
    full.is_full.store(true, Ordering::Relaxed);
    let refused = store.append(TENANT, &opens(1, 1), now).await;
    assert!(
        matches!(refused, Err(AppendError::Store(StoreError::Full(_)))),
        "{refused:?}"
    );
    let states = inner.lookup_logs(TENANT, &[log]).await.expect("looked up");
    assert_eq!(states, []);
    full.is_full.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        let appended = store.append(TENANT, &opens(1, 1), now).await;
        appended.expect("appended");
    }
    let foreign = store.append(TENANT, &opens(1, 2), now).await;
    assert!(matches!(foreign, Err(AppendError::Raced)), "{foreign:?}");
    assert_eq!(entries(&full.journal), [opening(1, 1)]);
}

/// A store whose first append does not come to an end.
#[derive(Default)]
struct StallsOnce(AtomicBool);

impl Around for StallsOnce {
    async fn around<T, E>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: From<StoreError> + ErrorKind + Send,
    {
        if method == "append" && !self.0.swap(true, Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        call.await
    }
}

#[tokio::test]
async fn logs_of_a_tenant_whose_store_stalls_hold_up_nobody_elses() {
    let inner = Surrounded::with(Arc::new(MemoryStore::new()), StallsOnce::default());
    let store = Journaled::new(Arc::new(inner), Arc::new(MemoryJournal::default()));
    let other = TenantId::from_bytes([2; 16]);
    let now = Timestamp::from_ms(7);
    let (first, second, third) = (opens(1, 1), opens(2, 1), opens(3, 1));
    let mut stalled = store.append(TENANT, &first, now);
    assert!(futures::poll!(&mut stalled).is_pending());
    let mut of_same = store.append(TENANT, &second, now);
    assert!(futures::poll!(&mut of_same).is_pending());
    let of_other = store.append(other, &third, now);
    let done = futures::FutureExt::now_or_never(of_other);
    done.expect("not held up").expect("appended");
    // What is over leaves nothing behind.
    drop((stalled, of_same));
    let appended = store.append(TENANT, &second, now).await;
    appended.expect("appended");
    assert_eq!(store.openings.under_way(), 0);
}
