//! The machine the server runs on: its store, one process after the other, and its backups.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use askel_server::{
    Components, Config, Journaled,
    credential_file::Credentials,
    entropy::draw,
    fan_out::InProcess as FanOut,
    in_process::{InMemory, InProcess},
    journal::MemoryJournal,
    operator::{NewTenant, OperatorInvitation, invite},
    parse_record,
    push::LogPush,
};
use askel_store::{
    RestoreStore as _, Store,
    fault::{Fate, Faults, Faulty, Moment},
    memory::MemoryStore,
};
use askel_sync::admission::Role;
use tokio::sync::watch;

use crate::{
    chance::Bytes,
    time::{ServerClock, TrueTime},
    trace::Trace,
};

/// The machine.
pub(crate) struct Host {
    pub(crate) tenant: NewTenant,
    true_time: Arc<TrueTime>,
    entropy: Arc<Bytes>,
    trace: Trace,
    /// Outside the store and its backups.
    journal: MemoryJournal,
    state: Mutex<State>,
}

struct State {
    store: Arc<MemoryStore>,
    process: Option<Arc<Process>>,
    backups: Vec<MemoryStore>,
    restores: u32,
}

/// A server process.
pub(crate) struct Process {
    server: InProcess,
    power: Arc<Power>,
    death: watch::Sender<bool>,
}

/// What a process's store calls come to.
#[derive(Default)]
struct Power {
    is_off: AtomicBool,
    /// A coming call fails.
    coming: Mutex<Option<(u32, Moment)>>,
}

impl Faults for Power {
    fn fate(&self, _: u64) -> Fate {
        if self.is_off.load(Ordering::Relaxed) {
            return Fate::Vanishes;
        }
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        match *coming {
            Some((0, moment)) => {
                *coming = None;
                Fate::Fails(moment)
            }
            Some((left, moment)) => {
                *coming = Some((left - 1, moment));
                Fate::Answered
            }
            None => Fate::Answered,
        }
    }
}

impl Process {
    /// Where calls go.
    pub(crate) fn calls(&self) -> InMemory {
        self.server.calls()
    }

    /// Returns when the process is gone.
    pub(crate) async fn died(&self) {
        let mut death = self.death.subscribe();
        // An error says that it is gone altogether.
        let _ = death.wait_for(|dead| *dead).await;
    }
}

impl Host {
    pub(crate) fn new(seed: u64, true_time: Arc<TrueTime>, trace: Trace) -> Self {
        let entropy = Arc::new(Bytes::of(seed, "server", 0));
        let tenant = NewTenant::generate(&*entropy).expect("bytes enough");
        Self {
            tenant,
            true_time,
            entropy,
            trace,
            journal: MemoryJournal::default(),
            state: Mutex::new(State {
                store: Arc::new(MemoryStore::new()),
                process: None,
                backups: Vec::new(),
                restores: 0,
            }),
        }
    }

    /// Records the tenant and starts the first process.
    pub(crate) async fn set_up(&self) {
        let store = self.store();
        let recorded = self.tenant.record(&*store, self.true_time.now()).await;
        recorded.expect("memory");
        self.start().await;
    }

    /// What is stored now.
    pub(crate) fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.state().store)
    }

    /// The process that runs now; `None` while none does.
    pub(crate) fn process(&self) -> Option<Arc<Process>> {
        self.state().process.clone()
    }

    /// An invitation's link, by the operator.
    pub(crate) async fn invite(&self, role: Role) -> String {
        let wanted = OperatorInvitation {
            role,
            scope: None,
            valid_for_ms: None,
            public_url: "http://server.invalid".to_owned(),
        };
        let of = (self.tenant.id, &self.tenant.server);
        let now = self.true_time.now();
        let invited = invite(&*self.store(), &*self.entropy, now, of, &wanted).await;
        invited.expect("an invitation").link
    }

    /// Starts a process, if none runs.
    pub(crate) async fn start(&self) {
        if self.process().is_some() {
            return;
        }
        let power = Arc::new(Power::default());
        let faults = Arc::clone(&power) as Arc<dyn Faults>;
        let store: Arc<dyn Store> = Arc::new(Faulty::new(self.store(), faults));
        let store = Journaled::new(store, Arc::new(self.journal.clone()));
        let components = Components {
            clock: Arc::new(ServerClock(Arc::clone(&self.true_time))),
            entropy: Arc::clone(&self.entropy) as _,
            store: Arc::new(store),
            fan_out: Arc::new(FanOut::default()),
            push: Arc::new(LogPush),
            node: None,
        };
        let mut credentials = Credentials::default();
        credentials.insert(self.tenant.id, self.tenant.server.clone());
        let server = InProcess::start(&Config::default(), components, credentials).await;
        let process = Process {
            server: server.expect("a server that starts"),
            power,
            death: watch::Sender::new(false),
        };
        self.state().process = Some(Arc::new(process));
    }

    /// Kills the process: nothing that it has begun goes on.
    pub(crate) fn kill(&self) {
        let process = self.state().process.take();
        if let Some(process) = process {
            process.power.is_off.store(true, Ordering::Relaxed);
            process.death.send_replace(true);
            self.trace.note("the server's process is killed");
        }
    }

    /// A coming call of the store fails.
    pub(crate) fn fail_store(&self, calls: u32, moment: Moment) {
        if let Some(process) = self.process() {
            let mut coming = process.power.coming.lock();
            let coming = coming.as_mut().expect("nobody panics with it");
            **coming = Some((calls, moment));
        }
    }

    /// How often it was put back to a backup.
    pub(crate) fn restores(&self) -> u32 {
        self.state().restores
    }

    /// Keeps a copy of the store.
    pub(crate) fn back_up(&self) {
        let mut state = self.state();
        let copy = state.store.snapshot();
        state.backups.push(copy);
    }

    /// Puts the newest backup back, if there is one, and brings it up to what the journal says; the
    /// process has to be started again.
    pub(crate) async fn restore(&self) -> bool {
        let Some(backup) = self.state().backups.last().map(MemoryStore::snapshot) else {
            return false;
        };
        self.kill();
        let seed = draw(&*self.entropy).expect("bytes enough");
        let renewed = backup.renew_streams(self.tenant.id, &seed).await;
        renewed.expect("memory");
        let records = self.journal.records();
        let entries = records
            .iter()
            .filter_map(|record| parse_record(record).ok());
        let entries: Vec<_> = entries.map(|(_, entry)| entry).collect();
        let applied = backup.apply_journal(self.tenant.id, &entries).await;
        applied.expect("memory");
        let mut state = self.state();
        state.store = Arc::new(backup);
        state.restores += 1;
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
