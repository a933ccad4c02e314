//! Runs the batching machine: one task that queues, waits and starts transactions.

use std::{sync::Arc, time::Duration};

use askel_sync::id::TenantId;
use opentelemetry::trace::SpanContext;
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
};
use tracing::{Instrument as _, Span};

use super::{
    IngestError, Receipt, Submission,
    batching::{BatchLimits, Batching, QueueFull},
    commit::Desk,
    ends::Ends,
};
use crate::{
    catalogs::Catalogs, components::Components, config::IngestConfig, meters::meters, spans,
};

/// Takes submissions in. Cheap to clone; when the last clone is gone, the task finishes what is
/// queued and ends.
#[derive(Clone)]
pub(crate) struct Ingest {
    sender: mpsc::Sender<Queued>,
}

struct Queued {
    tenant: TenantId,
    submission: Submission,
    /// What it counts for in the queue.
    ops: usize,
    /// Where the call that brings it stands in its trace.
    call: Option<SpanContext>,
    answer: oneshot::Sender<Result<Receipt, IngestError>>,
}

/// Submissions between callers and the task; the bounded queues are the machine's.
const HANDED_OVER_MAX: usize = 256;

impl Ingest {
    /// Starts the task.
    pub(crate) fn start(
        components: Components,
        catalogs: Arc<Catalogs>,
        config: IngestConfig,
    ) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(HANDED_OVER_MAX);
        let limits = BatchLimits {
            ops_max: config.batch_ops_max,
            wait: Duration::from_millis(config.batch_wait_ms),
            pace: Duration::from_millis(config.batch_pace_ms),
            queue_ops_max: config.queue_ops_max,
            groups_max: config.commits_max,
        };
        let driver = Driver {
            desk: Desk {
                components,
                catalogs,
                ends: Arc::new(Ends::new()),
            },
            machine: Batching::new(limits),
            commits: JoinSet::new(),
        };
        (Self { sender }, tokio::spawn(driver.run(receiver)))
    }

    /// Hands in, and returns when it is committed or refused.
    pub(crate) async fn submit(
        &self,
        tenant: TenantId,
        submission: Submission,
    ) -> Result<Receipt, IngestError> {
        let (answer, answered) = oneshot::channel();
        let queued = Queued {
            tenant,
            ops: weight(&submission),
            submission,
            call: spans::here(),
            answer,
        };
        self.sender
            .send(queued)
            .await
            .map_err(|_| IngestError::Stopping)?;
        // Queued submissions are answered even when the server stops: no answer is a fault.
        answered.await.unwrap_or(Err(IngestError::Broken))
    }
}

struct Driver {
    desk: Desk,
    machine: Batching<Queued>,
    commits: JoinSet<TenantId>,
}

impl Driver {
    async fn run(mut self, mut receiver: mpsc::Receiver<Queued>) {
        let mut open = true;
        while open || !self.machine.is_idle() {
            let due = self.until_due();
            // In a fixed order, so that a run can be repeated; what is done comes first, because
            // there are only as many as were started.
            tokio::select! {
                biased;
                Some(done) = self.commits.join_next() => self.finish(&done),
                queued = receiver.recv(), if open => match queued {
                    Some(queued) => self.queue(queued),
                    None => open = false,
                },
                () = async { tokio::time::sleep(due.unwrap_or_default()).await },
                    if due.is_some() => {}
            }
            self.start_groups();
        }
    }

    fn now(&self) -> Duration {
        self.desk.components.clock.monotonic()
    }

    fn until_due(&self) -> Option<Duration> {
        self.machine.due().map(|due| due.saturating_sub(self.now()))
    }

    fn queue(&mut self, queued: Queued) {
        let (ops, now) = (queued.ops, self.now());
        match self.machine.offer(queued.tenant, ops, queued, now) {
            Ok(()) => meters().ingest.queue_ops.add(level(ops), &[]),
            // A caller that is gone needs no answer.
            Err(QueueFull(queued)) => drop(queued.answer.send(Err(IngestError::Busy))),
        }
    }

    fn start_groups(&mut self) {
        while let Some((tenant, group)) = self.machine.take(self.now()) {
            let desk = self.desk.clone();
            let span = taken(&group);
            self.commits.spawn(async move {
                // In a task of its own: a group that panics is answered with a fault, and the
                // tenant's queue goes on.
                let settled = tokio::spawn(
                    async move { settle(&desk, tenant, group).await }.instrument(span),
                );
                if settled.await.is_err() {
                    tracing::error!("taking in a group of ops panicked");
                }
                tenant
            });
        }
    }

    fn finish(&mut self, done: &Result<TenantId, tokio::task::JoinError>) {
        match done {
            Ok(tenant) => self.machine.finished(*tenant),
            // It can't panic; only the end of the runtime cuts it off.
            Err(error) => {
                let error: &dyn std::error::Error = error;
                tracing::error!(error, "a group of ops was cut off");
            }
        }
    }
}

/// Ops handed in. Heads alone are work too.
fn weight(submission: &Submission) -> usize {
    let batches = submission.batches.iter();
    let ops: usize = batches.map(|batch| batch.ops.len()).sum();
    let pages = submission.returned.iter();
    let returned: usize = pages.map(|page| page.ops.len()).sum();
    ops.saturating_add(returned).max(1)
}

fn level(ops: usize) -> i64 {
    i64::try_from(ops).unwrap_or(i64::MAX)
}

/// Measures a group that leaves the queue, and begins its span.
fn taken(group: &[Queued]) -> Span {
    let ops: usize = group.iter().map(|queued| queued.ops).sum();
    let meters = &meters().ingest;
    meters.queue_ops.add(level(ops).saturating_neg(), &[]);
    meters.batch_ops.record(ops as u64, &[]);
    meters.batch_calls.record(group.len() as u64, &[]);
    let calls: Vec<_> = group
        .iter()
        .filter_map(|queued| queued.call.clone())
        .collect();
    spans::ingest(&calls, ops)
}

async fn settle(desk: &Desk, tenant: TenantId, group: Vec<Queued>) {
    let (submissions, answers): (Vec<_>, Vec<_>) = group
        .into_iter()
        .map(|queued| (queued.submission, queued.answer))
        .unzip();
    match desk.commit(tenant, &submissions).await {
        Ok(receipts) => {
            for (answer, receipt) in answers.into_iter().zip(receipts) {
                // A caller that is gone will ask again and get the same answer.
                let _ = answer.send(receipt);
            }
        }
        // One of them is at fault: it alone is to have it.
        Err(IngestError::Broken) if submissions.len() > 1 => {
            for (submission, answer) in submissions.into_iter().zip(answers) {
                let alone = desk.commit(tenant, &[submission]).await;
                let receipt = alone
                    .and_then(|mut receipts| receipts.pop().unwrap_or(Err(IngestError::Broken)));
                let _ = answer.send(receipt);
            }
        }
        Err(error) => {
            for answer in answers {
                let _ = answer.send(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Clock, SystemClock},
        entropy::SystemEntropy,
        fan_out::InProcess,
        ingest::{Hand, Head},
        push::LogPush,
    };
    use askel_store::{
        Audit, AuditAction, DeviceChange, DeviceState, EnrolmentStore as _, ErasureStore as _,
        Grant, Invitation, NewDevice, OpStore as _, Store,
        fault::{Fate, Faults, Faulty},
        memory::MemoryStore,
    };
    use askel_sync::{
        admission::{Author, AuthorStanding, PlaceScope, Role},
        id::{DeviceId, LogId, ParticipantId, PassTag},
        key::KeyPair,
        log::Batch,
        op::{Erase, Op, Origin, Payload},
        time::{ClockSegment, Timestamp},
    };
    use std::sync::atomic::{AtomicU32, Ordering};

    const TENANT: TenantId = TenantId::from_bytes([1; 16]);

    /// Stands for a bug that shows once.
    #[derive(Default)]
    struct BrokenOnce {
        calls: AtomicU32,
    }

    impl Clock for BrokenOnce {
        fn now(&self) -> Timestamp {
            assert!(self.calls.fetch_add(1, Ordering::Relaxed) > 0, "a bug");
            Timestamp::from_ms(1)
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn submission() -> Submission {
        Submission {
            author: Author {
                device: DeviceId::from_bytes([1; 16]),
                role: Role::Staff,
                participant: None,
                scope: PlaceScope::All,
                lease_until: None,
                standing: AuthorStanding::Full,
            },
            hand: Hand::Own,
            batches: Vec::new(),
            heads: vec![Head {
                log: LogId::from_bytes([1; 16]),
                next_sequence: 0,
                last_op_prefix: None,
                settled: None,
            }],
            returned: Vec::new(),
            sent_with: None,
            boots: Vec::new(),
            received_at: Timestamp::from_ms(1),
        }
    }

    #[tokio::test]
    async fn a_group_that_panics_is_answered_and_the_next_is_taken_in() {
        let store = Arc::new(MemoryStore::new());
        let components = Components {
            clock: Arc::new(BrokenOnce::default()),
            entropy: Arc::new(SystemEntropy),
            store: Arc::clone(&store) as _,
            fan_out: Arc::new(InProcess::default()),
            push: Arc::new(LogPush),
            node: None,
        };
        let config = IngestConfig {
            batch_wait_ms: 0,
            batch_pace_ms: 0,
            ..IngestConfig::default()
        };
        let catalogs = Arc::new(Catalogs::new(store, Arc::new(SystemClock::start())));
        let (ingest, _task) = Ingest::start(components, catalogs, config);
        let first = ingest.submit(TENANT, submission()).await;
        assert_eq!(first, Err(IngestError::Broken));
        let second = ingest.submit(TENANT, submission()).await;
        assert!(second.is_ok(), "{second:?}");
    }

    /// An enrolled device that is revoked.
    async fn revoked(store: &MemoryStore, id: DeviceId) {
        let now = Timestamp::from_ms(1);
        let later = Timestamp::from_ms(2);
        let audit = Audit {
            at: now,
            actor: None,
            action: AuditAction::DeviceRevoked,
            target: Audit::device_name(id),
        };
        let invitation = Invitation {
            id: [1; 16],
            code_hash: [1; 32],
            role: Role::Staff,
            scope: None,
            participant: None,
            inviter: None,
            created_at: now,
            expires_at: later,
            used_by: None,
        };
        let invited = store.record_invitation(TENANT, &invitation, &audit).await;
        invited.expect("invited");
        let device = NewDevice {
            id,
            public_key: KeyPair::from_seed(&[1; 32]).public_key(),
            new_participant: ParticipantId::from_bytes([1; 16]),
            new_pass: PassTag::from_bytes([1; 16]),
            now,
            lease_until: later,
            probation_until: later,
        };
        let grant = Grant::Invitation([1; 32]);
        let enrolled = store.enrol(TENANT, &grant, &device, &audit).await;
        enrolled.expect("enrolled");
        let change = DeviceChange {
            state: DeviceState::Revoked,
            lease_until: None,
        };
        let changed = store.change_device(TENANT, id, change, &audit).await;
        assert!(changed.expect("changed").is_some());
    }

    /// Breaks the first calls.
    struct BrokenFirst(u64);

    impl Faults for BrokenFirst {
        fn fate(&self, call: u64) -> Fate {
            if call <= self.0 {
                Fate::Breaks
            } else {
                Fate::Answered
            }
        }
    }

    /// What a group of two is answered whose store breaks the first calls.
    async fn answered(broken_calls: u64) -> [Result<(), IngestError>; 2] {
        let store = Arc::new(MemoryStore::new());
        let faults = Arc::new(BrokenFirst(broken_calls));
        let store: Arc<dyn Store> = Arc::new(Faulty::new(store, faults));
        let components = Components {
            clock: Arc::new(SystemClock::start()),
            entropy: Arc::new(SystemEntropy),
            store: Arc::clone(&store),
            fan_out: Arc::new(InProcess::default()),
            push: Arc::new(LogPush),
            node: None,
        };
        let desk = Desk {
            components,
            catalogs: Arc::new(Catalogs::new(store, Arc::new(SystemClock::start()))),
            ends: Arc::new(Ends::new()),
        };
        let (queued, answers): (Vec<_>, Vec<_>) = (0..2)
            .map(|_| {
                let (answer, answered) = oneshot::channel();
                let queued = Queued {
                    ops: 1,
                    call: None,
                    tenant: TENANT,
                    submission: submission(),
                    answer,
                };
                (queued, answered)
            })
            .unzip();
        settle(&desk, TENANT, queued).await;
        let mut results = Vec::new();
        for answer in answers {
            results.push(answer.await.expect("answered").map(drop));
        }
        results.try_into().expect("two")
    }

    #[tokio::test]
    async fn one_at_fault_takes_no_other_with_it() {
        assert_eq!(answered(0).await, [Ok(()), Ok(())]);
        // The group, and then the first alone.
        assert_eq!(answered(2).await, [Err(IngestError::Broken), Ok(())]);
        assert_eq!(answered(3).await, [Err(IngestError::Broken); 2]);
    }

    fn desk(store: &Arc<MemoryStore>) -> Desk {
        let components = Components {
            clock: Arc::new(SystemClock::start()),
            entropy: Arc::new(SystemEntropy),
            store: Arc::clone(store) as _,
            fan_out: Arc::new(InProcess::default()),
            push: Arc::new(LogPush),
            node: None,
        };
        let clock = Arc::new(SystemClock::start());
        Desk {
            components,
            catalogs: Arc::new(Catalogs::new(Arc::clone(store) as _, clock)),
            ends: Arc::new(Ends::new()),
        }
    }

    /// One op of a device, in its log.
    fn handed_in(device: u8, kind: u32, payload: Vec<u8>) -> Submission {
        let (device, log) = (
            DeviceId::from_bytes([device; 16]),
            LogId::from_bytes([device; 16]),
        );
        let mut submission = submission();
        submission.author.device = device;
        submission.heads.clear();
        submission.batches = vec![Batch {
            log,
            first_sequence: 0,
            device,
            clock_segment: ClockSegment::default(),
            later_segments: Vec::new(),
            ops: vec![Op {
                kind,
                payload: payload.into(),
                origin: Origin { log, sequence: 0 },
            }],
        }];
        submission
    }

    #[tokio::test]
    async fn a_device_revoked_while_it_waited_hands_nothing_in_and_others_do() {
        let store = Arc::new(MemoryStore::new());
        let group = [1, 2].map(|device| handed_in(device, 9_999, Vec::new()));
        revoked(&store, group[0].author.device).await;
        let receipts = desk(&store).commit(TENANT, &group).await;
        let receipts = receipts.expect("committed");
        assert_eq!(receipts[0], Err(IngestError::Revoked));
        assert!(receipts[1].is_ok());
        let logs = [1, 2].map(|log| LogId::from_bytes([log; 16]));
        let settled = store.lookup_logs(TENANT, &logs).await.expect("looked up");
        let settled: Vec<_> = settled.iter().map(|state| state.log).collect();
        assert_eq!(settled, [logs[1]]);
    }

    #[tokio::test]
    async fn a_device_revoked_while_it_waited_erases_nobody() {
        let store = Arc::new(MemoryStore::new());
        let person = ParticipantId::from_bytes([9; 16]);
        let erase = Payload::Erase(Erase {
            participant: person,
            occurred_at: Timestamp::from_ms(1),
        });
        let mut asked = handed_in(1, erase.kind() as u32, erase.encode());
        asked.author.role = Role::Admin;
        revoked(&store, asked.author.device).await;
        let receipts = desk(&store).commit(TENANT, &[asked]).await;
        assert_eq!(receipts.expect("decided"), [Err(IngestError::Revoked)]);
        let erased = store.lookup_erased(TENANT, &[person.into()]).await;
        assert_eq!(erased.expect("looked up").len(), 0);
    }
}
