//! Journals of several servers on one store, put together: whatever happened on which of them, and
//! however often each was folded, they say what one journal would have.

mod acts;

use std::sync::atomic::{AtomicI64, Ordering};

use askel_store::{
    journal::{folded, merged},
    memory::MemoryStore,
};
use proptest::prelude::*;

use self::acts::{Act, act, device, happen, participant};
use super::*;
use crate::journal::MemoryJournal;

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const NODES: usize = 3;

/// A millisecond later whenever it is asked.
#[derive(Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

/// A server's journal, and the one that all of them would have shared.
struct Both {
    own: MemoryJournal,
    shared: MemoryJournal,
}

#[async_trait]
impl Journal for Both {
    async fn append(&self, record: Vec<u8>) -> Result<(), JournalError> {
        self.shared.append(record.clone()).await?;
        self.own.append(record).await
    }
}

fn notes(records: &[Vec<u8>]) -> Vec<Noted> {
    let parsed = records.iter().map(|record| parse_noted(record));
    parsed.map(|parsed| parsed.expect("a record").1).collect()
}

/// Everything that the journal keeps, as the store has it.
async fn stands(store: &MemoryStore) -> Vec<Option<Entry>> {
    let mut all = Vec::new();
    for n in 0..40 {
        let id = device(n, Timestamp::from_ms(0)).id;
        let participant = participant(n);
        let invitation = [n; 16];
        for of in [
            ImageOf::Participant(participant),
            ImageOf::Device(id),
            ImageOf::Invitation(invitation),
            ImageOf::Catalog(n.into()),
        ] {
            all.push(store.read_image(TENANT, &of).await.expect("memory"));
        }
        let names = [Tombstone::from(participant), Tombstone::from(id)];
        let gone = store.lookup_erased(TENANT, &names).await.expect("memory");
        all.push((!gone.is_empty()).then_some(Entry::InvitationDeleted([n; 16])));
    }
    let frozen = store.read_frozen(TENANT).await.expect("memory");
    all.push(Some(Entry::Frozen(frozen)));
    let logs: Vec<LogId> = (0..=255).map(|n| LogId::from_bytes([n; 16])).collect();
    let logs = store.lookup_logs(TENANT, &logs).await.expect("memory");
    let writers: Vec<Tombstone> = logs.iter().map(|state| state.device.into()).collect();
    let gone = store.lookup_erased(TENANT, &writers).await.expect("memory");
    // Whose a log was that an erased device wrote is nobody's business.
    let logs = logs
        .iter()
        .filter(|state| !gone.contains(&state.device.into()));
    let openings = logs.map(|state| LogOpening {
        log: state.log,
        device: state.device,
        opened_at: Timestamp::from_ms(0),
    });
    all.push(Some(Entry::Logs(openings.collect())));
    all
}

/// Does all that, and goes back to the backup with each. Returns what that came to.
async fn says_the_same(acts: &[(usize, Act)], backup: usize) -> MemoryStore {
    let inner = Arc::new(MemoryStore::new());
    let clock: Arc<dyn Clock> = Arc::new(Ticking::default());
    let shared = MemoryJournal::default();
    let mut journals: Vec<MemoryJournal> = Vec::new();
    let mut kept: Vec<Vec<Vec<u8>>> = vec![Vec::new(); NODES];
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        let own = MemoryJournal::default();
        let both = Both {
            own: own.clone(),
            shared: shared.clone(),
        };
        let node = Journaled::new(Arc::clone(&inner) as _, Arc::new(both));
        nodes.push(node.timed_by(Arc::clone(&clock)));
        journals.push(own);
    }
    let mut taken = [0; NODES];
    let mut of_before = inner.snapshot();
    for (turn, (node, act)) in acts.iter().enumerate() {
        if turn == backup {
            of_before = inner.snapshot();
        }
        happen(&nodes[*node], *act, clock.now()).await;
        if matches!(act, Act::Fold) {
            let records = journals[*node].records();
            kept[*node].extend_from_slice(&records[taken[*node]..]);
            taken[*node] = records.len();
            kept[*node] = fold_records(&kept[*node]).expect("of this version");
        }
    }
    for (node, journal) in journals.iter().enumerate() {
        kept[node].extend_from_slice(&journal.records()[taken[node]..]);
    }
    let one: Vec<Entry> = notes(&shared.records())
        .into_iter()
        .map(|noted| noted.entry)
        .collect();
    let several = merged(kept.iter().map(|records| notes(records)));
    let by_one = of_before.snapshot();
    by_one
        .apply_journal(TENANT, &folded(one))
        .await
        .expect("applied");
    let by_several = of_before.snapshot();
    by_several
        .apply_journal(TENANT, &several)
        .await
        .expect("applied");
    let (found, expected) = (stands(&by_several).await, stands(&by_one).await);
    let pairs = found.iter().zip(&expected);
    let differ: Vec<_> = pairs
        .filter(|(found, expected)| found != expected)
        .collect();
    assert!(differ.is_empty(), "{differ:#?}");
    // A copy of one that is named too changes nothing.
    let twice = kept.iter().chain(kept.first());
    let twice = twice.map(|records| notes(records));
    assert_eq!(merged(twice), several);
    by_several
}

/// Its invitation was told unused, and later as part of someone of whom nothing is told any more.
#[tokio::test]
async fn what_someone_used_who_is_erased_stays_used() {
    let acts = [
        Act::Invite(3, false),
        Act::Enrol(3),
        Act::Erase(3),
        Act::Fold,
    ];
    says_the_same(&acts.map(|act| (0, act)), 0).await;
}

proptest! {
    #[test]
    fn journals_of_several_servers_say_what_one_would(
        acts in proptest::collection::vec((0..NODES, act()), 0..60),
        backup in 0..60_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        runtime.block_on(says_the_same(&acts, backup));
    }
}
