//! A backup that is taken while many write.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{path::Path, sync::Arc};

use askel_store::{
    Append, Entry, EntryOutcome, OpStore as _, PartOf, Reading, StoreError, StreamTarget, Tenant,
    TenantStore as _,
};
use askel_store_sqlite::SqliteStore;
use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    id::{DeviceId, LogId, ParticipantId, StreamId, TenantId},
    op::{Op, Origin},
    stream::{StreamKey, StreamSum, op_sum},
    time::Timestamp,
};
use tokio::task::JoinSet;

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const NOW: Timestamp = Timestamp::from_ms(1_460_440_800_000);
const WRITERS: u8 = 4;
const APPENDS: u64 = 60;

fn streams(writer: u8) -> [StreamKey; 2] {
    let own = StreamKey::Participant(ParticipantId::from_bytes([writer; 16]));
    [own, StreamKey::Catalog]
}

fn entry(writer: u8, sequence: u64) -> Entry {
    let log = LogId::from_bytes([writer; 16]);
    let admitted = AdmittedOp {
        op: Op {
            kind: 4,
            payload: vec![writer; 40].into(),
            origin: Origin { log, sequence },
        },
        admission: Admission {
            corrected_at: NOW,
            received_at: NOW,
            subject: None,
            strength: Strength::SelfReport,
            flags: Flags::default(),
            author_role: Role::Participant,
        },
    };
    let target = |key| StreamTarget {
        key,
        new_id: StreamId::from_bytes(match key {
            StreamKey::Catalog => [0xcc; 16],
            _ => [writer; 16],
        }),
    };
    Entry {
        log,
        device: DeviceId::from_bytes([writer; 16]),
        sequence,
        op: admitted.id(),
        outcome: EntryOutcome::Accepted {
            admitted: Box::new(admitted),
            streams: streams(writer).map(target).to_vec(),
            dirty: None,
            derived: None,
            tally: None,
        },
    }
}

async fn write(store: Arc<SqliteStore>, writer: u8) {
    for sequence in 0..APPENDS {
        let append = Append {
            entries: vec![entry(writer, sequence)],
            ..Append::default()
        };
        store.append(TENANT, &append, NOW).await.expect("a write");
    }
}

/// Heads, sums and logs agree with the ops that are there. Returns how many there are.
async fn check(path: &Path) -> u64 {
    let store = SqliteStore::open(path).await.expect("a backup opens");
    let catalog = store
        .read_part(
            TENANT,
            PartOf {
                stream: StreamKey::Catalog,
                after: 0,
                limit: 9_999,
                reading: Reading::All,
            },
        )
        .await
        .expect("a stream");
    let mut ops = 0;
    if let Some(part) = catalog {
        let sums = part.ops.iter().map(|op| op_sum(&op.admitted));
        let sum = sums.fold(StreamSum::default(), StreamSum::plus);
        ops = part.head.head;
        assert_eq!(part.ops.len(), usize::try_from(ops).expect("a length"));
        assert_eq!(part.head.sum, sum);
    }
    let logs: Vec<_> = (1..=WRITERS)
        .map(|writer| LogId::from_bytes([writer; 16]))
        .collect();
    let logs = store.lookup_logs(TENANT, &logs).await.expect("the logs");
    let written: u64 = logs.iter().map(|log| log.next_sequence).sum();
    assert_eq!(written, ops, "an append is in a backup whole or not at all");
    store.close().await;
    ops
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_under_writes_is_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("askel.db")).await;
    let store = Arc::new(store.expect("a new store"));
    let mut writers = JoinSet::new();
    for writer in 1..=WRITERS {
        writers.spawn(write(Arc::clone(&store), writer));
    }
    let mut backups = Vec::new();
    while !writers.is_empty() {
        let to = folder.path().join(format!("backup-{}.db", backups.len()));
        store.backup(&to).await.expect("a backup");
        backups.push(to);
        while writers.try_join_next().is_some() {}
    }
    let last = folder.path().join("last.db");
    store.backup(&last).await.expect("a backup");
    let mut before = 0;
    for backup in &backups {
        let ops = check(backup).await;
        assert!(ops >= before, "what is committed is in later backups");
        before = ops;
    }
    assert_eq!(check(&last).await, u64::from(WRITERS) * APPENDS);
}

#[tokio::test]
async fn a_backup_is_its_owners_and_overwrites_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("askel.db"))
        .await
        .expect("a new store");
    let tenant = Tenant {
        id: TENANT,
        root_hash: [3; 32],
        signed_key_list: vec![7; 100],
        key_list_version: 1,
        created_at: NOW,
    };
    store.record_tenant(&tenant).await.expect("a tenant");
    let to = folder.path().join("backup.db");
    store.backup(&to).await.expect("a backup");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&to).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = store.backup(&to).await;
    assert!(
        matches!(again, Err(StoreError::Unavailable(_))),
        "{again:?}"
    );
    let backup = SqliteStore::open(&to).await.expect("the backup");
    assert_eq!(backup.list_tenants().await.expect("tenants"), [tenant]);
}
