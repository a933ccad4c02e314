//! The server as a writer of ops: one log a tenant, new at each start of the process.
//!
//! A log never outlives the memory of its writer, so a restored database can't make the server
//! write a sequence twice.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use askel_store::{
    Append, AppendError, Audit, Entry, EntryOutcome, JobLease, Projection, StoreError, StreamTarget,
};
use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    id::{DeviceId, LogId, ParticipantId, TenantId},
    op::{Op, Origin, Payload},
    stream::StreamKey,
    time::Timestamp,
};

use crate::{
    app::AppError,
    catalogs::{Catalogs, NewHandles},
    components::Components,
    credential_file::Credentials,
    entropy::draw,
    limits::RACES_MAX,
    push,
};

/// What the server has to say, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    kind: u32,
    payload: Vec<u8>,
    to: StreamKey,
    dirty: Option<ParticipantId>,
}

impl Draft {
    /// Says something in one stream.
    pub(crate) fn new(payload: &Payload, to: StreamKey) -> Self {
        Self {
            kind: payload.kind() as u32,
            payload: payload.encode(),
            to,
            dirty: None,
        }
    }

    /// Says what an outbox item holds.
    pub(crate) fn encoded(kind: u32, payload: Vec<u8>, to: StreamKey) -> Self {
        Self {
            kind,
            payload,
            to,
            dirty: None,
        }
    }

    /// May change a participant's awards.
    pub(crate) fn dirtying(self, participant: ParticipantId) -> Self {
        Self {
            dirty: Some(participant),
            ..self
        }
    }
}

/// What goes into the transaction of drafts besides.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    pub(crate) projection: Projection,
    pub(crate) audits: Vec<Audit>,
    /// The job that this is done in, if one node alone may.
    pub(crate) under: Option<JobLease>,
}

/// Writes the server's ops.
pub(crate) struct ServerLog {
    components: Components,
    credentials: Arc<Credentials>,
    catalogs: Arc<Catalogs>,
    writers: Mutex<HashMap<TenantId, Arc<tokio::sync::Mutex<Option<Writer>>>>>,
}

#[derive(Debug, Clone, Copy)]
struct Writer {
    device: DeviceId,
    log: LogId,
    next: u64,
}

impl ServerLog {
    pub(crate) fn new(
        components: Components,
        credentials: Arc<Credentials>,
        catalogs: Arc<Catalogs>,
    ) -> Self {
        Self {
            components,
            credentials,
            catalogs,
            writers: Mutex::default(),
        }
    }

    /// Whether this node has what a tenant's log is written with.
    pub(crate) fn can_write(&self, tenant: TenantId) -> bool {
        self.credentials.get(tenant).is_some()
    }

    /// Writes drafts and what goes with them in one transaction, and tells who watches. Writes of
    /// one tenant go one after the other.
    pub(crate) async fn write(
        &self,
        tenant: TenantId,
        drafts: &[Draft],
        beside: Beside,
    ) -> Result<(), AppError> {
        let slot = {
            let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(writers.entry(tenant).or_default())
        };
        let mut slot = slot.lock().await;
        let handles = self.catalogs.new_handles(tenant).await?;
        for _ in 0..RACES_MAX {
            let mut writer = match *slot {
                Some(writer) => writer,
                None => self.open(tenant)?,
            };
            let now = self.components.clock.now();
            let append = self.append_of((&mut writer, handles), drafts, beside.clone(), now)?;
            match self.components.store.append(tenant, &append, now).await {
                Ok(moved) => {
                    *slot = Some(writer);
                    self.components.fan_out.publish_moved(tenant, &moved);
                    return Ok(());
                }
                // Someone else holds the log's place: whatever it was, a new log has none of it.
                Err(AppendError::Raced) => *slot = None,
                // Nothing was written, and the log is as it was.
                Err(AppendError::LeaseLost) => return Err(AppError::LeaseLost),
                Err(AppendError::Store(error)) => {
                    // It may have been written: the next write must not take the same sequences.
                    *slot = None;
                    return Err(error.into());
                }
                Err(_) => return Err(StoreError::Inconsistent("an unknown append error").into()),
            }
        }
        Err(StoreError::Inconsistent("a new log is never free").into())
    }

    fn open(&self, tenant: TenantId) -> Result<Writer, AppError> {
        let keys = self.credentials.get(tenant);
        let keys = keys.ok_or(StoreError::Inconsistent("a tenant without server keys"))?;
        let log = LogId::from_bytes(draw(&*self.components.entropy)?);
        Ok(Writer {
            device: keys.writer_id(tenant),
            log,
            next: 0,
        })
    }

    fn append_of(
        &self,
        (writer, handles): (&mut Writer, NewHandles),
        drafts: &[Draft],
        beside: Beside,
        now: Timestamp,
    ) -> Result<Append, AppError> {
        let mut entries = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let origin = Origin {
                log: writer.log,
                sequence: writer.next,
            };
            let op = Op {
                kind: draft.kind,
                payload: draft.payload.clone().into(),
                origin,
            };
            let new_id = handles.of(draft.to, &*self.components.entropy)?;
            entries.push(Entry {
                log: writer.log,
                device: writer.device,
                sequence: writer.next,
                op: op.id(),
                outcome: EntryOutcome::Accepted {
                    admitted: Box::new(AdmittedOp {
                        op,
                        admission: admission(draft.to, now),
                    }),
                    streams: vec![StreamTarget {
                        key: draft.to,
                        new_id,
                    }],
                    dirty: draft.dirty,
                    derived: None,
                    tally: None,
                },
            });
            writer.next = writer.next.saturating_add(1);
        }
        let mut append = Append {
            entries,
            projection: beside.projection,
            audits: beside.audits,
            under: beside.under,
            ..Append::default()
        };
        push::plan(&mut append, now, &*self.components.entropy)?;
        Ok(append)
    }
}

/// The server judges its own ops: they are what they say, now.
fn admission(to: StreamKey, now: Timestamp) -> Admission {
    let subject = match to {
        StreamKey::Participant(participant) => Some(participant),
        _ => None,
    };
    Admission {
        corrected_at: now,
        received_at: now,
        subject,
        strength: Strength::Unspecified,
        flags: Flags::default(),
        author_role: Role::Server,
    }
}
