//! The hull around the engine: lock, ask, commit, apply, announce; in this order, always.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use askel_sync::{
    admission::ClockReading,
    key::KeyPair,
    time::{MINUTE_MS, Timestamp},
};
use tokio::sync::broadcast;

use super::Components;
use crate::{
    Cause, Change, Clock, Credential, Entropy, Error, KeyStore, Storage, Transport, TransportError,
    engine::{self, Decided, Engine, Row, Write},
    entropy::draw,
    key_store::DeviceKeys,
    storage::{RowCipher, RowWrite, SealedRow},
};

/// Changes an observer may be late by before it misses some.
const CHANGES_MAX: usize = 256;
/// A credential is used again for this long, in milliseconds; the server takes it for ten minutes.
const CREDENTIAL_MS_MAX: i64 = 5 * MINUTE_MS;
/// The server's word for a person who was erased.
const ERASED: &str = "ERASED";
/// The server's word for a credential whose time is off.
const CREDENTIAL_STALE: &str = "CREDENTIAL_STALE";

/// What all clones of a client share.
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    pub(super) changes: broadcast::Sender<Change>,
    /// One sync at a time.
    pub(super) syncing: tokio::sync::Mutex<()>,
    credential: Mutex<Option<(Timestamp, Credential)>>,
}

struct State {
    engine: Engine,
    storage: Box<dyn Storage>,
    cipher: RowCipher,
    key: KeyPair,
    data_key: [u8; 32],
    key_store: Box<dyn KeyStore>,
    disk: Disk,
}

/// What is known of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// It holds what the engine knows.
    AsKnown,
    /// A commit failed, and may have taken effect: read it again before the next decision.
    Unsure,
}

impl Shared {
    pub(super) fn open(components: Components) -> Result<Self, Error> {
        let Components {
            mut storage,
            transport,
            clock,
            entropy,
            mut key_store,
        } = components;
        let rows = storage.load()?;
        let held = key_store.load()?;
        let (keys, rows) = match held {
            Some(keys) if !rows.is_empty() => (keys, rows),
            ref held => {
                let keys = first_keys(held.as_ref(), &mut *key_store, &*entropy)?;
                begin(&mut *storage, &rows, &keys, &*entropy)?;
                (keys, storage.load()?)
            }
        };
        let cipher = RowCipher::new(&keys.data_key);
        let key = KeyPair::from_seed(&keys.device_seed);
        let engine = read(rows, &cipher, &key)?;
        if let Some(url) = engine.server_url() {
            transport.use_server(url)?;
        }
        let state = State {
            engine,
            storage,
            cipher,
            key,
            data_key: keys.data_key,
            key_store,
            disk: Disk::AsKnown,
        };
        Ok(Self {
            state: Mutex::new(state),
            transport,
            clock,
            entropy,
            changes: broadcast::Sender::new(CHANGES_MAX),
            syncing: tokio::sync::Mutex::new(()),
            credential: Mutex::new(None),
        })
    }

    /// Asks the engine what it knows.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&Engine) -> T) -> T {
        question(&self.lock().engine)
    }

    /// Has the engine decide, commits what it decided, and only then applies, announces and answers.
    pub(super) fn decide<T>(
        &self,
        decision: impl FnOnce(&Engine, ClockReading) -> Result<Decided<T>, Error>,
    ) -> Result<(T, Vec<Change>), Error> {
        let mut state = self.lock();
        if state.disk == Disk::Unsure {
            state.read_again()?;
        }
        let now = state.engine.steady(self.clock.read());
        let Decided {
            mut writes,
            announce,
            answer,
        } = decision(&state.engine, now)?;
        let mut changes = announce;
        if !writes.is_empty() {
            let outbox = state.engine.outbox_writes(&writes, &mut || self.draw())?;
            let mut unpacked = state.engine.unpacked(&writes);
            unpacked.append(&mut writes);
            writes = unpacked;
            writes.extend(outbox);
            let sealed = seal(&state.cipher, &writes, &*self.entropy)?;
            state.disk = Disk::Unsure;
            let committed = state.storage.commit(&sealed);
            committed.or_else(|error| {
                askel_sync::planted::spares(askel_sync::planted::Bug::FailedWriteTold, error)
            })?;
            state.disk = Disk::AsKnown;
            changes.extend(state.engine.apply(writes));
        }
        // Under the lock, so that observers see changes in their order. Nobody may be listening.
        for change in &changes {
            let _ = self.changes.send(change.clone());
        }
        Ok((answer, changes))
    }

    pub(super) fn now(&self) -> ClockReading {
        let now = self.clock.read();
        self.ask(|engine| engine.steady(now))
    }

    /// Everything on this device goes, and it begins as on the first day with other keys: its person was
    /// erased.
    pub(super) fn purge(&self) -> Result<(), Error> {
        let mut state = self.lock();
        let rows = state.storage.load()?;
        let mut writes: Vec<RowWrite> = rows.iter().map(|row| RowWrite::Delete(row.key)).collect();
        let first = Engine::rows_of_an_erased();
        writes.extend(seal(&state.cipher, &first, &*self.entropy)?);
        state.disk = Disk::Unsure;
        state.storage.commit(&writes)?;
        state.storage.scrub()?;
        let keys = DeviceKeys {
            data_key: state.data_key,
            device_seed: draw(&*self.entropy)?,
        };
        state.key_store.save(&keys)?;
        state.key = KeyPair::from_seed(&keys.device_seed);
        state.read_again()?;
        *self.held_credential() = None;
        if let Some(notice) = state.engine.status(self.clock.read()).notice {
            let _ = self.changes.send(Change::Notice(notice));
        }
        Ok(())
    }

    pub(super) fn draw<const N: usize>(&self) -> Result<[u8; N], Error> {
        Ok(draw(&*self.entropy)?)
    }

    /// Makes a call; once more with the server's time if the credential's was off.
    pub(super) async fn call<T, F>(
        &self,
        call: impl Fn(Arc<dyn Transport>, Credential) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, TransportError>>,
    {
        let sent = self.now();
        let first = call(Arc::clone(&self.transport), self.credential()?).await;
        if let Err(TransportError::Refused(refusal)) = &first
            && refusal.reason == ERASED
        {
            self.purge()?;
        }
        match first {
            Err(TransportError::Refused(refusal)) if refusal.reason == CREDENTIAL_STALE => {
                let server_ms = refusal
                    .server_time_ms
                    .ok_or(TransportError::Refused(refusal))?;
                self.decide(|engine, now| Ok(engine.take_server_time(server_ms, now.wall)))?;
                self.decide(|engine, now| Ok(engine.tie_boot(sent, Some(server_ms), now)))?;
                *self.held_credential() = None;
                Ok(call(Arc::clone(&self.transport), self.credential()?).await?)
            }
            answer => Ok(answer?),
        }
    }

    fn credential(&self) -> Result<Credential, Error> {
        let now = self.now().wall;
        let mut held = self.held_credential();
        let server_time = self.ask(|engine| engine.server_time(now));
        if let Some((issued_at, credential)) = &*held {
            let age_ms = server_time.saturating_ms_since(*issued_at);
            if age_ms.saturating_abs() <= CREDENTIAL_MS_MAX {
                return Ok(credential.clone());
            }
        }
        let (issued_at, text) = self.ask(|engine| engine.credential(now))?;
        let credential = Credential::new(text);
        *held = Some((issued_at, credential.clone()));
        Ok(credential)
    }

    fn held_credential(&self) -> MutexGuard<'_, Option<(Timestamp, Credential)>> {
        self.credential
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            // A panic may have left the engine half changed: the database says what holds.
            let mut state = poisoned.into_inner();
            state.disk = Disk::Unsure;
            self.state.clear_poison();
            state
        })
    }
}

impl State {
    fn read_again(&mut self) -> Result<(), Error> {
        self.engine = read(self.storage.load()?, &self.cipher, &self.key)?;
        self.disk = Disk::AsKnown;
        Ok(())
    }
}

/// Deletes every row, whatever key it was sealed with, and the keys' database begins anew. What was
/// sealed to the server is kept, to be carried there.
pub(super) fn start_fresh(components: &mut Components) -> Result<(), Error> {
    let rows = components.storage.load()?;
    let held = components.key_store.load()?;
    let entropy = &*components.entropy;
    let keys = first_keys(held.as_ref(), &mut *components.key_store, entropy)?;
    begin(&mut *components.storage, &rows, &keys, entropy)
}

/// One transaction: everything of before goes, and the first rows are written.
fn begin(
    storage: &mut dyn Storage,
    rows: &[SealedRow],
    keys: &DeviceKeys,
    entropy: &dyn Entropy,
) -> Result<(), Error> {
    let outbox = rows
        .iter()
        .filter(|row| engine::is_sealed_to_the_server(row.key));
    let frames = outbox.map(|row| row.sealed.clone()).collect();
    let first = Engine::first_rows(frames, !rows.is_empty());
    let mut writes: Vec<RowWrite> = rows.iter().map(|row| RowWrite::Delete(row.key)).collect();
    writes.extend(seal(&RowCipher::new(&keys.data_key), &first, entropy)?);
    storage.commit(&writes)?;
    Ok(storage.scrub()?)
}

/// The keys of a database that is about to begin. A device key is never used for a second database; a
/// data key is never thrown away, because a database that is only out of reach may need it.
fn first_keys(
    held: Option<&DeviceKeys>,
    key_store: &mut dyn KeyStore,
    entropy: &dyn Entropy,
) -> Result<DeviceKeys, Error> {
    let data_key = match held {
        Some(keys) => keys.data_key,
        None => draw(entropy)?,
    };
    let keys = DeviceKeys {
        data_key,
        device_seed: draw(entropy)?,
    };
    key_store.save(&keys)?;
    Ok(keys)
}

fn read(rows: Vec<SealedRow>, cipher: &RowCipher, key: &KeyPair) -> Result<Engine, Error> {
    let open = |row: SealedRow| {
        let key = row.key;
        let plain = if engine::is_sealed_to_the_server(key) {
            row.sealed.into()
        } else {
            let opened = cipher.open(row);
            opened.map_err(|_| Cause::DatabaseUnreadable)?
        };
        engine::decode_row(key, plain).map_err(|_| Cause::DatabaseUnreadable)
    };
    let rows: Vec<Write> = rows.into_iter().map(open).collect::<Result<_, _>>()?;
    let engine = Engine::load(key.clone(), rows)?;
    if engine.is_whole() {
        Ok(engine)
    } else {
        Err(Cause::DatabaseUnreadable.into())
    }
}

fn seal(
    cipher: &RowCipher,
    writes: &[Write],
    entropy: &dyn Entropy,
) -> Result<Vec<RowWrite>, Error> {
    let seal = |write: &Write| {
        Ok(match write {
            // Sealed to the server already: it has to open without this database's key.
            Write::Put(_, row @ (Row::Outbox(_) | Row::Carried(_))) => RowWrite::Put(SealedRow {
                key: write.key(),
                sealed: row.encode(),
            }),
            Write::Put(_, row) => {
                RowWrite::Put(cipher.seal(write.key(), &row.encode(), entropy)?)
            }
            Write::Delete(..) => RowWrite::Delete(write.key()),
        })
    };
    writes.iter().map(seal).collect()
}
